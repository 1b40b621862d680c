// What the modelled device's code calls on the host: contexts, arenas and a copy engine that trusts nobody, all recorded.
//
// The contexts of a fork run one after another, so that every run is the same. A transfer takes its source when it is
// started, fills its destination with 0xFF (NaNs) and writes to it when it is awaited: code that reads too early, or writes
// where a transfer is still at work, computes wrong values and is reported.
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "failure.h"
#include "npu_stream.h"
#include "runtime.h"

#define POISON 0xFF
#define ALIGNMENT 128
#define MAX_TAGS 4096
#define MAX_VIOLATIONS 16

enum { BUSY_TAG = 1, OVERLAPS_DESTINATION, READS_DESTINATION, SOURCE_CHANGED, DESTINATION_CHANGED, NEVER_AWAITED, NEVER_STARTED };

typedef struct {
  char *at;
  int64_t rows, row_bytes, stride;
} area;

typedef struct {
  int64_t kind, site, run, context;
  uint64_t dst, src;
  int64_t rows, row_bytes;
} violation;

typedef struct {
  area dst, src;
  char *data;  // of the source, when the transfer was started
  int32_t *tag;
  int64_t site, run;
  bool write, behind, delivered;  // behind: an older store in flight goes to the same place
} transfer;

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
  int64_t row_count, symbol_count, body_count, code_count, stream_count, violation_count, arena_bytes;
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
  transfer *flying;
  int64_t flying_count, flying_room;
  block *blocks;
  int64_t block_count, block_room, arena_bytes, arena_peak;
  violation violations[MAX_VIOLATIONS];
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

static void report(int64_t kind, const transfer *t) {
  if (npu.violation_count < MAX_VIOLATIONS)
    npu.violations[npu.violation_count] = (violation){kind, t->site, t->run, npu.context, (uint64_t)t->dst.at,
                                                      (uint64_t)t->src.at, t->dst.rows, t->dst.row_bytes};
  npu.violation_count++;
}

// ---- Memory

RUNG_API void *rung_npu_arena_enter(int64_t bytes) {
  bytes = bytes > 0 ? (bytes + ALIGNMENT - 1) & -(int64_t)ALIGNMENT : ALIGNMENT;
  void *at;
  if (posix_memalign(&at, 4096, (size_t)bytes)) npu_out_of_memory("scratch of a context of the modelled device", bytes);
  memset(at, POISON, (size_t)bytes);
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

static bool overlap(area a, area b) {
  if (a.stride < 0) a.at += (a.rows - 1) * a.stride, a.stride = -a.stride;
  if (b.stride < 0) b.at += (b.rows - 1) * b.stride, b.stride = -b.stride;
  for (int64_t i = 0, j = 0; i < a.rows && j < b.rows;) {
    const char *p = a.at + i * a.stride, *q = b.at + j * b.stride;
    if (p < q + b.row_bytes && q < p + a.row_bytes) return true;
    if (p < q) i++;
    else j++;
  }
  return false;
}

static void deliver(transfer *t) {
  for (int64_t r = 0; r < t->dst.rows; r++)
    memcpy(t->dst.at + r * t->dst.stride, t->data + r * t->dst.row_bytes, (size_t)t->dst.row_bytes);
  t->delivered = true;
}

static bool is_poison(const transfer *t) {
  for (int64_t r = 0; r < t->dst.rows; r++) {
    const unsigned char *row = (const unsigned char *)t->dst.at + r * t->dst.stride;
    if (row[0] != POISON || memcmp(row, row + 1, (size_t)t->dst.row_bytes - 1)) return false;
  }
  return true;
}

static bool is_unchanged(const transfer *t) {
  for (int64_t r = 0; r < t->src.rows; r++)
    if (memcmp(t->src.at + r * t->src.stride, t->data + r * t->src.row_bytes, (size_t)t->src.row_bytes)) return false;
  return true;
}

// ---- The copy engine

static int64_t tag_number(int32_t *tag) {
  for (int64_t i = 0; i < npu.tag_count; i++)
    if (npu.tags[i] == tag) return i;
  if (npu.tag_count == MAX_TAGS) npu.tag_count = 0;
  npu.tags[npu.tag_count] = tag;
  return npu.tag_count++;
}

static void forget_transfer(int64_t position) {
  transfer *t = &npu.flying[position];
  free(t->data);
  npu.flying_count--;
  memmove(t, t + 1, (size_t)(npu.flying_count - position) * sizeof *t);
}

static void finish(int64_t position) {
  transfer *t = &npu.flying[position];
  for (int64_t i = 0; t->behind && i < position; i++)
    if (!npu.flying[i].delivered && overlap(npu.flying[i].dst, t->dst)) deliver(&npu.flying[i]);
  if (!t->delivered) {
    if (!is_unchanged(t)) report(SOURCE_CHANGED, t);
    if (!t->behind && !is_poison(t)) report(DESTINATION_CHANGED, t);
    deliver(t);
  }
  *t->tag = 0;
  forget_transfer(position);
}

// Transfers from number `first` on are never awaited: their buffers and tags are gone, and nothing is delivered.
static void give_up_from(int64_t first) {
  while (npu.flying_count > first) {
    report(NEVER_AWAITED, &npu.flying[first]);
    forget_transfer(first);
  }
}

static bool is_in(block b, const void *at) { return (const char *)at >= b.at && (const char *)at < b.at + b.bytes; }

RUNG_API void rung_npu_arena_exit(void *base) {
  while (npu.block_count) {
    block b = npu.blocks[--npu.block_count];
    for (int64_t i = npu.flying_count - 1; i >= 0; i--) {
      const transfer *t = &npu.flying[i];
      if (!is_in(b, t->dst.at) && !is_in(b, t->src.at) && !is_in(b, t->tag)) continue;
      report(NEVER_AWAITED, t);
      forget_transfer(i);
    }
    npu.arena_bytes -= b.bytes;
    free(b.at);
    if (b.at == base) return;
  }
}

RUNG_API void rung_npu_dma_start(int32_t site, void *dst, const void *src, int64_t rows, int64_t row_bytes,
                                 int64_t dst_stride, int64_t src_stride, int32_t *tag) {
  int64_t run = npu.site_runs[site]++;
  transfer t = {{dst, rows, row_bytes, dst_stride}, {(char *)src, rows, row_bytes, src_stride}, NULL, tag, site, run, false, false, false};
  for (int64_t i = 0; i < npu.flying_count; i++)
    if (npu.flying[i].tag == tag) {
      report(BUSY_TAG, &t);
      finish(i);
      break;
    }
  if (rows <= 0 || row_bytes <= 0) {
    *tag = 0;
    return;
  }
  t.write = !is_near(dst);
  for (int64_t i = 0; i < npu.flying_count; i++) {
    const transfer *other = &npu.flying[i];
    if (overlap(t.src, other->dst)) report(READS_DESTINATION, &t);
    if (!overlap(t.dst, other->dst)) continue;
    // Transfers of one context take effect in order: a later store may go where an earlier one goes.
    if (t.write && other->write) t.behind = true;
    else report(OVERLAPS_DESTINATION, &t);
  }
  t.data = malloc((size_t)(rows * row_bytes));
  if (!t.data) npu_out_of_memory("what a transfer carries", rows * row_bytes);
  for (int64_t r = 0; r < rows; r++) memcpy(t.data + r * row_bytes, t.src.at + r * src_stride, (size_t)row_bytes);
  for (int64_t r = 0; r < rows; r++) memset(t.dst.at + r * dst_stride, POISON, (size_t)row_bytes);
  npu_reserve(&npu.flying, &npu.flying_room, npu.flying_count + 1, sizeof t);
  npu.flying[npu.flying_count++] = t;
  *tag = 1;
  record((npu_symbol){t.write ? NPU_STORE : NPU_LOAD, tag_number(tag), rows, row_bytes});
}

RUNG_API void rung_npu_dma_wait(int32_t site, int32_t *tag) {
  int64_t run = npu.site_runs[site]++;
  for (int64_t i = 0; i < npu.flying_count; i++) {
    if (npu.flying[i].tag != tag) continue;
    record((npu_symbol){NPU_WAIT, tag_number(tag), 0, 0});
    finish(i);
    return;
  }
  transfer none = {.tag = tag, .site = site, .run = run};
  if (*tag) report(NEVER_STARTED, &none);
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
  int64_t own = npu.flying_count;
  for (int64_t c = 0; c < contexts; c++) {
    open_stream(true, c);
    task(frame, c);
    give_up_from(own);
    close_stream();
  }
  npu.depth--;
  npu.regions++;
  open_stream(false, 0);
}

static void forget(void) {
  while (npu.block_count) free(npu.blocks[--npu.block_count].at);
  while (npu.flying_count) forget_transfer(0);
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
  give_up_from(0);
  close_stream();
}

RUNG_API void rung_npu_leave(void *arena) {
  (void)arena;
  give_up();
}

// What was recorded, valid until the next begin.
RUNG_API void rung_npu_end(npu_result *result) {
  const npu_tables *t = &npu.tables;
  *result = (npu_result){t->row_count, t->symbol_count, t->body_count, t->code_count, npu.stream_count, npu.violation_count,
                         npu.arena_peak, t->rows, t->symbols, t->bodies, t->codes, npu.streams, npu.violations};
}
