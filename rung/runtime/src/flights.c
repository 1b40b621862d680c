#include "flights.h"

#include <stdlib.h>
#include <string.h>

#define NAME(name, words) #name,
#define WORDS(name, words) words,
const char *const rung_violation_names[] = {RUNG_VIOLATIONS(NAME)}, *const rung_violation_words[] = {RUNG_VIOLATIONS(WORDS)};

// ---- boxes

// Addresses of different objects are compared as numbers.
static void span(const rung_box *b, uintptr_t *low, uintptr_t *high) {
  uintptr_t first = (uintptr_t)b->at, last = first + (uintptr_t)((b->rows - 1) * b->stride);
  *low = b->stride < 0 ? last : first;
  *high = (b->stride < 0 ? first : last) + (uintptr_t)b->row_bytes;
}

static bool rows_overlap(const rung_box *b) {
  return b->rows > 1 && b->stride < b->row_bytes && b->stride > -b->row_bytes;
}

// Whether `b` has a byte in [low, high).
static bool meets(const rung_box *b, uintptr_t low, uintptr_t high) {
  uintptr_t first, last;
  span(b, &first, &last);
  if (high <= first || low >= last) return false;
  uintptr_t step = (uintptr_t)(b->stride < 0 ? -b->stride : b->stride);
  if (b->rows == 1 || step <= (uintptr_t)b->row_bytes) return true;
  // Rows counted from the lowest: the last one that begins before `high` is the only one that could reach `low`.
  uintptr_t row = (high - 1 - first) / step;
  if (row >= (uintptr_t)b->rows) row = (uintptr_t)b->rows - 1;
  return first + row * step + (uintptr_t)b->row_bytes > low;
}

bool rung_boxes_meet(const rung_box *a, const rung_box *b) {
  if (a->rows > b->rows) return rung_boxes_meet(b, a);
  uintptr_t low, high;
  span(a, &low, &high);
  if (!meets(b, low, high)) return false;
  for (int64_t r = 0; r < a->rows; r++) {
    low = (uintptr_t)a->at + (uintptr_t)(r * a->stride);
    if (meets(b, low, low + (uintptr_t)a->row_bytes)) return true;
  }
  return false;
}

static char *row_of(const rung_box *b, int64_t row) { return b->at + row * b->stride; }

static void poison(const rung_box *b) {
  for (int64_t r = 0; r < b->rows; r++) memset(row_of(b, r), RUNG_POISON, (size_t)b->row_bytes);
}

static void pack(char *data, const rung_box *b) {
  for (int64_t r = 0; r < b->rows; r++) memcpy(data + r * b->row_bytes, row_of(b, r), (size_t)b->row_bytes);
}

static void unpack(const rung_box *b, const char *data) {
  for (int64_t r = 0; r < b->rows; r++) memcpy(row_of(b, r), data + r * b->row_bytes, (size_t)b->row_bytes);
}

static bool holds(const rung_box *b, const char *data) {
  for (int64_t r = 0; r < b->rows; r++)
    if (memcmp(row_of(b, r), data + r * b->row_bytes, (size_t)b->row_bytes)) return false;
  return true;
}

// Whether the box holds nothing but poison, and bytes of `allowed` at their own place where that is not NULL.
static bool is_poison(const rung_box *b, const char *allowed) {
  for (int64_t r = 0; r < b->rows; r++) {
    const char *row = row_of(b, r);
    if ((unsigned char)row[0] == RUNG_POISON && !memcmp(row, row + 1, (size_t)b->row_bytes - 1)) continue;
    if (!allowed) return false;
    for (int64_t i = 0; i < b->row_bytes; i++)
      if ((unsigned char)row[i] != RUNG_POISON && row[i] != allowed[r * b->row_bytes + i]) return false;
  }
  return true;
}

// ---- reports

static void tell(const rung_flights *all, rung_violation violation, const rung_flight *flight, const rung_site *by) {
  all->report(violation, flight, by);
}

static void mark(rung_flight *f, rung_violation violation) { f->told |= 1u << violation; }

static bool is_marked(const rung_flight *f, rung_violation violation) { return f->told >> violation & 1; }

// What befalls a transfer is told once, and not again by the damage that it does.
static void tell_once(const rung_flights *all, rung_violation violation, rung_flight *f, const rung_site *by) {
  if (is_marked(f, violation)) return;
  mark(f, violation);
  tell(all, violation, f, by);
}

// ---- the end of a transfer

static void drop(rung_flights *all, int64_t i) {
  free(all->list[i].data);
  all->count--;
  memmove(all->list + i, all->list + i + 1, (size_t)(all->count - i) * sizeof *all->list);
}

static void check_destination(const rung_flights *all, rung_flight *f) {
  if (is_marked(f, RUNG_DESTINATION_WRITTEN)) return;
  bool by_others = all->others_store && f->to_memory;
  if (by_others && rows_overlap(&f->dst)) return;  // another context may have put any of its rows there
  if (!is_poison(&f->dst, by_others ? f->data : NULL)) tell_once(all, RUNG_DESTINATION_WRITTEN, f, NULL);
}

static bool is_behind(const rung_flight *later, const rung_flight *f) {
  return later->behind && later->data && rung_boxes_meet(&later->dst, &f->dst);
}

// Carries a transfer out. Its source and its destination must be what they were when it started; where a later one goes
// to the same place, it stays poisoned.
static void deliver(rung_flights *all, rung_flight *f) {
  rung_flight *end = all->list + all->count;
  if (!is_marked(f, RUNG_SOURCE_WRITTEN) && !holds(&f->src, f->data)) tell_once(all, RUNG_SOURCE_WRITTEN, f, NULL);
  check_destination(all, f);
  for (rung_flight *later = f + 1; later < end; later++)
    if (is_behind(later, f)) check_destination(all, later);
  unpack(&f->dst, f->data);
  for (rung_flight *later = f + 1; later < end; later++)
    if (is_behind(later, f)) poison(&later->dst);
  free(f->data);
  f->data = NULL;
}

static void finish(rung_flights *all, int64_t i) {
  rung_flight *f = &all->list[i];
  if (f->data) {
    for (rung_flight *older = all->list; f->behind && older < f; older++)
      if (older->data && rung_boxes_meet(&older->dst, &f->dst)) deliver(all, older);
    deliver(all, f);
  }
  *f->tag = 0;
  drop(all, i);
}

// ---- the beginning

static void compare(const rung_flights *all, rung_flight *f) {
  if (rung_boxes_meet(&f->dst, &f->src)) {
    tell(all, RUNG_ONTO_ITSELF, f, NULL);
    mark(f, RUNG_SOURCE_WRITTEN);
  }
  for (rung_flight *e = all->list; e < all->list + all->count; e++) {
    if (!e->data) continue;
    if (rung_boxes_meet(&f->dst, &e->dst)) {
      f->behind = true;
      if (!f->to_memory || !e->to_memory) tell(all, RUNG_INTO_DESTINATION, f, &e->at);
    }
    if (rung_boxes_meet(&f->dst, &e->src)) {
      tell(all, RUNG_INTO_SOURCE, f, &e->at);
      mark(e, RUNG_SOURCE_WRITTEN);
    }
    if (rung_boxes_meet(&f->src, &e->dst)) {
      tell(all, RUNG_FROM_DESTINATION, f, &e->at);
      mark(f, RUNG_SOURCE_WRITTEN);
    }
  }
}

static bool make_room(rung_flights *all) {
  if (all->count < all->room) return true;
  int64_t room = all->room ? 2 * all->room : 32;
  rung_flight *list = realloc(all->list, (size_t)room * sizeof *list);
  if (!list) return false;
  all->list = list, all->room = room;
  return true;
}

bool rung_flights_start(rung_flights *all, rung_flight f) {
  for (int64_t i = all->count - 1; i >= 0; i--) {
    if (all->list[i].tag != f.tag) continue;
    tell(all, RUNG_TAG_IN_USE, &f, &all->list[i].at);
    finish(all, i);
  }
  *f.tag = 0;
  if (f.src.rows <= 0 || f.src.row_bytes <= 0) return true;
  compare(all, &f);
  f.data = make_room(all) ? malloc((size_t)(f.src.rows * f.src.row_bytes)) : NULL;
  if (!f.data) return false;
  pack(f.data, &f.src);
  poison(&f.dst);
  f.serial = all->started++;
  all->list[all->count++] = f;
  *f.tag = 1;
  return true;
}

// ---- what happens meanwhile

void rung_flights_touch(rung_flights *all, const void *address, int64_t bytes, bool writes, rung_site by) {
  if (bytes <= 0) return;
  uintptr_t low = (uintptr_t)address, high = low + (uintptr_t)bytes;
  for (rung_flight *f = all->list; f < all->list + all->count; f++) {
    if (!f->data) continue;
    if (meets(&f->dst, low, high)) tell_once(all, writes ? RUNG_DESTINATION_WRITTEN : RUNG_DESTINATION_READ, f, &by);
    if (writes && meets(&f->src, low, high)) tell_once(all, RUNG_SOURCE_WRITTEN, f, &by);
  }
}

bool rung_flights_wait(rung_flights *all, int32_t *tag, rung_site here) {
  for (int64_t i = 0; i < all->count; i++) {
    if (all->list[i].tag != tag) continue;
    if (*tag != 1) tell(all, RUNG_TAG_WRITTEN, &all->list[i], NULL);
    finish(all, i);
    return true;
  }
  if (*tag) tell(all, RUNG_NEVER_STARTED, &(rung_flight){.tag = tag, .at = here}, NULL);
  *tag = 0;
  return false;
}

// ---- transfers that are not awaited

void rung_flights_end(rung_flights *all, int64_t since, const void *owner, bool there) {
  for (int64_t i = 0; i < all->count;) {
    const rung_flight *f = &all->list[i];
    if (f->serial < since || f->owner != owner) {
      i++;
      continue;
    }
    tell(all, RUNG_NEVER_AWAITED, f, NULL);
    if (there) finish(all, i);
    else drop(all, i);
  }
}

void rung_flights_lose(rung_flights *all, const void *memory, int64_t bytes) {
  uintptr_t low = (uintptr_t)memory, high = low + (uintptr_t)bytes;
  for (int64_t i = 0; i < all->count;) {
    const rung_flight *f = &all->list[i];
    rung_box tag = {(char *)f->tag, 1, sizeof *f->tag, 0};
    if (!meets(&f->dst, low, high) && !meets(&f->src, low, high) && !meets(&tag, low, high)) {
      i++;
      continue;
    }
    tell(all, RUNG_NEVER_AWAITED, f, NULL);
    drop(all, i);
  }
}

void rung_flights_deliver_all(rung_flights *all) {
  for (; all->count; drop(all, 0)) {
    const rung_flight *f = all->list;
    if (f->data) unpack(&f->dst, f->data);
    *f->tag = 0;
  }
}

void rung_flights_forget_all(rung_flights *all) {
  while (all->count) drop(all, all->count - 1);
}
