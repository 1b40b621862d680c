// Programs that wait for one another: why a launch of them came to an end before all of them did.
#ifndef RUNG_PROGRAMS_H
#define RUNG_PROGRAMS_H
#include "internal.h"

typedef enum { RUNG_RAN, RUNG_INTERRUPTED, RUNG_NO_MEMORY } rung_stop;

typedef struct {
  rung_stop why;
  int64_t waiting;  // NO_MEMORY: programs under way, for which there was memory
} rung_stopped;

// Of this thread's launches since the last call.
rung_stopped rung_take_stopped(void);
bool rung_has_stopped(void);  // whether there is one to be taken
// `look` is asked now and then by the thread that launched, outside of all programs: true leaves the launch.
void rung_watch_interrupts(bool (*look)(void));

int64_t rung_most_waiting(void);  // programs that one context had under way at once, since the last reset
void rung_reset_most_waiting(void);
#endif
