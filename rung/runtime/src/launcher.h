// Launching a packed kernel from Python.
#ifndef RUNG_LAUNCHER_H
#define RUNG_LAUNCHER_H
#include <Python.h>
#include <stdint.h>

typedef void (*rung_kernel)(int64_t *slots);  // kernel_packed: arguments, then the three grid dimensions

extern PyTypeObject rung_launcher_type;
int rung_launcher_prepare(void);  // once, before anything else here

// Both below return -1 (NULL) with a Python error of rung.errors set.
rung_kernel rung_kernel_of(PyObject *address);
int rung_run(rung_kernel kernel, int64_t *slots);  // without the GIL; a TransferError if transfers were checked and found wrong

int rung_refuse(void);  // raises what a launch is for which the kernel is not right

static inline int rung_grid_is_refused(const int64_t *grid) { return grid[0] < 0; }  // by the kernel, which did nothing else
static inline int rung_grid_is_empty(const int64_t *grid) { return !grid[0] || !grid[1] || !grid[2]; }
#endif
