// Ctrl-C and programs that wait.
#ifndef RUNG_INTERRUPT_H
#define RUNG_INTERRUPT_H
void rung_interrupt_prepare(void);  // once
#endif
