// What a launch cannot go on from. It is noted where it happens, by any thread that works for the launch, and the launcher
// raises it when all have come back: a function that fails returns early, and so do those that called it.
#ifndef RUNG_FAILURE_H
#define RUNG_FAILURE_H
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

// INTERRUPTED: a signal was asked for, and its handler has raised.
// SANITIZED: a check has found a fault; who watches the launch knows which.
typedef enum { RUNG_NO_FAILURE, RUNG_FAILED_ASSERTION, RUNG_FAILED_ALLOCATION, RUNG_INTERRUPTED, RUNG_SANITIZED } rung_failure;

typedef struct {
  _Atomic uint32_t failure;  // the first one; what follows is to be read behind the launch
  int64_t program;           // number in the grid, x fastest; negative: not known
  char where[256], what[1024];
} rung_launch;

// What the calling thread works for. No launch: C code has called a kernel by itself. A fork hands it on.
typedef struct {
  rung_launch *launch;
  int64_t program;  // that has forked; not known where it is negative, and of no interest in the program's own function
} rung_purpose;
extern _Thread_local rung_purpose rung_at_work;

// Notes a failure of this thread's launch, if it is the first. Where there is no launch that could be told, ends the process.
void rung_fail(rung_failure failure, int64_t program, const char *where, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
#endif
