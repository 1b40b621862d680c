// Borrowed threads.
#ifndef RUNG_TEAM_H
#define RUNG_TEAM_H
#include <stdbool.h>
#include <stdint.h>

// Calls body(argument) on at most so many threads, the caller among them, and returns when all are done: `GOMP_parallel`,
// by which compilers call OpenMP. flags: 0.
typedef void (*rung_team)(void (*body)(void *), void *argument, unsigned threads, unsigned flags);
typedef int (*rung_team_size)(void);  // omp_get_max_threads, which torch.set_num_threads and OMP_NUM_THREADS decide

// Forks use its threads from now on, at most so many; NULL: our own. A forked child keeps its own.
void rung_borrow(rung_team team, rung_team_size most);
rung_team rung_borrowed(rung_team_size *most);

// ---- for the pool, by the thread that has taken it
int64_t rung_lent(int64_t threads);    // how many of these its owner lets us have; without one, all
rung_team rung_team_that_comes(void);  // NULL: there is none, or it was late just now
void rung_ask_team(rung_team team, void (*body)(void *), void *argument, int64_t threads);  // joined
void rung_team_ends(void);  // to be told when the last context of a fork has ended
void rung_lose_team(void);  // in a forked child
#endif
