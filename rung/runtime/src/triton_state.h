// What Triton reads beside the arguments when it launches a kernel.
#ifndef RUNG_TRITON_STATE_H
#define RUNG_TRITON_STATE_H
#include <Python.h>
#include <stdbool.h>

// Borrowed from whoever has read it out of Triton.
typedef struct {
  PyObject *run;              // JITFunction.run
  PyObject *knobs;            // the module triton.knobs
  PyObject *drivers;          // the DriverConfig, which has the active one
  PyTypeObject *driver_type;  // of which that is
} rung_triton;

// Under which Triton chooses kernels. Owned.
typedef struct {
  PyObject *own_debug, *debug, *instrumentation_mode;
} rung_settings;

int rung_triton_state_prepare(void);  // once, before anything else here; -1 with a Python error set

PyObject *rung_class_run(PyObject *jit);  // of its class, not its own; borrowed

// None of these sets an error: where one cannot tell, the answer is no.
// Whether Triton would do nothing but choose a kernel of this JITFunction and launch it on the CPU, and under which settings.
bool rung_read_settings(const rung_triton *triton, PyObject *jit, rung_settings *settings);
bool rung_are_same_settings(const rung_settings *a, const rung_settings *b);
void rung_forget_settings(rung_settings *settings);
bool rung_launch_hooks_are_idle(const rung_triton *triton);
bool rung_has_kernel(PyObject *jit, PyObject *key, PyObject *kernel);  // in the cache of the device
PyObject *rung_find_key(PyObject *jit, PyObject *kernel);              // a new reference; NULL if it has it no more
bool rung_globals_are_same(PyObject *jit);  // as when the kernel was compiled
#endif
