// The asynchronous copy engine: one thread that serves a ring of descriptors per producing thread.
//
// A ring has one producer. Its consumer is whoever holds the ring's lock: the engine as a rule, or the producer itself
// when it has waited for long (the engine's core was taken away), so that a wait always ends. When the contexts occupy every
// core there is none for an engine: sharing one in time slices would cost milliseconds per transfer, so it is left asleep.
#include "internal.h"

#include <stdlib.h>
#include <string.h>

#define QUEUE_DEPTH 64
#define HELP_NS 20000     // a waiter carries out its own transfers from here on; far above a hand-over between cores
#define NAP_AFTER_NS 1000000
#define NAP_NS 50000

typedef struct {
  char *dst;
  const char *src;
  int64_t rows, row_bytes, dst_stride, src_stride;
  int32_t *tag;
} transfer;

typedef struct ring {
  _Alignas(RUNG_CACHE_LINE) _Atomic int64_t head;  // transfers started; written by the producer
  _Atomic int64_t bytes, max_in_flight, waiter_copies;  // counters, written by the producer (and by a reset)
  _Alignas(RUNG_CACHE_LINE) _Atomic int64_t tail;  // transfers done; written by the lock's holder
  _Atomic bool locked;
  _Alignas(RUNG_CACHE_LINE) transfer slots[QUEUE_DEPTH];
  _Atomic bool owned;  // by a living thread; rings are never freed but handed on
  struct ring *next;
} ring;

enum { ABSENT, AWAKE, ASLEEP };
static struct {
  _Alignas(RUNG_CACHE_LINE) _Atomic uint32_t state;
  _Alignas(RUNG_CACHE_LINE) _Atomic(ring *) rings;
  _Atomic int64_t transfers_at_reset;
  _Atomic int core;  // where it is to run; negative: it cannot be pinned
} engine;

static _Thread_local ring *my_ring;
static pthread_key_t at_thread_exit;

// ---- consumer side

static void copy(const transfer *t) {
  if (t->rows == 1 || (t->dst_stride == t->row_bytes && t->src_stride == t->row_bytes)) {
    memcpy(t->dst, t->src, (size_t)(t->rows * t->row_bytes));
    return;
  }
  for (int64_t r = 0; r < t->rows; r++)
    memcpy(t->dst + r * t->dst_stride, t->src + r * t->src_stride, (size_t)t->row_bytes);
}

static bool pending(ring *r) { return atomic_load(&r->head) != atomic_load_explicit(&r->tail, memory_order_relaxed); }

// Carries out the oldest transfer of `r`; false when there is none, or another thread is at it.
static bool advance(ring *r) {
  if (!pending(r) || atomic_exchange_explicit(&r->locked, true, memory_order_acquire)) return false;
  int64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
  bool any = atomic_load_explicit(&r->head, memory_order_acquire) != tail;
  if (any) {
    transfer t = r->slots[tail % QUEUE_DEPTH];
    copy(&t);
    // First the tail: whoever sees the tag cleared must find the queue slot free, too.
    atomic_store_explicit(&r->tail, tail + 1, memory_order_release);
    __atomic_store_n(t.tag, 0, __ATOMIC_RELEASE);
  }
  atomic_store_explicit(&r->locked, false, memory_order_release);
  return any;
}

static bool sweep(void) {
  bool any = false;
  for (ring *r = atomic_load_explicit(&engine.rings, memory_order_acquire); r; r = r->next) any |= advance(r);
  return any;
}

static bool any_pending(void) {
  for (ring *r = atomic_load(&engine.rings); r; r = r->next)
    if (pending(r)) return true;
  return false;
}

static void *serve(void *argument) {
  (void)argument;
  rung_spin spin = {0};
  int pinned_to = -1;
  for (;;) {
    int core = atomic_load_explicit(&engine.core, memory_order_relaxed);
    if (core != pinned_to && core >= 0) rung_pin(pthread_self(), core);
    pinned_to = core;
    if (sweep()) {
      spin = (rung_spin){0};
    } else if (rung_spin_turn(&spin) > RUNG_SPIN_NS) {
      // Sequentially consistent with rung_dma_start: it sees ASLEEP, or we see its transfer.
      atomic_store(&engine.state, ASLEEP);
      if (!any_pending()) rung_sleep_while(&engine.state, ASLEEP);
      atomic_store(&engine.state, AWAKE);
      spin = (rung_spin){0};
    }
  }
  return NULL;
}

// ---- producer side

// NULL: no memory.
static ring *adopt_ring(void) {
  for (ring *r = atomic_load(&engine.rings); r; r = r->next)
    if (!atomic_exchange(&r->owned, true)) return r;
  ring *r;
  if (posix_memalign((void **)&r, RUNG_CACHE_LINE, sizeof *r)) return NULL;
  memset(r, 0, sizeof *r);
  atomic_store(&r->owned, true);
  r->next = atomic_load(&engine.rings);
  while (!atomic_compare_exchange_weak(&engine.rings, &r->next, r)) {
  }
  return r;
}

static void disown_ring(void *r) { atomic_store(&((ring *)r)->owned, false); }

static ring *ring_of_this_thread(void) {
  if (!my_ring) {
    my_ring = adopt_ring();
    pthread_setspecific(at_thread_exit, my_ring);
  }
  return my_ring;
}

static void start_engine(void) {
  uint32_t state = ABSENT;
  if (!atomic_compare_exchange_strong(&engine.state, &state, AWAKE)) return;
  int cores[RUNG_MAX_CORES];
  int count = rung_cores(cores);
  rung_move_engine(cores[count - 1]);
  pthread_t thread;
  if (!rung_start_thread(&thread, serve, NULL, -1)) atomic_store(&engine.state, ABSENT);  // waiters do the copying
}

void rung_move_engine(int core) { atomic_store_explicit(&engine.core, core, memory_order_relaxed); }

static void ring_the_bell(void) {
  uint32_t state = atomic_load(&engine.state);
  if (state == ABSENT) start_engine();
  if (state == ASLEEP && atomic_exchange(&engine.state, AWAKE) == ASLEEP) rung_wake(&engine.state);
}

static void count_one(_Atomic int64_t *counter, int64_t amount) {  // single writer: no locked instruction
  atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + amount, memory_order_relaxed);
}

static void wait_turn(ring *r, rung_spin *spin) {
  int64_t waited = rung_spin_turn(spin);
  if ((waited > HELP_NS || !rung_core_to_spare()) && advance(r)) {
    count_one(&r->waiter_copies, 1);
    return;
  }
  if (waited > NAP_AFTER_NS) nanosleep(&(struct timespec){.tv_nsec = NAP_NS}, NULL);
}

RUNG_API void rung_dma_start(void *dst, const void *src, int64_t rows, int64_t row_bytes, int64_t dst_stride_bytes,
                             int64_t src_stride_bytes, int32_t *tag) {
  if (rows <= 0 || row_bytes <= 0) {
    __atomic_store_n(tag, 0, __ATOMIC_RELAXED);
    return;
  }
  ring *r = ring_of_this_thread();
  if (!r) {  // without a queue the work is done at once
    copy(&(transfer){dst, src, rows, row_bytes, dst_stride_bytes, src_stride_bytes, tag});
    __atomic_store_n(tag, 0, __ATOMIC_RELAXED);
    return;
  }
  int64_t head = atomic_load_explicit(&r->head, memory_order_relaxed), in_flight;
  rung_spin spin = {0};
  while ((in_flight = head - atomic_load_explicit(&r->tail, memory_order_acquire)) == QUEUE_DEPTH) wait_turn(r, &spin);
  r->slots[head % QUEUE_DEPTH] = (transfer){dst, src, rows, row_bytes, dst_stride_bytes, src_stride_bytes, tag};
  count_one(&r->bytes, rows * row_bytes);
  if (in_flight + 1 > atomic_load_explicit(&r->max_in_flight, memory_order_relaxed))
    atomic_store_explicit(&r->max_in_flight, in_flight + 1, memory_order_relaxed);
  __atomic_store_n(tag, 1, __ATOMIC_RELAXED);
  atomic_store(&r->head, head + 1);
  if (rung_core_to_spare()) ring_the_bell();
}

RUNG_API void rung_dma_wait(int32_t *tag) {
  rung_spin spin = {0};
  while (__atomic_load_n(tag, __ATOMIC_ACQUIRE)) wait_turn(ring_of_this_thread(), &spin);
}

void rung_dma_drain(void) {
  rung_spin spin = {0};
  // Behind the tail, whoever holds the lock may still have a tag to write.
  while (my_ring && (pending(my_ring) || atomic_load_explicit(&my_ring->locked, memory_order_acquire))) wait_turn(my_ring, &spin);
}

// ---- counters, fork()

rung_dma_counters rung_read_dma_counters(void) {
  rung_dma_counters sum = {.transfers = -atomic_load(&engine.transfers_at_reset)};
  for (ring *r = atomic_load(&engine.rings); r; r = r->next) {
    int64_t most = atomic_load(&r->max_in_flight);
    sum.transfers += atomic_load(&r->head);
    sum.bytes += atomic_load(&r->bytes);
    sum.waiter_copies += atomic_load(&r->waiter_copies);
    if (most > sum.max_in_flight) sum.max_in_flight = most;
  }
  return sum;
}

void rung_reset_dma_counters(void) {
  atomic_fetch_add(&engine.transfers_at_reset, rung_read_dma_counters().transfers);
  for (ring *r = atomic_load(&engine.rings); r; r = r->next) {
    atomic_store(&r->bytes, 0);
    atomic_store(&r->max_in_flight, 0);
    atomic_store(&r->waiter_copies, 0);
  }
}

// A forked child has the forking thread only. Its own transfers are still to be carried out (one that the engine was at
// is repeated); those of the threads that are gone are dropped.
static void in_child(void) {
  rung_sleep_in_child();
  atomic_store(&engine.state, ABSENT);
  for (ring *r = atomic_load(&engine.rings); r; r = r->next) {
    atomic_store(&r->locked, false);
    if (r == my_ring) continue;
    atomic_store(&r->tail, atomic_load(&r->head));
    atomic_store(&r->owned, false);
  }
}

__attribute__((constructor)) static void set_up(void) {
  pthread_key_create(&at_thread_exit, disown_ring);
  pthread_atfork(NULL, NULL, in_child);
}
