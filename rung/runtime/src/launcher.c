// What Triton's driver gets as a launcher: packs Python arguments into slots and calls the kernel without the GIL.
#define PY_SSIZE_T_CLEAN
#include "launcher.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <structmember.h>

#include "internal.h"

static struct {
  PyObject *data_ptr, *is_cpu, *dtype, *device, *array_interface, *data, *calls;
} text;

int rung_launcher_prepare(void) {
  text.data_ptr = PyUnicode_InternFromString("data_ptr");
  text.is_cpu = PyUnicode_InternFromString("is_cpu");
  text.dtype = PyUnicode_InternFromString("dtype");
  text.device = PyUnicode_InternFromString("device");
  text.array_interface = PyUnicode_InternFromString("__array_interface__");
  text.data = PyUnicode_InternFromString("data");
  text.calls = PyUnicode_InternFromString("calls");
  return PyErr_Occurred() ? -1 : 0;
}

// ---- errors

static void raise_as(const char *name, PyObject *message) {
  PyObject *type, *cause, *traceback;
  PyErr_Fetch(&type, &cause, &traceback);
  if (type) PyErr_NormalizeException(&type, &cause, &traceback);
  PyObject *errors = PyImport_ImportModule("rung.errors");
  PyObject *error_type = errors ? PyObject_GetAttrString(errors, name) : NULL;
  PyObject *raised = error_type && message ? PyObject_CallOneArg(error_type, message) : NULL;
  if (raised) {
    if (cause) PyException_SetCause(raised, Py_NewRef(cause));
    PyErr_SetObject(error_type, raised);
  }
  Py_XDECREF(raised), Py_XDECREF(error_type), Py_XDECREF(errors), Py_XDECREF(message);
  Py_XDECREF(type), Py_XDECREF(cause), Py_XDECREF(traceback);
}

void rung_raise(PyObject *message) { raise_as("LaunchError", message); }

// Where an argument stands, for messages.
typedef struct {
  PyObject *names;
  Py_ssize_t index;
} place;

static int refuse(place at, const char *format, ...) {
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);  // becomes the cause
  va_list details;
  va_start(details, format);
  PyObject *reason = PyUnicode_FromFormatV(format, details), *message = NULL;
  va_end(details);
  if (reason && at.names && at.index < PyTuple_GET_SIZE(at.names))
    message = PyUnicode_FromFormat("argument `%S`: %U", PyTuple_GET_ITEM(at.names, at.index), reason);
  else if (reason)
    message = PyUnicode_FromFormat("argument %zd: %U", at.index, reason);
  Py_XDECREF(reason);
  PyErr_Restore(type, value, traceback);
  rung_raise(message);
  return -1;
}

// ---- one argument

// CPython's conversions to `long` walk the digits; those to `long long` go through a byte array, which takes 30 ns.
_Static_assert(sizeof(long) == sizeof(int64_t), "rung needs a 64-bit Unix");

static int pack_integer(PyObject *arg, bool is_unsigned, place at, int64_t *slot) {
  PyObject *number = PyLong_Check(arg) ? Py_NewRef(arg) : PyIndex_Check(arg) ? PyNumber_Index(arg) : NULL;
  if (!number) return refuse(at, "expected an integer, got %s", Py_TYPE(arg)->tp_name);
  *slot = is_unsigned ? (int64_t)PyLong_AsUnsignedLong(number) : PyLong_AsLong(number);
  Py_DECREF(number);
  if (*slot != -1 || !PyErr_Occurred()) return 0;
  return refuse(at, "%R does not fit %s", arg, is_unsigned ? "64 unsigned bits" : "64 bits");
}

static int pack_float(PyObject *arg, char kind, place at, int64_t *slot) {
  double value = PyFloat_AsDouble(arg);
  if (value == -1.0 && PyErr_Occurred()) return refuse(at, "expected a number, got %s", Py_TYPE(arg)->tp_name);
  float single = (float)value;
  uint32_t bits;
  memcpy(&bits, &single, sizeof bits);
  *slot = 0;
  switch (kind) {
    case 'd': memcpy(slot, &value, sizeof value); return 0;
    case 'f': *slot = bits; return 0;
    case 'b':  // round to nearest even; a NaN stays one
      *slot = single != single ? 0x7fc0 : (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
      return 0;
    default:
      if (PyFloat_Pack2(value, (char *)slot, /*little endian*/ 1) == 0) return 0;
      return refuse(at, "%R does not fit a 16-bit float", arg);
  }
}

static int pack_buffer(PyObject *arg, int64_t *slot) {
  Py_buffer view;
  if (PyObject_GetBuffer(arg, &view, PyBUF_STRIDED_RO)) return -1;
  *slot = (intptr_t)view.buf;
  PyBuffer_Release(&view);
  return 0;
}

static int pack_array_interface(PyObject *arg, int64_t *slot) {
  PyObject *interface = PyObject_GetAttr(arg, text.array_interface);
  PyObject *data = interface && PyDict_Check(interface) ? PyDict_GetItemWithError(interface, text.data) : NULL;
  if (data && PyTuple_Check(data) && PyTuple_GET_SIZE(data) > 0)
    *slot = (int64_t)PyLong_AsUnsignedLong(PyTuple_GET_ITEM(data, 0));
  else if (!PyErr_Occurred())
    PyErr_SetString(PyExc_TypeError, "__array_interface__ has no data address");
  Py_XDECREF(interface);
  return PyErr_Occurred() ? -1 : 0;
}

// torch.Tensor and its like define data_ptr() and is_cpu in C. Calling those directly, without looking them up on every
// launch, takes 60 of 200 ns off each tensor argument. Remembered for the first few types seen, which stay alive.
typedef struct {
  PyTypeObject *type;
  PyCFunction data_ptr;  // NULL: look things up
  getter is_cpu, dtype;
  void *closure, *dtype_closure;
} tensor_access;

static tensor_access access_of(PyTypeObject *type) {
  static tensor_access known[4];
  tensor_access *k = known;
  while (k < known + 4 && k->type && k->type != type) k++;
  if (k == known + 4) return (tensor_access){0};
  if (k->type) return *k;
  k->type = (PyTypeObject *)Py_NewRef(type);
  PyObject *data_ptr = PyObject_GetAttr((PyObject *)type, text.data_ptr);
  PyObject *is_cpu = data_ptr ? PyObject_GetAttr((PyObject *)type, text.is_cpu) : NULL;
  PyObject *dtype = is_cpu ? PyObject_GetAttr((PyObject *)type, text.dtype) : NULL;
  if (is_cpu && Py_IS_TYPE(data_ptr, &PyMethodDescr_Type) && Py_IS_TYPE(is_cpu, &PyGetSetDescr_Type) &&
      ((PyMethodDescrObject *)data_ptr)->d_method->ml_flags == METH_NOARGS) {
    const PyGetSetDef *property = ((PyGetSetDescrObject *)is_cpu)->d_getset;
    k->data_ptr = ((PyMethodDescrObject *)data_ptr)->d_method->ml_meth;
    k->is_cpu = property->get, k->closure = property->closure;
    if (dtype && Py_IS_TYPE(dtype, &PyGetSetDescr_Type)) {
      property = ((PyGetSetDescrObject *)dtype)->d_getset;
      k->dtype = property->get, k->dtype_closure = property->closure;
    }
  }
  PyErr_Clear();
  Py_XDECREF(data_ptr), Py_XDECREF(is_cpu), Py_XDECREF(dtype);  // the type holds them
  return *k;
}

static int check_device(PyObject *tensor, const tensor_access *access, place at) {
  PyObject *is_cpu = access->is_cpu ? access->is_cpu(tensor, access->closure) : PyObject_GetAttr(tensor, text.is_cpu);
  if (!is_cpu) PyErr_Clear();  // not a torch tensor: take its address as it is
  Py_XDECREF(is_cpu);          // a bool lives on
  if (is_cpu != Py_False) return 0;
  PyObject *device = PyObject_GetAttr(tensor, text.device);
  if (!device) return -1;
  refuse(at, "tensor is on %S; rung runs kernels on cpu tensors", device);
  Py_DECREF(device);
  return -1;
}

static int pack_pointer(PyObject *arg, place at, int64_t *slot) {
  if (arg == Py_None) return *slot = 0, 0;
  if (PyLong_Check(arg)) return pack_integer(arg, true, at, slot);
  if (PyObject_CheckBuffer(arg)) {
    if (pack_buffer(arg, slot) == 0) return 0;
    PyErr_Clear();  // a NumPy array of a type that buffers do not know, such as bfloat16
    return pack_array_interface(arg, slot) ? refuse(at, "%s has no readable buffer", Py_TYPE(arg)->tp_name) : 0;
  }
  tensor_access access = access_of(Py_TYPE(arg));
  PyObject *address = access.data_ptr ? access.data_ptr(arg, NULL) : PyObject_CallMethodNoArgs(arg, text.data_ptr);
  if (address) {
    *slot = (int64_t)PyLong_AsUnsignedLong(address);
    Py_DECREF(address);
    if (*slot == -1 && PyErr_Occurred()) return refuse(at, "data_ptr() did not return an address");
    return check_device(arg, &access, at);
  }
  if (!PyErr_ExceptionMatches(PyExc_AttributeError)) return refuse(at, "%s has no memory", Py_TYPE(arg)->tp_name);
  PyErr_Clear();
  if (pack_array_interface(arg, slot) == 0) return 0;
  return refuse(at, "expected a tensor, an array, an address or None, got %s", Py_TYPE(arg)->tp_name);
}

int rung_pack(const char *kinds, Py_ssize_t count, PyObject *names, PyObject *const *args, int64_t *slots) {
  for (Py_ssize_t i = 0; i < count; i++) {
    int failed = 0;
    switch (kinds[i]) {
      case '-': continue;
      case 'P': failed = pack_pointer(args[i], (place){names, i}, slots); break;
      case 'i': failed = pack_integer(args[i], false, (place){names, i}, slots); break;
      case 'u': failed = pack_integer(args[i], true, (place){names, i}, slots); break;
      default: failed = pack_float(args[i], kinds[i], (place){names, i}, slots);
    }
    if (failed) return -1;
    slots++;
  }
  return 0;
}

int rung_pack_grid(PyObject *const *grid, int64_t *slots) {
  for (int i = 0; i < 3; i++) {
    if (PyLong_Check(grid[i])) {
      slots[i] = PyLong_AsLong(grid[i]);
    } else {
      PyObject *number = PyNumber_Index(grid[i]);
      slots[i] = number ? PyLong_AsLong(number) : -1;
      Py_XDECREF(number);
    }
    if (slots[i] >= 0 && slots[i] <= INT32_MAX) continue;  // a program id is an i32
    PyErr_Clear();
    rung_raise(PyUnicode_FromFormat("grid dimension %c is %R; it must be a whole number from 0 to 2147483647", "xyz"[i], grid[i]));
    return -1;
  }
  return 0;
}

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
  raise_as("TransferError", PyUnicode_FromFormat("%lld violations of the contract of transfers; the first ones:\n%s",
                                                 (long long)count, text));
  return -1;
}

int rung_run(rung_kernel kernel, int64_t *slots) {
  PyThreadState *state = PyEval_SaveThread();
  kernel(slots);
  PyEval_RestoreThread(state);
  return rung_dma_violations() ? raise_violations() : 0;
}

const char *rung_check_kinds(PyObject *kinds, Py_ssize_t *count, Py_ssize_t *slots) {
  const char *kind = PyUnicode_AsUTF8AndSize(kinds, count);
  if (!kind) return NULL;
  *slots = 0;
  for (Py_ssize_t i = 0; i < *count; i++) {
    if (!kind[i] || !strchr("Piufdeb-", kind[i]))
      return PyErr_Format(PyExc_ValueError, "kinds %R: position %zd is none of `P i u f d e b -`", kinds, i), NULL;
    *slots += kind[i] != '-';
  }
  return kind;
}

// ---- the type

typedef struct {
  Py_ssize_t first, second;            // argument indices, for messages
  Py_ssize_t first_slot, second_slot;  // where their pointers are packed
} alias_pair;

typedef struct {
  PyObject_HEAD
  vectorcallfunc call;
  PyObject *kinds_text, *names, *on_alias;
  PyObject *dtypes;  // names of the tensors' types by argument, None where any will do; or NULL
  PyObject **seen;   // the type objects that have been found to have those names
  const char *kinds;  // inside kinds_text
  Py_ssize_t count, slots, pair_count;
  alias_pair *pairs;
} launcher;

// Triton passes its chains of hooks even when they are empty, which is nearly always: looking is cheaper than calling.
static int call_hook(PyObject *hook, PyObject *metadata) {
  if (hook == Py_None) return 0;
  if (!PyFunction_Check(hook)) {
    PyObject *calls = PyObject_GetAttr(hook, text.calls);
    if (!calls) PyErr_Clear();
    bool empty = calls && PyList_CheckExact(calls) && PyList_GET_SIZE(calls) == 0;
    Py_XDECREF(calls);
    if (empty) return 0;
  }
  PyObject *result = PyObject_CallOneArg(hook, metadata);
  Py_XDECREF(result);
  return result ? 0 : -1;
}

// A compiled kernel that is launched directly reads memory as its signature says, whatever the tensor holds.
static int check_dtypes(launcher *self, PyObject *const *args) {
  for (Py_ssize_t i = 0; i < self->count; i++) {
    PyObject *expected = PyTuple_GET_ITEM(self->dtypes, i);
    // Addresses and arrays have no torch type, and must not fill the table of tensor types.
    if (expected == Py_None || args[i] == Py_None || PyLong_Check(args[i]) || PyObject_CheckBuffer(args[i])) continue;
    tensor_access access = access_of(Py_TYPE(args[i]));
    if (!access.dtype) continue;
    PyObject *dtype = access.dtype(args[i], access.dtype_closure);
    if (!dtype) return -1;
    if (dtype == self->seen[i]) {
      Py_DECREF(dtype);
      continue;
    }
    PyObject *name = PyObject_Str(dtype);
    if (!name) return Py_DECREF(dtype), -1;
    if (PyUnicode_Compare(name, expected) != 0) {
      refuse((place){self->names, i}, "is a tensor of %U; this kernel was compiled for %U", name, expected);
      return Py_DECREF(name), Py_DECREF(dtype), -1;
    }
    Py_DECREF(name);
    Py_XSETREF(self->seen[i], dtype);
  }
  return 0;
}

static const alias_pair *find_alias(const launcher *self, const int64_t *slots) {
  for (const alias_pair *p = self->pairs; p < self->pairs + self->pair_count; p++)
    if (slots[p->first_slot] && slots[p->first_slot] == slots[p->second_slot]) return p;
  return NULL;
}

static int run_aliased(launcher *self, const alias_pair *pair, PyObject *const *grid, PyObject *const *args) {
  if (self->on_alias == Py_None) {
    rung_raise(PyUnicode_FromFormat("arguments `%S` and `%S` are the same memory; this kernel was compiled for different ones",
                                    PyTuple_GET_ITEM(self->names, pair->first), PyTuple_GET_ITEM(self->names, pair->second)));
    return -1;
  }
  PyObject *all = PyTuple_New(self->count);
  for (Py_ssize_t i = 0; all && i < self->count; i++) PyTuple_SET_ITEM(all, i, Py_NewRef(args[i]));
  PyObject *result = all ? PyObject_CallFunctionObjArgs(self->on_alias, grid[0], grid[1], grid[2], all, NULL) : NULL;
  Py_XDECREF(all), Py_XDECREF(result);
  return result ? 0 : -1;
}

enum { GRID = 0, STREAM = 3, FUNCTION, PACKED_METADATA, METADATA, ENTER_HOOK, EXIT_HOOK, ARGS };  // Triton's convention

static PyObject *launch(PyObject *callable, PyObject *const *args, size_t nargsf, PyObject *keywords) {
  launcher *self = (launcher *)callable;
  Py_ssize_t given = PyVectorcall_NARGS(nargsf);
  if (keywords && PyTuple_GET_SIZE(keywords))
    return PyErr_SetString(PyExc_TypeError, "a launcher takes positional arguments only"), NULL;
  if (given < ARGS)
    return PyErr_Format(PyExc_TypeError, "a launcher takes %d arguments and the kernel's own, got %zd", ARGS, given), NULL;
  if (given - ARGS != self->count)
    return rung_raise(PyUnicode_FromFormat("the kernel takes %zd arguments, got %zd", self->count, given - ARGS)), NULL;

  int64_t slots[self->slots + 3];
  if (rung_pack(self->kinds, self->count, self->names, args + ARGS, slots)) return NULL;
  if (self->dtypes && check_dtypes(self, args + ARGS)) return NULL;
  if (rung_pack_grid(args + GRID, slots + self->slots)) return NULL;
  rung_kernel kernel = rung_kernel_of(args[FUNCTION]);
  if (!kernel) return NULL;

  if (call_hook(args[ENTER_HOOK], args[METADATA])) return NULL;
  const alias_pair *pair = find_alias(self, slots);
  if (!rung_grid_is_empty(slots + self->slots) &&
      (pair ? run_aliased(self, pair, args + GRID, args + ARGS) : rung_run(kernel, slots)))
    return NULL;
  if (call_hook(args[EXIT_HOOK], args[METADATA])) return NULL;
  Py_RETURN_NONE;
}

static int read_pairs(launcher *self, PyObject *pairs) {
  Py_ssize_t count = PySequence_Fast_GET_SIZE(pairs);
  self->pairs = PyMem_Calloc((size_t)count + 1, sizeof *self->pairs);
  if (!self->pairs) return PyErr_NoMemory(), -1;
  for (Py_ssize_t k = 0; k < count; k++) {
    alias_pair *p = &self->pairs[k];
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
  static char *words[] = {"kinds", "names", "alias_pairs", "on_alias", "dtypes", NULL};
  PyObject *kinds, *names, *pairs = NULL, *on_alias = Py_None, *dtypes = NULL;
  if (!PyArg_ParseTupleAndKeywords(args, keywords, "UO!|O!OO!", words, &kinds, &PyTuple_Type, &names, &PyTuple_Type, &pairs,
                                   &on_alias, &PyTuple_Type, &dtypes))
    return NULL;
  launcher *self = (launcher *)type->tp_alloc(type, 0);
  if (!self) return NULL;
  self->call = launch;
  self->kinds_text = Py_NewRef(kinds), self->names = Py_NewRef(names), self->on_alias = Py_NewRef(on_alias);
  self->dtypes = Py_XNewRef(dtypes);
  self->kinds = rung_check_kinds(kinds, &self->count, &self->slots);
  if (self->kinds && PyTuple_GET_SIZE(names) != self->count)
    PyErr_Format(PyExc_ValueError, "%zd kinds, but %zd names", self->count, PyTuple_GET_SIZE(names));
  else if (self->kinds && dtypes && PyTuple_GET_SIZE(dtypes) != self->count)
    PyErr_Format(PyExc_ValueError, "%zd kinds, but %zd dtypes", self->count, PyTuple_GET_SIZE(dtypes));
  else if (self->kinds && dtypes && !(self->seen = PyMem_Calloc((size_t)self->count + 1, sizeof *self->seen)))
    PyErr_NoMemory();
  else if (self->kinds && (!pairs || read_pairs(self, pairs) == 0))
    return (PyObject *)self;
  Py_DECREF(self);
  return NULL;
}

static int traverse(PyObject *object, visitproc visit, void *arg) {
  Py_VISIT(((launcher *)object)->on_alias);
  return 0;
}

static int clear(PyObject *object) {
  Py_CLEAR(((launcher *)object)->on_alias);
  return 0;
}

static void destroy(PyObject *object) {
  launcher *self = (launcher *)object;
  PyObject_GC_UnTrack(object);
  Py_XDECREF(self->kinds_text), Py_XDECREF(self->names), Py_XDECREF(self->on_alias);
  if (self->seen)
    for (Py_ssize_t i = 0; i < self->count; i++) Py_XDECREF(self->seen[i]);
  Py_XDECREF(self->dtypes);
  PyMem_Free(self->seen), PyMem_Free(self->pairs);
  Py_TYPE(object)->tp_free(object);
}

static PyMemberDef members[] = {
    {"kinds", T_OBJECT_EX, offsetof(launcher, kinds_text), READONLY, "One character per kernel argument."},
    {"names", T_OBJECT_EX, offsetof(launcher, names), READONLY, "The kernel's argument names."},
    {NULL, 0, 0, 0, NULL},
};

PyTypeObject rung_launcher_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "rung.runtime._native.Launcher",
    .tp_doc = "Launches a packed kernel under Triton's launcher convention.",
    .tp_basicsize = sizeof(launcher),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_HAVE_GC,
    .tp_vectorcall_offset = offsetof(launcher, call),
    .tp_call = PyVectorcall_Call,
    .tp_new = create,
    .tp_dealloc = destroy,
    .tp_traverse = traverse,
    .tp_clear = clear,
    .tp_members = members,
};
