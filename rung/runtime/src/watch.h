// A launch that is watched: what it was given, what accesses memory in it, and what was found (sanitize.c).
#ifndef RUNG_WATCH_H
#define RUNG_WATCH_H
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>
#include <stdint.h>

#include "mappings.h"
#include "shadow.h"

#define MOST_FAULTS 64

typedef enum { OUTSIDE, RACE, UNDEFINED, UNWRITTEN, IN_ORDER, MISALIGNED, SAME, UNMAPPED, PROTECTED } fault_kind;  // as in runtime/findings.py

typedef struct {
  uintptr_t begin, end;
  rung_shadow shadow;
  Py_buffer unwritten;  // a byte for each of the storage's, 1 where nobody has written; no buffer: not asked
} storage;
typedef struct {
  uintptr_t data;
  int32_t storage;
} tensor;
typedef struct {
  int64_t bytes;  // of an element
  bool closed;    // goes to memory of arguments, and to no other
  bool vital;     // it cannot be left out: where it may not be made, the launch ends
  uintptr_t base;  // the last one, and what it belongs to
  int32_t tensor, storage;
  uint32_t record;
} site;
typedef struct {
  fault_kind kind;
  int64_t site, program, place, other_site, other_program;
  int32_t tensor, storage;  // -1: not known
  uintptr_t first, low, high;  // the first element's address, and the least and the greatest
  int64_t elements;
} fault;

// Two programs have written the same place, and the second is about to: whether the same number, shows when it has.
typedef struct {
  fault race;
  size_t bytes;
  char *before;
} doubt;

typedef struct watch {
  struct watch *outer;
  bool stop, stopped, order;  // order: atomics that may not change places are a fault
  tensor *tensors;
  storage *storages;
  site *sites;
  rung_kind *kinds;
  int64_t tensor_count, storage_count, site_count;
  rung_history history;
  rung_mappings mappings;
  fault faults[MOST_FAULTS];
  doubt *doubts;
  int64_t doubt_count, doubt_room;
  int64_t fault_count, unknown;  // accesses through pointers that belong to no argument
} watch;

extern _Thread_local watch *rung_watched;  // what this thread works for; or NULL
#endif
