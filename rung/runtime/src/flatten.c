// Arguments that are several, one by one.
#define PY_SSIZE_T_CLEAN
#include "flatten.h"

#include <string.h>

#include "arguments.h"

#define MOST_DIMENSIONS 5

static Py_ssize_t arguments_of_descriptor(int rank) { return 3 + 4 * rank; }

// The item that begins at `text`; NULL if there is none that is well formed. Adds how many arguments of the kernel it is.
static const char *skip_item(const char *text, Py_ssize_t *inner) {
  if (*text == '.') return *inner += 1, text + 1;
  if (*text >= '1' && *text <= '0' + MOST_DIMENSIONS) return *inner += arguments_of_descriptor(*text - '0'), text + 1;
  if (*text++ != '(') return NULL;
  while (text && *text != ')') text = skip_item(text, inner);
  return text ? text + 1 : NULL;
}

int rung_check_structure(PyObject *structure, Py_ssize_t *outer, Py_ssize_t *inner) {
  const char *text = PyUnicode_AsUTF8(structure);
  if (!text) return -1;
  *outer = *inner = 0;
  for (; text && *text; (*outer)++) text = skip_item(text, inner);
  if (text) return 0;
  return PyErr_Format(PyExc_ValueError, "structure %R: an item is `.`, `(...)`, or a rank from 1 to %d", structure, MOST_DIMENSIONS), -1;
}

// ---- one launch

typedef struct {
  PyObject *names;
  PyObject **flat;
  Py_ssize_t count;  // references written so far
} sink;

static void give(sink *to, PyObject *owned) { to->flat[to->count++] = owned; }

// The place is told by the part that is next: `t[1][0]` of the tuple `t[1]`, `d.base` of the descriptor `d`.
static int refuse(const sink *to, const char *expected, PyObject *got) {
  PyErr_Clear();
  PyObject *next = to->count < PyTuple_GET_SIZE(to->names) ? PyTuple_GET_ITEM(to->names, to->count) : NULL;
  PyObject *length = PyTuple_Check(got) ? PyUnicode_FromFormat(" of %zd", PyTuple_GET_SIZE(got)) : PyUnicode_FromString("");
  if (length)
    rung_raise(PyUnicode_FromFormat("argument `%S`: expected %s, got %s%U", next ? next : Py_None, expected,
                                    Py_TYPE(got)->tp_name, length));
  Py_XDECREF(length);
  return -1;
}

static int give_attribute(PyObject *object, const char *name, sink *to) {
  PyObject *value = PyObject_GetAttrString(object, name);
  if (!value) return refuse(to, "a tensor descriptor", object);
  return give(to, value), 0;
}

static int give_numbers(PyObject *object, const char *name, int rank, sink *to) {
  PyObject *value = PyObject_GetAttrString(object, name);
  PyObject *numbers = value ? PySequence_Fast(value, "") : NULL;
  Py_XDECREF(value);
  if (!numbers || PySequence_Fast_GET_SIZE(numbers) != rank) {
    char expected[64];
    PyOS_snprintf(expected, sizeof expected, "a tensor descriptor of rank %d", rank);
    refuse(to, expected, object);
    return Py_XDECREF(numbers), -1;
  }
  for (int d = 0; d < rank; d++) give(to, Py_NewRef(PySequence_Fast_GET_ITEM(numbers, d)));
  Py_DECREF(numbers);
  return 0;
}

static int give_padding(PyObject *object, sink *to) {
  PyObject *padding = PyObject_GetAttrString(object, "padding");
  if (!padding) return refuse(to, "a tensor descriptor", object);
  int is_nan = PyUnicode_Check(padding) && PyUnicode_CompareWithASCIIString(padding, "nan") == 0;
  Py_DECREF(padding);
  return give(to, PyBool_FromLong(is_nan)), 0;
}

static int refuse_strides(sink *to, PyObject *object) {
  PyErr_Clear();
  to->count--;  // the name is that of the stride
  Py_DECREF(to->flat[to->count]);
  return refuse(to, "the last stride of a tensor descriptor to be 1", object);
}

static int give_descriptor(PyObject *object, int rank, sink *to) {
  if (give_attribute(object, "base", to)) return -1;
  if (give_numbers(object, "shape", rank, to) || give_numbers(object, "strides", rank, to)) return -1;
  if (give_padding(object, to) || give_attribute(object, "round_f32_to_tf32", to)) return -1;
  if (give_numbers(object, "shape", rank, to) || give_numbers(object, "strides", rank, to)) return -1;
  // The kernel was compiled for it (frontends/triton/descriptors.py).
  PyObject *last = to->flat[to->count - 1];
  return PyLong_Check(last) && PyLong_AsLong(last) == 1 ? 0 : refuse_strides(to, object);
}

static const char *give_item(const char *text, PyObject *arg, sink *to);

static const char *give_tuple(const char *text, PyObject *arg, sink *to) {
  Py_ssize_t length = 0, unused = 0;
  for (const char *item = text; *item != ')'; length++) item = skip_item(item, &unused);
  if (!PyTuple_Check(arg) || PyTuple_GET_SIZE(arg) != length) {
    char expected[64];
    PyOS_snprintf(expected, sizeof expected, "a tuple of %zd", length);
    return refuse(to, expected, arg), NULL;
  }
  for (Py_ssize_t i = 0; i < length && text; i++) text = give_item(text, PyTuple_GET_ITEM(arg, i), to);
  return text ? text + 1 : NULL;
}

static const char *give_item(const char *text, PyObject *arg, sink *to) {
  if (*text == '.') return give(to, Py_NewRef(arg)), text + 1;
  if (*text == '(') return give_tuple(text + 1, arg, to);
  return give_descriptor(arg, *text - '0', to) ? NULL : text + 1;
}

int rung_flatten(const char *structure, PyObject *names, PyObject *const *args, PyObject **flat) {
  sink to = {names, flat, 0};
  while (structure && *structure) structure = give_item(structure, *args++, &to);
  if (structure) return 0;
  while (to.count) Py_DECREF(to.flat[--to.count]);
  return -1;
}
