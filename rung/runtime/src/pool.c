// Hardware contexts: a pool of pinned threads that spin between forks, then sleep.
//
// Each worker has a *door*, one cache line that carries the job to it and its progress back, so that a fork moves one
// line per worker each way. A worker that does not come in time (asleep, or its core taken away) loses its context
// to the caller: a fork never takes much longer than running everything serially.
//
// Or the threads are another's, once they are borrowed (team.c).
#include "internal.h"
#include "team.h"

#include <signal.h>

// Door states. AWAITED: running, and the caller sleeps on the door. LOST: the worker has not been seen since its job was
// taken over; it says IDLE when it is back, and until then the caller does not wait for it to begin.
enum { IDLE, ASLEEP, POSTED, RUNNING, AWAITED, LOST };
#define TAKE_OVER_NS 10000  // far above a line transfer between cores (0.1-0.6 us), far below waking a thread (5-500 us)

typedef struct {
  rung_task task;
  void *frame;
  int64_t contexts, threads;
  rung_purpose purpose;
} job;

typedef struct {
  _Alignas(RUNG_CACHE_LINE) _Atomic uint32_t state;
  job job;  // written by the caller before POSTED, read by whoever moves the door out of POSTED
} door;

static door doors[RUNG_MAX_CORES];  // door w belongs to worker w; door 0, the caller's, is unused
static pthread_t threads[RUNG_MAX_CORES];
static bool late[RUNG_MAX_CORES];  // was LOST when the current job was posted

static struct {
  _Alignas(RUNG_CACHE_LINE) _Atomic bool taken;  // one fork at a time; owning it also guards all plain fields below
  _Atomic int64_t wanted;                        // threads, the caller included; 0: not known yet
  _Atomic int64_t asked;                         // what `wanted` is to be, and 1 more; 0: as it is
  int64_t started;                               // workers
  int cores[RUNG_MAX_CORES], core_count;         // cores[0] is the caller's; worker w lives on cores[w % core_count]
  int64_t moved_ns;                              // when a worker was last moved out of the caller's way
  _Alignas(RUNG_CACHE_LINE) _Atomic int64_t next;  // next unclaimed context of a fork with more contexts than threads
} pool;

static struct {
  _Alignas(RUNG_CACHE_LINE) _Atomic uint64_t contexts, threads;  // bit masks, ids from 63 on share a bit
  _Atomic int64_t forks, forks_serial, taken_over;
} counted;

static _Atomic int cores_available;  // 0: not known yet
static _Thread_local bool inside_task, is_worker;

static void mark(_Atomic uint64_t *mask, int64_t id) {
  uint64_t bit = UINT64_C(1) << (id < 63 ? id : 63);
  // Nearly always already set: a shared read costs nothing, a write would move the line between cores.
  if (!(atomic_load_explicit(mask, memory_order_relaxed) & bit)) atomic_fetch_or_explicit(mask, bit, memory_order_relaxed);
}

static void run_context(const job *j, int64_t context) {
  mark(&counted.contexts, context);
  j->task(j->frame, context);
}

static void run_unclaimed(const job *j) {
  if (j->contexts <= j->threads) return;
  int64_t c;
  while ((c = atomic_fetch_add_explicit(&pool.next, 1, memory_order_relaxed)) < j->contexts) run_context(j, c);
}

// ---- workers

static void await_job(door *d) {
  rung_spin spin = {0};
  for (;;) {
    uint32_t state = atomic_load_explicit(&d->state, memory_order_relaxed);
    if (state == POSTED) {
      if (atomic_compare_exchange_strong_explicit(&d->state, &state, RUNNING, memory_order_acquire, memory_order_relaxed))
        return;
    } else if (state == LOST) {
      atomic_compare_exchange_strong_explicit(&d->state, &state, IDLE, memory_order_relaxed, memory_order_relaxed);
    } else if (rung_spin_turn(&spin) > RUNG_SPIN_NS) {
      if (atomic_compare_exchange_strong(&d->state, &state, ASLEEP)) rung_sleep_while(&d->state, ASLEEP);
      spin = (rung_spin){0};
    }
  }
}

static void *worker(void *argument) {
  door *d = argument;
  inside_task = is_worker = true;
  for (;;) {
    await_job(d);
    mark(&counted.threads, d - doors);
    rung_at_work = d->job.purpose;
    run_context(&d->job, d - doors);
    run_unclaimed(&d->job);
    if (atomic_exchange_explicit(&d->state, IDLE, memory_order_release) == AWAITED) rung_wake(&d->state);
  }
  return NULL;
}

void rung_pin(pthread_t thread, int core) {
#ifdef __linux__
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  pthread_setaffinity_np(thread, sizeof set, &set);  // best effort: a thread that cannot be pinned still works
#else
  (void)thread, (void)core;
#endif
}

bool rung_start_thread(pthread_t *thread, void *(*body)(void *), void *argument, int core) {
  static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
  sigset_t all, before;
  sigfillset(&all);
  // The thread's own faults cannot wait: blocked, they end the process before a handler could tell where they were.
  for (size_t i = 0; i < sizeof own / sizeof *own; i++) sigdelset(&all, own[i]);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // inherited by the new thread: Python's handlers stay off it
  bool ok = pthread_create(thread, NULL, body, argument) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (!ok) return false;
  if (core >= 0) rung_pin(*thread, core);
  pthread_detach(*thread);
  return true;
}

int rung_cores(int cores[RUNG_MAX_CORES]) {
  int count = 0;
  if (is_worker) {  // its own mask is the one core it is pinned to; the pool stays as it is while a worker has a task
    for (; count < pool.core_count; count++) cores[count] = pool.cores[count];
    return count;
  }
#ifdef __linux__
  cpu_set_t set;
  int here = sched_getcpu();
  if (sched_getaffinity(0, sizeof set, &set) == 0) {
    for (int c = 0; c < CPU_SETSIZE && count < RUNG_MAX_CORES; c++) {
      if (!CPU_ISSET(c, &set)) continue;
      cores[count++] = c;
      if (c == here) cores[count - 1] = cores[0], cores[0] = c;
    }
  }
  if (count) return count;
#endif
  long online = sysconf(_SC_NPROCESSORS_ONLN);
  for (count = 0; count < online && count < RUNG_MAX_CORES; count++) cores[count] = -1;  // -1: cannot be pinned
  return count ? count : 1;
}

// ---- the caller

static bool try_take(void) {
  return !atomic_load_explicit(&pool.taken, memory_order_relaxed) &&
         !atomic_exchange_explicit(&pool.taken, true, memory_order_acquire);
}

static void release(void) { atomic_store_explicit(&pool.taken, false, memory_order_release); }

static void resize(int64_t contexts) {  // the pool is taken
  pool.core_count = rung_cores(pool.cores);
  if (contexts <= 0) contexts = pool.core_count;
  atomic_store(&pool.wanted, contexts < RUNG_MAX_CORES ? contexts : RUNG_MAX_CORES);
  for (int64_t w = 1; w <= pool.started; w++) rung_pin(threads[w], pool.cores[w % pool.core_count]);
  atomic_store_explicit(&cores_available, pool.core_count, memory_order_relaxed);
  rung_move_engine(pool.cores[pool.core_count - 1]);
}

static void resize_if_asked(void) {  // the pool is taken
  int64_t asked = atomic_exchange(&pool.asked, 0);
  if (asked) resize(asked - 1);
}

int64_t rung_contexts(void) {
  rung_spin spin = {0};
  int64_t wanted;
  while (!(wanted = atomic_load(&pool.wanted))) {
    if (try_take()) {
      if (!atomic_load(&pool.wanted)) resize(0);
      release();
    } else {
      rung_spin_turn(&spin);
    }
  }
  return wanted;
}

// A launch that has the pool may wait for one that is being compiled, and calls this: the next fork sees to it then.
void rung_set_contexts(int64_t contexts) {
  atomic_store(&pool.asked, contexts + 1);
  if (!try_take()) return;
  resize_if_asked();
  release();
}

// How many threads, the caller included, may take part in a fork of `contexts`.
static int64_t allowed(int64_t contexts) {
  if (atomic_load_explicit(&pool.asked, memory_order_relaxed)) resize_if_asked();
  if (!atomic_load_explicit(&pool.wanted, memory_order_relaxed)) resize(0);
  int64_t wanted = atomic_load_explicit(&pool.wanted, memory_order_relaxed);
  return contexts < wanted ? contexts : wanted;
}

// Starts missing workers; returns how many threads, the caller included, there are for `contexts`.
static int64_t muster(int64_t contexts) {
  contexts = allowed(contexts);
  while (pool.started + 1 < contexts) {
    int64_t w = pool.started + 1;
    if (!rung_start_thread(&threads[w], worker, &doors[w], pool.cores[w % pool.core_count])) break;
    pool.started = w;
  }
  return contexts < pool.started + 1 ? contexts : pool.started + 1;
}

// The scheduler may have put the caller on a worker's core. The two swap cores then, at most once in 10 ms: callers on
// two cores that take turns must not drag workers back and forth.
static void keep_out_of_the_way(void) {
#ifdef __linux__
  int here = sched_getcpu();
  if (here == pool.cores[0]) return;
  int64_t now = rung_now_ns();
  if (now - pool.moved_ns < 10000000) return;
  for (int64_t i = 1; i < pool.core_count; i++) {
    if (pool.cores[i] != here) continue;
    pool.cores[i] = pool.cores[0], pool.cores[0] = here;
    pool.moved_ns = now;
    for (int64_t w = i; w <= pool.started; w += pool.core_count) rung_pin(threads[w], pool.cores[i]);
    return;
  }
#endif
}

// Hands out the job; says whether any of the workers is late.
static bool post(const job *j) {
  bool any_late = false;
  for (int64_t w = 1; w < j->threads; w++) {
    doors[w].job = *j;
    uint32_t before = atomic_exchange_explicit(&doors[w].state, POSTED, memory_order_acq_rel);
    if (before == ASLEEP) rung_wake(&doors[w].state);
    late[w] = before == LOST;
    any_late |= late[w];
  }
  return any_late;
}

// Runs the contexts of workers, or only of late ones, that have not begun.
static void take_over(const job *j, bool only_late) {
  for (int64_t w = 1; w < j->threads; w++) {
    uint32_t state = POSTED;
    if ((only_late && !late[w]) || !atomic_compare_exchange_strong(&doors[w].state, &state, LOST)) continue;
    atomic_fetch_add_explicit(&counted.taken_over, 1, memory_order_relaxed);
    run_context(j, w);
  }
}

static void join(const job *j) {
  rung_spin spin = {0};
  bool impatient = false;
  for (int64_t w = 1; w < j->threads;) {
    uint32_t state = atomic_load_explicit(&doors[w].state, memory_order_acquire);
    if (state == IDLE || state == ASLEEP || state == LOST) {
      w++;
      continue;
    }
    int64_t waited = rung_spin_turn(&spin);
    if (waited > TAKE_OVER_NS && !impatient) {
      take_over(j, false);
      impatient = true;
    } else if (waited > RUNG_SPIN_NS && impatient) {
      if (atomic_compare_exchange_strong(&doors[w].state, &state, AWAITED)) rung_sleep_while(&doors[w].state, AWAITED);
    }
  }
}

static void fork_serial(const job *j) {
  bool outer = inside_task;
  inside_task = true;
  for (int64_t c = 0; c < j->contexts; c++) run_context(j, c);
  inside_task = outer;
}

// ---- borrowed threads (team.c)

static struct {
  _Alignas(RUNG_CACHE_LINE) _Atomic int64_t left;  // contexts that have not ended
  _Atomic int64_t arrived;                         // threads that have run one
} of_team;

// Of however many there are: whoever comes takes the next context.
static void take_part(void *argument) {
  const job *j = argument;
  rung_purpose outer = rung_at_work;  // the thread is somebody's: it has to be as it was
  bool was_inside = inside_task;
  inside_task = true;
  rung_at_work = j->purpose;
  int64_t c, ran = 0;
  while ((c = atomic_fetch_add_explicit(&pool.next, 1, memory_order_relaxed)) < j->contexts) {
    if (!ran++) mark(&counted.threads, atomic_fetch_add_explicit(&of_team.arrived, 1, memory_order_relaxed));
    run_context(j, c);
  }
  inside_task = was_inside;
  rung_at_work = outer;
  if (ran && atomic_fetch_sub_explicit(&of_team.left, ran, memory_order_relaxed) == ran) rung_team_ends();
}

static void fork_team(rung_team team, job *j) {
  atomic_fetch_add_explicit(&counted.forks, 1, memory_order_relaxed);
  atomic_store_explicit(&pool.next, 0, memory_order_relaxed);
  atomic_store_explicit(&of_team.left, j->contexts, memory_order_relaxed);
  atomic_store_explicit(&of_team.arrived, 0, memory_order_relaxed);
  rung_ask_team(team, take_part, j, j->threads);
}

static _Atomic int64_t busy_threads = 1;  // of the fork that is under way, the caller included

RUNG_API void rung_fork(rung_task task, void *frame, int64_t contexts) {
  if (contexts <= 1) {
    if (contexts == 1) task(frame, 0);
    return;
  }
  job j = {task, frame, contexts, 1, rung_at_work};
  if (inside_task || !try_take()) {
    atomic_fetch_add_explicit(&counted.forks_serial, 1, memory_order_relaxed);
    fork_serial(&j);
    return;
  }
  rung_team team = rung_team_that_comes();
  j.threads = rung_lent(team ? allowed(contexts) : muster(contexts));
  if (team) {
    atomic_store_explicit(&busy_threads, j.threads, memory_order_relaxed);
    fork_team(team, &j);
    atomic_store_explicit(&busy_threads, 1, memory_order_relaxed);
    release();
    return;
  }
  keep_out_of_the_way();
  int64_t forks = atomic_load_explicit(&counted.forks, memory_order_relaxed);  // the pool's owner is its only writer
  atomic_store_explicit(&counted.forks, forks + 1, memory_order_relaxed);
  atomic_store_explicit(&pool.next, j.threads, memory_order_relaxed);
  atomic_store_explicit(&busy_threads, j.threads, memory_order_relaxed);
  bool any_late = post(&j);
  inside_task = true;
  mark(&counted.threads, 0);
  run_context(&j, 0);
  run_unclaimed(&j);
  if (any_late) take_over(&j, true);
  join(&j);
  atomic_store_explicit(&busy_threads, 1, memory_order_relaxed);
  inside_task = false;
  release();
}

bool rung_core_to_spare(void) {
  int count = atomic_load_explicit(&cores_available, memory_order_relaxed);
  if (!count) {
    int cores[RUNG_MAX_CORES];
    count = rung_cores(cores);
    atomic_store_explicit(&cores_available, count, memory_order_relaxed);
  }
  return atomic_load_explicit(&busy_threads, memory_order_relaxed) < count;
}

// ---- counters, fork()

rung_pool_counters rung_read_pool_counters(void) {
  return (rung_pool_counters){
      .forks = atomic_load(&counted.forks),
      .forks_serial = atomic_load(&counted.forks_serial),
      .contexts_ran = __builtin_popcountll(atomic_load(&counted.contexts)),
      .threads_ran = __builtin_popcountll(atomic_load(&counted.threads)),
      .contexts_taken_over = atomic_load(&counted.taken_over),
  };
}

void rung_reset_pool_counters(void) {
  atomic_store(&counted.contexts, 0);
  atomic_store(&counted.threads, 0);
  atomic_store(&counted.forks, 0);
  atomic_store(&counted.forks_serial, 0);
  atomic_store(&counted.taken_over, 0);
}

// A forked child has the forking thread only: it starts again without workers and keeps the number of contexts.
static void in_child(void) {
  rung_sleep_in_child();
  // One further than the started ones: its thread may exist already while it is not counted yet.
  for (int64_t w = 1; w < RUNG_MAX_CORES && w <= pool.started + 1; w++)
    atomic_store_explicit(&doors[w].state, IDLE, memory_order_relaxed);
  pool.started = 0;
  atomic_store(&busy_threads, 1);
  rung_lose_team();
  inside_task = false;
  release();
}

__attribute__((constructor)) static void watch_fork(void) { pthread_atfork(NULL, NULL, in_child); }
