// The runtime when there is no memory: what can be done without is done, and the rest is noted for the launch.
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

static bool none_left;

int __real_posix_memalign(void **at, size_t alignment, size_t bytes);
int __wrap_posix_memalign(void **at, size_t alignment, size_t bytes) {
  return none_left ? 12 : __real_posix_memalign(at, alignment, bytes);
}

void *__real_malloc(size_t bytes);
void *__wrap_malloc(size_t bytes) { return none_left ? NULL : __real_malloc(bytes); }

void *__real_realloc(void *at, size_t bytes);
void *__wrap_realloc(void *at, size_t bytes) { return none_left ? NULL : __real_realloc(at, bytes); }

#define CHECK(condition) \
  if (!(condition)) return printf("line %d: %s\n", __LINE__, #condition), 1

static int arena(rung_launch *launch) {
  void *outer = rung_arena_enter(64);
  none_left = true;
  CHECK(outer && rung_arena_enter(1 << 16));  // what there is already
  CHECK(!rung_has_failed() && !rung_arena_enter(64 << 20) && rung_has_failed());
  CHECK(strstr(launch->what, "out of memory: a kernel needs 67108864 more bytes of scratch"));
  CHECK(!rung_arena_enter(INT64_MAX) && !rung_arena_enter(-1));
  void *inner = rung_arena_enter(64);
  CHECK(inner);
  none_left = false;
  void *far = rung_arena_enter(64 << 20);
  CHECK(far);
  memset(far, 1, 64 << 20);
  none_left = true;
  rung_leave(outer);  // would like one piece for all that it has seen, and goes without
  none_left = false;
  CHECK(rung_arena_enter(64));
  return 0;
}

typedef void start(void *, const void *, int64_t, int64_t, int64_t, int64_t, int32_t *);

// Two rows of four bytes each, out of a matrix with six in a row.
static int transfer(start *begin, void (*wait)(int32_t *)) {
  char from[12] = "abcd..efgh..", to[8] = {0};
  int32_t tag = 7;
  none_left = true;
  begin(to, from, 2, 4, 4, 6, &tag);
  CHECK(tag == 0 && !memcmp(to, "abcdefgh", 8));
  wait(&tag);
  rung_leave(NULL);
  none_left = false;
  begin(to, "ABCDEFGH", 2, 4, 4, 4, &tag);
  wait(&tag);
  CHECK(tag == 0 && !memcmp(to, "ABCDEFGH", 8));
  return 0;
}

// What is left early has no transfer under way: its buffers and tags are gone.
static int left_early(start *begin) {
  static char from[1 << 20], to[1 << 20];
  int32_t tags[8];
  memset(from, 5, sizeof from);
  for (int k = 0; k < 8; k++) begin(to + (k << 17), from + (k << 17), 1, 1 << 17, 1 << 17, 1 << 17, &tags[k]);
  rung_leave(NULL);
  for (int k = 0; k < 8; k++) CHECK(tags[k] == 0);
  CHECK(!memcmp(from, to, sizeof to) && !rung_dma_violations());
  return 0;
}

int main(void) {
  rung_launch launch;
  atomic_init(&launch.failure, RUNG_NO_FAILURE);
  rung_at_work.launch = &launch;
  if (arena(&launch)) return 1;
  atomic_store(&launch.failure, RUNG_NO_FAILURE);
  if (transfer(rung_dma_start, rung_dma_wait)) return 1;
  CHECK(!rung_has_failed());
  rung_dma_at("a transfer", -1, 0);
  if (transfer(rung_checked_dma_start, rung_checked_dma_wait)) return 1;
  CHECK(rung_has_failed() && strstr(launch.what, "unset RUNG_DEBUG_DMA"));
  return left_early(rung_dma_start) || left_early(rung_checked_dma_start);
}
