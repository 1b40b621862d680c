// Who has accessed what in a launch: per storage, for every element, the last program that wrote it and two that have read it.
// Two accesses by different programs, one of them a write, are a race, unless they are in order (clocks.h).
#ifndef RUNG_SHADOW_H
#define RUNG_SHADOW_H
#include <stdbool.h>
#include <stdint.h>

#include "clocks.h"

typedef enum { RUNG_LOAD, RUNG_STORE, RUNG_ATOMIC, RUNG_VOLATILE_LOAD } rung_access;

typedef struct {
  rung_access access;
  // Of an atomic: updates of one number, but 0, may change places; what it sees may order its program behind others, and
  // others behind its program.
  int update;
  bool acquires, releases;
} rung_kind;

typedef struct {
  uint32_t writer, reader, other;  // records; 0: none. The readers are two different programs
  uint32_t clock;                  // what programs have released here
} rung_cell;
typedef struct {
  rung_cell all;
  rung_cell *each;  // per granule, where they differ; or NULL
} rung_page;
typedef struct {
  int64_t bytes, granule;  // of the storage, and of what is told apart in it; 0: nothing yet
  rung_page *pages;
} rung_shadow;

typedef struct {
  int64_t offset, end, bytes;  // the first byte that is contended, behind the last one, and how many are
  uint32_t record;             // the other access; 0: there is no conflict
  bool atomic;                 // both are atomics, and what stands there in the end depends on their order: no race
  bool written;                // by both, by plain stores
} rung_conflict;

// `record` is an access to bytes [offset, offset + bytes), each `element` bytes wide. kinds: of accesses by site.
void rung_touch(rung_history *history, rung_shadow *shadow, const rung_kind *kinds, uint32_t record, int64_t offset, int64_t bytes,
                int64_t element, rung_conflict *conflict);
void rung_forget_shadow(rung_shadow *shadow);
#endif
