/* What kernels that rung has built ask of their surroundings. C99 and up, and C++.
 *
 * `rung_runtime.c` has a default of everything here. What stands under "hooks" may be replaced: a function of that name in the
 * program is taken instead of the default, which is weak. */
#ifndef RUNG_RUNTIME_H
#define RUNG_RUNTIME_H
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

/* ---- what a kernel returns */
enum {
  RUNG_OK = 0,
  RUNG_NO_MEMORY = 1, /* for scratch; the outputs are undefined */
  RUNG_UNFIT = 2,     /* integers of the kernel would overflow at these sizes; nothing has been done */
  RUNG_ASSERTION = 3  /* an assertion of the kernel (tl.device_assert) does not hold; the outputs are undefined */
};

/* ---- hooks */

/* Calls fn(context, i) once for every i in [0, n), in any order, and returns when all have returned. Default: on threads of
 * POSIX, which are kept; one after another where the runtime was compiled with RUNG_FREESTANDING. */
void rung_parallel(void (*fn)(void *context, int64_t i), int64_t n, void *context);

/* Starts to copy `rows` rows of `row_bytes` bytes. *tag becomes 0 when all is there; wait returns then. Default: the copy is
 * made at once. */
void rung_dma_start(void *dst, const void *src, int64_t rows, int64_t row_bytes, int64_t dst_stride_bytes,
                    int64_t src_stride_bytes, int32_t *tag);
void rung_dma_wait(int32_t *tag);

/* Is told of an assertion that does not hold, in the thread that found it. Default: nothing is done. */
void rung_on_assertion(const char *where, const char *message, int64_t program);

/* ---- freestanding only: memory for scratch. Without a call, there are RUNG_SCRATCH_BYTES (a macro, when the runtime is
 * compiled) of static memory. To be called while no kernel runs. */
void rung_give_scratch(void *memory, size_t bytes);

/* ---- between kernels and the runtime */
typedef struct {
  void (*usual)(int64_t *slots);
  void (*careful)(int64_t *slots); /* assumes nothing of a launch; NULL: as `usual` */
  int64_t arguments, pairs;
  const int64_t *pair; /* two arguments each, which `usual` takes to be different memory */
} rung_kernel;
int rung_launch(const rung_kernel *kernel, int64_t *slots);

#ifdef __cplusplus
}
#endif
#endif
