#include "internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

_Thread_local rung_purpose rung_at_work = {NULL, -1};

void rung_fail(rung_failure failure, int64_t program, const char *where, const char *format, ...) {
  rung_launch *launch = rung_at_work.launch;
  va_list details;
  va_start(details, format);
  if (!launch) {
    fprintf(stderr, "rung: %s%s", where, *where ? ": " : "");
    vfprintf(stderr, format, details);
    fputc('\n', stderr);
    abort();
  }
  uint32_t none = RUNG_NO_FAILURE;
  if (atomic_compare_exchange_strong(&launch->failure, &none, failure)) {
    launch->program = program;
    snprintf(launch->where, sizeof launch->where, "%s", where);
    vsnprintf(launch->what, sizeof launch->what, format, details);
  }
  va_end(details);
}

RUNG_API void rung_assert_failed(const char *where, const char *message, int64_t program) {
  if (program < 0) program = rung_at_work.program;
  if (*message) rung_fail(RUNG_FAILED_ASSERTION, program, where, "Assertion `%s` failed", message);
  else rung_fail(RUNG_FAILED_ASSERTION, program, where, "Assertion failed");
}

RUNG_API int32_t rung_has_failed(void) {
  rung_launch *launch = rung_at_work.launch;
  return launch && atomic_load_explicit(&launch->failure, memory_order_relaxed) != RUNG_NO_FAILURE;
}

RUNG_API void rung_fork_for(int64_t program) { rung_at_work.program = program; }

RUNG_API void rung_leave(void *arena) {
  rung_dma_drain();
  rung_checked_dma_drain();
  if (arena) rung_arena_exit(arena);
}
