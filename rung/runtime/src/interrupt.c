// Ctrl-C reaches programs that wait: the launching thread asks Python for signals between their turns.
#define PY_SSIZE_T_CLEAN
#include "interrupt.h"

#include <Python.h>

#include "programs.h"

// Called without the GIL, by a thread that is inside of a launch. The error of a handler stays with the thread.
static bool look(void) {
  PyGILState_STATE state = PyGILState_Ensure();
  int failed = PyErr_CheckSignals();
  PyGILState_Release(state);
  return failed;
}

void rung_interrupt_prepare(void) { rung_watch_interrupts(look); }
