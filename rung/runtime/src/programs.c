// Programs that wait for one another: each has a stack of its own and lets others run while it waits.
//
// Every context takes programs from one counter, in order, and goes round those that it has begun. It begins more when
// nothing gets on: when all contexts only wait, or when this one has for long. So a launch whose programs wait for
// earlier ones has few under way, and a barrier of all programs has all of them after a few rounds that double them.
#include "programs.h"

#include "fibre.h"

#define LOOK_NS 20000000  // between two looks for a signal
#define PATIENCE_NS 1000  // times the square of the programs that wait here: then more are begun while others compute

typedef struct {
  rung_task task;
  void *frame;
  int64_t programs;
  _Alignas(RUNG_CACHE_LINE) _Atomic int64_t next;    // the first program that nobody has begun
  _Alignas(RUNG_CACHE_LINE) _Atomic int64_t active;  // contexts that take part
  _Atomic uint64_t votes;                            // a ballot's number, and in the low half how many contexts only wait
} launch;

// What one context has under way.
typedef struct {
  launch *of;
  rung_fibre *first;  // of the programs that wait: the last one that had a turn
  int64_t waiting, most;
  uint64_t ballot;
  bool voted;
  int64_t since;   // when nothing has got on; 0 if something has
  int64_t looked;  // for a signal
} share;

static _Thread_local launch *launched_here;  // this thread looks for signals
static _Atomic int64_t most_waiting;
static bool (*interrupted)(void);

void rung_watch_interrupts(bool (*look)(void)) { interrupted = look; }

static bool none_left(const launch *l) { return atomic_load_explicit(&l->next, memory_order_relaxed) >= l->programs; }

static void look_for_interrupt(share *s, int64_t now) {
  if (s->of != launched_here || !interrupted || now - s->looked < LOOK_NS) return;
  if (s->looked && interrupted()) rung_fail(RUNG_INTERRUPTED, -1, "", "interrupted");
  s->looked = now;
}

// ---- one round

static void let_wait(share *s, rung_fibre *f) {
  f->next = s->first, s->first = f;
  if (++s->waiting > s->most) s->most = s->waiting;
}

// True when the program has ended.
static bool came_back(share *s, rung_fibre *f, bool ended) {
  if (ended) rung_fibre_give_back(f);
  else let_wait(s, f);
  return ended;
}

// A turn for each program that waits, in the reverse order of the last round: of programs that wait for their neighbours,
// all get on in one round of the right direction. True when one of them has ended.
static bool go_round(share *s) {
  bool ended = false;
  rung_fibre *rest = s->first, *f;
  s->first = NULL, s->waiting = 0;
  while ((f = rest)) {
    rest = f->next;
    if (rung_has_failed()) let_wait(s, f);
    else ended |= came_back(s, f, rung_fibre_resume(f));
  }
  return ended;
}

static void no_memory(const share *s) {
  rung_fail(RUNG_FAILED_ALLOCATION, -1, "",
            "out of memory: %lld programs of one context wait for others that have not begun, and there is none for one more "
            "stack (%d KB of address space); launch fewer programs, or use smaller blocks",
            (long long)s->waiting, RUNG_STACK_BYTES >> 10);
}

// As many more as wait already. True when there was one. Without memory that is an error only where nobody gets on: else
// others will end, and leave their stacks.
static bool begin_more(share *s, bool all_wait) {
  launch *l = s->of;
  bool begun = false;
  for (int64_t more = s->waiting ? s->waiting : 1; more && !rung_has_failed() && !none_left(l); more--) {
    rung_fibre *f = rung_fibre_take();
    if (!f) {
      if (all_wait && !begun) no_memory(s);
      break;
    }
    int64_t program = atomic_fetch_add_explicit(&l->next, 1, memory_order_relaxed);
    if (program >= l->programs) {
      rung_fibre_give_back(f);
      break;
    }
    begun = true;
    came_back(s, f, rung_fibre_begin(f, l->task, l->frame, program));
  }
  return begun;
}

// Whether every context has been round without a program that ended, since this was true last. The last one to vote opens
// the next ballot, by which the others know.
static bool all_wait(share *s) {
  launch *l = s->of;
  uint64_t seen = atomic_load(&l->votes);
  while (seen >> 32 == s->ballot) {
    uint64_t voted = seen + !s->voted;
    bool all = (int64_t)(uint32_t)voted >= atomic_load(&l->active);
    uint64_t after = all ? ((seen >> 32) + 1) << 32 : voted;
    if (after == seen) return false;
    if (!atomic_compare_exchange_weak(&l->votes, &seen, after)) continue;
    s->voted = true;
    if (!all) return false;
    seen = after;
  }
  s->ballot = seen >> 32, s->voted = false;
  return true;
}

// A round in which nothing got on: begins more if it is time, else rests.
static bool stuck(share *s, int64_t began) {
  int64_t now = rung_now_ns();
  if (!s->since) s->since = began;
  int64_t waited = now - s->since, round = now - began;
  if (!none_left(s->of)) {
    bool all = all_wait(s);
    if ((all || waited > PATIENCE_NS * s->waiting * s->waiting) && begin_more(s, all)) return false;
  }
  // A round that took its time was spent computing.
  if (waited > RUNG_YIELD_NS && round < 1000 * (s->waiting + 1)) sched_yield();
  else rung_pause();
  return true;
}

// ---- one context

static void finish(share *s) {
  if (s->first) {  // what is left has tags and buffers on stacks that go now
    rung_dma_drain();
    rung_checked_dma_drain();
  }
  for (rung_fibre *f; (f = s->first); rung_fibre_abandon(f)) s->first = f->next;
  int64_t seen = atomic_load(&most_waiting);
  while (s->most > seen && !atomic_compare_exchange_weak(&most_waiting, &seen, s->most)) continue;
}

static void take_part(void *frame, int64_t context) {
  launch *l = frame;
  share s = {.of = l};
  (void)context;
  atomic_fetch_add(&l->active, 1);
  while (!rung_has_failed() && (s.waiting || !none_left(l))) {
    int64_t now = rung_now_ns();
    look_for_interrupt(&s, now);
    bool got_on = go_round(&s) || (!s.waiting && begin_more(&s, false)) || !stuck(&s, now);
    if (got_on) s.since = 0;
  }
  finish(&s);
  atomic_fetch_sub(&l->active, 1);
  rung_spin spin = {0};
  while (l == launched_here && !rung_has_failed() && atomic_load_explicit(&l->active, memory_order_relaxed))
    if (rung_spin_turn(&spin)) look_for_interrupt(&s, rung_now_ns());
}

RUNG_API void rung_run_programs(rung_task task, void *frame, int64_t programs, int64_t contexts, int64_t fork_from) {
  if (programs < fork_from) contexts = 1;
  launch l = {.task = task, .frame = frame, .programs = programs}, *outer = launched_here;
  launched_here = &l;
  rung_fork(take_part, &l, programs < contexts ? programs : contexts);
  launched_here = outer;
}

RUNG_API void rung_yield(void) {
  if (rung_in_fibre()) rung_fibre_pause();
  else sched_yield();
}

int64_t rung_most_waiting(void) { return atomic_load(&most_waiting); }

void rung_reset_most_waiting(void) { atomic_store(&most_waiting, 0); }
