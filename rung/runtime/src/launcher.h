// Launching a packed kernel from Python.
#ifndef RUNG_LAUNCHER_H
#define RUNG_LAUNCHER_H
#include <Python.h>
#include <stdbool.h>
#include <stdint.h>

#include "failure.h"

typedef void (*rung_kernel)(int64_t *slots);  // kernel_packed: arguments, then the three grid dimensions

extern PyTypeObject rung_launcher_type;
int rung_launcher_prepare(void);  // once, before anything else here

// All below return -1 (NULL) with a Python error of rung.errors set.
rung_kernel rung_kernel_of(PyObject *address);
// One launch, without the GIL. `grid` has three dimensions, for messages; or NULL. Raises what the kernel failed at, and a
// TransferError if transfers were checked and found wrong.
int rung_run(rung_kernel kernel, int64_t *slots, const int64_t *grid);
int rung_raise_failure(const rung_launch *launch, const int64_t *grid);  // 0 if it has not failed

// Whether calling a hook of Triton's would do nothing.
bool rung_hook_is_idle(PyObject *hook);
// A launch by a Launcher, without hooks. addresses: as for rung_pack, where all tensors among the arguments are known to have the
// types that it asks for; or NULL. 0, or -1 with an error.
int rung_launch_known(PyObject *launcher, PyObject *const grid[3], PyObject *function, PyObject *const *args,
                      const int64_t *addresses, Py_ssize_t count);

int rung_refuse(void);  // raises what a launch is for which the kernel is not right

static inline int rung_grid_is_refused(const int64_t *grid) { return grid[0] < 0; }  // by the kernel, which did nothing else
static inline int rung_grid_is_empty(const int64_t *grid) { return !grid[0] || !grid[1] || !grid[2]; }
#endif
