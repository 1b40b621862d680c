#define PY_SSIZE_T_CLEAN
#include "sanitize.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "failure.h"
#include "shadow.h"

#define MOST_DIMS 16
#define MOST_FAULTS 64
#define ORIGIN 4096  // what pointers are counted from that may be of several arguments, or of none (frontends/triton/bases.py)

typedef enum { OUTSIDE, RACE, UNDEFINED, UNWRITTEN, IN_ORDER, MISALIGNED, SAME } fault_kind;

typedef struct {
  uintptr_t begin, end;
  rung_shadow shadow;
  Py_buffer unwritten;  // a byte for each of the storage's, 1 where nobody has written; no buffer: not asked
} storage;
typedef struct {
  uintptr_t data;
  int32_t storage;
} tensor;
typedef struct {
  int64_t bytes;  // of an element
  bool closed;    // goes to memory of arguments, and to no other
  uintptr_t base;  // the last one, and what it belongs to
  int32_t tensor, storage;
  uint32_t record;
} site;
typedef struct {
  fault_kind kind;
  int64_t site, program, place, other_site, other_program;
  int32_t tensor, storage;  // -1: not known
  uintptr_t first, low, high;  // the first element's address, and the least and the greatest
  int64_t elements;
} fault;

// Two programs have written the same place, and the second is about to: whether the same number, shows when it has.
typedef struct {
  fault race;
  size_t bytes;
  char *before;
} doubt;

typedef struct watch {
  struct watch *outer;
  bool stop, stopped, order;  // order: atomics that may not change places are a fault
  tensor *tensors;
  storage *storages;
  site *sites;
  rung_kind *kinds;
  int64_t tensor_count, storage_count, site_count;
  rung_history history;
  fault faults[MOST_FAULTS];
  doubt *doubts;
  int64_t doubt_count, doubt_room;
  int64_t fault_count, unknown;  // accesses through pointers that belong to no argument
} watch;

static _Thread_local watch *at_work;
static _Thread_local struct {
  int64_t count, stride, step;
} dims[MOST_DIMS];
static _Thread_local int dim_count;

// ---- faults

// The tensor of a storage that an address is of: the last one that begins before it.
static int32_t tensor_at(const watch *w, int32_t storage, uintptr_t address) {
  int32_t found = -1;
  for (int32_t t = 0; t < w->tensor_count; t++) {
    if (w->tensors[t].storage != storage || (found >= 0 && w->tensors[t].data > address)) continue;
    if (found < 0 || w->tensors[found].data > address || w->tensors[t].data > w->tensors[found].data) found = t;
  }
  return found;
}

// NULL: a launch that is to stop at the first has another one.
static fault *note(watch *w, fault found) {
  if (found.tensor < 0 && found.storage >= 0) found.tensor = tensor_at(w, found.storage, found.first);
  for (fault *f = w->faults; f < w->faults + w->fault_count; f++) {
    if (f->kind != found.kind || f->site != found.site || f->tensor != found.tensor || f->other_site != found.other_site) continue;
    if (w->stop && f->kind != SAME && f->program != found.program) return NULL;
    if (f->low > found.low) f->low = found.low;
    if (f->high < found.high) f->high = found.high;
    f->elements += found.elements;
    return f;
  }
  if (w->fault_count == MOST_FAULTS || w->stopped) return NULL;
  fault *f = &w->faults[w->fault_count++];
  *f = found;
  w->stopped = w->stop && found.kind != SAME;
  if (w->stopped) rung_fail(RUNG_SANITIZED, found.program, "", "the sanitizer has found a fault");
  return f;
}

// ---- which memory

static void find(const watch *w, site *s, uintptr_t base, uintptr_t address) {
  if (s->base == base && s->tensor >= 0) return;
  s->base = base, s->tensor = s->storage = -1;
  for (int32_t t = 0; t < w->tensor_count; t++)
    if (w->tensors[t].data == base) {
      s->tensor = t, s->storage = w->tensors[t].storage;
      return;
    }
  for (int pass = 0; pass < 2; pass++)
    for (int32_t k = 0; k < w->storage_count; k++)
      if (w->storages[k].begin <= (pass ? address : base) && (pass ? address : base) < w->storages[k].end) {
        s->storage = k;
        return;
      }
}

static const storage *memory_of(watch *w, site *s, uintptr_t base, uintptr_t address) {
  find(w, s, base, address);
  return s->storage < 0 ? NULL : &w->storages[s->storage];
}

// ---- one access

// A load of what nobody has written; a store, or the element that an atomic updates, is written from now on.
static void see_writing(watch *w, const site *s, const storage *m, int64_t program, uintptr_t address, int64_t bytes) {
  char *marks = (char *)m->unwritten.buf + (address - m->begin);
  int64_t number = s - w->sites, least = bytes, greatest = 0, elements = 0;
  for (int64_t at = 0; w->kinds[number].access != RUNG_STORE && at < bytes; at += s->bytes) {
    if (!memchr(marks + at, 1, (size_t)s->bytes)) continue;
    if (least > at) least = at;
    greatest = at, elements++;
  }
  if (elements)
    note(w, (fault){UNWRITTEN, number, program, -1, -1, -1, s->tensor, s->storage, address + (uintptr_t)least, address + (uintptr_t)least,
                    address + (uintptr_t)greatest, elements});
  if (w->kinds[number].access == RUNG_STORE || w->kinds[number].access == RUNG_ATOMIC) memset(marks, 0, (size_t)bytes);
}

static void doubt_that(watch *w, fault race, size_t bytes) {
  if (w->doubt_count == w->doubt_room) {
    int64_t room = w->doubt_room ? 2 * w->doubt_room : 64;
    doubt *doubts = realloc(w->doubts, (size_t)room * sizeof *doubts);
    if (doubts) w->doubts = doubts, w->doubt_room = room;
  }
  char *before = w->doubt_count < w->doubt_room ? malloc(bytes) : NULL;
  if (!before) {
    note(w, race);
    return;
  }
  memcpy(before, (const void *)race.first, bytes);
  w->doubts[w->doubt_count++] = (doubt){race, bytes, before};
}

void rung_check_stored(void) {
  watch *w = at_work;
  if (!w || !w->doubt_count) return;
  for (const doubt *d = w->doubts; d < w->doubts + w->doubt_count; d++) {
    fault race = d->race;
    if (!memcmp(d->before, (const void *)race.first, d->bytes)) race.kind = SAME;
    note(w, race);
    free(d->before);
  }
  w->doubt_count = 0;
}

static uint32_t record_of(watch *w, const site *s, uint32_t program) {
  const rung_history *h = &w->history;
  int64_t number = s - w->sites;
  bool waits = s->record && w->kinds[number].access == RUNG_ATOMIC && h->open && program < h->programs && !h->open[program];
  // Turn after turn of a loop that waits: nothing has happened in between.
  if (waits && h->records[s->record].program == program && h->records[s->record].released == h->last[program]) return s->record;
  return rung_record_of(&w->history, program, (uint32_t)number, s->record);
}

static void touch(watch *w, site *s, int64_t program, uintptr_t address, int64_t bytes) {
  storage *m = &w->storages[s->storage];
  int64_t number = s - w->sites;
  rung_conflict conflict = {0};
  if (m->unwritten.buf) see_writing(w, s, m, program, address, bytes);
  s->record = record_of(w, s, (uint32_t)program);
  rung_touch(&w->history, &m->shadow, w->kinds, s->record, (int64_t)(address - m->begin), bytes, s->bytes, &conflict);
  if (!conflict.record || (conflict.atomic && !w->order)) return;
  const rung_record *other = &w->history.records[conflict.record];
  uintptr_t first = m->begin + (uintptr_t)conflict.offset;
  int64_t elements = conflict.bytes / s->bytes;
  fault found = {conflict.atomic ? IN_ORDER : RACE, number, program, -1, other->site, other->program, s->tensor, s->storage, first, first,
                 first + (uintptr_t)((elements ? elements - 1 : 0) * s->bytes), elements ? elements : 1};
  if (conflict.written) doubt_that(w, found, (size_t)(conflict.end - conflict.offset));
  else note(w, found);
}

static uintptr_t distance(const storage *m, uintptr_t address) {
  return address < m->begin ? m->begin - address : address >= m->end ? address - m->end : 0;
}

// Of a pointer that may be of several arguments, and has left all of them.
static void find_nearest(const watch *w, site *s, uintptr_t address) {
  for (int32_t t = 0; t < w->tensor_count; t++) {
    int32_t k = w->tensors[t].storage;
    if (s->tensor >= 0 && distance(&w->storages[k], address) >= distance(&w->storages[s->storage], address)) continue;
    s->tensor = t, s->storage = k;
  }
}

// Elements are of a power of two bytes, and all of a box are as misaligned as the first.
static void see_alignment(watch *w, const site *s, int64_t program, uintptr_t address, int64_t elements) {
  if (!(address & (uintptr_t)(s->bytes - 1))) return;
  note(w, (fault){MISALIGNED, s - w->sites, program, -1, -1, -1, s->tensor, s->storage, address, address, address, elements});
}

// Whether the element may be accessed.
static bool inside(watch *w, site *s, int64_t program, uintptr_t base, uintptr_t address, int64_t place) {
  const storage *m = memory_of(w, s, base, address);
  if (!m && s->closed && base == ORIGIN && address >> 12) {
    find_nearest(w, s, address);
    note(w, (fault){OUTSIDE, s - w->sites, program, place, -1, -1, s->tensor, s->storage, address, address, address, 1});
    s->tensor = s->storage = -1;
    return false;
  }
  if (!m && (base >> 12) && (address >> 12)) {
    w->unknown++;
    return true;
  }
  if (m && address >= m->begin && address < m->end && m->end - address >= (uintptr_t)s->bytes) return true;
  note(w, (fault){OUTSIDE, s - w->sites, program, place, -1, -1, s->tensor, m ? s->storage : -1, address, address, address, 1});
  return false;
}

int32_t rung_check_element(int64_t number, int64_t program, const void *base, int64_t index, int64_t place, char *fine) {
  watch *w = at_work;
  if (!w || number >= w->site_count) return 1;
  site *s = &w->sites[number];
  uintptr_t address = (uintptr_t)base + (uintptr_t)index * (uintptr_t)s->bytes;
  if (inside(w, s, program, (uintptr_t)base, address, place)) {
    if (s->storage < 0) return 1;
    see_alignment(w, s, program, address, 1);
    touch(w, s, program, address, s->bytes);
    return 1;
  }
  if (fine) fine[place] = 0;
  return 0;
}

void rung_check_value(int64_t number, int64_t program, int64_t place, int64_t source) {
  if (at_work) note(at_work, (fault){UNDEFINED, number, program, place, source, program, -1, -1, 0, 0, 0, 1});
}

// ---- a box

void rung_check_dim(int64_t count, int64_t stride, int64_t step) {
  if (dim_count == MOST_DIMS) return;  // Triton's blocks have fewer
  dims[dim_count].count = count, dims[dim_count].stride = stride, dims[dim_count++].step = step;
}

static void each_element(int64_t number, int64_t program, const void *base, int64_t offset, int64_t place, char *fine, int dim, int count) {
  if (dim == count) {
    rung_check_element(number, program, base, offset, place, fine);
    return;
  }
  for (int64_t i = 0; i < dims[dim].count; i++)
    each_element(number, program, base, offset + i * dims[dim].stride, place + i * dims[dim].step, fine, dim + 1, count);
}

// Rows of elements side by side.
static void each_row(watch *w, site *s, int64_t program, uintptr_t address, int64_t row, int dim) {
  if (dim < 0) {
    touch(w, s, program, address, row * s->bytes);
    return;
  }
  for (int64_t i = 0; i < dims[dim].count; i++)
    each_row(w, s, program, address + (uintptr_t)(i * dims[dim].stride * s->bytes), row, dim - 1);
}

// The dimensions in which the box is longer than 1, the shortest steps first, all forwards; returns where it begins.
static int64_t forwards(int64_t offset, int *count) {
  int kept = 0;
  for (int d = 0; d < *count; d++) {
    int64_t n = dims[d].count, stride = dims[d].stride;
    if (n == 1 || !stride) continue;
    if (stride < 0) offset += (n - 1) * stride, stride = -stride;
    int at = kept++;
    for (; at > 0 && dims[at - 1].stride > stride; at--) dims[at] = dims[at - 1];
    dims[at].count = n, dims[at].stride = stride, dims[at].step = 0;
  }
  *count = kept;
  return offset;
}

void rung_check_box(int64_t number, int64_t program, const void *base, int64_t offset, int64_t place, char *fine) {
  watch *w = at_work;
  int count = dim_count;
  dim_count = 0;
  if (!w || number >= w->site_count) return;
  site *s = &w->sites[number];
  __int128 low = offset, high = offset;
  for (int d = 0; d < count; d++) {
    if (dims[d].count <= 0) return;
    __int128 span = (__int128)dims[d].stride * (dims[d].count - 1);
    *(span < 0 ? &low : &high) += span;
  }
  uintptr_t address = (uintptr_t)base + (uintptr_t)offset * (uintptr_t)s->bytes;
  const storage *m = memory_of(w, s, (uintptr_t)base, address);
  __int128 from = (__int128)(uintptr_t)base + low * s->bytes, to = (__int128)(uintptr_t)base + (high + 1) * s->bytes;
  if (!m || from < m->begin || to > m->end) {
    each_element(number, program, base, offset, place, fine, 0, count);
    return;
  }
  int64_t elements = 1;
  for (int d = 0; d < count; d++) elements *= dims[d].count;
  see_alignment(w, s, program, address, elements);
  offset = forwards(offset, &count);
  int64_t row = 1;
  int done = 0;
  while (done < count && dims[done].stride == row) row *= dims[done++].count;
  for (int d = done; d < count; d++) dims[d - done] = dims[d];
  each_row(w, s, program, (uintptr_t)base + (uintptr_t)offset * (uintptr_t)s->bytes, row, count - done - 1);
}

// ---- a launch, for Python

static void drop(watch *w) {
  for (int64_t k = 0; k < w->storage_count; k++) {
    rung_forget_shadow(&w->storages[k].shadow);
    if (w->storages[k].unwritten.buf) PyBuffer_Release(&w->storages[k].unwritten);
  }
  for (int64_t d = 0; d < w->doubt_count; d++) free(w->doubts[d].before);
  rung_forget(&w->history);
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
    int kind, update, acquires, releases, closed;
    long long bytes;
    if (!PyArg_ParseTuple(PyTuple_GET_ITEM(sites, i), "iLippp", &kind, &bytes, &update, &acquires, &releases, &closed)) return false;
    w->kinds[i] = (rung_kind){(rung_access)kind, update, acquires, releases}, w->sites[i].bytes = bytes, w->sites[i].closed = closed, w->sites[i].tensor = w->sites[i].storage = -1;
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
  w->outer = at_work;
  at_work = w;
  Py_RETURN_NONE;
}

PyObject *rung_sanitize_end(PyObject *module, PyObject *ignored) {
  (void)module, (void)ignored;
  watch *w = at_work;
  if (!w) return PyErr_Format(PyExc_RuntimeError, "no launch is watched");
  at_work = w->outer;
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
