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

#define ALIGNMENT 64  // of memory: as torch's

// `a`, `b`, ...: the numbers behind the kind. r: a register, v: a value.
enum {
  CHECK,    // r, size v, stride v, name v: a tensor is as the compiler took it to be
  ALLOCATE, // r, size v, stride v, dtype v: a new tensor
  SCRATCH,  // r, bytes v
  REUSE,    // r, of r: the same tensor
  VIEW,     // r, of r, size v, stride v: the same memory as another tensor
  LAUNCH,   // number of a launch
  DROP,     // r
  KINDS
};
static const int operands_of[KINDS] = {4, 4, 2, 2, 4, 1, 1};

typedef struct {
  int kind, a, b, c, d;
} step;

typedef struct {
  rung_launcher *launcher;
  rung_kernel kernel;
  Py_ssize_t first_slot;  // of its arguments and grid, among those of all
  int *sources;           // of each argument: a register, or ~v; of a constant, nothing
} launch_of;

// What follows from the numbers that shapes depend on.
typedef struct {
  int users;
  PyObject *symbols, *values;  // tuples
  int64_t *slots;              // of all launches; pointers are missing
} prepared;

typedef struct {
  Py_ssize_t inputs, registers, step_count, launch_count, slot_count, result_count;
  step *steps;
  launch_of *launches;
  int *results;          // registers
  PyObject **dtypes;     // of the inputs that are launched on; NULL: of others
  PyObject *prepare;     // (*symbols) -> (values, grids)
  PyObject *check, *allocate, *view;  // torch's functions
  PyObject *profiler;    // the dictionary of torch's module
  PyObject *debug_mode;  // a function: the one that is active
  PyObject *hooks;       // tuple
  PyObject *parts;       // owns what is borrowed above
} program;

typedef struct {
  PyObject_HEAD
  vectorcallfunc call;
  PyObject *lines;  // (tensors, *symbols) -> results: Inductor's own
  PyObject *learn;  // () -> what a program is made of, None: not now, False: never; or NULL
  program *program;
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

static int pack_numbers(const program *program, prepared *p, PyObject *grids) {
  for (Py_ssize_t l = 0; l < program->launch_count; l++) {
    const launch_of *launch = &program->launches[l];
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
  const program *program = self->program;
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
  ok = ok && PyTuple_GET_SIZE(grids) == 3 * program->launch_count && pack_numbers(program, p, grids) == 0;
  Py_XDECREF(made);
  if (!ok) {
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_ValueError, "a sequence of launches: a grid is missing");
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

static bool is_watched(const program *program) {
  PyObject *profiling = PyDict_GetItemWithError(program->profiler, profiling_name);
  if (profiling != Py_False) return true;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(program->hooks); i++)
    if (!rung_hook_is_idle(PyTuple_GET_ITEM(program->hooks, i))) return true;
  PyObject *mode = PyObject_CallNoArgs(program->debug_mode);
  Py_XDECREF(mode);
  return mode != Py_None;
}

// Takes the tensors out of the list, whose owner may have let go of them.
static bool take_inputs(const program *program, PyObject *list, place *registers) {
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
static int launch_otherwise(const launch_of *launch, const rung_alias_pair *pair, const int64_t *grid, const place *registers,
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

static int launch(const launch_of *launch, const prepared *p, const place *registers) {
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

static int take(const program *program, const step *s, const prepared *p, place *registers) {
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

static PyObject *run(const program *program, const prepared *p, place *registers) {
  for (Py_ssize_t i = 0; i < program->step_count; i++)
    if (take(program, &program->steps[i], p, registers)) return NULL;
  PyObject *results = PyTuple_New(program->result_count);
  for (Py_ssize_t i = 0; results && i < program->result_count; i++)
    PyTuple_SET_ITEM(results, i, Py_NewRef(registers[program->results[i]].tensor));
  return results;
}

// ---- a program

static void forget(program *program) {
  if (!program) return;
  for (Py_ssize_t l = 0; program->launches && l < program->launch_count; l++) PyMem_Free(program->launches[l].sources);
  Py_XDECREF(program->parts);
  PyMem_Free(program->launches), PyMem_Free(program->steps), PyMem_Free(program->results), PyMem_Free(program->dtypes);
  PyMem_Free(program);
}

static int wrong(const char *what) { return PyErr_Format(PyExc_ValueError, "a sequence of launches: %s", what), -1; }

static int read_steps(program *program, PyObject *steps) {
  program->step_count = PyTuple_GET_SIZE(steps);
  if (!(program->steps = PyMem_Calloc((size_t)program->step_count + 1, sizeof *program->steps))) return PyErr_NoMemory(), -1;
  for (Py_ssize_t i = 0; i < program->step_count; i++) {
    step *s = &program->steps[i];
    PyObject *item = PyTuple_GET_ITEM(steps, i);
    if (!PyTuple_Check(item)) return wrong("a step is no tuple");
    if (!PyArg_ParseTuple(item, "i|iiii", &s->kind, &s->a, &s->b, &s->c, &s->d)) return -1;
    if (s->kind < 0 || s->kind >= KINDS || PyTuple_GET_SIZE(item) != 1 + operands_of[s->kind]) return wrong("an unknown step");
    Py_ssize_t most = s->kind == LAUNCH ? program->launch_count : program->registers;
    bool is_copy = s->kind == REUSE || s->kind == VIEW;
    if (s->a < 0 || s->a >= most || (is_copy && (s->b < 0 || s->b >= most))) return wrong("a step without its register");
  }
  return 0;
}

static int read_sources(program *program, launch_of *launch, PyObject *sources) {
  const rung_launcher *launcher = launch->launcher;
  if (PyTuple_GET_SIZE(sources) != launcher->count || launcher->structure) return wrong("a launch with other arguments");
  if (!(launch->sources = PyMem_Calloc((size_t)launcher->count + 1, sizeof *launch->sources))) return PyErr_NoMemory(), -1;
  for (Py_ssize_t i = 0; i < launcher->count; i++) {
    launch->sources[i] = (int)PyLong_AsLong(PyTuple_GET_ITEM(sources, i));
    if (PyErr_Occurred()) return -1;
    if (launch->sources[i] >= program->registers) return wrong("a launch without its register");
    if (launcher->kinds[i] != 'P' && launcher->kinds[i] != '-' && launch->sources[i] >= 0) return wrong("a number is a tensor");
  }
  launch->first_slot = program->slot_count;
  program->slot_count += launcher->slots + 3;
  return 0;
}

static int read_launches(program *program, PyObject *launches) {
  Py_ssize_t count = PyTuple_GET_SIZE(launches);
  if (!(program->launches = PyMem_Calloc((size_t)count + 1, sizeof *program->launches))) return PyErr_NoMemory(), -1;
  for (program->launch_count = 0; program->launch_count < count; program->launch_count++) {
    launch_of *launch = &program->launches[program->launch_count];
    PyObject *launcher, *function, *sources;
    if (!PyArg_ParseTuple(PyTuple_GET_ITEM(launches, program->launch_count), "O!OO!", &rung_launcher_type, &launcher, &function,
                          &PyTuple_Type, &sources))
      return -1;
    launch->launcher = (rung_launcher *)launcher;
    if (!(launch->kernel = rung_kernel_of(function)) || read_sources(program, launch, sources)) return program->launch_count++, -1;
  }
  return 0;
}

static int read_registers(program *program, PyObject *dtypes, PyObject *results) {
  program->inputs = PyTuple_GET_SIZE(dtypes), program->result_count = PyTuple_GET_SIZE(results);
  if (program->registers < program->inputs) return wrong("an input without its register");
  program->dtypes = PyMem_Calloc((size_t)program->inputs + 1, sizeof *program->dtypes);
  program->results = PyMem_Calloc((size_t)program->result_count + 1, sizeof *program->results);
  if (!program->dtypes || !program->results) return PyErr_NoMemory(), -1;
  for (Py_ssize_t i = 0; i < program->inputs; i++) {
    PyObject *dtype = PyTuple_GET_ITEM(dtypes, i);
    program->dtypes[i] = dtype == Py_None ? NULL : dtype;
  }
  for (Py_ssize_t i = 0; i < program->result_count; i++) {
    program->results[i] = (int)PyLong_AsLong(PyTuple_GET_ITEM(results, i));
    if (PyErr_Occurred()) return -1;
    if (program->results[i] < 0 || program->results[i] >= program->registers) return wrong("a result without its register");
  }
  return 0;
}

static program *read_program(PyObject *parts) {
  PyObject *dtypes, *launches, *steps, *results;
  program *program = PyMem_Calloc(1, sizeof *program);
  if (!program) return PyErr_NoMemory(), NULL;
  program->parts = Py_NewRef(parts);
  if (PyArg_ParseTuple(parts, "nO!O!O!O!OOOOO!OO!", &program->registers, &PyTuple_Type, &dtypes, &PyTuple_Type, &launches,
                       &PyTuple_Type, &steps, &PyTuple_Type, &results, &program->prepare, &program->check, &program->allocate,
                       &program->view, &PyDict_Type, &program->profiler, &program->debug_mode, &PyTuple_Type, &program->hooks) &&
      read_registers(program, dtypes, results) == 0 && read_launches(program, launches) == 0 && read_steps(program, steps) == 0)
    return program;
  return forget(program), NULL;
}

// Behind a run of the lines: what they launch has been chosen then.
static int learn(sequence *self) {
  PyObject *learning = Py_NewRef(self->learn), *parts = PyObject_CallNoArgs(learning);
  Py_DECREF(learning);
  if (!parts) return -1;
  if (parts == Py_False) Py_CLEAR(self->learn);
  if (PyTuple_Check(parts) && !self->program) {  // another thread may have been faster
    program *made = read_program(parts);
    if (!made) return Py_DECREF(parts), -1;
    self->program = made;
    Py_CLEAR(self->learn);
  }
  Py_DECREF(parts);
  return 0;
}

// ---- the type

static PyObject *run_steps(sequence *self, PyObject *list, PyObject *const *symbols, Py_ssize_t count, bool *taken) {
  const program *program = self->program;
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
  program *program = self->program;
  self->program = NULL;
  forget(program);
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
