// Streams of events, run-length compressed while they are recorded.
#ifndef RUNG_NPU_STREAM_H
#define RUNG_NPU_STREAM_H
#include <stdbool.h>
#include <stdint.h>

// What a code stands for. compute: a = row of `rows`. start: a = tag, b = rows, c = bytes per row. wait: a = tag.
// repeat: a = times, b and c = position and length of the body in `bodies`.
enum { NPU_COMPUTE, NPU_LOAD, NPU_STORE, NPU_WAIT, NPU_REPEAT };
typedef struct {
  int64_t kind, a, b, c;
} npu_symbol;

typedef struct {
  int32_t *slots;  // positions in the table, -1 where empty
  int64_t capacity;
} npu_index;

// One launch. Rows and symbols are unique: equal ones have equal numbers.
typedef struct {
  int64_t width;  // of a row
  int64_t *rows, row_count, row_room;
  npu_symbol *symbols;
  int64_t symbol_count, symbol_room;
  int32_t *bodies;
  int64_t body_count, body_room;
  int32_t *codes;  // closed streams, one behind the other
  int64_t code_count, code_room;
  npu_index row_index, symbol_index;
} npu_tables;

#define NPU_PERIOD 256 // the longest body of a repeat
#define NPU_LEVELS 3   // repeats of repeats of repeats

// One level looks for a body that occurs twice in a row, then counts how often it goes on, and hands the rest to the
// level above, which sees the repeat as one code.
typedef struct {
  int32_t window[2 * NPU_PERIOD];
  int32_t length;
  bool repeating;
  int32_t body[NPU_PERIOD], period, place;
  int64_t times;
} npu_level;

typedef struct {
  npu_level levels[NPU_LEVELS];
} npu_stream;

void npu_tables_clear(npu_tables *tables, int64_t width);
void npu_tables_free(npu_tables *tables);
int32_t npu_row(npu_tables *tables, const int64_t *row);
int32_t npu_symbol_of(npu_tables *tables, npu_symbol symbol);
void npu_push(npu_tables *tables, npu_stream *stream, int32_t code);
void npu_close(npu_tables *tables, npu_stream *stream);  // what is pending goes to `codes`
// `*array` with room for `needed` elements of `size` bytes. Does not return where there is no memory.
void npu_reserve(void *array, int64_t *room, int64_t needed, int64_t size);
_Noreturn void npu_out_of_memory(const char *what, int64_t bytes);  // npu.c: ends the launch
#endif
