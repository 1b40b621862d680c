#include "watch.h"

#include <stdlib.h>

#include "sanitize.h"

_Thread_local watch *rung_watched;

static void drop(watch *w) {
  for (int64_t k = 0; k < w->storage_count; k++) {
    rung_forget_shadow(&w->storages[k].shadow);
    if (w->storages[k].unwritten.buf) PyBuffer_Release(&w->storages[k].unwritten);
  }
  for (int64_t d = 0; d < w->doubt_count; d++) free(w->doubts[d].before);
  rung_forget(&w->history);
  rung_forget_mappings(&w->mappings);
  free(w->doubts);
  free(w->tensors), free(w->storages), free(w->sites), free(w->kinds);
  free(w);
}

static bool read_tensors(watch *w, PyObject *tensors) {
  Py_ssize_t count = PyTuple_GET_SIZE(tensors);
  w->tensors = calloc((size_t)count + 1, sizeof *w->tensors), w->storages = calloc((size_t)count + 1, sizeof *w->storages);
  if (!w->tensors || !w->storages) return PyErr_NoMemory(), false;
  for (Py_ssize_t i = 0; i < count; i++) {
    unsigned long long data, begin, end;
    PyObject *marks;
    if (!PyArg_ParseTuple(PyTuple_GET_ITEM(tensors, i), "KKKO", &data, &begin, &end, &marks)) return false;
    int32_t k = 0;
    while (k < w->storage_count && (w->storages[k].begin != begin || w->storages[k].end != end)) k++;
    if (k == w->storage_count) w->storages[w->storage_count++] = (storage){.begin = begin, .end = end, .shadow = {.bytes = (int64_t)(end - begin)}};
    if (marks != Py_None && !w->storages[k].unwritten.buf) {
      if (PyObject_GetBuffer(marks, &w->storages[k].unwritten, PyBUF_WRITABLE)) return false;
      if ((unsigned long long)w->storages[k].unwritten.len < end - begin) return PyErr_Format(PyExc_ValueError, "too few marks"), false;
    }
    w->tensors[w->tensor_count++] = (tensor){data, k};
  }
  return true;
}

static bool read_sites(watch *w, PyObject *sites) {
  Py_ssize_t count = PyTuple_GET_SIZE(sites);
  w->sites = calloc((size_t)count + 1, sizeof *w->sites), w->kinds = calloc((size_t)count + 1, sizeof *w->kinds);
  if (!w->sites || !w->kinds) return PyErr_NoMemory(), false;
  for (Py_ssize_t i = 0; i < count; i++) {
    int kind, update, acquires, releases, closed, vital;
    long long bytes;
    if (!PyArg_ParseTuple(PyTuple_GET_ITEM(sites, i), "iLipppp", &kind, &bytes, &update, &acquires, &releases, &closed, &vital)) return false;
    w->kinds[i] = (rung_kind){(rung_access)kind, update, acquires, releases};
    w->sites[i] = (site){.bytes = bytes, .closed = closed, .vital = vital, .tensor = -1, .storage = -1};
    w->site_count++;
  }
  return true;
}

PyObject *rung_sanitize_begin(PyObject *module, PyObject *args) {
  PyObject *tensors, *sites;
  long long programs;
  int stop, order;
  (void)module;
  if (!PyArg_ParseTuple(args, "O!O!Lpp", &PyTuple_Type, &tensors, &PyTuple_Type, &sites, &programs, &stop, &order)) return NULL;
  watch *w = calloc(1, sizeof *w);
  if (!w) return PyErr_NoMemory();
  w->stop = stop, w->order = order, w->history.programs = programs;
  if (!read_tensors(w, tensors) || !read_sites(w, sites)) return drop(w), NULL;
  w->outer = rung_watched;
  rung_watched = w;
  Py_RETURN_NONE;
}

PyObject *rung_sanitize_end(PyObject *module, PyObject *ignored) {
  (void)module, (void)ignored;
  watch *w = rung_watched;
  if (!w) return PyErr_Format(PyExc_RuntimeError, "no launch is watched");
  rung_watched = w->outer;
  PyObject *list = PyList_New(0);
  for (const fault *f = w->faults; list && f < w->faults + w->fault_count; f++) {
    PyObject *entry = Py_BuildValue("(iLLLLLiKKKL)", f->kind, f->site, f->program, f->place, f->other_site, f->other_program,
                                    (int)f->tensor, (unsigned long long)f->first, (unsigned long long)f->low,
                                    (unsigned long long)f->high, (long long)f->elements);
    if (!entry || PyList_Append(list, entry)) Py_CLEAR(list);
    Py_XDECREF(entry);
  }
  PyObject *result = list ? Py_BuildValue("(OL)", list, (long long)w->unknown) : NULL;
  Py_XDECREF(list);
  drop(w);
  return result;
}
