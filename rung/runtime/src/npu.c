// What the modelled device's code calls on the host: contexts, arenas and a copy engine that watches the contract of
// transfers (flights.h), all recorded. The contexts of a fork run one after another, so that every run is the same.
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "failure.h"
#include "flights.h"
#include "npu_stream.h"
#include "runtime.h"

#define MAX_TAGS 4096

typedef struct {
  int64_t kind, site, run, context;
  uint64_t dst, src;
  int64_t rows, row_bytes;
  int64_t by_site, by_run;  // of the other transfer; -1: there is none
} violation;

typedef struct {
  char *at;
  int64_t bytes;
} block;

typedef struct {
  int64_t forked, context, region, first, end;  // codes[first .. end)
} stream_range;

typedef struct {
  void (*kernel)(int64_t *);
  const int64_t *counters;
  const double *weights;  // [width][counter_count]
  int64_t counter_count, width, site_count;
} npu_config;

typedef struct {
  int64_t row_count, symbol_count, body_count, code_count, stream_count, violation_count, violations_kept, arena_bytes;
  const int64_t *rows;
  const npu_symbol *symbols;
  const int32_t *bodies, *codes;
  const stream_range *streams;
  const violation *violations;
} npu_result;

static struct {
  npu_config config;
  jmp_buf out;  // of the launch, where it cannot go on: all contexts run on one stack, and nothing outside of here is held
  npu_tables tables;
  npu_stream stream;
  stream_range *streams;
  int64_t stream_count, stream_room, regions;
  int64_t *site_runs, site_room;
  int64_t *before, *now, before_room, now_room;  // sums so far, at the last event and at this one
  int32_t *tags[MAX_TAGS];
  int64_t tag_count;
  rung_flights flights;
  block *blocks;
  int64_t block_count, block_room, arena_bytes, arena_peak;
  violation violations[RUNG_VIOLATIONS_KEPT];
  int64_t violation_count, context, depth;
  char *stack_base;
} npu;

_Noreturn static void give_up(void) { longjmp(npu.out, 1); }

_Noreturn void npu_out_of_memory(const char *what, int64_t bytes) {
  if (rung_at_work.launch) rung_fail(RUNG_FAILED_ALLOCATION, -1, "", "out of memory: %s (%lld bytes)", what, (long long)bytes);
  give_up();
}

// ---- Recording

// The work since the last event. Sums are rounded, not differences: no packet is lost.
static void record_work(void) {
  bool any = false;
  int64_t row[npu.config.width];
  for (int64_t k = 0; k < npu.config.width; k++) {
    const double *weights = npu.config.weights + k * npu.config.counter_count;
    double sum = 0.3;  // an integer, or close to one, but for blocks that are left half-way
    for (int64_t i = 0; i < npu.config.counter_count; i++) sum += weights[i] * (double)npu.config.counters[i];
    npu.now[k] = (int64_t)sum;
    row[k] = npu.now[k] - npu.before[k];
    any = any || row[k];
    npu.before[k] = npu.now[k];
  }
  if (!any) return;
  npu_symbol symbol = {NPU_COMPUTE, npu_row(&npu.tables, row), 0, 0};
  npu_push(&npu.tables, &npu.stream, npu_symbol_of(&npu.tables, symbol));
}

static void record(npu_symbol symbol) {
  record_work();
  npu_push(&npu.tables, &npu.stream, npu_symbol_of(&npu.tables, symbol));
}

static void open_stream(bool forked, int64_t context) {
  npu_reserve(&npu.streams, &npu.stream_room, npu.stream_count + 1, sizeof *npu.streams);
  npu.streams[npu.stream_count] = (stream_range){forked, context, npu.regions, npu.tables.code_count, 0};
  memset(&npu.stream, 0, sizeof npu.stream);
  npu.context = context;
  npu.tag_count = 0;
}

static void close_stream(void) {
  record_work();
  npu_close(&npu.tables, &npu.stream);
  npu.streams[npu.stream_count++].end = npu.tables.code_count;
}

// A site is a number in the code; its `turn` is how often it ran before.
static void report(rung_violation kind, const rung_flight *f, const rung_site *by) {
  if (npu.violation_count < RUNG_VIOLATIONS_KEPT)
    npu.violations[npu.violation_count] = (violation){
        kind, f->at.number, f->at.turn, npu.context, (uintptr_t)f->dst.at, (uintptr_t)f->src.at, f->dst.rows, f->dst.row_bytes,
        by ? by->number : -1, by ? by->turn : -1};
  npu.violation_count++;
}

// ---- Memory

RUNG_API void *rung_npu_arena_enter(int64_t bytes) {
  void *at;
  if (bytes < 1) bytes = 1;  // no two blocks are at one address
  if (posix_memalign(&at, RUNG_SCRATCH_ALIGNMENT, (size_t)bytes))
    npu_out_of_memory("scratch of a context of the modelled device", bytes);
  memset(at, RUNG_POISON, (size_t)bytes);
  npu_reserve(&npu.blocks, &npu.block_room, npu.block_count + 1, sizeof *npu.blocks);
  npu.blocks[npu.block_count++] = (block){at, bytes};
  npu.arena_bytes += bytes;
  if (npu.arena_bytes > npu.arena_peak) npu.arena_peak = npu.arena_bytes;
  return at;
}

// Whether `at` is the context's own memory: its arena, or a small buffer on the stack.
static bool is_near(const char *at) {
  if (at >= (char *)__builtin_frame_address(0) && at < npu.stack_base) return true;
  for (int64_t i = 0; i < npu.block_count; i++)
    if (at >= npu.blocks[i].at && at < npu.blocks[i].at + npu.blocks[i].bytes) return true;
  return false;
}

// ---- The copy engine

static int64_t tag_number(int32_t *tag) {
  for (int64_t i = 0; i < npu.tag_count; i++)
    if (npu.tags[i] == tag) return i;
  if (npu.tag_count == MAX_TAGS) npu.tag_count = 0;
  npu.tags[npu.tag_count] = tag;
  return npu.tag_count++;
}

RUNG_API void rung_npu_arena_exit(void *base) {
  while (npu.block_count) {
    block b = npu.blocks[--npu.block_count];
    rung_flights_lose(&npu.flights, b.at, b.bytes);
    npu.arena_bytes -= b.bytes;
    free(b.at);
    if (b.at == base) return;
  }
}

RUNG_API void rung_npu_dma_start(int32_t site, void *dst, const void *src, int64_t rows, int64_t row_bytes,
                                 int64_t dst_stride, int64_t src_stride, int32_t *tag) {
  bool store = !is_near(dst);
  rung_flight f = {.dst = {dst, rows, row_bytes, dst_stride}, .src = {(char *)src, rows, row_bytes, src_stride}, .tag = tag,
                   .at = {.number = site, .turn = npu.site_runs[site]++}, .to_memory = store};
  if (!rung_flights_start(&npu.flights, f)) npu_out_of_memory("what a transfer carries", rows * row_bytes);
  if (*tag) record((npu_symbol){store ? NPU_STORE : NPU_LOAD, tag_number(tag), rows, row_bytes});
}

RUNG_API void rung_npu_dma_wait(int32_t site, int32_t *tag) {
  if (rung_flights_wait(&npu.flights, tag, (rung_site){.number = site, .turn = npu.site_runs[site]++}))
    record((npu_symbol){NPU_WAIT, tag_number(tag), 0, 0});
}

// ---- Contexts

RUNG_API void rung_npu_fork(rung_task task, void *frame, int64_t contexts) {
  if (npu.depth || contexts <= 1) {
    for (int64_t c = 0; c < contexts; c++) task(frame, c);
    return;
  }
  close_stream();
  npu.regions++;
  npu.depth++;
  // What the launching context has in flight is its own.
  int64_t own = npu.flights.started;
  for (int64_t c = 0; c < contexts; c++) {
    open_stream(true, c);
    task(frame, c);
    rung_flights_end(&npu.flights, own, NULL, false);
    close_stream();
  }
  npu.depth--;
  npu.regions++;
  open_stream(false, 0);
}

static void forget(void) {
  while (npu.block_count) free(npu.blocks[--npu.block_count].at);
  rung_flights_forget_all(&npu.flights);
  npu.arena_bytes = npu.arena_peak = 0;
  npu.stream_count = npu.regions = npu.violation_count = npu.context = npu.depth = 0;
}

// Prepares a recording; what the last one has recorded is gone. One at a time: the caller holds a lock. 0: no memory.
RUNG_API int32_t rung_npu_begin(const npu_config *config) {
  if (setjmp(npu.out)) return 0;
  npu.config = *config;
  npu_tables_clear(&npu.tables, config->width);
  npu_reserve(&npu.before, &npu.before_room, config->width, sizeof *npu.before);
  npu_reserve(&npu.now, &npu.now_room, config->width, sizeof *npu.now);
  npu_reserve(&npu.site_runs, &npu.site_room, config->site_count + 1, sizeof *npu.site_runs);
  memset(npu.before, 0, (size_t)config->width * sizeof *npu.before);
  memset(npu.site_runs, 0, (size_t)(config->site_count + 1) * sizeof *npu.site_runs);
  npu.flights.report = report;
  forget();
  return 1;
}

// A packed kernel in the launcher's eyes: runs the one of the configuration, recorded.
RUNG_API void rung_npu_launch(int64_t *slots) {
  npu.stack_base = __builtin_frame_address(0);
  if (setjmp(npu.out)) {
    forget();
    return;
  }
  open_stream(false, 0);
  npu.config.kernel(slots);
  rung_flights_end(&npu.flights, 0, NULL, false);
  close_stream();
}

RUNG_API void rung_npu_leave(void *arena) {
  (void)arena;
  give_up();
}

// What was recorded, valid until the next begin.
RUNG_API void rung_npu_end(npu_result *result) {
  const npu_tables *t = &npu.tables;
  int64_t kept = npu.violation_count < RUNG_VIOLATIONS_KEPT ? npu.violation_count : RUNG_VIOLATIONS_KEPT;
  *result = (npu_result){t->row_count, t->symbol_count, t->body_count, t->code_count, npu.stream_count, npu.violation_count,
                         kept, npu.arena_peak, t->rows, t->symbols, t->bodies, t->codes, npu.streams, npu.violations};
}
