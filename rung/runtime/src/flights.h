// Transfers in flight, and the contract that holds of them: what is in flight is left alone until it is awaited.
//
// A transfer takes its source when it starts, fills its destination with 0xFF bytes (NaN as a float) and writes to it when
// it is awaited, not before: whoever relies on a transfer that he did not await gets no number. This is shared by the
// engines that watch the contract: dma_check.c, for compiled kernels, and npu.c, for the modelled device.
#ifndef RUNG_FLIGHTS_H
#define RUNG_FLIGHTS_H
#include <stdbool.h>
#include <stdint.h>

#define RUNG_POISON 0xff
#define RUNG_VIOLATIONS_KEPT 16  // the first ones: for reports

// All violations of the contract, and what is said of a transfer that one befalls. rung/ir/violations.py is the same table.
#define RUNG_VIOLATIONS(X)                                                        \
  X(TAG_IN_USE, "starts with the tag of a transfer in flight")                    \
  X(INTO_DESTINATION, "starts into the destination of a transfer in flight")      \
  X(INTO_SOURCE, "starts into the source of a transfer in flight")                \
  X(FROM_DESTINATION, "starts from the destination of a transfer in flight")      \
  X(ONTO_ITSELF, "starts into its own source")                                    \
  X(DESTINATION_READ, "its destination is read before it is awaited")             \
  X(DESTINATION_WRITTEN, "its destination is written before it is awaited")       \
  X(SOURCE_WRITTEN, "its source is written before it is awaited")                 \
  X(TAG_WRITTEN, "its tag is written before it is awaited")                       \
  X(NEVER_AWAITED, "is never awaited")                                            \
  X(NEVER_STARTED, "waits for a transfer that was never started")
#define RUNG_VIOLATION(name, words) RUNG_##name,
typedef enum { RUNG_VIOLATIONS(RUNG_VIOLATION) RUNG_VIOLATION_KINDS } rung_violation;
#undef RUNG_VIOLATION
extern const char *const rung_violation_names[RUNG_VIOLATION_KINDS], *const rung_violation_words[RUNG_VIOLATION_KINDS];

// `rows` rows of `row_bytes` bytes, at least one byte. `stride` bytes from row to row: any number, negative ones too.
typedef struct {
  char *at;
  int64_t rows, row_bytes, stride;
} rung_box;

bool rung_boxes_meet(const rung_box *a, const rung_box *b);

// Where in the code something happens, in terms of the engine, which gets back what it gave.
typedef struct {
  const char *text;
  int64_t number;
  int64_t turn;  // which time
} rung_site;

typedef struct {
  rung_box dst, src;  // as many rows, as long
  int32_t *tag;       // 1 in flight, 0 otherwise
  rung_site at;       // where it starts
  bool to_memory;     // a store. Those of one queue take effect in the order in which they start
  const void *owner;  // whose it is, where programs take turns in one queue
  // The rest is private.
  char *data;     // of the source when it started, packed; NULL: delivered, and its wait is still to come
  int64_t serial;
  uint32_t told;  // violations that have been reported, a bit each
  bool behind;    // its destination is that of an older one in flight, in part
} rung_flight;

// Those of one queue. Zero it, then set the first two.
typedef struct {
  // by: what broke the contract, or the other transfer; NULL where only the damage was found. Called at once.
  void (*report)(rung_violation violation, const rung_flight *flight, const rung_site *by);
  bool others_store;  // contexts run meanwhile: that one of them puts the very same bytes where a store goes is no fault
  int64_t count, room, started;
  rung_flight *list;  // the oldest first
} rung_flights;

// Sets the tag: a transfer of nothing is over at once. False: no memory to watch it, and it is to be carried out.
bool rung_flights_start(rung_flights *all, rung_flight flight);
// Delivers what is in flight under the tag; false where nothing is. `here` is for a wait that nothing was started for.
bool rung_flights_wait(rung_flights *all, int32_t *tag, rung_site here);
// The computation reads or writes `bytes` bytes.
void rung_flights_touch(rung_flights *all, const void *address, int64_t bytes, bool writes, rung_site by);

// ---- transfers that are not awaited
// Its owner's that were started when `started` was `since`, or later. deliver: their memory is still there.
void rung_flights_end(rung_flights *all, int64_t since, const void *owner, bool deliver);
void rung_flights_lose(rung_flights *all, const void *memory, int64_t bytes);  // that read or write it, or have their tag there
// Without a word.
void rung_flights_deliver_all(rung_flights *all);
void rung_flights_forget_all(rung_flights *all);
#endif
