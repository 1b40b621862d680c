// A task on a stack of its own: it can stop in the middle, and go on later.
#ifndef RUNG_FIBRE_H
#define RUNG_FIBRE_H
#include <stddef.h>

#include "internal.h"

#define RUNG_STACK_BYTES (256 << 10)  // of address space; memory is what has been touched of it, mostly one or two pages

typedef struct rung_fibre {
  struct rung_fibre *next;  // for whoever keeps fibres in a list; the rest is private
} rung_fibre;

// A fibre belongs to the thread that took it. Stacks are kept for the thread's next ones, up to a number.
rung_fibre *rung_fibre_take(void);                // NULL: no memory
void rung_fibre_give_back(rung_fibre *fibre);     // it has ended
void rung_fibre_abandon(rung_fibre *fibre);       // it has not, and never will
// Both run it until it pauses or ends, and say whether it has ended. Then it may begin another task.
bool rung_fibre_begin(rung_fibre *fibre, rung_task task, void *frame, int64_t argument);
bool rung_fibre_resume(rung_fibre *fibre);

// ---- from inside
bool rung_in_fibre(void);
const rung_fibre *rung_fibre_running(void);  // NULL outside
void rung_fibre_pause(void);
// Scratch of the running fibre, aligned as arenas are, handed out like a stack. NULL: no memory.
void *rung_fibre_enter(int64_t bytes);
void rung_fibre_exit(void *base);
#endif
