// The copy engine of RUNG_DEBUG_DMA=1: as slow as the contract of transfers allows, and watching that it is kept (flights.h).
//
// Transfers belong to the thread that starts them, as queues do; of programs that take turns on it, each has its own.
#include "fibre.h"
#include "flights.h"
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>

#define WORDS 512  // bytes of one violation in words

static _Thread_local struct {
  rung_site at;  // a text that lives on, "load of argument 0, loop at gelu.py:12"; its iteration, negative outside of a loop
  bool to_memory;
} here = {{.text = "a transfer", .turn = -1}, false};  // of the next start or wait

static _Thread_local rung_flights *mine;
static pthread_key_t at_thread_exit;

static struct {
  pthread_mutex_t lock;
  _Atomic int64_t count;
  char words[RUNG_VIOLATIONS_KEPT][WORDS];
} violations = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct {
  _Atomic int64_t transfers, bytes, max_in_flight;
} counters;

// ---- reporting

static const char *named(const rung_site *s, char *text, size_t size) {
  if (s->turn < 0) snprintf(text, size, "%s, outside of the loop", s->text);
  else snprintf(text, size, "%s, iteration %lld", s->text, (long long)s->turn);
  return text;
}

static void report(rung_violation violation, const rung_flight *flight, const rung_site *by) {
  char what[WORDS / 2], other[WORDS / 4] = "";
  named(&flight->at, what, sizeof what);
  if (by) named(by, other, sizeof other);
  pthread_mutex_lock(&violations.lock);
  int64_t n = atomic_load(&violations.count);
  if (n < RUNG_VIOLATIONS_KEPT)
    snprintf(violations.words[n], WORDS, "%s: %s%s%s", what, rung_violation_words[violation], by ? ": " : "", other);
  atomic_store(&violations.count, n + 1);
  pthread_mutex_unlock(&violations.lock);
}

int64_t rung_dma_violations(void) { return atomic_load_explicit(&violations.count, memory_order_relaxed); }

int64_t rung_take_dma_violations(char *text, int64_t size) {
  pthread_mutex_lock(&violations.lock);
  int64_t n = atomic_load(&violations.count), used = 0;
  text[0] = 0;
  for (int64_t i = 0; i < n && i < RUNG_VIOLATIONS_KEPT && used < size - 1; i++)
    used += snprintf(text + used, (size_t)(size - used), "%s%s", i ? "\n" : "", violations.words[i]);
  atomic_store(&violations.count, 0);
  pthread_mutex_unlock(&violations.lock);
  return n;
}

// ---- the engine

static void destroy(void *flights) {
  rung_flights_forget_all(flights);
  free(((rung_flights *)flights)->list);
  free(flights);
}

static void out_of_memory(void) {
  rung_fail(RUNG_FAILED_ALLOCATION, -1, "", "out of memory while transfers are checked; unset RUNG_DEBUG_DMA");
}

// NULL: no memory.
static rung_flights *flights_of_this_thread(void) {
  if (!mine && (mine = malloc(sizeof *mine))) {
    *mine = (rung_flights){.report = report, .others_store = true};
    pthread_setspecific(at_thread_exit, mine);
  }
  return mine;
}

RUNG_API void rung_dma_at(const char *what, int64_t iteration, int64_t to_memory) {
  here.at = (rung_site){.text = what, .turn = iteration};
  here.to_memory = to_memory != 0;
}

RUNG_API void rung_checked_dma_start(void *dst, const void *src, int64_t rows, int64_t row_bytes, int64_t dst_stride_bytes,
                                     int64_t src_stride_bytes, int32_t *tag) {
  rung_flights *all = flights_of_this_thread();
  rung_flight f = {.dst = {dst, rows, row_bytes, dst_stride_bytes}, .src = {(char *)src, rows, row_bytes, src_stride_bytes},
                   .tag = tag, .at = here.at, .to_memory = here.to_memory, .owner = rung_fibre_running()};
  if (!all || !rung_flights_start(all, f)) {  // not to be watched: the other engine carries it out
    out_of_memory();
    rung_dma_start(dst, src, rows, row_bytes, dst_stride_bytes, src_stride_bytes, tag);
    rung_dma_wait(tag);
    return;
  }
  if (!*tag) return;
  atomic_fetch_add(&counters.transfers, 1);
  atomic_fetch_add(&counters.bytes, rows * row_bytes);
  int64_t most = atomic_load(&counters.max_in_flight);
  while (all->count > most && !atomic_compare_exchange_weak(&counters.max_in_flight, &most, all->count)) {
  }
}

RUNG_API void rung_checked_dma_wait(int32_t *tag) {
  rung_flights *all = flights_of_this_thread();
  if (all) rung_flights_wait(all, tag, here.at);
  *tag = 0;
}

void rung_checked_dma_drain(void) {
  if (mine) rung_flights_deliver_all(mine);
}

// ---- what the computation does meanwhile

RUNG_API void rung_dma_touch(const void *address, int64_t bytes, int64_t writes, const char *what, int64_t iteration) {
  if (mine) rung_flights_touch(mine, address, bytes, writes != 0, (rung_site){.text = what, .turn = iteration});
}

RUNG_API int64_t rung_dma_enter(void) { return mine ? mine->started : 0; }

RUNG_API void rung_dma_leave(int64_t entered) {
  if (mine) rung_flights_end(mine, entered, rung_fibre_running(), true);
}

// ---- counters, fork()

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

static void before_fork(void) { pthread_mutex_lock(&violations.lock); }

static void in_parent(void) { pthread_mutex_unlock(&violations.lock); }

// What has been found in the launches of other threads is for the parent to tell.
static void in_child(void) {
  atomic_store(&violations.count, 0);
  pthread_mutex_unlock(&violations.lock);
}

__attribute__((constructor)) static void set_up(void) {
  pthread_key_create(&at_thread_exit, destroy);
  pthread_atfork(before_fork, in_parent, in_child);
}
