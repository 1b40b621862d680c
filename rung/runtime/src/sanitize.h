// The sanitizer (docs/adr/0014): checks that compiled code calls before it accesses memory, in a launch that is watched.
// The checks of a launch are made by one thread, one program after another.
#ifndef RUNG_SANITIZE_H
#define RUNG_SANITIZE_H
#include <Python.h>
#include <stdint.h>

#include "runtime.h"

// A box of elements: for each dimension, the elements along it, how far one is from the next in memory (in elements), and in
// the kernel's block (in its row-major order); then the box. `fine`: a byte for each element of the block, which is set to 0
// where it may not be accessed; or NULL.
RUNG_API void rung_check_dim(int64_t count, int64_t stride, int64_t step);
RUNG_API void rung_check_box(int64_t site, int64_t program, const void *base, int64_t offset, int64_t place, char *fine);
// One element; whether it may be accessed.
RUNG_API int32_t rung_check_element(int64_t site, int64_t program, const void *base, int64_t index, int64_t place, char *fine);

// A number of the block that nobody may rely on counts at `site`; it comes from `source`.
RUNG_API void rung_check_value(int64_t site, int64_t program, int64_t place, int64_t source);

// Behind a store: it is in memory.
RUNG_API void rung_check_stored(void);

PyObject *rung_sanitize_begin(PyObject *module, PyObject *args);
PyObject *rung_sanitize_end(PyObject *module, PyObject *ignored);
#endif
