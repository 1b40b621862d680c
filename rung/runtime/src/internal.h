// What the runtime's own files share: waiting, cores, and counters. Compiled code sees runtime.h only.
#ifndef RUNG_INTERNAL_H
#define RUNG_INTERNAL_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/futex.h>
#include <sys/syscall.h>
#endif
#include "failure.h"
#include "runtime.h"

#define RUNG_MAX_CORES 512
#define RUNG_CACHE_LINE 64

static inline int64_t rung_now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static inline void rung_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
  __asm__ __volatile__("yield");
#else
  __asm__ __volatile__("" ::: "memory");
#endif
}

// ---- Busy waiting, bounded by time: pause instructions differ by a factor of ten between cores.
#define RUNG_YIELD_NS 20000   // from here on every reading of the clock also offers the core to others
#define RUNG_SPIN_NS 150000   // from here on a waiter should sleep: longer than the gap between two launches in a loop

typedef struct {
  int64_t began;
  uint32_t turns;
} rung_spin;

// One turn. Returns the nanoseconds waited; reads the clock every 32nd turn only and returns 0 in between.
static inline int64_t rung_spin_turn(rung_spin *spin) {
  rung_pause();
  if (++spin->turns % 32) return 0;
  int64_t now = rung_now_ns();
  if (!spin->began) spin->began = now;
  int64_t waited = now - spin->began;
  if (waited > RUNG_YIELD_NS) sched_yield();
  return waited;
}

// ---- Sleeping until a word changes. The waker changes the word first, then calls rung_wake.
#ifdef __linux__
static inline void rung_sleep_while(_Atomic uint32_t *word, uint32_t value) {
  while (atomic_load_explicit(word, memory_order_acquire) == value)
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}
static inline void rung_wake(_Atomic uint32_t *word) { syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0); }
static inline void rung_sleep_in_child(void) {}
#else
// One lock per source file is enough: sleeping is the slow path, and each word is used by one file.
static pthread_mutex_t rung_sleep_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t rung_sleep_signal = PTHREAD_COND_INITIALIZER;
static inline void rung_sleep_while(_Atomic uint32_t *word, uint32_t value) {
  pthread_mutex_lock(&rung_sleep_lock);
  while (atomic_load_explicit(word, memory_order_acquire) == value)
    pthread_cond_wait(&rung_sleep_signal, &rung_sleep_lock);
  pthread_mutex_unlock(&rung_sleep_lock);
}
static inline void rung_wake(_Atomic uint32_t *word) {
  (void)word;
  pthread_mutex_lock(&rung_sleep_lock);
  pthread_cond_broadcast(&rung_sleep_signal);
  pthread_mutex_unlock(&rung_sleep_lock);
}
// After fork(): those that held the lock or slept are not in the child.
static inline void rung_sleep_in_child(void) {
  rung_sleep_lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
  rung_sleep_signal = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
}
#endif

// ---- pool.c
// Fills in the cores of the calling thread's affinity mask, the one it runs on first; returns how many. A worker of the
// pool gets those of the thread that set the pool up.
int rung_cores(int cores[RUNG_MAX_CORES]);
// Starts a detached thread that takes no signals but its own faults, on `core` if that is not negative. False when there is none to be had.
bool rung_start_thread(pthread_t *thread, void *(*body)(void *), void *argument, int core);
void rung_pin(pthread_t thread, int core);
// Whether a core is left beside the threads of the fork that is under way.
bool rung_core_to_spare(void);
int64_t rung_contexts(void);
void rung_set_contexts(int64_t contexts);  // 0: one per core. For the next fork, where one is under way

typedef struct {
  int64_t forks;           // rung_fork calls that used the pool
  int64_t forks_serial;    // calls that ran on the caller alone: nested, or the pool was taken
  int64_t contexts_ran;    // distinct context ids that ran work in a fork (64 at most)
  int64_t threads_ran;     // distinct pool threads that ran work, the caller included (64 at most)
  int64_t contexts_taken_over;  // contexts the caller ran because their worker did not come in time
} rung_pool_counters;
rung_pool_counters rung_read_pool_counters(void);
void rung_reset_pool_counters(void);

// ---- dma.c
void rung_dma_drain(void);  // waits for all transfers of this thread; buffers and tags may go then
typedef struct {
  int64_t transfers;
  int64_t bytes;
  int64_t max_in_flight;  // the most transfers pending in one queue when another was started, that one included
  int64_t waiter_copies;  // transfers that a waiting thread carried out itself because the engine did not come in time
} rung_dma_counters;
// To be told when the cores of the pool are read again. The engine moves before its next transfer.
void rung_move_engine(int core);
rung_dma_counters rung_read_dma_counters(void);
void rung_reset_dma_counters(void);

// ---- dma_check.c
void rung_checked_dma_drain(void);  // likewise; that they are not awaited is no violation
int64_t rung_dma_violations(void);  // found since they were last taken
rung_dma_counters rung_read_checked_dma_counters(void);
void rung_reset_checked_dma_counters(void);
int64_t rung_take_dma_violations(char *text, int64_t size);  // how many; the first ones in words, a line each
#endif
