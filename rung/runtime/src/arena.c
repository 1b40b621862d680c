// Scratch memory of the running context: a stack of blocks in thread-local chunks that are kept between launches. Programs
// that take turns on one context each have their own, see fibre.c.
#include "fibre.h"
#include "internal.h"

#include <stdlib.h>

#define FIRST_CHUNK_BYTES (1 << 20)

typedef struct chunk {
  struct chunk *previous, *next;
  char *top, *end;
  _Alignas(RUNG_SCRATCH_ALIGNMENT) char data[];
} chunk;

static _Thread_local chunk *current;
static pthread_key_t at_thread_exit;

static void free_from(chunk *c) {
  while (c) {
    chunk *next = c->next;
    free(c);
    c = next;
  }
}

static void free_all(void *first) { free_from(first); }

__attribute__((constructor)) static void make_key(void) { pthread_key_create(&at_thread_exit, free_all); }

// NULL: no memory. What follows `previous` is gone.
static chunk *new_chunk(int64_t bytes, chunk *previous) {
  chunk *c;
  if (posix_memalign((void **)&c, RUNG_SCRATCH_ALIGNMENT, sizeof(chunk) + (size_t)bytes)) c = NULL;
  else *c = (chunk){.previous = previous, .top = c->data, .end = c->data + bytes};
  if (previous) previous->next = c;
  else pthread_setspecific(at_thread_exit, c);
  return c;
}

static int64_t capacity(const chunk *c) { return c->end - c->data; }

// Makes a chunk with `bytes` to spare the current one; false: no memory. Each new chunk is at least twice the one before,
// if there is room for it; an empty chunk that is too small makes way for it.
static bool grow(int64_t bytes) {
  chunk *below = current;
  int64_t size = current ? 2 * capacity(current) : FIRST_CHUNK_BYTES;
  while (size < bytes) size *= 2;
  if (current && current->top == current->data) {
    below = current->previous;
    free_from(current);
  } else if (current && current->next && capacity(current->next) >= bytes) {
    current = current->next;
    return true;
  } else if (current) {
    free_from(current->next);
  }
  chunk *made = new_chunk(size, below);
  if (!made && size > bytes) made = new_chunk(bytes, below);
  current = made ? made : below;
  return made;
}

static bool has_room(int64_t bytes) { return (current && current->end - current->top >= bytes) || grow(bytes); }

RUNG_API void *rung_arena_enter(int64_t bytes) {
  // No block is empty: two blocks at one address could not be told apart when they are left.
  bool sane = bytes >= 0 && bytes <= INT64_MAX / 4;
  int64_t more = sane && bytes ? bytes - 1 : 0, rounded = more - more % RUNG_SCRATCH_ALIGNMENT + RUNG_SCRATCH_ALIGNMENT;
  char *own = sane && rung_in_fibre() ? rung_fibre_enter(rounded) : NULL;
  if (own) return own;
  if (!sane || rung_in_fibre() || !has_room(rounded)) {
    rung_fail(RUNG_FAILED_ALLOCATION, -1, "",
              "out of memory: a kernel needs %lld more bytes of scratch for one context; use a smaller block size",
              (long long)bytes);
    return NULL;
  }
  char *block = current->top;
  current->top += rounded;
  return block;
}

RUNG_API void rung_arena_exit(void *base) {
  if (rung_in_fibre()) {
    rung_fibre_exit(base);
    return;
  }
  char *block = base;
  while (block < current->data || block > current->top) {
    current->top = current->data;
    current = current->previous;
  }
  current->top = block;
  if (block != current->data || current->previous || !current->next) return;
  // Empty, with several chunks: replace them by one, so that the same kernel finds all it needs in one piece next time.
  int64_t total = 0;
  for (chunk *c = current; c; c = c->next) total += capacity(c);
  free_from(current);
  current = new_chunk(total, NULL);
}
