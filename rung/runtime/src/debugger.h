// What debuggers are told of code that was made in memory.
#ifndef RUNG_DEBUGGER_H
#define RUNG_DEBUGGER_H
#include <stddef.h>
#include <stdint.h>

typedef struct rung_told rung_told;

// Tells of `object`, an ELF file that was linked to `bases` (of each section; 0 for one that is not in memory): the addresses
// are written into it, and it must stay where it is until it is taken back. One thread at a time. NULL: no memory.
rung_told *rung_tell_debugger(char *object, size_t size, const uint64_t *bases);
void rung_take_back(rung_told *told);
#endif
