#define PY_SSIZE_T_CLEAN
#include "sanitize.h"

#include <stdlib.h>
#include <string.h>

#include "failure.h"
#include "watch.h"

#define MOST_DIMS 16
#define ORIGIN 4096  // what pointers are counted from that may be of several arguments, or of none (frontends/triton/bases.py)

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

// Whether the launch cannot go on behind it.
static bool ends_launch(const watch *w, const fault *f) {
  bool is_left_out = f->kind == OUTSIDE || f->kind == UNMAPPED || f->kind == PROTECTED;
  return f->kind != SAME && (w->stop || (is_left_out && w->sites[f->site].vital));
}

// NULL: a launch that is to stop at the first has another one, or there are too many to be told.
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
  bool ends = ends_launch(w, &found);
  if (w->stopped || (w->fault_count == MOST_FAULTS && !ends)) return NULL;
  fault *f = &w->faults[w->fault_count < MOST_FAULTS ? w->fault_count++ : MOST_FAULTS - 1];
  *f = found;
  w->stopped = ends;
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
  watch *w = rung_watched;
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

// Of memory of no argument: how long it is, and what of it is meant, nobody knows; but whether there is any.
static bool is_present(watch *w, const site *s, int64_t program, uintptr_t address, int64_t place) {
  int64_t number = s - w->sites;
  rung_access access = w->kinds[number].access;
  bool reads = access != RUNG_STORE, writes = access == RUNG_STORE || access == RUNG_ATOMIC;
  rung_presence found = rung_presence_of(&w->mappings, address, s->bytes, reads, writes, number, program);
  if (found == RUNG_MAPPED) return w->unknown++, true;
  fault_kind kind = found == RUNG_PROTECTED ? PROTECTED : UNMAPPED;
  note(w, (fault){kind, number, program, place, -1, -1, -1, -1, address, address, address, 1});
  return false;
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
  if (!m && (base >> 12) && (address >> 12)) return is_present(w, s, program, address, place);
  if (m && address >= m->begin && address < m->end && m->end - address >= (uintptr_t)s->bytes) return true;
  note(w, (fault){OUTSIDE, s - w->sites, program, place, -1, -1, s->tensor, m ? s->storage : -1, address, address, address, 1});
  return false;
}

int32_t rung_check_element(int64_t number, int64_t program, const void *base, int64_t index, int64_t place, char *fine) {
  watch *w = rung_watched;
  if (!w || number >= w->site_count) return 1;
  site *s = &w->sites[number];
  uintptr_t address = (uintptr_t)base + (uintptr_t)index * (uintptr_t)s->bytes;
  if (inside(w, s, program, (uintptr_t)base, address, place)) {
    see_alignment(w, s, program, address, 1);
    if (s->storage >= 0) touch(w, s, program, address, s->bytes);
    return 1;
  }
  if (fine) fine[place] = 0;
  return 0;
}

void rung_check_value(int64_t number, int64_t program, int64_t place, int64_t source) {
  if (rung_watched) note(rung_watched, (fault){UNDEFINED, number, program, place, source, program, -1, -1, 0, 0, 0, 1});
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
  watch *w = rung_watched;
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
