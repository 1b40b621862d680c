#include "shadow.h"

#include <stdbool.h>
#include <stdlib.h>

#define CELLS 64  // of a page: most blocks touch whole ones, which are as dear as a single element

// ---- one element, or a page of them that are alike

// An access, while it goes from element to element.
typedef struct {
  rung_history *history;
  const rung_kind *kinds;
  uint32_t record, program;
  bool atomic, written;             // as a conflict is
  uint32_t known, joined, together;  // of a release at the last element: the program's clock, the address's, and both
} access;

static void release_at(access *a, rung_cell *cell) {
  uint32_t known = a->history->clock[a->program];
  if (a->together && a->known == known && a->joined == cell->clock) {
    cell->clock = a->together;
    return;
  }
  a->known = known, a->joined = cell->clock;
  cell->clock = a->together = rung_joined(a->history, cell->clock, a->program);
}

static uint32_t load(access *a, rung_cell *cell) {
  const rung_record *records = a->history->records;
  if (cell->reader == a->record) return 0;
  if (!cell->reader || records[cell->reader].program == a->program) cell->reader = a->record;
  else if (!cell->other || records[cell->other].program == a->program) cell->other = a->record;
  return rung_contends(a->history, cell->writer, a->program) ? cell->writer : 0;
}

// A wait: what it sees was written for it to be seen.
static void wait(access *a, rung_cell *cell) {
  rung_history *h = a->history;
  if (!cell->writer || h->records[cell->writer].program == a->program || !rung_keep_clocks(h, a->program)) return;
  uint32_t writer = h->records[cell->writer].program;
  rung_release(h, writer);
  rung_acquire(h, a->program, rung_joined(h, cell->clock, writer));
}

static uint32_t touch(access *a, rung_cell *cell) {
  rung_history *h = a->history;
  const rung_kind *kind = &a->kinds[h->records[a->record].site];
  if (kind->access == RUNG_LOAD) return load(a, cell);
  if (kind->access == RUNG_VOLATILE_LOAD) return wait(a, cell), 0;
  if (kind->acquires && h->clock) rung_acquire(h, a->program, cell->clock);
  const rung_kind *before = cell->writer ? &a->kinds[h->records[cell->writer].site] : NULL;
  uint32_t found = 0;
  if (before && before->access == RUNG_ATOMIC && kind->access == RUNG_ATOMIC) {
    bool may_change = kind->update && kind->update == before->update;
    if (h->records[cell->writer].program != a->program && !may_change) found = cell->writer, a->atomic = true;
  } else if (rung_contends(h, cell->writer, a->program)) {
    found = cell->writer, a->written = kind->access == RUNG_STORE && before->access == RUNG_STORE;
  }
  if (!found && rung_contends(h, cell->reader, a->program)) found = cell->reader;
  if (!found && rung_contends(h, cell->other, a->program)) found = cell->other;
  *cell = (rung_cell){a->record, 0, 0, cell->clock};
  if (kind->releases && h->clock) release_at(a, cell);
  return found;
}

// ---- ranges

static void forget_pages(rung_shadow *s) {
  if (s->pages)
    for (int64_t p = 0; p <= (s->bytes - 1) / (s->granule * CELLS); p++) free(s->pages[p].each);
  free(s->pages);
  s->pages = NULL;
}

static bool split(rung_page *page) {
  if (page->each) return true;
  page->each = malloc(CELLS * sizeof *page->each);
  for (int i = 0; page->each && i < CELLS; i++) page->each[i] = page->all;
  return page->each;
}

// Elements narrower than all before: each cell becomes several.
static bool prepare(rung_shadow *s, int64_t element) {
  if (s->pages && s->granule <= element) return true;
  rung_shadow finer = {.bytes = s->bytes, .granule = element};
  int64_t count = (s->bytes - 1) / (element * CELLS) + 1, factor = s->pages ? s->granule / element : 1;
  finer.pages = calloc((size_t)count, sizeof *finer.pages);
  for (int64_t p = 0; s->pages && finer.pages && p < count; p++) {
    const rung_page *old = &s->pages[p / factor];
    finer.pages[p].all = old->all;
    if (!old->each || !split(&finer.pages[p])) continue;
    for (int64_t i = 0; i < CELLS; i++) finer.pages[p].each[i] = old->each[(p * CELLS + i) / factor % CELLS];
  }
  forget_pages(s);
  *s = finer;
  return s->pages;
}

// Whether all of a page are what one access has made of them.
static bool is_alike(const rung_page *page) {
  for (int i = 1; i < CELLS; i++)
    if (page->each[i].clock != page->each[0].clock) return false;
  return true;
}

static void add(rung_conflict *conflict, uint32_t record, const access *a, int64_t offset, int64_t bytes) {
  if (!record) return;
  if (!conflict->record) *conflict = (rung_conflict){offset, 0, 0, record, a->atomic, true};
  conflict->written = conflict->written && a->written;
  conflict->bytes += bytes, conflict->end = offset + bytes;
}

void rung_touch(rung_history *h, rung_shadow *s, const rung_kind *kinds, uint32_t record, int64_t offset, int64_t bytes, int64_t element,
                rung_conflict *conflict) {
  if (!record || bytes <= 0 || !prepare(s, element)) return;
  access a = {.history = h, .kinds = kinds, .record = record, .program = h->records[record].program};
  const rung_kind *kind = &kinds[h->records[record].site];
  bool replaces = kind->access == RUNG_STORE || kind->access == RUNG_ATOMIC;
  if (kind->access == RUNG_ATOMIC && (kind->acquires || kind->releases) && rung_keep_clocks(h, a.program) && kind->releases)
    rung_release(h, a.program);
  int64_t granule = s->granule, first = offset / granule, end = (offset + bytes - 1) / granule + 1;
  for (int64_t g = first; g < end;) {
    rung_page *page = &s->pages[g / CELLS];
    int64_t start = g / CELLS * CELLS, stop = start + CELLS < end ? start + CELLS : end;
    bool whole = g == start && stop == start + CELLS;
    if (whole && !page->each) {
      a.written = false;
      add(conflict, touch(&a, &page->all), &a, g * granule, CELLS * granule);
    } else {
      if (!split(page)) return;
      for (int64_t i = g; i < stop; i++) {
        a.written = false;
        add(conflict, touch(&a, &page->each[i - start]), &a, i * granule, granule);
      }
      if (whole && replaces && is_alike(page)) {
        page->all = page->each[0];
        free(page->each), page->each = NULL;
      }
    }
    g = stop;
  }
}

void rung_forget_shadow(rung_shadow *shadow) { forget_pages(shadow); }
