// Python arguments to slots: integers, floats, and the addresses of tensors, arrays and buffers.
#define PY_SSIZE_T_CLEAN
#include "arguments.h"

#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <structmember.h>
#ifdef __linux__
#include <sys/auxv.h>
#endif

static struct {
  PyObject *data_ptr, *is_cpu, *dtype, *device, *array_interface, *data, *numel, *untyped_storage;
} text;

// Of the program itself: what is below is hardly anybody's memory, and more likely a distance from a null pointer.
static uintptr_t lowest_address = 1 << 22;

int rung_arguments_prepare(void) {
#ifdef __linux__
  uintptr_t program = getauxval(AT_PHDR);
  if (program) lowest_address = program;
#endif
  text.numel = PyUnicode_InternFromString("numel");
  text.untyped_storage = PyUnicode_InternFromString("untyped_storage");
  text.data_ptr = PyUnicode_InternFromString("data_ptr");
  text.is_cpu = PyUnicode_InternFromString("is_cpu");
  text.dtype = PyUnicode_InternFromString("dtype");
  text.device = PyUnicode_InternFromString("device");
  text.array_interface = PyUnicode_InternFromString("__array_interface__");
  text.data = PyUnicode_InternFromString("data");
  return PyErr_Occurred() ? -1 : 0;
}

// ---- errors

void rung_raise_as(const char *name, PyObject *arguments) {
  PyObject *type, *cause, *traceback;
  PyErr_Fetch(&type, &cause, &traceback);
  if (type) PyErr_NormalizeException(&type, &cause, &traceback);
  PyObject *errors = PyImport_ImportModule("rung.errors");
  PyObject *error_type = errors ? PyObject_GetAttrString(errors, name) : NULL;
  PyObject *raised = !error_type || !arguments     ? NULL
                     : PyTuple_Check(arguments) ? PyObject_CallObject(error_type, arguments)
                                                : PyObject_CallOneArg(error_type, arguments);
  if (raised) {
    if (cause) PyException_SetCause(raised, Py_NewRef(cause));
    PyErr_SetObject(error_type, raised);
  }
  Py_XDECREF(raised), Py_XDECREF(error_type), Py_XDECREF(errors), Py_XDECREF(arguments);
  Py_XDECREF(type), Py_XDECREF(cause), Py_XDECREF(traceback);
}

void rung_raise(PyObject *message) { rung_raise_as("LaunchError", message); }

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

// Bits of the integers of a kind, 0 for a kind that is not one.
static int bits_of(char kind) {
  switch (kind) {
    case '1': return 1;
    case 'c': case 'C': return 8;
    case 's': case 'S': return 16;
    case 'w': case 'W': return 32;
    case 'i': case 'u': return 64;
    default: return 0;
  }
}

// The kernel reads the lowest bits of a slot: a number that does not fit them would be another one there.
static int pack_integer(PyObject *arg, int bits, bool is_unsigned, place at, int64_t *slot) {
  PyObject *number = PyLong_Check(arg) ? Py_NewRef(arg) : PyIndex_Check(arg) ? PyNumber_Index(arg) : NULL;
  if (!number) return refuse(at, "expected an integer, got %s", Py_TYPE(arg)->tp_name);
  *slot = is_unsigned ? (int64_t)PyLong_AsUnsignedLong(number) : PyLong_AsLong(number);
  Py_DECREF(number);
  if (*slot != -1 || !PyErr_Occurred()) {
    int64_t above = bits == 64 ? 0 : *slot >> (is_unsigned ? bits : bits - 1);
    if (above == 0 || (above == -1 && !is_unsigned)) return 0;
    if (bits == 1 && *slot & 1) return 0;  // true by its lowest bit, as for Python
  }
  return refuse(at, "%R does not fit %d%s bit%s", arg, bits, is_unsigned ? " unsigned" : "", bits == 1 ? "" : "s");
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
  static unsigned turn;
  for (int i = 0; i < 4; i++)
    if (known[i].type == type) return known[i];
  // In place of the oldest one: those that come first in a process are not those that all its launches have.
  tensor_access *k = &known[turn++ % 4];
  PyTypeObject *oldest = k->type;
  *k = (tensor_access){.type = (PyTypeObject *)Py_NewRef(type)};
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
  tensor_access found = *k;
  Py_XDECREF(oldest);  // the end of a type may run anything
  return found;
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

static bool is_zero(PyObject *number) {
  bool zero = number && PyObject_IsTrue(number) == 0;
  Py_XDECREF(number);
  return zero;
}

// Whether elements of a tensor whose address is suspiciously low are nowhere: it is a fake one, or its storage is freed.
static bool has_no_memory(PyObject *tensor, int64_t address) {
  if (!PyObject_HasAttr(tensor, text.numel)) return false;  // not a torch tensor: take its address as it is
  if (is_zero(PyObject_CallMethodNoArgs(tensor, text.numel))) return false;
  PyErr_Clear();
  if (!address) return true;
  PyObject *storage = PyObject_CallMethodNoArgs(tensor, text.untyped_storage);
  bool nowhere = storage && is_zero(PyObject_CallMethodNoArgs(storage, text.data_ptr));
  Py_XDECREF(storage);
  PyErr_Clear();
  return nowhere;
}

static int pack_pointer(PyObject *arg, place at, int64_t *slot) {
  if (arg == Py_None) return *slot = 0, 0;
  if (PyLong_Check(arg)) return pack_integer(arg, 64, true, at, slot);
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
    if (check_device(arg, &access, at)) return -1;
    if ((uintptr_t)*slot >= lowest_address || !has_no_memory(arg, *slot)) return 0;
    return refuse(at, "the tensor has no memory: it is a fake one, or its storage has been freed");
  }
  if (!PyErr_ExceptionMatches(PyExc_AttributeError)) return refuse(at, "%s has no memory", Py_TYPE(arg)->tp_name);
  PyErr_Clear();
  if (pack_array_interface(arg, slot) == 0) return 0;
  return refuse(at, "expected a tensor, an array, an address or None, got %s", Py_TYPE(arg)->tp_name);
}

int rung_pack(const char *kinds, Py_ssize_t count, PyObject *names, PyObject *const *args, const int64_t *addresses, int64_t *slots) {
  for (Py_ssize_t i = 0; i < count; i++) {
    int failed = 0;
    switch (kinds[i]) {
      case '-': continue;
      case 'P':
        if (addresses && addresses[i]) *slots = addresses[i];
        else failed = pack_pointer(args[i], (place){names, i}, slots);
        break;
      case 'c': case 's': case 'w': case 'i':
        failed = pack_integer(args[i], bits_of(kinds[i]), false, (place){names, i}, slots);
        break;
      case '1': case 'C': case 'S': case 'W': case 'u':
        failed = pack_integer(args[i], bits_of(kinds[i]), true, (place){names, i}, slots);
        break;
      default: failed = pack_float(args[i], kinds[i], (place){names, i}, slots);
    }
    if (failed) return -1;
    slots++;
  }
  return 0;
}

int rung_look_at_tensor(PyObject *tensor, PyObject **dtype, int64_t *address, bool *usable) {
  tensor_access access = access_of(Py_TYPE(tensor));
  if (!access.data_ptr || !access.dtype) return -1;
  PyObject *number = access.data_ptr(tensor, NULL);
  PyObject *is_cpu = number ? access.is_cpu(tensor, access.closure) : NULL;
  *dtype = is_cpu ? access.dtype(tensor, access.dtype_closure) : NULL;
  *address = *dtype ? (int64_t)PyLong_AsUnsignedLong(number) : 0;
  *usable = is_cpu == Py_True && (uintptr_t)*address >= lowest_address;
  Py_XDECREF(number), Py_XDECREF(is_cpu), Py_XDECREF(*dtype);
  return PyErr_Occurred() ? (PyErr_Clear(), -1) : 0;
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

const char *rung_check_kinds(PyObject *kinds, Py_ssize_t *count, Py_ssize_t *slots) {
  const char *kind = PyUnicode_AsUTF8AndSize(kinds, count);
  if (!kind) return NULL;
  *slots = 0;
  for (Py_ssize_t i = 0; i < *count; i++) {
    if (!kind[i] || !strchr("Pcswi1CSWufdeb-", kind[i]))
      return PyErr_Format(PyExc_ValueError, "kinds %R: position %zd is none of `P c s w i 1 C S W u f d e b -`", kinds, i), NULL;
    *slots += kind[i] != '-';
  }
  return kind;
}

// A compiled kernel that is launched directly reads memory as its signature says, whatever the tensor holds.
int rung_check_dtypes(PyObject *dtypes, PyObject **seen, PyObject *names, PyObject *const *args) {
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(dtypes); i++) {
    PyObject *expected = PyTuple_GET_ITEM(dtypes, i);
    // Addresses and arrays have no torch type, and must not fill the table of tensor types.
    if (expected == Py_None || args[i] == Py_None || PyLong_Check(args[i]) || PyObject_CheckBuffer(args[i])) continue;
    tensor_access access = access_of(Py_TYPE(args[i]));
    if (!access.dtype) continue;
    PyObject *dtype = access.dtype(args[i], access.dtype_closure);
    if (!dtype) return -1;
    if (dtype == seen[i]) {
      Py_DECREF(dtype);
      continue;
    }
    PyObject *name = PyObject_Str(dtype);
    if (!name) return Py_DECREF(dtype), -1;
    if (PyUnicode_Compare(name, expected) != 0) {
      refuse((place){names, i}, "is a tensor of %U; this kernel was compiled for %U", name, expected);
      return Py_DECREF(name), Py_DECREF(dtype), -1;
    }
    Py_DECREF(name);
    Py_XSETREF(seen[i], dtype);
  }
  return 0;
}
