// Threads of somebody else's, such as OpenMP's, on which contexts run once they are borrowed.
//
// Two pools that take turns are slow: each spins for a while on the cores that the other one wants. But a team is joined when
// all of its threads have come, and where others want the cores, too, one may come milliseconds late, with nothing left to do.
// Then our own, of which none has to come, take the forks for a while; for longer, if it is late again.
#include "internal.h"
// After it, which asks for what Linux has.
#include "team.h"

#define LATE_NS 500000  // waking a thread takes a tenth of it: it had no core
#define LEAST_AWAY_NS 10000000
#define MOST_AWAY_NS 640000000

static _Atomic(rung_team) borrowed;  // NULL: our own threads
static _Atomic(rung_team_size) borrowed_at_most;
static _Atomic bool is_another;    // of which nothing is known
static bool is_lost;               // libgomp waits for ever for threads that the parent had
static _Atomic int64_t ended_ns;   // when the last context of the fork did
static int64_t away_ns, until_ns;  // how long, and until when, it is not asked; the pool is taken

void rung_borrow(rung_team team, rung_team_size most) {
  atomic_store(&borrowed_at_most, most);
  atomic_store(&borrowed, is_lost ? NULL : team);
  atomic_store(&is_another, true);
}

rung_team rung_borrowed(rung_team_size *most) {
  *most = atomic_load(&borrowed_at_most);
  return atomic_load(&borrowed);
}

void rung_lose_team(void) {
  is_lost = true;
  atomic_store(&borrowed, NULL);
}

int64_t rung_lent(int64_t threads) {
  rung_team_size size = atomic_load_explicit(&borrowed_at_most, memory_order_relaxed);
  int64_t most = size ? size() : threads;
  return most < 1 ? 1 : most < threads ? most : threads;
}

rung_team rung_team_that_comes(void) {
  if (atomic_load_explicit(&is_another, memory_order_relaxed) && atomic_exchange(&is_another, false)) away_ns = until_ns = 0;
  return until_ns && rung_now_ns() < until_ns ? NULL : atomic_load_explicit(&borrowed, memory_order_relaxed);
}

void rung_team_ends(void) { atomic_store_explicit(&ended_ns, rung_now_ns(), memory_order_relaxed); }

void rung_ask_team(rung_team team, void (*body)(void *), void *argument, int64_t threads) {
  team(body, argument, (unsigned)threads, 0);
  int64_t now = rung_now_ns();
  bool late = now - atomic_load_explicit(&ended_ns, memory_order_relaxed) > LATE_NS;
  away_ns = !late ? 0 : !away_ns ? LEAST_AWAY_NS : 2 * away_ns < MOST_AWAY_NS ? 2 * away_ns : MOST_AWAY_NS;
  until_ns = late ? now + away_ns : 0;
}
