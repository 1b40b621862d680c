// Guards: Triton specialises a kernel by these traits of an argument, or by fewer (triton/runtime/jit.py, specialize.cc).
#define PY_SSIZE_T_CLEAN
#include "guards.h"

#include <string.h>

#include "arguments.h"

enum { OF_32_BITS = 1, IS_ONE = 2, DIVISIBLE = 4, BEYOND = 8 };
#define GRANULE 16  // bytes, or a number: what Triton asks an address or an integer to be divisible by

static PyObject *hash_name;

int rung_guards_prepare(void) {
  hash_name = PyUnicode_InternFromString("hash");
  return hash_name ? 0 : -1;
}

static bool is_among(PyObject *types, PyTypeObject *type) {
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(types); i++)
    if (PyTuple_GET_ITEM(types, i) == (PyObject *)type) return true;
  return false;
}

static uint32_t traits_of_integer(PyObject *value) {
  int overflow;
  long n = PyLong_AsLongAndOverflow(value, &overflow);
  if (overflow) return BEYOND;
  return (n >= INT32_MIN && n <= INT32_MAX ? OF_32_BITS : 0) | (n == 1 ? IS_ONE : 0) | (n % GRANULE == 0 ? DIVISIBLE : 0);
}

bool rung_look(const rung_known_types *types, PyObject *value, rung_fact *fact) {
  *fact = (rung_fact){.value = value};
  PyTypeObject *type = Py_TYPE(value);
  if (type == &PyLong_Type) {
    fact->traits = traits_of_integer(value);
  } else if (is_among(types->tensors, type)) {
    bool usable;
    if (rung_look_at_tensor(value, &fact->detail, &fact->address, &usable)) return false;
    fact->traits = (uint64_t)fact->address % GRANULE == 0 ? DIVISIBLE : 0;
    if (!usable) fact->address = 0;
  } else if (type == types->function) {
    // Its source may be changed; its hash is then another object.
    fact->detail = PyObject_GetAttr(value, hash_name);
    if (!fact->detail) return PyErr_Clear(), false;
    Py_DECREF(fact->detail);  // the function holds it
    return fact->detail != Py_None;
  }
  return true;
}

static bool rule_of(const rung_known_types *types, const rung_fact *fact, bool constant, rung_guard *guard) {
  PyTypeObject *type = Py_TYPE(fact->value);
  guard->rule = RUNG_ITS_VALUE;
  if (fact->value == Py_None) return true;
  if (constant)
    return type == &PyLong_Type || type == &PyBool_Type || type == &PyUnicode_Type || type == &PyFloat_Type ||
           type == types->function || is_among(types->unchanging, type);
  guard->rule = type == &PyBool_Type || type == &PyFloat_Type ? RUNG_ITS_TYPE : RUNG_ITS_TRAITS;
  if (guard->rule == RUNG_ITS_TYPE || is_among(types->tensors, type)) return true;
  return type == &PyLong_Type && fact->traits != BEYOND;
}

bool rung_guard_of(const rung_known_types *types, const rung_fact *fact, bool constant, rung_guard *guard) {
  if (!rule_of(types, fact, constant, guard)) return false;
  guard->type = (PyTypeObject *)Py_NewRef(Py_TYPE(fact->value));
  // Memory of a tensor is not to be kept by those that only ask for its type.
  guard->value = guard->rule == RUNG_ITS_VALUE ? Py_NewRef(fact->value) : NULL;
  guard->detail = Py_XNewRef(fact->detail);
  guard->traits = fact->traits;
  return true;
}

// Of one type, which is one of `rule_of`: 1 is not True, and 0.0 is not -0.0.
static bool is_same(PyObject *a, PyObject *b) {
  if (a == b) return true;
  if (PyLong_CheckExact(a) || PyUnicode_CheckExact(a)) return PyObject_RichCompareBool(a, b, Py_EQ) == 1;
  if (!PyFloat_CheckExact(a)) return false;
  double x = PyFloat_AS_DOUBLE(a), y = PyFloat_AS_DOUBLE(b);
  return memcmp(&x, &y, sizeof x) == 0;
}

bool rung_holds(const rung_guard *guard, const rung_fact *fact) {
  if (guard->type != Py_TYPE(fact->value)) return false;
  if (guard->rule == RUNG_ITS_TYPE) return true;
  if (guard->traits != fact->traits || guard->detail != fact->detail) return false;
  return guard->rule == RUNG_ITS_TRAITS || is_same(guard->value, fact->value);
}

int rung_guard_visit(const rung_guard *guard, visitproc visit, void *arg) {
  Py_VISIT(guard->type);
  Py_VISIT(guard->value);
  Py_VISIT(guard->detail);
  return 0;
}

void rung_guard_clear(rung_guard *guard) {
  Py_CLEAR(guard->type);
  Py_CLEAR(guard->value);
  Py_CLEAR(guard->detail);
}
