// Who has accessed what in a launch: per storage, for every element, the last program that wrote it and two that have read it.
// Two accesses by different programs, one of them a write, are a race, unless the one released what it had done (by an atomic)
// before the other acquired (by an atomic, or a volatile load): whatever the addresses, so that none is found that is not there.
#ifndef RUNG_SHADOW_H
#define RUNG_SHADOW_H
#include <stdbool.h>
#include <stdint.h>

typedef enum { RUNG_LOAD, RUNG_STORE, RUNG_ATOMIC, RUNG_VOLATILE_LOAD } rung_access;

typedef struct {
  rung_access access;
  int update;  // of an atomic: updates of one number, but 0, may change places
} rung_kind;

// What one program did at one place of the kernel, until it next released.
typedef struct {
  uint32_t program, site;
  uint32_t released;  // when; 0: not yet
  uint32_t older;     // of the program's records that are not released
} rung_record;

typedef struct {
  rung_record *records;  // from 1 on
  uint32_t count, room;
  uint32_t now;  // counts acquisitions and releases
  uint32_t *acquired, *open;  // per program: when last; its newest record that is not released. NULL before the first atomic
  int64_t programs;
} rung_history;

typedef struct {
  uint32_t writer, reader, other;  // records; 0: none. The readers are two different programs
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
  int64_t offset, bytes;  // the first byte that is contended, and how many are
  uint32_t record;        // the other access; 0: there is no conflict
  bool atomic;            // both are atomics, and what stands there in the end depends on their order: no race
} rung_conflict;

// The record of what `program` does now at `site`; `last` is the one before at this site. 0 where there is no memory.
uint32_t rung_record_of(rung_history *history, uint32_t program, uint32_t site, uint32_t last);
// An atomic of a program: it sees what others have released, and releases what it has done.
void rung_synchronize(rung_history *history, uint32_t program);
// `record` is an access to bytes [offset, offset + bytes), each `element` bytes wide. kinds: of accesses by site.
void rung_touch(rung_history *history, rung_shadow *shadow, const rung_kind *kinds, uint32_t record, int64_t offset, int64_t bytes,
                int64_t element, rung_conflict *conflict);
void rung_forget(rung_history *history);
void rung_forget_shadow(rung_shadow *shadow);
#endif
