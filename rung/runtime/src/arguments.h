// Python objects to the slots of a packed kernel.
#ifndef RUNG_ARGUMENTS_H
#define RUNG_ARGUMENTS_H
#include <Python.h>
#include <stdbool.h>
#include <stdint.h>

int rung_arguments_prepare(void);  // once, before anything else here

// All below return -1 (NULL) with a Python error set, a rung.errors.LaunchError that names the argument.
// Raises an error of rung.errors, caused by the current exception if there is one; steals `arguments`, a message or a tuple.
void rung_raise_as(const char *name, PyObject *arguments);
void rung_raise(PyObject *message);  // a LaunchError
// addresses: of the arguments that are known to be tensors in this memory, 0 for others; or NULL.
int rung_pack(const char *kinds, Py_ssize_t count, PyObject *names, PyObject *const *args, const int64_t *addresses, int64_t *slots);
int rung_pack_grid(PyObject *const *grid, int64_t *slots);
const char *rung_check_kinds(PyObject *kinds, Py_ssize_t *count, Py_ssize_t *slots);
// Of a torch tensor: its dtype, borrowed from torch, its address, and whether that is memory which a kernel can take without a
// further look. -1, without an error, where it does not say so in C.
int rung_look_at_tensor(PyObject *tensor, PyObject **dtype, int64_t *address, bool *usable);
int rung_check_dtypes(PyObject *dtypes, PyObject **seen, PyObject *names, PyObject *const *args);
#endif
