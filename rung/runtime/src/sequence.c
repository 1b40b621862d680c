// What one graph of Inductor's does between two calls of others (launches, the memory in between), in one call from Python.
//
// A Sequence is such a stretch, as Inductor wrote it in Python, and as steps. The steps are taken where that is the same: all
// kernels are chosen and launch by a Launcher, nobody watches launches, the tensors are of the types that they were, in
// memory. All of it is found out before the first step. Otherwise, and until the steps are known, Python runs.
//
// Tensors live in registers. What nobody sees outside of the stretch has no tensor: only memory.
#define PY_SSIZE_T_CLEAN
#include "sequence.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <structmember.h>

#include "arguments.h"
#include "launcher.h"
#include "steps.h"

#define ALIGNMENT 64  // of memory: as torch's

// What follows from the numbers that shapes depend on.
typedef struct {
  int users;
  PyObject *symbols, *values;  // tuples
  int64_t *slots;              // of all launches; pointers are missing
} prepared;

typedef struct {
  PyObject_HEAD
  vectorcallfunc call;
  PyObject *lines;  // (tensors, *symbols) -> results: Inductor's own
  PyObject *learn;  // () -> what a program is made of, None: not now, False: never; or NULL
  rung_steps *program;
  prepared *last;
  Py_ssize_t taken;
} sequence;

static PyObject *profiling_name;

int rung_sequence_prepare(void) { return (profiling_name = PyUnicode_InternFromString("_is_profiler_enabled")) ? 0 : -1; }

// ---- what numbers come to

static void release(prepared *p) {
  if (!p || --p->users) return;
  Py_XDECREF(p->symbols), Py_XDECREF(p->values);
  PyMem_Free(p->slots), PyMem_Free(p);
}

static int pack_numbers(const rung_steps *program, prepared *p, PyObject *grids) {
  for (Py_ssize_t l = 0; l < program->launch_count; l++) {
    const rung_launch_step *launch = &program->launches[l];
    const rung_launcher *launcher = launch->launcher;
    int64_t *slots = p->slots + launch->first_slot, addresses[launcher->count + 1];
    PyObject *values[launcher->count + 1];
    for (Py_ssize_t i = 0; i < launcher->count; i++) {
      int source = launch->sources[i];
      addresses[i] = source >= 0;  // a tensor's is put there at each launch
      values[i] = source >= 0 ? Py_None : PyTuple_GET_ITEM(p->values, ~source);
    }
    if (rung_pack(launcher->kinds, launcher->count, launcher->names, values, addresses, slots)) return -1;
    if (rung_pack_grid(&PyTuple_GET_ITEM(grids, 3 * l), slots + launcher->slots)) return -1;
  }
  return 0;
}

// Whether a number is the one that it was: 0.0 is not -0.0, and what is neither an integer nor a float may be anything.
static bool is_same_number(PyObject *then, PyObject *now) {
  if (PyLong_CheckExact(then) && PyLong_CheckExact(now)) return then == now || PyObject_RichCompareBool(then, now, Py_EQ) == 1;
  if (!PyFloat_CheckExact(then) || !PyFloat_CheckExact(now)) return false;
  double a = PyFloat_AS_DOUBLE(then), b = PyFloat_AS_DOUBLE(now);
  return memcmp(&a, &b, sizeof a) == 0;
}

// Where `symbols` are those of the last call, nothing is done again.
static prepared *prepare(sequence *self, PyObject *const *symbols, Py_ssize_t count) {
  const rung_steps *program = self->program;
  prepared *last = self->last;
  bool same = last && PyTuple_GET_SIZE(last->symbols) == count;
  for (Py_ssize_t i = 0; same && i < count; i++) same = is_same_number(PyTuple_GET_ITEM(last->symbols, i), symbols[i]);
  if (same) return last->users++, last;

  prepared *p = PyMem_Calloc(1, sizeof *p);
  if (!p) return PyErr_NoMemory(), NULL;
  p->users = 1;
  PyObject *made = PyObject_Vectorcall(program->prepare, symbols, (size_t)count, NULL), *grids = NULL;
  p->symbols = PyTuple_New(count), p->slots = PyMem_Calloc((size_t)program->slot_count + 1, sizeof *p->slots);
  for (Py_ssize_t i = 0; p->symbols && i < count; i++) PyTuple_SET_ITEM(p->symbols, i, Py_NewRef(symbols[i]));
  bool ok = made && p->symbols && p->slots && PyArg_ParseTuple(made, "O!O!", &PyTuple_Type, &p->values, &PyTuple_Type, &grids);
  Py_XINCREF(ok ? p->values : (p->values = NULL));
  ok = ok && PyTuple_GET_SIZE(grids) == 3 * program->launch_count && PyTuple_GET_SIZE(p->values) >= program->value_count &&
       pack_numbers(program, p, grids) == 0;
  Py_XDECREF(made);
  if (!ok) {
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_ValueError, "a sequence of launches: a value or a grid is missing");
    return release(p), NULL;
  }
  prepared *before = self->last;
  p->users++, self->last = p;
  release(before);
  return p;
}

// ---- one run

typedef struct {
  PyObject *tensor;  // owned; or NULL
  int64_t address;   // of its elements, or of scratch
  bool is_scratch;   // owned
} place;

static void drop(place *at) {
  if (at->is_scratch) free((void *)(intptr_t)at->address);
  PyObject *tensor = at->tensor;
  *at = (place){0};
  Py_XDECREF(tensor);
}

static bool is_watched(const rung_steps *program) {
  PyObject *profiling = PyDict_GetItemWithError(program->profiler, profiling_name);
  if (profiling != Py_False) return true;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(program->hooks); i++)
    if (!rung_hook_is_idle(PyTuple_GET_ITEM(program->hooks, i))) return true;
  PyObject *mode = PyObject_CallNoArgs(program->debug_mode);
  Py_XDECREF(mode);
  return mode != Py_None;
}

// Takes the tensors out of the list, whose owner may have let go of them.
static bool take_inputs(const rung_steps *program, PyObject *list, place *registers) {
  if (PyList_GET_SIZE(list) != program->inputs) return false;
  for (Py_ssize_t i = 0; i < program->inputs; i++) {
    PyObject *dtype, *tensor = PyList_GET_ITEM(list, i);
    bool usable = true;
    if (program->dtypes[i] && (rung_look_at_tensor(tensor, &dtype, &registers[i].address, &usable) || !usable ||
                               dtype != program->dtypes[i]))
      return false;
  }
  // From here on there is no way back.
  for (Py_ssize_t i = 0; i < program->inputs; i++) registers[i].tensor = Py_NewRef(PyList_GET_ITEM(list, i));
  return PyList_SetSlice(list, 0, program->inputs, NULL) == 0;
}

static int keep_tensor(place *at, PyObject *tensor) {
  PyObject *dtype;
  bool usable;
  if (!tensor) return -1;
  *at = (place){.tensor = tensor};
  if (rung_look_at_tensor(tensor, &dtype, &at->address, &usable) == 0) return 0;
  return PyErr_SetString(PyExc_TypeError, "a sequence of launches: torch gave a tensor without an address"), -1;
}

static int allocate_scratch(place *at, PyObject *bytes) {
  void *memory = NULL;
  size_t size = PyLong_AsSize_t(bytes);
  if (PyErr_Occurred()) return -1;
  if (posix_memalign(&memory, ALIGNMENT, size ? size : 1)) {
    rung_raise_as("OutOfMemoryError", PyUnicode_FromFormat("no memory for %zu bytes between two kernels of a graph", size));
    return -1;
  }
  *at = (place){.address = (int64_t)(intptr_t)memory, .is_scratch = true};
  return 0;
}

// The kernel is not right for these arguments: the launcher has another one, which takes Python's.
static int launch_otherwise(const rung_launch_step *launch, const rung_alias_pair *pair, const int64_t *grid, const place *registers,
                            PyObject *values) {
  Py_ssize_t count = launch->launcher->count;
  PyObject *args[count + 1], *sizes[3];
  bool ok = true;
  for (Py_ssize_t i = 0; i < count; i++) {
    int source = launch->sources[i];
    args[i] = launch->launcher->kinds[i] == '-' ? Py_NewRef(Py_None)
              : source < 0                      ? Py_NewRef(PyTuple_GET_ITEM(values, ~source))
                                                : PyLong_FromLongLong(registers[source].address);
    ok = ok && args[i];
  }
  for (int d = 0; d < 3; d++) ok = (sizes[d] = PyLong_FromLongLong(grid[d])) && ok;
  int failed = ok ? rung_run_otherwise(launch->launcher, pair, sizes, args) : -1;
  for (Py_ssize_t i = 0; i < count; i++) Py_XDECREF(args[i]);
  for (int d = 0; d < 3; d++) Py_XDECREF(sizes[d]);
  return failed;
}

static int launch(const rung_launch_step *launch, const prepared *p, const place *registers) {
  const rung_launcher *launcher = launch->launcher;
  const int64_t *grid = p->slots + launch->first_slot + launcher->slots;
  int64_t slots[launcher->slots + 3], *slot = slots;
  memcpy(slots, p->slots + launch->first_slot, sizeof slots);
  for (Py_ssize_t i = 0; i < launcher->count; i++) {
    if (launcher->kinds[i] == '-') continue;
    if (launch->sources[i] >= 0) *slot = registers[launch->sources[i]].address;
    slot++;
  }
  if (rung_grid_is_empty(grid)) return 0;
  const rung_alias_pair *pair = rung_find_alias(launcher, slots);
  if (!pair && rung_run(launch->kernel, slots, grid)) return -1;
  if (pair || rung_grid_is_refused(slots + launcher->slots)) {
    if (launch_otherwise(launch, pair, grid, registers, p->values)) return -1;
  }
  return PyErr_CheckSignals();  // as Python would between two kernels
}

static PyObject *call_of_torch(PyObject *function, PyObject *first, const prepared *p, int a, int b, PyObject *last) {
  PyObject *args[5] = {NULL}, **end = args + 1;
  if (first) *end++ = first;
  *end++ = PyTuple_GET_ITEM(p->values, a), *end++ = PyTuple_GET_ITEM(p->values, b), *end++ = last;
  return PyObject_Vectorcall(function, args + 1, (size_t)(end - args - 1) | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
}

static int take(const rung_steps *program, const rung_step *s, const prepared *p, place *registers) {
  static PyObject *zero;
  PyObject *done;
  switch (s->kind) {
    case CHECK:
      done = call_of_torch(program->check, registers[s->a].tensor, p, s->b, s->c, PyTuple_GET_ITEM(p->values, s->d));
      Py_XDECREF(done);
      return done ? 0 : -1;
    case ALLOCATE:
      done = call_of_torch(program->allocate, NULL, p, s->b, s->c, PyTuple_GET_ITEM(p->values, s->d));
      return keep_tensor(&registers[s->a], done);
    case SCRATCH: return allocate_scratch(&registers[s->a], PyTuple_GET_ITEM(p->values, s->b));
    case REUSE:
      registers[s->a] = (place){.tensor = Py_NewRef(registers[s->b].tensor), .address = registers[s->b].address};
      return 0;
    case VIEW:
      if (!zero && !(zero = PyLong_FromLong(0))) return -1;
      done = call_of_torch(program->view, registers[s->b].tensor, p, s->c, s->d, zero);
      return keep_tensor(&registers[s->a], done);
    case LAUNCH: return launch(&program->launches[s->a], p, registers);
    default: return drop(&registers[s->a]), 0;
  }
}

static PyObject *run(const rung_steps *program, const prepared *p, place *registers) {
  for (Py_ssize_t i = 0; i < program->step_count; i++)
    if (take(program, &program->steps[i], p, registers)) return NULL;
  PyObject *results = PyTuple_New(program->result_count);
  for (Py_ssize_t i = 0; results && i < program->result_count; i++)
    PyTuple_SET_ITEM(results, i, Py_NewRef(registers[program->results[i]].tensor));
  return results;
}

// ---- learning

// Behind a run of the lines: what they launch has been chosen then.
static int learn(sequence *self) {
  PyObject *learning = Py_NewRef(self->learn), *parts = PyObject_CallNoArgs(learning);
  Py_DECREF(learning);
  if (!parts) return -1;
  if (parts == Py_False) Py_CLEAR(self->learn);
  if (PyTuple_Check(parts) && !self->program) {  // another thread may have been faster
    rung_steps *made = rung_read_steps(parts);
    if (!made) return Py_DECREF(parts), -1;
    self->program = made;
    Py_CLEAR(self->learn);
  }
  Py_DECREF(parts);
  return 0;
}

// ---- the type

static PyObject *run_steps(sequence *self, PyObject *list, PyObject *const *symbols, Py_ssize_t count, bool *taken) {
  const rung_steps *program = self->program;
  *taken = false;
  if (is_watched(program)) return NULL;
  prepared *p = prepare(self, symbols, count);
  if (!p) return NULL;
  place *registers = PyMem_Calloc((size_t)program->registers + 1, sizeof *registers);
  if (!registers) return release(p), PyErr_NoMemory();
  *taken = take_inputs(program, list, registers);
  PyObject *results = *taken ? run(program, p, registers) : NULL;
  for (Py_ssize_t i = 0; i < program->registers; i++) drop(&registers[i]);
  PyMem_Free(registers), release(p);
  if (*taken) self->taken++;
  return results;
}

static PyObject *call(PyObject *object, PyObject *const *args, size_t nargsf, PyObject *keywords) {
  sequence *self = (sequence *)object;
  Py_ssize_t count = PyVectorcall_NARGS(nargsf);
  if (count < 1 || keywords || !PyList_CheckExact(args[0]) || !self->lines)
    return PyErr_SetString(PyExc_TypeError, "a sequence of launches takes a list of tensors, and numbers"), NULL;
  if (self->program) {
    bool taken;
    PyObject *results = run_steps(self, args[0], args + 1, count - 1, &taken);
    if (taken || PyErr_Occurred()) return results;
  }
  PyObject *results = PyObject_Vectorcall(self->lines, args, (size_t)count, NULL);
  if (results && self->learn && learn(self)) Py_CLEAR(results);
  return results;
}

static PyObject *create(PyTypeObject *type, PyObject *args, PyObject *keywords) {
  PyObject *lines, *learn;
  if (keywords && PyDict_GET_SIZE(keywords)) return PyErr_SetString(PyExc_TypeError, "a Sequence has no keywords"), NULL;
  if (!PyArg_ParseTuple(args, "OO", &lines, &learn)) return NULL;
  sequence *self = (sequence *)type->tp_alloc(type, 0);
  if (self) self->call = call, self->lines = Py_NewRef(lines), self->learn = Py_NewRef(learn);
  return (PyObject *)self;
}

static int traverse(PyObject *object, visitproc visit, void *arg) {
  sequence *self = (sequence *)object;
  Py_VISIT(self->lines);
  Py_VISIT(self->learn);
  if (self->program) Py_VISIT(self->program->parts);
  return 0;
}

static int clear(PyObject *object) {
  sequence *self = (sequence *)object;
  rung_steps *program = self->program;
  self->program = NULL;
  rung_forget_steps(program);
  Py_CLEAR(self->lines);
  Py_CLEAR(self->learn);
  return 0;
}

static void destroy(PyObject *object) {
  sequence *self = (sequence *)object;
  PyObject_GC_UnTrack(object);
  clear(object);
  release(self->last);
  Py_TYPE(object)->tp_free(object);
}

static PyMemberDef members[] = {
    {"lines", T_OBJECT, offsetof(sequence, lines), READONLY, "Inductor's own."},
    {"taken", T_PYSSIZET, offsetof(sequence, taken), READONLY, "How often the steps have been taken."},
    {NULL, 0, 0, 0, NULL},
};

PyTypeObject rung_sequence_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "rung.runtime._native.Sequence",
    .tp_doc = "What a graph does between two calls of others, in one call.",
    .tp_basicsize = sizeof(sequence),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_HAVE_GC,
    .tp_vectorcall_offset = offsetof(sequence, call),
    .tp_call = PyVectorcall_Call,
    .tp_new = create,
    .tp_dealloc = destroy,
    .tp_traverse = traverse,
    .tp_clear = clear,
    .tp_members = members,
};
