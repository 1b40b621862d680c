// Scratch memory of the running context: a stack of blocks in thread-local chunks that are kept between launches. Programs
// that take turns on one context each have their own, see fibre.c.
#include "fibre.h"
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>

#define ALIGNMENT 64
#define FIRST_CHUNK_BYTES (1 << 20)

typedef struct chunk {
  struct chunk *previous, *next;
  char *top, *end;
  _Alignas(ALIGNMENT) char data[];
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

static chunk *new_chunk(int64_t bytes, chunk *previous) {
  chunk *c;
  if (posix_memalign((void **)&c, ALIGNMENT, sizeof(chunk) + (size_t)bytes)) {
    fprintf(stderr, "rung: out of memory: a kernel needs %lld more bytes of scratch for one context; use a smaller block size\n",
            (long long)bytes);
    abort();
  }
  *c = (chunk){.previous = previous, .top = c->data, .end = c->data + bytes};
  if (previous) previous->next = c;
  else pthread_setspecific(at_thread_exit, c);
  return c;
}

static int64_t capacity(const chunk *c) { return c->end - c->data; }

// Makes a chunk with `bytes` to spare the current one. Each new chunk is at least twice the one before; an empty chunk
// that is too small makes way for it.
static void grow(int64_t bytes) {
  chunk *below = current;
  int64_t size = current ? 2 * capacity(current) : FIRST_CHUNK_BYTES;
  while (size < bytes) size *= 2;
  if (current && current->top == current->data) {
    below = current->previous;
    free_from(current);
  } else if (current && current->next && capacity(current->next) >= bytes) {
    current = current->next;
    return;
  } else if (current) {
    free_from(current->next);
  }
  current = new_chunk(size, below);
}

RUNG_API void *rung_arena_enter(int64_t bytes) {
  if (bytes < 0 || bytes > INT64_MAX / 4) {
    fprintf(stderr, "rung: a kernel asks for %lld bytes of scratch for one context\n", (long long)bytes);
    abort();
  }
  // No block is empty: two blocks at one address could not be told apart when they are left.
  bytes = bytes ? (bytes + ALIGNMENT - 1) & -(int64_t)ALIGNMENT : ALIGNMENT;
  if (rung_in_fibre()) return rung_fibre_enter(bytes);
  if (!current || current->end - current->top < bytes) grow(bytes);
  char *block = current->top;
  current->top += bytes;
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
