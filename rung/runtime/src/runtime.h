// The runtime that compiled kernels call. Plain C, no dependency but pthreads.
#ifndef RUNG_RUNTIME_H
#define RUNG_RUNTIME_H
#include <stdint.h>
#define RUNG_API __attribute__((visibility("default")))

// ---- pool.c: hardware contexts
typedef void (*rung_task)(void *frame, int64_t context);
// Runs task(frame, c) for every c in [0, contexts), on the pool and the caller, and returns when all are done.
// Inside a task (nested), or while another thread holds the pool, the contexts run one after another on the caller.
RUNG_API void rung_fork(rung_task task, void *frame, int64_t contexts);

// ---- programs.c: programs that wait for one another
// Runs task(frame, p) for every p in [0, programs), each on a stack of its own, on as many contexts as are given, or on
// the caller alone where there are fewer than fork_from programs. Returns when all are done, or the launch was interrupted.
RUNG_API void rung_run_programs(rung_task task, void *frame, int64_t programs, int64_t contexts, int64_t fork_from);
// In every turn of a loop that waits: lets others run.
RUNG_API void rung_yield(void);

// ---- arena.c: scratch memory of the running context, handed out like a stack
// Aligned, contents undefined; NULL, and the launch has failed, where there is no memory.
#define RUNG_SCRATCH_ALIGNMENT 4096  // bytes: the most that a machine may ask for (MOST_ALIGNMENT of machine.py)
RUNG_API void *rung_arena_enter(int64_t bytes);
RUNG_API void rung_arena_exit(void *base);

// ---- failure.c: what a launch cannot go on from
// Notes that an assertion does not hold. The function that calls it then leaves early: it calls rung_leave, and returns.
// `where` and `message` are copied. program: its number in the grid, x fastest; negative: the one that has forked.
RUNG_API void rung_assert_failed(const char *where, const char *message, int64_t program);
RUNG_API void rung_fork_for(int64_t program);  // before a program forks
RUNG_API int32_t rung_has_failed(void);        // behind a fork: 1 if the launch has, in whatever context
RUNG_API void rung_leave(void *arena);  // waits for this context's transfers, and gives up the caller's scratch (or NULL)

// ---- print.c: tl.device_print
// Prints the elements of a dense block to stdout, and flushes it. text: how (print.c); no values: the prefix alone.
RUNG_API void rung_print(const char *text, const void *values, int64_t x, int64_t y, int64_t z);

// ---- dma.c: the asynchronous copy engine, one queue per context
// Transfers of one context take effect in the order in which they were started: compiled code relies on it for stores.
// Starts copying `rows` rows of `row_bytes` bytes; *tag becomes 1 now and 0 on completion. A full queue blocks.
// Completion is promised to a wait only: when the engine has no core of its own, it is the wait that copies.
RUNG_API void rung_dma_start(void *dst, const void *src, int64_t rows, int64_t row_bytes, int64_t dst_stride_bytes,
                             int64_t src_stride_bytes, int32_t *tag);
RUNG_API void rung_dma_wait(int32_t *tag);

// ---- dma_check.c: an engine that delivers at the wait and watches the contract of transfers (flights.h). The calls are those
// of dma.c; the code around them says where it is and what it touches. Violations are collected, for the launcher to raise.
// `what` is a string that lives on; `iteration` is negative outside of a loop.
RUNG_API void rung_dma_at(const char *what, int64_t iteration, int64_t to_memory);  // names the next start or wait
RUNG_API void rung_checked_dma_start(void *dst, const void *src, int64_t rows, int64_t row_bytes, int64_t dst_stride_bytes,
                                     int64_t src_stride_bytes, int32_t *tag);
RUNG_API void rung_checked_dma_wait(int32_t *tag);
// The computation reads or writes `bytes` bytes.
RUNG_API void rung_dma_touch(const void *address, int64_t bytes, int64_t writes, const char *what, int64_t iteration);
RUNG_API int64_t rung_dma_enter(void);  // a function with transfers begins; returns what rung_dma_leave wants
RUNG_API void rung_dma_leave(int64_t entered);  // it ends: all that it started has been awaited
#endif
