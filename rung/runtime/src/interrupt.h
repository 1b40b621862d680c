// Launches that end before their programs do, seen from Python.
#ifndef RUNG_INTERRUPT_H
#define RUNG_INTERRUPT_H
void rung_interrupt_prepare(void);  // once
// With the GIL, behind a launch: -1, with an error set, if it did not come to its end.
int rung_raise_if_stopped(void);
#endif
