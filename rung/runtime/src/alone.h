// Kernels without Python: what a C++ program calls that was made ahead of time (docs/adr/0034-models-without-rung.md).
// It finds these functions by their names; all integers and texts are as `rung/torch_backend/images.py` writes them.
#ifndef RUNG_ALONE_H
#define RUNG_ALONE_H
#include <stdint.h>

#include "runtime.h"

#define RUNG_ERROR_BYTES 1536  // of a message, with its end

typedef struct rung_kernel_image rung_kernel_image;
typedef struct rung_open_kernel_of rung_opened;

// Links the kernel of an image, which lies at a multiple of 8 and stays there until the kernel is closed. NULL, with the reason
// in `error`: this processor lacks what the kernel was compiled for, or there is no memory.
RUNG_API rung_opened *rung_open_kernel(const rung_kernel_image *image, char error[RUNG_ERROR_BYTES]);
// One launch: slots are the arguments, one each, and the three sizes of the grid. -1, with the reason in `error`: an assertion
// does not hold, or there is no memory. Threads may launch one kernel at the same time.
RUNG_API int rung_launch_kernel(rung_opened *kernel, const int64_t *slots, char error[RUNG_ERROR_BYTES]);
RUNG_API void rung_close_kernel(rung_opened *kernel);
#endif
