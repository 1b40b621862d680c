// Launches of a graph in one call from Python.
#ifndef RUNG_SEQUENCE_H
#define RUNG_SEQUENCE_H
#include <Python.h>

extern PyTypeObject rung_sequence_type;
int rung_sequence_prepare(void);  // once, before anything else here
#endif
