// What a Sequence does, read once from Python's tuples.
#ifndef RUNG_STEPS_H
#define RUNG_STEPS_H
#include <Python.h>

#include "launcher.h"

// `a`, `b`, ...: the numbers behind the kind. r: a register, v: a value.
enum {
  CHECK,    // r, size v, stride v, name v: a tensor is as the compiler took it to be
  ALLOCATE, // r, size v, stride v, dtype v: a new tensor
  SCRATCH,  // r, bytes v
  REUSE,    // r, of r: the same tensor
  VIEW,     // r, of r, size v, stride v: the same memory as another tensor
  LAUNCH,   // number of a launch
  DROP,     // r
  KINDS
};

typedef struct {
  int kind, a, b, c, d;
} rung_step;

typedef struct {
  rung_launcher *launcher;
  rung_kernel kernel;
  Py_ssize_t first_slot;  // of its arguments and grid, among those of all
  int *sources;           // of each argument: a register, or ~v; of a constant, nothing
} rung_launch_step;

typedef struct {
  Py_ssize_t inputs, registers, step_count, launch_count, slot_count, result_count;
  Py_ssize_t value_count;  // at least
  rung_step *steps;
  rung_launch_step *launches;
  int *results;          // registers
  PyObject **dtypes;     // of the inputs that are launched on; NULL: of others
  PyObject *prepare;     // (*symbols) -> (values, grids)
  PyObject *check, *allocate, *view;  // torch's functions
  PyObject *profiler;    // the dictionary of torch's module
  PyObject *debug_mode;  // a function: the one that is active
  PyObject *hooks;       // tuple
  PyObject *parts;       // owns what is borrowed above
} rung_steps;

// parts: as torch_backend/sequences.py makes them. NULL, with an error, where a step refers to nothing.
rung_steps *rung_read_steps(PyObject *parts);
void rung_forget_steps(rung_steps *program);
#endif
