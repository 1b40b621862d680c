// Arguments that are several: tuples, and tensor descriptors made by the host.
#ifndef RUNG_FLATTEN_H
#define RUNG_FLATTEN_H
#include <Python.h>

// The structure of a kernel's arguments as text, one item for each: `.` one argument, `(...)` a tuple of what is inside,
// `1` to `5` a descriptor of that rank. "(.(..)).2" takes three arguments and makes 4 + 3 * 2 + ... of them:
// a descriptor is its base, shape, strides, whether its padding is NaN, whether it rounds to tf32, shape and strides.

// Checks the text. Returns -1 with a ValueError; else `outer` is how many arguments Python gives, `inner` how many the kernel takes.
int rung_check_structure(PyObject *structure, Py_ssize_t *outer, Py_ssize_t *inner);

// Writes `inner` new references to `flat`. Returns -1 with a LaunchError that names the argument, and no references.
// `names` are the kernel's own, one for each of `inner`.
int rung_flatten(const char *structure, PyObject *names, PyObject *const *args, PyObject **flat);
#endif
