// Which accesses of a launch are in order (docs/adr/0014): vector clocks, one for each program and for each address at which
// atomics were. What a program has done before an atomic that releases is known to all that acquire there afterwards.
#ifndef RUNG_CLOCKS_H
#define RUNG_CLOCKS_H
#include <stdbool.h>
#include <stdint.h>

// What one program did at one place of the kernel, until it next released.
typedef struct {
  uint32_t program, site;
  uint32_t released;  // when; 0: not yet
  uint32_t older;     // of the program's records that are not released
} rung_record;

// All that `program` did until a time.
typedef struct {
  uint32_t program, until;
} rung_known;
// What is known, of programs in their order; and, whoever did it, all that was released until a time. Never changed once made.
typedef struct {
  uint32_t until, count;
  rung_known *known;
} rung_clock;

typedef struct {
  rung_record *records;  // from 1 on
  uint32_t count, room;
  uint32_t now;  // counts releases
  int64_t programs;
  // Per program: its newest record that is not released; when it last released; its clock. NULL before the first atomic.
  uint32_t *open, *last, *clock;
  rung_clock *clocks;  // from 1 on; 0 knows nothing
  uint32_t clock_count, clock_room;
  int64_t entries;  // of all clocks
  bool full;        // no clock knows single programs any more
} rung_history;

// The record of what `program` does now at `site`; `last` is the one before at this site. 0 where there is no memory.
uint32_t rung_record_of(rung_history *history, uint32_t program, uint32_t site, uint32_t last);
// Whether clocks can be kept.
bool rung_keep_clocks(rung_history *history, uint32_t program);
// All that a program has done is to be known to those who acquire what it releases: `rung_joined` at each address.
void rung_release(rung_history *history, uint32_t program);
// The clock of an address, `clock`, at which a program releases.
uint32_t rung_joined(rung_history *history, uint32_t clock, uint32_t program);
void rung_acquire(rung_history *history, uint32_t program, uint32_t clock);
// Whether the access of record `r`, or none, and one of `program` now are in no order.
bool rung_contends(const rung_history *history, uint32_t r, uint32_t program);
void rung_forget(rung_history *history);
#endif
