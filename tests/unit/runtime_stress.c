// The pool, the arena, programs that wait and both copy engines under load from several threads; built with the thread sanitizer by
// test_runtime_stress.py. Exits with 1 at a wrong result.
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LAUNCHERS = 3, ROUNDS = 300, CONTEXTS = 5, ROWS = 7, ROW = 48, STRIDE = 80, TRANSFERS = 100, PROGRAMS = 24 };

static void check(bool ok, const char *what) {
  if (ok) return;
  fprintf(stderr, "wrong: %s\n", what);
  exit(1);
}

typedef struct {
  long plain[CONTEXTS][8];  // written by whichever thread runs the context: a race if the join is not one
  atomic_long nested;
} job;

static void count_nested(void *frame, int64_t context) { atomic_fetch_add((atomic_long *)frame, context); }

static void task(void *frame, int64_t context) {
  job *j = frame;
  long *block = rung_arena_enter(1000 << context);
  *block = context;
  j->plain[context][0] += *block + 1;
  rung_arena_exit(block);
  rung_fork(count_nested, &j->nested, 3);
}

static void transfer(void *frame, int64_t context) {
  char *src = (char *)frame + context * 16384, *dst = src + 8192;
  int32_t tags[TRANSFERS];
  for (int i = 0; i < TRANSFERS; i++)  // more than the queue holds
    rung_dma_start(dst + i % 8, src + i % 8, 1, 1, 1, 1, &tags[i]);
  for (int i = 0; i < TRANSFERS; i++) rung_dma_wait(&tags[i]);
  check(!memcmp(dst, src, 8), "one byte per transfer");
  rung_dma_start(dst, src, ROWS, ROW, ROW, STRIDE, &tags[0]);
  rung_dma_wait(&tags[0]);
  for (int r = 0; r < ROWS; r++) check(!memcmp(dst + r * ROW, src + r * STRIDE, ROW), "rows with a stride");
}

typedef struct {
  long published[PROGRAMS], seen[PROGRAMS];
  atomic_long arrived;
} meeting;

// Each program waits for all others, and reads what they wrote before they came. Its scratch stays its own meanwhile, and so
// does its transfer, which is under way all the while.
static void meet(void *frame, int64_t program) {
  meeting *m = frame;
  long from[] = {program, -program}, to[2];
  int32_t tag;
  int64_t entered = rung_dma_enter();
  rung_checked_dma_start(to, from, 1, sizeof to, sizeof to, sizeof from, &tag);
  long *block = rung_arena_enter(5000 << program % 3);
  *block = program;
  m->published[program] = program + 1;
  atomic_fetch_add(&m->arrived, 1);
  while (atomic_load(&m->arrived) < PROGRAMS) rung_yield();
  for (int p = 0; p < PROGRAMS; p++) m->seen[program] += m->published[p];
  check(*block == program, "scratch of a program that waits");
  rung_arena_exit(block);
  rung_checked_dma_wait(&tag);
  check(to[0] == program && to[1] == -program, "a transfer of a program that waits");
  rung_dma_leave(entered);
}

// One program fails while all others have a transfer under way, and wait for ever.
static void give_up(void *frame, int64_t program) {
  atomic_long *arrived = frame;
  char from[64] = {0}, to[64];
  int32_t tag;
  if (++*arrived == PROGRAMS) rung_assert_failed("here", "", program);
  rung_checked_dma_start(to, from, 1, 64, 64, 64, &tag);
  while (!rung_has_failed()) rung_yield();
  rung_leave(NULL);
}

static void all_give_up(void) {
  rung_purpose outer = rung_at_work;
  rung_launch launch;
  atomic_init(&launch.failure, RUNG_NO_FAILURE);
  rung_at_work.launch = &launch;
  atomic_long arrived = 0;
  rung_run_programs(give_up, &arrived, PROGRAMS, CONTEXTS, PROGRAMS + 1);
  check(launch.failure == RUNG_FAILED_ASSERTION, "a program that fails");
  rung_leave(NULL);  // their stacks are gone, and nothing may be delivered there
  rung_at_work = outer;
}

static void meet_all(void) {
  meeting m = {0};
  rung_run_programs(meet, &m, PROGRAMS, CONTEXTS, 2);
  for (int p = 0; p < PROGRAMS; p++) check(m.seen[p] == PROGRAMS * (PROGRAMS + 1) / 2, "programs that wait");
}

static void *launch(void *unused) {
  (void)unused;
  job j = {0};
  char *memory = malloc(CONTEXTS * 16384);
  for (int i = 0; i < CONTEXTS * 16384; i++) memory[i] = (char)(i * 31 >> 3);
  for (int r = 1; r <= ROUNDS; r++) {
    rung_fork(task, &j, CONTEXTS);
    for (int c = 0; c < CONTEXTS; c++) check(j.plain[c][0] == (long)r * (c + 1), "contexts");
    check(j.nested == 3L * CONTEXTS * r, "nested forks");
    if (r % 10 == 0) rung_fork(transfer, memory, CONTEXTS);
    if (r % 20 == 0) meet_all();
    if (r % 100 == 0) all_give_up();
    if (r % 100 == 0) nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);  // lets the workers fall asleep
  }
  free(memory);
  return NULL;
}

int main(void) {
  rung_set_contexts(3);
  pthread_t launchers[LAUNCHERS];
  for (int i = 0; i < LAUNCHERS; i++) pthread_create(&launchers[i], NULL, launch, NULL);
  for (int i = 0; i < LAUNCHERS; i++) pthread_join(launchers[i], NULL);
  rung_pool_counters p = rung_read_pool_counters();
  rung_dma_counters d = rung_read_dma_counters();
  check(d.transfers == (long)LAUNCHERS * (ROUNDS / 10) * CONTEXTS * (TRANSFERS + 1), "count of transfers");
  check(d.max_in_flight <= 64, "queue depth");
  check(rung_dma_violations() == 0, "transfers that are left alone");
  printf("forks %ld serial %ld taken over %ld threads %ld; transfers %ld in flight %ld by waiters %ld\n", (long)p.forks,
         (long)p.forks_serial, (long)p.contexts_taken_over, (long)p.threads_ran, (long)d.transfers, (long)d.max_in_flight,
         (long)d.waiter_copies);
  return 0;
}
