// `Code`: machine code of this process, seen from Python. It lives as long as the object; all here happens under the GIL.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#define PY_SSIZE_T_CLEAN
#include "code.h"

#include <dlfcn.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <structmember.h>

#include "arguments.h"
#include "debugger.h"
#include "link.h"

typedef struct {
  PyObject_HEAD
  rung_linked linked;
  char *object;     // a copy, which debuggers read
  rung_told *told;
  PyObject *functions, *weak;
} code;

// A name of the runtime, which this library is, or of a library that it needs; then of what the process shows to all.
static void *find(const char *name) {
  static void *ours;
  Dl_info info;
  if (!ours && dladdr((void *)&rung_code_type, &info) && info.dli_fname) ours = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
  void *found = ours ? dlsym(ours, name) : NULL;
  return found ? found : dlsym(RTLD_DEFAULT, name);
}

static int keep(const char *name, void *address, void *functions) {
  PyObject *number = PyLong_FromVoidPtr(address);
  int failed = !number || PyDict_SetItemString(functions, name, number);
  Py_XDECREF(number);
  return failed;
}

static PyObject *code_new(PyTypeObject *type, PyObject *args, PyObject *keywords) {
  static char *words[] = {"object_code", NULL};
  const char *bytes;
  Py_ssize_t size;
  char error[256];
  if (!PyArg_ParseTupleAndKeywords(args, keywords, "y#", words, &bytes, &size)) return NULL;
  code *self = (code *)type->tp_alloc(type, 0);
  if (!self) return NULL;
  self->functions = PyDict_New();
  self->object = malloc((size_t)size + 1);
  if (!self->functions || !self->object) return Py_DECREF(self), PyErr_NoMemory();
  memcpy(self->object, bytes, (size_t)size);
  if (rung_link(self->object, (size_t)size, find, &self->linked, error)) {
    Py_DECREF(self);
    return rung_raise_as("RungError", PyUnicode_FromFormat("the machine code of a kernel cannot be loaded: %s", error)), NULL;
  }
  self->told = rung_tell_debugger(self->object, (size_t)size, self->linked.bases);
  if (self->told && !rung_each_function(self->object, (size_t)size, &self->linked, keep, self->functions)) return (PyObject *)self;
  Py_DECREF(self);
  return PyErr_Occurred() ? NULL : PyErr_NoMemory();
}

static void code_destroy(PyObject *object) {
  code *self = (code *)object;
  if (self->weak) PyObject_ClearWeakRefs(object);
  rung_take_back(self->told);
  rung_unlink(&self->linked);
  free(self->object);
  Py_XDECREF(self->functions);
  Py_TYPE(object)->tp_free(object);
}

static PyMemberDef members[] = {
    {"functions", T_OBJECT, offsetof(code, functions), READONLY, "address of every function that the code exports, by name"},
    {NULL, 0, 0, 0, NULL},
};

PyTypeObject rung_code_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "rung.runtime._native.Code",
    .tp_doc = "Code(object_code): an ELF object, linked into this process as long as this lives. Raises RungError.",
    .tp_basicsize = sizeof(code),
    .tp_weaklistoffset = offsetof(code, weak),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = code_new,
    .tp_dealloc = code_destroy,
    .tp_members = members,
};
