#define _GNU_SOURCE
#include "mappings.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static bool add(rung_mappings *m, rung_mapping mapping) {
  if (m->count == m->room) {
    int64_t room = m->room ? 2 * m->room : 256;
    rung_mapping *each = realloc(m->each, (size_t)room * sizeof *each);
    if (!each) return false;
    m->each = each, m->room = room;
  }
  m->each[m->count++] = mapping;
  return true;
}

// proc(5): `begin-end rwxp ...`, a line for each.
static bool read_all(rung_mappings *m) {
  FILE *file = fopen("/proc/self/maps", "re");
  if (!file) return false;
  m->count = m->last = 0;
  char *line = NULL;
  size_t room = 0;
  bool fine = true;
  while (fine && getline(&line, &room, file) > 0) {
    uintptr_t begin, end;
    char may[5];
    fine = sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s", &begin, &end, may) == 3 &&
           add(m, (rung_mapping){begin, end, may[0] == 'r', may[1] == 'w'});
  }
  free(line);
  fclose(file);
  return fine && m->count;
}

static const rung_mapping *find(rung_mappings *m, uintptr_t address) {
  if (m->last < m->count && m->each[m->last].begin <= address && address < m->each[m->last].end) return &m->each[m->last];
  int64_t low = 0, high = m->count;  // the first that ends behind it
  while (low < high) {
    int64_t middle = low + (high - low) / 2;
    if (m->each[middle].end <= address) low = middle + 1;
    else high = middle;
  }
  if (low == m->count || m->each[low].begin > address) return NULL;
  m->last = low;
  return &m->each[low];
}

static rung_presence presence_of(rung_mappings *m, uintptr_t address, bool reads, bool writes) {
  const rung_mapping *found = find(m, address);
  if (!found) return RUNG_UNMAPPED;
  return (reads && !found->readable) || (writes && !found->writable) ? RUNG_PROTECTED : RUNG_MAPPED;
}

static rung_presence of_both_ends(rung_mappings *m, uintptr_t address, int64_t bytes, bool reads, bool writes) {
  rung_presence first = presence_of(m, address, reads, writes), last = presence_of(m, address + (uintptr_t)bytes - 1, reads, writes);
  return first > last ? first : last;
}

rung_presence rung_presence_of(rung_mappings *m, uintptr_t address, int64_t bytes, bool reads, bool writes, int64_t site, int64_t program) {
  rung_presence found = m->known ? of_both_ends(m, address, bytes, reads, writes) : RUNG_UNMAPPED;
  if (found == RUNG_MAPPED || (m->known && m->site == site && m->program == program)) return found;
  m->known = read_all(m), m->site = site, m->program = program;
  return m->known ? of_both_ends(m, address, bytes, reads, writes) : RUNG_MAPPED;
}

void rung_forget_mappings(rung_mappings *m) { free(m->each); }
