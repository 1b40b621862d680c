// Programs that wait for one another: what the launcher has to do with them.
#ifndef RUNG_PROGRAMS_H
#define RUNG_PROGRAMS_H
#include "internal.h"

// `look` is asked now and then by the thread that launched, outside of all programs: true leaves the launch.
void rung_watch_interrupts(bool (*look)(void));

int64_t rung_most_waiting(void);  // programs that one context had under way at once, since the last reset
void rung_reset_most_waiting(void);
#endif
