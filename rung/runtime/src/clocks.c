#include "clocks.h"

#include <stdlib.h>
#include <string.h>

// A clock that would know more programs knows until when all was released instead: what is told stays true, and a race
// between two programs of hundreds that meet at one counter may be missed.
#define MOST_KNOWN 128
#define MOST_ENTRIES (1 << 22)

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

uint32_t rung_record_of(rung_history *h, uint32_t program, uint32_t site, uint32_t last) {
  if (last && h->records[last].program == program && !h->records[last].released) return last;
  if (program >= h->programs || !grow(h)) return 0;
  uint32_t made = h->count++;
  h->records[made] = (rung_record){program, site, 0, h->open ? h->open[program] : 0};
  if (h->open) h->open[program] = made;
  return made;
}

bool rung_keep_clocks(rung_history *h, uint32_t program) {
  if (program >= h->programs) return false;
  if (h->open) return true;
  uint32_t *all = calloc(3 * ((size_t)h->programs + 1), sizeof *all);
  if (!all) return false;
  h->open = all, h->last = all + h->programs + 1, h->clock = h->last + h->programs + 1;
  for (uint32_t r = 1; r < h->count; r++) h->records[r].older = h->open[h->records[r].program], h->open[h->records[r].program] = r;
  return true;
}

// ---- clocks

static const rung_clock nothing;

static const rung_clock *at(const rung_history *h, uint32_t clock) { return clock ? &h->clocks[clock] : &nothing; }

// Too many to be told apart: from now on, clocks know times alone.
static void coarsen(rung_history *h) {
  for (uint32_t c = 1; c < h->clock_count; c++) {
    rung_clock *clock = &h->clocks[c];
    for (uint32_t i = 0; i < clock->count; i++)
      if (clock->until < clock->known[i].until) clock->until = clock->known[i].until;
    free(clock->known), clock->known = NULL, clock->count = 0;
  }
  h->entries = 0, h->full = true;
}

static uint32_t make(rung_history *h, uint32_t until, const rung_known *known, uint32_t count) {
  if (h->clock_count == h->clock_room) {
    uint32_t room = h->clock_room ? 2 * h->clock_room : 256;
    rung_clock *clocks = realloc(h->clocks, room * sizeof *clocks);
    if (!clocks) return 0;
    h->clocks = clocks, h->clock_room = room;
    if (!h->clock_count) h->clock_count = 1;
  }
  rung_clock made = {until, 0, NULL};
  if (count > MOST_KNOWN || h->full || (count && !(made.known = malloc(count * sizeof *known))))
    for (uint32_t i = 0; i < count; i++) made.until = made.until < known[i].until ? known[i].until : made.until;
  else if (count)
    memcpy(made.known, known, count * sizeof *known), made.count = count;
  h->clocks[h->clock_count] = made, h->entries += made.count;
  if (h->entries > MOST_ENTRIES) coarsen(h);
  return h->clock_count++;
}

// What both know; one of them, if that is all. Clocks that know nothing more are not made again.
static uint32_t join(rung_history *h, uint32_t into, const rung_clock *b, uint32_t same_as) {
  const rung_clock *a = at(h, into);
  rung_known both[2 * MOST_KNOWN + 1];
  uint32_t until = a->until > b->until ? a->until : b->until, count = 0, i = 0, j = 0;
  bool is_a = until == a->until, is_b = until == b->until;
  while (i < a->count || j < b->count) {
    const rung_known *x = i < a->count ? &a->known[i] : NULL, *y = j < b->count ? &b->known[j] : NULL;
    bool left = x && (!y || x->program <= y->program), right = y && (!x || y->program <= x->program);
    rung_known more = left ? *x : *y;
    if (right && y->until > more.until) more.until = y->until;
    i += left, j += right;
    if (more.until <= until) continue;
    is_a = is_a && left && x->until == more.until, is_b = is_b && right && y->until == more.until;
    both[count++] = more;
  }
  if (is_a) return into;
  if (is_b && same_as) return same_as;
  uint32_t made = make(h, until, both, count);
  return made ? made : into;
}

void rung_release(rung_history *h, uint32_t program) {
  if (!h->open[program] && h->last[program]) return;  // it has done nothing since
  h->last[program] = ++h->now;
  for (uint32_t r = h->open[program]; r; r = h->records[r].older) h->records[r].released = h->now;
  h->open[program] = 0;
}

uint32_t rung_joined(rung_history *h, uint32_t clock, uint32_t program) {
  rung_known self = {program, h->last[program]};
  rung_clock own = h->full ? (rung_clock){self.until, 0, NULL} : (rung_clock){0, 1, &self};
  uint32_t with = h->clock[program] ? join(h, clock, at(h, h->clock[program]), h->clock[program]) : clock;
  return join(h, with, &own, 0);
}

void rung_acquire(rung_history *h, uint32_t program, uint32_t clock) {
  if (clock && clock != h->clock[program]) h->clock[program] = join(h, h->clock[program], at(h, clock), clock);
}

bool rung_contends(const rung_history *h, uint32_t r, uint32_t program) {
  if (!r || h->records[r].program == program) return false;
  uint32_t released = h->records[r].released;
  if (!released || !h->clock) return true;
  const rung_clock *clock = at(h, h->clock[program]);
  if (released <= clock->until) return false;
  uint32_t low = 0, high = clock->count;
  while (low < high) {
    uint32_t middle = (low + high) / 2;
    if (clock->known[middle].program < h->records[r].program) low = middle + 1;
    else high = middle;
  }
  return low == clock->count || clock->known[low].program != h->records[r].program || clock->known[low].until < released;
}

void rung_forget(rung_history *h) {
  for (uint32_t c = 1; c < h->clock_count; c++) free(h->clocks[c].known);
  free(h->clocks), free(h->records), free(h->open);
}
