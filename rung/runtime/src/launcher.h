// Python objects to the slots of a packed kernel.
#ifndef RUNG_LAUNCHER_H
#define RUNG_LAUNCHER_H
#include <Python.h>
#include <stdint.h>

typedef void (*rung_kernel)(int64_t *slots);  // kernel_packed: arguments, then the three grid dimensions

extern PyTypeObject rung_launcher_type;
int rung_launcher_prepare(void);  // once, before anything else here

// All below return -1 (NULL, false) with a Python error set: rung.errors.LaunchError, naming the argument.
void rung_raise(PyObject *message);  // a LaunchError, caused by the current exception if there is one; steals `message`
int rung_pack(const char *kinds, Py_ssize_t count, PyObject *names, PyObject *const *args, int64_t *slots);
int rung_pack_grid(PyObject *const *grid, int64_t *slots);
rung_kernel rung_kernel_of(PyObject *address);
int rung_run(rung_kernel kernel, int64_t *slots);  // without the GIL; a TransferError if transfers were checked and found wrong
const char *rung_check_kinds(PyObject *kinds, Py_ssize_t *count, Py_ssize_t *slots);

static inline int rung_grid_is_empty(const int64_t *grid) { return !grid[0] || !grid[1] || !grid[2]; }
#endif
