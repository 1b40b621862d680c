// `Code`: machine code of this process, seen from Python.
#ifndef RUNG_CODE_H
#define RUNG_CODE_H
#include <Python.h>

extern PyTypeObject rung_code_type;
#endif
