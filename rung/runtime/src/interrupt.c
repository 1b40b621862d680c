// Ctrl-C reaches programs that wait: the launching thread asks Python for signals between their turns.
#define PY_SSIZE_T_CLEAN
#include "interrupt.h"

#include <Python.h>

#include "arguments.h"
#include "fibre.h"
#include "programs.h"

// Called without the GIL, by a thread that is inside of a launch. The error of a handler stays with the thread.
static bool look(void) {
  PyGILState_STATE state = PyGILState_Ensure();
  int failed = PyErr_CheckSignals();
  PyGILState_Release(state);
  return failed;
}

void rung_interrupt_prepare(void) { rung_watch_interrupts(look); }

int rung_raise_if_stopped(void) {
  rung_stopped stopped = rung_take_stopped();
  if (stopped.why == RUNG_RAN) return 0;
  if (stopped.why == RUNG_NO_MEMORY)
    rung_raise(PyUnicode_FromFormat(
        "out of memory: %lld programs of this kernel wait for others that have not begun, and there is no memory for one "
        "more stack (%d KB of address space) and its scratch; launch fewer programs, or use smaller blocks",
        (long long)stopped.waiting, RUNG_STACK_BYTES >> 10));
  return -1;
}
