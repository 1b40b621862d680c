#include "shadow.h"

#include <stdbool.h>
#include <stdlib.h>

#define CELLS 64  // of a page: most blocks touch whole ones, which are as dear as a single element

// ---- records

static bool grow(rung_history *h) {
  if (h->count < h->room) return true;
  uint32_t room = h->room ? 2 * h->room : 1024;
  rung_record *records = realloc(h->records, room * sizeof *records);
  if (!records) return false;
  h->records = records, h->room = room;
  if (!h->count) h->count = 1;
  return true;
}

static bool make_clocks(rung_history *h) {
  if (h->open) return true;
  h->open = calloc((size_t)h->programs + 1, sizeof *h->open), h->acquired = calloc((size_t)h->programs + 1, sizeof *h->acquired);
  if (h->open && h->acquired) {
    for (uint32_t r = 1; r < h->count; r++) h->records[r].older = h->open[h->records[r].program], h->open[h->records[r].program] = r;
    return true;
  }
  free(h->open), free(h->acquired);
  h->open = h->acquired = NULL;
  return false;
}

uint32_t rung_record_of(rung_history *h, uint32_t program, uint32_t site, uint32_t last) {
  if (last && h->records[last].program == program && !h->records[last].released) return last;
  if (program >= h->programs || !grow(h)) return 0;
  uint32_t made = h->count++;
  h->records[made] = (rung_record){program, site, 0, h->open ? h->open[program] : 0};
  if (h->open) h->open[program] = made;
  return made;
}

void rung_synchronize(rung_history *h, uint32_t program) {
  if (program >= h->programs || !make_clocks(h)) return;
  h->acquired[program] = ++h->now;
  for (uint32_t r = h->open[program]; r; r = h->records[r].older) h->records[r].released = h->now;
  h->open[program] = 0;
}

// Whether the access of record `r` and one of `program` now are in no order.
static bool contends(const rung_history *h, uint32_t r, uint32_t program) {
  if (!r || h->records[r].program == program) return false;
  return !h->records[r].released || !h->acquired || h->acquired[program] <= h->records[r].released;
}

// ---- one element, or a page of them that are alike

static uint32_t touch(rung_history *h, rung_cell *cell, const rung_kind *kinds, uint32_t now, bool *atomic) {
  uint32_t program = h->records[now].program, found = 0;
  rung_access kind = kinds[h->records[now].site].access;
  if (kind == RUNG_LOAD) {
    if (cell->reader == now) return 0;
    if (contends(h, cell->writer, program)) found = cell->writer;
    if (!cell->reader || h->records[cell->reader].program == program) cell->reader = now;
    else if (!cell->other || h->records[cell->other].program == program) cell->other = now;
    return found;
  }
  if (kind == RUNG_VOLATILE_LOAD) {  // a wait: what it sees was written for it to be seen
    if (!cell->writer || h->records[cell->writer].program == program || !make_clocks(h)) return 0;
    rung_synchronize(h, h->records[cell->writer].program);
    h->acquired[program] = ++h->now;
    return 0;
  }
  bool both_atomic = kind == RUNG_ATOMIC && cell->writer && kinds[h->records[cell->writer].site].access == RUNG_ATOMIC;
  int update = kinds[h->records[now].site].update;
  if (both_atomic && h->records[cell->writer].program != program && !(update && update == kinds[h->records[cell->writer].site].update))
    found = cell->writer, *atomic = true;
  else if (!both_atomic && contends(h, cell->writer, program)) found = cell->writer;
  else if (contends(h, cell->reader, program)) found = cell->reader;
  else if (contends(h, cell->other, program)) found = cell->other;
  *cell = (rung_cell){now, 0, 0};
  return found;
}

// ---- ranges

static void forget_pages(rung_shadow *s) {
  if (s->pages)
    for (int64_t p = 0; p <= (s->bytes - 1) / (s->granule * CELLS); p++) free(s->pages[p].each);
  free(s->pages);
  s->pages = NULL;
}

// Elements narrower than all before: what was known of wider ones is forgotten, which hides a race and makes up none.
static bool prepare(rung_shadow *s, int64_t element) {
  if (s->pages && s->granule <= element) return true;
  forget_pages(s);
  s->granule = element;
  s->pages = calloc((size_t)((s->bytes - 1) / (element * CELLS) + 1), sizeof *s->pages);
  return s->pages;
}

static bool split(rung_page *page) {
  if (page->each) return true;
  page->each = malloc(CELLS * sizeof *page->each);
  for (int i = 0; page->each && i < CELLS; i++) page->each[i] = page->all;
  return page->each;
}

static void add(rung_conflict *conflict, uint32_t record, bool atomic, int64_t offset, int64_t bytes) {
  if (!record) return;
  if (!conflict->record) *conflict = (rung_conflict){offset, 0, record, atomic};
  conflict->bytes += bytes;
}

void rung_touch(rung_history *h, rung_shadow *s, const rung_kind *kinds, uint32_t record, int64_t offset, int64_t bytes, int64_t element,
                rung_conflict *conflict) {
  if (!record || bytes <= 0 || !prepare(s, element)) return;
  rung_access access = kinds[h->records[record].site].access;
  bool replaces = access == RUNG_STORE || access == RUNG_ATOMIC, atomic = false;
  int64_t granule = s->granule, first = offset / granule, end = (offset + bytes - 1) / granule + 1;
  for (int64_t g = first; g < end;) {
    rung_page *page = &s->pages[g / CELLS];
    int64_t start = g / CELLS * CELLS, stop = start + CELLS < end ? start + CELLS : end;
    bool whole = g == start && stop == start + CELLS;
    if (whole && !page->each) {
      uint32_t other = touch(h, &page->all, kinds, record, &atomic);
      add(conflict, other, atomic, g * granule, CELLS * granule);
    } else {
      if (!split(page)) return;
      for (int64_t i = g; i < stop; i++) {
        uint32_t other = touch(h, &page->each[i - start], kinds, record, &atomic);
        add(conflict, other, atomic, i * granule, granule);
      }
      if (whole && replaces) {
        page->all = page->each[0];
        free(page->each), page->each = NULL;
      }
    }
    g = stop;
  }
}

void rung_forget_shadow(rung_shadow *shadow) { forget_pages(shadow); }

void rung_forget(rung_history *h) { free(h->records), free(h->acquired), free(h->open); }
