// The copy engine of RUNG_DEBUG_DMA=1: as slow as the contract of transfers allows, and watching that it is kept.
//
// A destination is filled with 0xff bytes (NaN as a float) at the start and delivered at its own wait, not before; so whoever
// relies on a transfer that he did not await gets no number. Transfers belong to the thread that starts them, as queues do.
#include "internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POISON 0xff
#define KEPT 16  // violations that are kept in words
#define WORDS 512

typedef struct {
  char *base;
  int64_t rows, row_bytes, stride;
} region;

typedef struct {
  const char *what;  // "load of argument 0, loop at gelu.py:12"; static
  int64_t iteration;  // negative: outside of the loop
  bool to_memory;
} site;

typedef struct {
  region dst, src;
  int32_t *tag;
  site at;
  char *snapshot;  // of the source, packed; NULL once delivered
  bool reported;   // that it was touched: once is enough
} flight;

typedef struct {
  site here;  // of the next start or wait
  int64_t count, capacity;
  flight flights[];
} board;

static _Thread_local board *my_board;
static pthread_key_t at_thread_exit;

static struct {
  pthread_mutex_t lock;
  _Atomic int64_t count;
  char words[KEPT][WORDS];
} violations = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct {
  _Atomic int64_t transfers, bytes, max_in_flight;
} counters;

// ---- reporting

static const char *named(const site *s, char *text, size_t size) {
  if (s->iteration < 0) snprintf(text, size, "%s, outside of the loop", s->what);
  else snprintf(text, size, "%s, iteration %lld", s->what, (long long)s->iteration);
  return text;
}

static void report(const site *at, const char *format, ...) {
  char text[WORDS / 2];
  named(at, text, sizeof text);
  pthread_mutex_lock(&violations.lock);
  int64_t n = atomic_load(&violations.count);
  if (n < KEPT) {
    int used = snprintf(violations.words[n], WORDS, "%s: ", text);
    va_list details;
    va_start(details, format);
    vsnprintf(violations.words[n] + used, (size_t)(WORDS - used), format, details);
    va_end(details);
  }
  atomic_store(&violations.count, n + 1);
  pthread_mutex_unlock(&violations.lock);
}

int64_t rung_dma_violations(void) { return atomic_load_explicit(&violations.count, memory_order_relaxed); }

int64_t rung_take_dma_violations(char *text, int64_t size) {
  pthread_mutex_lock(&violations.lock);
  int64_t n = atomic_load(&violations.count), used = 0;
  text[0] = 0;
  for (int64_t i = 0; i < n && i < KEPT && used < size - 1; i++)
    used += snprintf(text + used, (size_t)(size - used), "%s%s", i ? "\n" : "", violations.words[i]);
  atomic_store(&violations.count, 0);
  pthread_mutex_unlock(&violations.lock);
  return n;
}

// ---- regions

static void span(const region *r, const char **low, const char **high) {
  int64_t reach = (r->rows - 1) * r->stride;
  *low = r->base + (reach < 0 ? reach : 0);
  *high = r->base + (reach > 0 ? reach : 0) + r->row_bytes;
}

static bool meet_row(const region *r, const char *low, const char *high) {
  const char *first, *last;
  span(r, &first, &last);
  if (high <= first || low >= last) return false;
  int64_t step = r->stride < 0 ? -r->stride : r->stride;
  if (r->rows == 1 || step <= r->row_bytes) return true;
  // Rows counted from the lowest: the last one that begins before `high` is the only one that could reach `low`.
  int64_t row = (high - 1 - first) / step;
  if (row >= r->rows) row = r->rows - 1;
  return first + row * step + r->row_bytes > low;
}

static bool meet(const region *a, const region *b) {
  const char *low, *high;
  span(a, &low, &high);
  if (!meet_row(b, low, high)) return false;
  for (int64_t i = 0; i < a->rows; i++)
    if (meet_row(b, a->base + i * a->stride, a->base + i * a->stride + a->row_bytes)) return true;
  return false;
}

// Whether a row holds nothing but poison, and bytes of `allowed` at their own place if that is not NULL.
static bool is_poison(const char *row, int64_t bytes, const char *allowed) {
  for (int64_t i = 0; i < bytes; i++)
    if ((unsigned char)row[i] != POISON && !(allowed && row[i] == allowed[i])) return false;
  return true;
}

// ---- transfers in flight

static void destroy_board(void *b) {
  for (int64_t i = 0; i < ((board *)b)->count; i++) free(((board *)b)->flights[i].snapshot);
  free(b);
}

static void out_of_memory(void) {
  rung_fail(RUNG_FAILED_ALLOCATION, -1, "", "out of memory while transfers are checked; unset RUNG_DEBUG_DMA");
}

// NULL: no memory, and the launch has failed.
static board *board_with_room(void) {
  board *b = my_board;
  if (!b || b->count == b->capacity) {
    int64_t capacity = b ? 2 * b->capacity : 32;
    bool first = !b;
    b = realloc(b, sizeof(board) + (size_t)capacity * sizeof(flight));
    if (!b) return out_of_memory(), NULL;
    if (first) b->here = (site){"a transfer", -1, false}, b->count = 0;
    b->capacity = capacity;
    my_board = b;
    pthread_setspecific(at_thread_exit, b);
  }
  return b;
}

static void copy(const region *dst, const region *src) {
  for (int64_t r = 0; r < src->rows; r++)
    memcpy(dst->base + r * dst->stride, src->base + r * src->stride, (size_t)src->row_bytes);
}

// Carries the transfer out. The source and the destination must be what they were at the start.
static void deliver(flight *f) {
  bool touched = false, changed = false;
  for (int64_t r = 0; r < f->src.rows; r++) {
    const char *src = f->src.base + r * f->src.stride, *then = f->snapshot + r * f->src.row_bytes;
    const char *dst = f->dst.base + r * f->dst.stride;
    changed |= memcmp(src, then, (size_t)f->src.row_bytes) != 0;
    // In memory, another context may have put the same there, or into a part of it.
    touched |= !is_poison(dst, f->dst.row_bytes, f->at.to_memory ? then : NULL);
  }
  if (changed) report(&f->at, "its source was modified in flight");
  if (touched && f->dst.stride >= f->dst.row_bytes) report(&f->at, "its destination was written in flight");
  copy(&f->dst, &f->src);
  free(f->snapshot);
  f->snapshot = NULL;
}

static void drop(board *b, int64_t i) {
  free(b->flights[i].snapshot);
  memmove(b->flights + i, b->flights + i + 1, (size_t)(b->count - i - 1) * sizeof(flight));
  b->count--;
}

static void compare(board *b, const flight *f) {
  char other[WORDS / 4];
  for (int64_t i = 0; i < b->count; i++) {
    flight *e = &b->flights[i];
    if (!e->snapshot) continue;
    if (meet(&f->dst, &e->dst)) {
      // Stores of one queue take effect in order: the earlier one is over when the later one begins.
      if (f->at.to_memory && e->at.to_memory) deliver(e);
      else report(&f->at, "starts into the destination of a transfer in flight: %s", named(&e->at, other, sizeof other));
    } else if (meet(&f->dst, &e->src)) {
      report(&f->at, "starts into the source of a transfer in flight: %s", named(&e->at, other, sizeof other));
    } else if (meet(&f->src, &e->dst)) {
      report(&f->at, "starts from the destination of a transfer in flight: %s", named(&e->at, other, sizeof other));
    }
  }
}

RUNG_API void rung_dma_at(const char *what, int64_t iteration, int64_t to_memory) {
  board *b = board_with_room();
  if (b) b->here = (site){what, iteration, to_memory != 0};
}

RUNG_API void rung_checked_dma_start(void *dst, const void *src, int64_t rows, int64_t row_bytes, int64_t dst_stride_bytes,
                                     int64_t src_stride_bytes, int32_t *tag) {
  board *b = board_with_room();
  char other[WORDS / 4];
  for (int64_t i = b ? b->count - 1 : -1; i >= 0; i--) {
    if (b->flights[i].tag != tag) continue;
    report(&b->here, "starts with the tag of a transfer in flight: %s", named(&b->flights[i].at, other, sizeof other));
    if (b->flights[i].snapshot) deliver(&b->flights[i]);
    drop(b, i);
  }
  *tag = 0;
  if (rows <= 0 || row_bytes <= 0) return;
  flight f = {.dst = {dst, rows, row_bytes, dst_stride_bytes}, .src = {(char *)src, rows, row_bytes, src_stride_bytes}, .tag = tag};
  if (b) f.at = b->here, compare(b, &f), f.snapshot = malloc((size_t)(rows * row_bytes));
  if (!f.snapshot) {  // not to be watched: it is over when it begins
    if (b) out_of_memory();
    copy(&f.dst, &f.src);
    return;
  }
  for (int64_t r = 0; r < rows; r++)
    memcpy(f.snapshot + r * row_bytes, f.src.base + r * src_stride_bytes, (size_t)row_bytes);
  for (int64_t r = 0; r < rows; r++) memset(f.dst.base + r * dst_stride_bytes, POISON, (size_t)row_bytes);
  *tag = 1;
  b->flights[b->count++] = f;
  atomic_fetch_add(&counters.transfers, 1);
  atomic_fetch_add(&counters.bytes, rows * row_bytes);
  int64_t most = atomic_load(&counters.max_in_flight);
  while (b->count > most && !atomic_compare_exchange_weak(&counters.max_in_flight, &most, b->count)) {
  }
}

RUNG_API void rung_checked_dma_wait(int32_t *tag) {
  board *b = my_board;
  for (int64_t i = 0; b && i < b->count; i++) {
    if (b->flights[i].tag != tag) continue;
    if (!*tag) report(&b->flights[i].at, "its tag was overwritten in flight");
    if (b->flights[i].snapshot) deliver(&b->flights[i]);
    drop(b, i);
    *tag = 0;
    return;
  }
  if (b && *tag) report(&b->here, "waits for a transfer that was never started");
  *tag = 0;
}

// As nothing is done before its wait, the most transfers in flight are those of the program, whatever the timing.
rung_dma_counters rung_read_checked_dma_counters(void) {
  return (rung_dma_counters){.transfers = atomic_load(&counters.transfers),
                             .bytes = atomic_load(&counters.bytes),
                             .max_in_flight = atomic_load(&counters.max_in_flight)};
}

void rung_reset_checked_dma_counters(void) {
  atomic_store(&counters.transfers, 0);
  atomic_store(&counters.bytes, 0);
  atomic_store(&counters.max_in_flight, 0);
}

void rung_checked_dma_drain(void) {
  for (board *b = my_board; b && b->count; drop(b, 0)) {
    if (b->flights[0].snapshot) copy(&b->flights[0].dst, &b->flights[0].src);
    *b->flights[0].tag = 0;
  }
}

// ---- what the computation does meanwhile

RUNG_API void rung_dma_touch(const void *address, int64_t bytes, int64_t writes, const char *what, int64_t iteration) {
  board *b = my_board;
  if (!b || bytes <= 0) return;
  const char *low = address, *high = low + bytes;
  site here = {what, iteration, false};
  char words[WORDS / 4];
  for (int64_t i = 0; i < b->count; i++) {
    flight *f = &b->flights[i];
    if (!f->snapshot || f->reported) continue;
    if (meet_row(&f->dst, low, high))
      report(&f->at, "its buffer is %s before the transfer is awaited: %s", writes ? "written" : "read",
             named(&here, words, sizeof words));
    else if (writes && meet_row(&f->src, low, high))
      report(&f->at, "its source is overwritten before the transfer is awaited: %s", named(&here, words, sizeof words));
    else continue;
    f->reported = true;
  }
}

RUNG_API int64_t rung_dma_enter(void) { return my_board ? my_board->count : 0; }

RUNG_API void rung_dma_leave(int64_t in_flight) {
  board *b = my_board;
  while (b && b->count > in_flight) {
    report(&b->flights[in_flight].at, "is never awaited");
    if (b->flights[in_flight].snapshot) deliver(&b->flights[in_flight]);
    drop(b, in_flight);
  }
}

// ---- fork()

static void before_fork(void) { pthread_mutex_lock(&violations.lock); }

static void in_parent(void) { pthread_mutex_unlock(&violations.lock); }

// What has been found in the launches of other threads is for the parent to tell.
static void in_child(void) {
  atomic_store(&violations.count, 0);
  pthread_mutex_unlock(&violations.lock);
}

__attribute__((constructor)) static void set_up(void) {
  pthread_key_create(&at_thread_exit, destroy_board);
  pthread_atfork(before_fork, in_parent, in_child);
}
