/* The runtime of kernels that rung has built, for programs without Python. Plain C11; with RUNG_FREESTANDING it needs no
 * library but memcpy. */
#include "rung_runtime.h"

#include <stdatomic.h>
#include <string.h>

#define WEAK __attribute__((weak))
#define ALIGNMENT 4096u /* the most that a machine may ask for */

typedef void (*task)(void *frame, int64_t context);

/* ---- failures: of the launch that a thread works for */

typedef struct {
  _Atomic int code;
} launch;

typedef struct {
  task run;
  void *frame;
  launch *of;
  int64_t program;
} work;

#ifdef RUNG_FREESTANDING
#define PER_THREAD
#else
#define PER_THREAD _Thread_local
#endif
static PER_THREAD launch *current;
static PER_THREAD int64_t current_program = -1;
static PER_THREAD int inside; /* a task */

static void fail(int code) {
  int none = RUNG_OK;
  if (current) atomic_compare_exchange_strong(&current->code, &none, code);
}

WEAK void rung_on_assertion(const char *where, const char *message, int64_t program) {
  (void)where, (void)message, (void)program;
}

void rung_assert_failed(const char *where, const char *message, int64_t program) {
  fail(RUNG_ASSERTION);
  rung_on_assertion(where, message, program < 0 ? current_program : program);
}

int32_t rung_has_failed(void) { return current && atomic_load(&current->code) != RUNG_OK; }
void rung_fork_for(int64_t program) { current_program = program; }

/* ---- transfers */

WEAK void rung_dma_start(void *dst, const void *src, int64_t rows, int64_t row_bytes, int64_t dst_stride_bytes,
                         int64_t src_stride_bytes, int32_t *tag) {
  for (int64_t row = 0; row < rows && row_bytes > 0; row++)
    memcpy((char *)dst + row * dst_stride_bytes, (const char *)src + row * src_stride_bytes, (size_t)row_bytes);
  *tag = 0;
}

WEAK void rung_dma_wait(int32_t *tag) { (void)tag; }

/* ---- scratch */

void rung_arena_exit(void *base);

void rung_leave(void *arena) {
  if (arena) rung_arena_exit(arena);
}

#ifdef RUNG_FREESTANDING

#ifndef RUNG_SCRATCH_BYTES
#define RUNG_SCRATCH_BYTES 0x40000
#endif

/* A list of blocks, by address: each begins with its head, and ends where the next begins. The first that is free and large
 * enough is taken. */
typedef struct block {
  struct block *next;
  size_t bytes; /* behind the head */
  int used;
} block;

static _Alignas(64) char own[RUNG_SCRATCH_BYTES];
static block *blocks;
static atomic_flag lock = ATOMIC_FLAG_INIT;

void rung_give_scratch(void *memory, size_t bytes) {
  uintptr_t begin = ((uintptr_t)memory + sizeof(void *) - 1) & ~(uintptr_t)(sizeof(void *) - 1);
  size_t lost = begin - (uintptr_t)memory;
  blocks = NULL;
  if (bytes < lost + sizeof(block)) return;
  blocks = (block *)begin;
  *blocks = (block){NULL, bytes - lost - sizeof(block), 0};
}

/* Places are multiples of 64, in front of which stands the block's head. */
static void *take(block *b, size_t bytes) {
  uintptr_t begin = (uintptr_t)(b + 1), end = begin + b->bytes;
  uintptr_t at = (begin + sizeof(block *) + 63) & ~(uintptr_t)63;
  if (b->used || at > end || end - at < bytes) return NULL;
  uintptr_t rest = (at + bytes + sizeof(void *) - 1) & ~(uintptr_t)(sizeof(void *) - 1);
  if (rest <= end && end - rest >= sizeof(block) + 64) {
    block *after = (block *)rest;
    *after = (block){b->next, end - rest - sizeof(block), 0};
    b->next = after;
    b->bytes = rest - begin;
  }
  b->used = 1;
  ((block **)at)[-1] = b;
  return (void *)at;
}

void *rung_arena_enter(int64_t bytes) {
  void *found = NULL;
  while (atomic_flag_test_and_set(&lock)) {}
  if (!blocks) rung_give_scratch(own, sizeof own);
  for (block *b = blocks; b && !found; b = b->next) found = take(b, (size_t)bytes);
  atomic_flag_clear(&lock);
  if (!found) fail(RUNG_NO_MEMORY);
  return found;
}

void rung_arena_exit(void *base) {
  while (atomic_flag_test_and_set(&lock)) {}
  ((block **)base)[-1]->used = 0;
  for (block *b = blocks; b; b = b->next)
    while (!b->used && b->next && !b->next->used) {
      b->bytes += sizeof(block) + b->next->bytes;
      b->next = b->next->next;
    }
  atomic_flag_clear(&lock);
}

WEAK void rung_parallel(void (*fn)(void *context, int64_t i), int64_t n, void *context) {
  for (int64_t i = 0; i < n; i++) fn(context, i);
}

#else
#include <pthread.h>
#include <stdlib.h>

/* Each thread keeps one block for the next launch; scratch within scratch is allocated. */
typedef struct {
  void *block;
  int64_t bytes;
  int used;
} kept;

static _Thread_local kept mine;
static pthread_key_t at_thread_exit;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_key(void) { pthread_key_create(&at_thread_exit, free); }

static void *aligned(int64_t bytes) {
  void *found;
  return posix_memalign(&found, ALIGNMENT, (size_t)bytes) ? NULL : found;
}

void *rung_arena_enter(int64_t bytes) {
  void *found;
  if (mine.used) found = aligned(bytes);
  else {
    if (mine.bytes < bytes) {
      pthread_once(&once, make_key);
      free(mine.block);
      mine.block = aligned(bytes);
      mine.bytes = mine.block ? bytes : 0;
      pthread_setspecific(at_thread_exit, mine.block);
    }
    found = mine.block;
    mine.used = found != NULL;
  }
  if (!found) fail(RUNG_NO_MEMORY);
  return found;
}

void rung_arena_exit(void *base) {
  if (base == mine.block) mine.used = 0;
  else free(base);
}

/* A team of threads that sleep between forks. One fork at a time has it: others run on their callers. */
static pthread_mutex_t team = PTHREAD_MUTEX_INITIALIZER, door = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t opened = PTHREAD_COND_INITIALIZER, done = PTHREAD_COND_INITIALIZER;
static int64_t workers, next, count, finished;
static void (*job)(void *context, int64_t i);
static void *job_context;

/* With `door` locked. */
static void take_part(void) {
  while (next < count) {
    int64_t i = next++;
    void (*fn)(void *context, int64_t i) = job;
    void *context = job_context;
    pthread_mutex_unlock(&door);
    fn(context, i);
    pthread_mutex_lock(&door);
    if (++finished == count) pthread_cond_broadcast(&done);
  }
}

static void *worker(void *unused) {
  (void)unused;
  pthread_mutex_lock(&door);
  for (;;) {
    take_part();
    pthread_cond_wait(&opened, &door);
  }
  return NULL;
}

WEAK void rung_parallel(void (*fn)(void *context, int64_t i), int64_t n, void *context) {
  if (n < 2 || pthread_mutex_trylock(&team)) {
    for (int64_t i = 0; i < n; i++) fn(context, i);
    return;
  }
  pthread_mutex_lock(&door);
  job = fn, job_context = context, next = finished = 0, count = n;
  for (pthread_t thread; workers < n - 1; workers++) {
    if (pthread_create(&thread, NULL, worker, NULL)) break;
    pthread_detach(thread);
  }
  pthread_cond_broadcast(&opened);
  take_part();
  while (finished < count) pthread_cond_wait(&done, &door);
  pthread_mutex_unlock(&door);
  pthread_mutex_unlock(&team);
}
#endif

/* ---- contexts */

static void run_task(void *context, int64_t i) {
  const work *w = context;
#ifdef RUNG_FREESTANDING /* the caller's words are everybody's: one kernel runs at a time */
  w->run(w->frame, i);
#else
  launch *outer = current;
  int64_t outer_program = current_program;
  int outer_inside = inside;
  current = w->of, current_program = w->program, inside = 1;
  w->run(w->frame, i);
  current = outer, current_program = outer_program, inside = outer_inside;
#endif
}

void rung_fork(task run, void *frame, int64_t contexts) {
  work w = {run, frame, current, current_program};
  if (inside) {
    for (int64_t i = 0; i < contexts; i++) run_task(&w, i);
    return;
  }
  inside = 1;
  rung_parallel(run_task, contexts, &w);
  inside = 0;
}

/* ---- launches */

static int assumes_too_much(const rung_kernel *kernel, const int64_t *slots) {
  for (int64_t k = 0; k < kernel->pairs; k++) {
    int64_t one = slots[kernel->pair[2 * k]], other = slots[kernel->pair[2 * k + 1]];
    if (one && one == other) return 1;
  }
  return 0;
}

int rung_launch(const rung_kernel *kernel, int64_t *slots) {
  int64_t *grid = slots + kernel->arguments, x = grid[0];
  if (x <= 0 || grid[1] <= 0 || grid[2] <= 0) return RUNG_OK;
  launch mine_now = {RUNG_OK}, *outer = current;
  current = &mine_now;
  int careful = kernel->careful && assumes_too_much(kernel, slots);
  if (!careful) {
    kernel->usual(slots);
    careful = grid[0] < 0 && kernel->careful;
    if (careful) grid[0] = x;
  }
  if (careful) kernel->careful(slots);
  current = outer;
  int code = atomic_load(&mine_now.code);
  return code != RUNG_OK ? code : grid[0] < 0 ? RUNG_UNFIT : RUNG_OK;
}
