// Which memory the process has: what the sanitizer can say of an address that is of no argument (ADR 14).
#ifndef RUNG_MAPPINGS_H
#define RUNG_MAPPINGS_H
#include <stdbool.h>
#include <stdint.h>

typedef struct {
  uintptr_t begin, end;
  bool readable, writable;
} rung_mapping;
// As it was when it was last read. What was mapped is taken to stay so during a launch; what was not may have come since.
typedef struct {
  rung_mapping *each;  // in the order of addresses
  int64_t count, room, last;  // last: the one that was found last, as most accesses go where the one before went
  int64_t site, program;      // for whom it was read
  bool known;                 // it could be read
} rung_mappings;

// PROTECTED: it is mapped, and may not be accessed in this way.
typedef enum { RUNG_MAPPED, RUNG_PROTECTED, RUNG_UNMAPPED } rung_presence;

// Of bytes [address, address + bytes), bytes being at most a page. The system is asked once for each pair of a site and a
// program of which there is something that is not in memory yet; where it does not tell, all memory counts as mapped.
rung_presence rung_presence_of(rung_mappings *mappings, uintptr_t address, int64_t bytes, bool reads, bool writes, int64_t site,
                               int64_t program);
void rung_forget_mappings(rung_mappings *mappings);
#endif
