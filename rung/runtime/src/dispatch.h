// Launches of Triton's that repeat earlier ones.
#ifndef RUNG_DISPATCH_H
#define RUNG_DISPATCH_H
#include <Python.h>

extern PyTypeObject rung_dispatcher_type;
int rung_dispatch_prepare(void);  // once, before anything else here; -1 with a Python error set
#endif
