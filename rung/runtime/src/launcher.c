// What Triton's driver gets as a launcher: packs Python arguments into slots and calls the kernel without the GIL.
#define PY_SSIZE_T_CLEAN
#include "launcher.h"

#include <stdbool.h>
#include <stddef.h>
#include <structmember.h>

#include "arguments.h"
#include "flatten.h"
#include "internal.h"
#include "interrupt.h"

static PyObject *calls_name;

int rung_launcher_prepare(void) {
  calls_name = PyUnicode_InternFromString("calls");
  rung_interrupt_prepare();
  return calls_name ? rung_arguments_prepare() : -1;
}

// ---- one launch

rung_kernel rung_kernel_of(PyObject *address) {
  void *kernel = PyLong_AsVoidPtr(address);
  if (!kernel) rung_raise(PyUnicode_FromFormat("%R is not the address of a kernel", address));
  return (rung_kernel)kernel;
}

// Kernels that run at the same time share the list: the one that ends first raises for both.
static int raise_violations(void) {
  char text[16384];
  int64_t count = rung_take_dma_violations(text, sizeof text);
  if (!count) return 0;
  rung_raise_as("TransferError", Py_BuildValue("(LN)", (long long)count, PyUnicode_FromFormat("%s", text)));
  return -1;
}

// As CUDA words it, but for the thread: "kernel.py:12: k: block: [3,0,0] Assertion `i < n` failed".
static PyObject *assertion_text(const rung_launch *launch, const int64_t *grid) {
  if (launch->program < 0 || !grid) return PyUnicode_FromFormat("%s: %s", launch->where, launch->what);
  int64_t x = launch->program % grid[0], y = launch->program / grid[0] % grid[1], z = launch->program / grid[0] / grid[1];
  return PyUnicode_FromFormat("%s: block: [%lld,%lld,%lld] %s", launch->where, (long long)x, (long long)y, (long long)z,
                              launch->what);
}

int rung_raise_failure(const rung_launch *launch, const int64_t *grid) {
  char unread[1];
  switch (launch->failure) {
    case RUNG_NO_FAILURE: return 0;
    case RUNG_INTERRUPTED: break;
    case RUNG_FAILED_ASSERTION: rung_raise_as("DeviceAssertError", assertion_text(launch, grid)); break;
    case RUNG_SANITIZED: rung_raise_as("SanitizerError", PyUnicode_FromString(launch->what)); break;
    default: rung_raise_as("OutOfMemoryError", PyUnicode_FromString(launch->what));
  }
  if (rung_dma_violations()) rung_take_dma_violations(unread, sizeof unread);  // transfers that were left half-way
  return -1;
}

int rung_run(rung_kernel kernel, int64_t *slots, const int64_t *grid) {
  rung_purpose outer = rung_at_work;  // a kernel may be launched by what another one calls
  rung_launch launch;
  atomic_init(&launch.failure, RUNG_NO_FAILURE);
  PyThreadState *state = PyEval_SaveThread();
  rung_at_work.launch = &launch;
  kernel(slots);
  rung_at_work = outer;
  PyEval_RestoreThread(state);
  if (rung_raise_failure(&launch, grid)) return -1;
  return rung_dma_violations() ? raise_violations() : 0;
}

int rung_refuse(void) {
  rung_raise(PyUnicode_FromString("numbers that blocks compute overflow in this launch; this kernel was compiled for launches in which "
                                  "they do not"));
  return -1;
}

// ---- the type

// Triton passes its chains of hooks even when they are empty, which is nearly always: looking is cheaper than calling.
bool rung_hook_is_idle(PyObject *hook) {
  if (hook == Py_None) return true;
  if (PyFunction_Check(hook)) return false;
  PyObject *calls = PyObject_GetAttr(hook, calls_name);
  if (!calls) PyErr_Clear();
  bool empty = calls && PyList_CheckExact(calls) && PyList_GET_SIZE(calls) == 0;
  Py_XDECREF(calls);
  return empty;
}

static int call_hook(PyObject *hook, PyObject *metadata) {
  if (rung_hook_is_idle(hook)) return 0;
  PyObject *result = PyObject_CallOneArg(hook, metadata);
  Py_XDECREF(result);
  return result ? 0 : -1;
}

const rung_alias_pair *rung_find_alias(const rung_launcher *self, const int64_t *slots) {
  for (const rung_alias_pair *p = self->pairs; p < self->pairs + self->pair_count; p++)
    if (slots[p->first_slot] && slots[p->first_slot] == slots[p->second_slot]) return p;
  return NULL;
}

int rung_run_otherwise(rung_launcher *self, const rung_alias_pair *pair, PyObject *const *grid, PyObject *const *args) {
  if (self->otherwise == Py_None && !pair) return rung_refuse();
  if (self->otherwise == Py_None) {
    rung_raise(PyUnicode_FromFormat("arguments `%S` and `%S` are the same memory; this kernel was compiled for different ones",
                                    PyTuple_GET_ITEM(self->names, pair->first), PyTuple_GET_ITEM(self->names, pair->second)));
    return -1;
  }
  PyObject *all = PyTuple_New(self->count);
  for (Py_ssize_t i = 0; all && i < self->count; i++) PyTuple_SET_ITEM(all, i, Py_NewRef(args[i]));
  PyObject *result = all ? PyObject_CallFunctionObjArgs(self->otherwise, grid[0], grid[1], grid[2], all, NULL) : NULL;
  Py_XDECREF(all), Py_XDECREF(result);
  return result ? 0 : -1;
}

enum { GRID = 0, STREAM = 3, FUNCTION, PACKED_METADATA, METADATA, ENTER_HOOK, EXIT_HOOK, ARGS };  // Triton's convention

// `own`: the kernel's arguments, one by one. addresses: as for rung_launch_known.
static int launch_with(rung_launcher *self, PyObject *const *args, PyObject *const *own, const int64_t *addresses) {
  int64_t slots[self->slots + 3];
  if (rung_pack(self->kinds, self->count, self->names, own, addresses, slots)) return -1;
  if (!addresses && self->dtypes && rung_check_dtypes(self->dtypes, self->seen, self->names, own)) return -1;
  if (rung_pack_grid(args + GRID, slots + self->slots)) return -1;
  rung_kernel kernel = rung_kernel_of(args[FUNCTION]);  // its code lives as long as the function, which the caller holds
  if (!kernel) return -1;

  if (call_hook(args[ENTER_HOOK], args[METADATA])) return -1;
  const rung_alias_pair *pair = rung_find_alias(self, slots);
  if (!rung_grid_is_empty(slots + self->slots)) {
    if (!pair && rung_run(kernel, slots, slots + self->slots)) return -1;
    if ((pair || rung_grid_is_refused(slots + self->slots)) && rung_run_otherwise(self, pair, args + GRID, own)) return -1;
  }
  return call_hook(args[EXIT_HOOK], args[METADATA]);
}

// `given`: Python's arguments for the kernel.
static int launch_given(rung_launcher *self, PyObject *const *args, PyObject *const *given, Py_ssize_t count,
                        const int64_t *addresses) {
  if (count != self->given)
    return rung_raise(PyUnicode_FromFormat("the kernel takes %zd arguments, got %zd", self->given, count)), -1;
  if (!self->structure) return launch_with(self, args, given, addresses);

  PyObject *flat[self->count + 1];
  if (rung_flatten(self->structure, self->names, given, flat)) return -1;
  int failed = launch_with(self, args, flat, NULL);
  for (Py_ssize_t i = 0; i < self->count; i++) Py_DECREF(flat[i]);
  return failed;
}

int rung_launch_known(PyObject *object, PyObject *const grid[3], PyObject *function, PyObject *const *args,
                      const int64_t *addresses, Py_ssize_t count) {
  PyObject *convention[ARGS] = {grid[0], grid[1], grid[2], Py_None, function, Py_None, Py_None, Py_None, Py_None};
  return launch_given((rung_launcher *)object, convention, args, count, addresses);
}

static PyObject *launch(PyObject *callable, PyObject *const *args, size_t nargsf, PyObject *keywords) {
  rung_launcher *self = (rung_launcher *)callable;
  Py_ssize_t given = PyVectorcall_NARGS(nargsf);
  if (keywords && PyTuple_GET_SIZE(keywords))
    return PyErr_SetString(PyExc_TypeError, "a launcher takes positional arguments only"), NULL;
  if (given < ARGS)
    return PyErr_Format(PyExc_TypeError, "a launcher takes %d arguments and the kernel's own, got %zd", ARGS, given), NULL;
  if (launch_given(self, args, args + ARGS, given - ARGS, NULL)) return NULL;
  Py_RETURN_NONE;
}

// How Python's arguments become the kernel's `count`.
static int read_structure(rung_launcher *self, PyObject *structure) {
  Py_ssize_t inner;
  self->given = self->count;
  if (structure == Py_None) return 0;
  if (!PyUnicode_Check(structure)) return PyErr_SetString(PyExc_TypeError, "structure is a text"), -1;
  if (rung_check_structure(structure, &self->given, &inner)) return -1;
  if (inner != self->count)
    return PyErr_Format(PyExc_ValueError, "%zd kinds, but the structure has %zd arguments", self->count, inner), -1;
  self->structure_text = Py_NewRef(structure), self->structure = PyUnicode_AsUTF8(structure);
  return 0;
}

static int read_pairs(rung_launcher *self, PyObject *pairs) {
  Py_ssize_t count = PySequence_Fast_GET_SIZE(pairs);
  self->pairs = PyMem_Calloc((size_t)count + 1, sizeof *self->pairs);
  if (!self->pairs) return PyErr_NoMemory(), -1;
  for (Py_ssize_t k = 0; k < count; k++) {
    rung_alias_pair *p = &self->pairs[k];
    PyObject *pair = PySequence_Fast_GET_ITEM(pairs, k);
    if (!PyTuple_Check(pair) || !PyArg_ParseTuple(pair, "nn", &p->first, &p->second)) {
      if (!PyErr_Occurred()) PyErr_SetString(PyExc_TypeError, "alias_pairs holds pairs of argument indices");
      return -1;
    }
    Py_ssize_t both[] = {p->first, p->second};
    for (int side = 0; side < 2; side++) {
      if (both[side] < 0 || both[side] >= self->count || self->kinds[both[side]] != 'P')
        return PyErr_Format(PyExc_ValueError, "alias_pairs: argument %zd is not a pointer", both[side]), -1;
      Py_ssize_t slot = 0;
      for (Py_ssize_t i = 0; i < both[side]; i++) slot += self->kinds[i] != '-';
      *(side ? &p->second_slot : &p->first_slot) = slot;
    }
    self->pair_count++;
  }
  return 0;
}

static PyObject *create(PyTypeObject *type, PyObject *args, PyObject *keywords) {
  static char *words[] = {"kinds", "names", "alias_pairs", "otherwise", "dtypes", "structure", NULL};
  PyObject *kinds, *names, *pairs = NULL, *otherwise = Py_None, *dtypes = NULL, *structure = Py_None;
  if (!PyArg_ParseTupleAndKeywords(args, keywords, "UO!|O!OO!O", words, &kinds, &PyTuple_Type, &names, &PyTuple_Type, &pairs,
                                   &otherwise, &PyTuple_Type, &dtypes, &structure))
    return NULL;
  rung_launcher *self = (rung_launcher *)type->tp_alloc(type, 0);
  if (!self) return NULL;
  self->call = launch;
  self->kinds_text = Py_NewRef(kinds), self->names = Py_NewRef(names), self->otherwise = Py_NewRef(otherwise);
  self->dtypes = Py_XNewRef(dtypes);
  self->kinds = rung_check_kinds(kinds, &self->count, &self->slots);
  if (self->kinds && PyTuple_GET_SIZE(names) != self->count)
    PyErr_Format(PyExc_ValueError, "%zd kinds, but %zd names", self->count, PyTuple_GET_SIZE(names));
  else if (self->kinds && dtypes && PyTuple_GET_SIZE(dtypes) != self->count)
    PyErr_Format(PyExc_ValueError, "%zd kinds, but %zd dtypes", self->count, PyTuple_GET_SIZE(dtypes));
  else if (self->kinds && dtypes && !(self->seen = PyMem_Calloc((size_t)self->count + 1, sizeof *self->seen)))
    PyErr_NoMemory();
  else if (self->kinds && read_structure(self, structure) == 0 && (!pairs || read_pairs(self, pairs) == 0))
    return (PyObject *)self;
  Py_DECREF(self);
  return NULL;
}

static int traverse(PyObject *object, visitproc visit, void *arg) {
  Py_VISIT(((rung_launcher *)object)->otherwise);
  return 0;
}

static int clear(PyObject *object) {
  Py_CLEAR(((rung_launcher *)object)->otherwise);
  return 0;
}

static void destroy(PyObject *object) {
  rung_launcher *self = (rung_launcher *)object;
  PyObject_GC_UnTrack(object);
  Py_XDECREF(self->kinds_text), Py_XDECREF(self->names), Py_XDECREF(self->otherwise);
  if (self->seen)
    for (Py_ssize_t i = 0; i < self->count; i++) Py_XDECREF(self->seen[i]);
  Py_XDECREF(self->dtypes), Py_XDECREF(self->structure_text);
  PyMem_Free(self->seen), PyMem_Free(self->pairs);
  Py_TYPE(object)->tp_free(object);
}

static PyMemberDef members[] = {
    {"kinds", T_OBJECT_EX, offsetof(rung_launcher, kinds_text), READONLY, "One character per kernel argument."},
    {"names", T_OBJECT_EX, offsetof(rung_launcher, names), READONLY, "The kernel's argument names."},
    {"dtypes", T_OBJECT, offsetof(rung_launcher, dtypes), READONLY, "Names of the tensors' types by argument."},
    {"structure", T_OBJECT, offsetof(rung_launcher, structure_text), READONLY, "How Python's arguments become the kernel's."},
    {NULL, 0, 0, 0, NULL},
};

PyTypeObject rung_launcher_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "rung.runtime._native.Launcher",
    .tp_doc = "Launches a packed kernel under Triton's launcher convention.",
    .tp_basicsize = sizeof(rung_launcher),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_HAVE_GC,
    .tp_vectorcall_offset = offsetof(rung_launcher, call),
    .tp_call = PyVectorcall_Call,
    .tp_new = create,
    .tp_dealloc = destroy,
    .tp_traverse = traverse,
    .tp_clear = clear,
    .tp_members = members,
};
