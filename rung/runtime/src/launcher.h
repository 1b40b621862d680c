// Launching a packed kernel from Python.
#ifndef RUNG_LAUNCHER_H
#define RUNG_LAUNCHER_H
#include <Python.h>
#include <stdbool.h>
#include <stdint.h>

#include "failure.h"

typedef void (*rung_kernel)(int64_t *slots);  // kernel_packed: arguments, then the three grid dimensions

typedef struct {
  Py_ssize_t first, second;            // argument indices, for messages
  Py_ssize_t first_slot, second_slot;  // where their pointers are packed
} rung_alias_pair;

typedef struct {
  PyObject_HEAD
  vectorcallfunc call;
  PyObject *kinds_text, *names, *otherwise;
  PyObject *dtypes;  // names of the tensors' types by argument, None where any will do; or NULL
  PyObject **seen;   // the type objects that have been found to have those names
  const char *kinds;  // inside kinds_text
  Py_ssize_t count, slots, pair_count;
  PyObject *structure_text;  // where some of Python's arguments are several of the kernel's (flatten.h); or NULL
  const char *structure;     // inside structure_text
  Py_ssize_t given;          // Python's arguments: `count` without a structure
  rung_alias_pair *pairs;
} rung_launcher;

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

// Two pointers that are equal, and that the kernel takes for different ones; or NULL.
const rung_alias_pair *rung_find_alias(const rung_launcher *self, const int64_t *slots);
// The kernel without what does not hold of this launch: two pointers differ, or what the kernel itself asked for.
int rung_run_otherwise(rung_launcher *self, const rung_alias_pair *pair, PyObject *const *grid, PyObject *const *args);

int rung_refuse(void);  // raises what a launch is for which the kernel is not right

static inline int rung_grid_is_refused(const int64_t *grid) { return grid[0] < 0; }  // by the kernel, which did nothing else
static inline int rung_grid_is_empty(const int64_t *grid) { return !grid[0] || !grid[1] || !grid[2]; }
#endif
