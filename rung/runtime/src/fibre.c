// Stacks of their own, switched in user space. POSIX has makecontext to begin on another stack; going to and fro between
// two that have begun is _setjmp and _longjmp, which make no system call: 20 ns there and back, not 500.
#undef _FORTIFY_SOURCE  // its longjmp takes a jump to another stack for a mistake
#ifdef __APPLE__  // hides makecontext else
#define _XOPEN_SOURCE 700
#define _DARWIN_C_SOURCE
#endif
#include "fibre.h"

#include <setjmp.h>
#include <sys/mman.h>
#include <ucontext.h>

#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#define TSAN(statement) statement
#else
#define TSAN(statement)
#endif

#ifndef MAP_STACK
#define MAP_STACK 0
#endif
#ifndef MAP_NORESERVE
#define MAP_NORESERVE 0
#endif

#define HEADER_BYTES RUNG_SCRATCH_ALIGNMENT  // of an area; its scratch follows
#define MOST_KEPT 1024                       // stacks of a thread, some 8 KB each
#define MOST_KEPT_SCRATCH (16 << 20)         // bytes, with all of them

typedef struct area {
  struct area *below;
  int64_t bytes;
} area;

typedef struct {
  rung_fibre fibre;
  jmp_buf here, outside;  // where it goes on; where whoever runs it does
  char *stack;            // the whole mapping; this struct is at its upper end, a page without access at its lower one
  size_t mapped;
  rung_task task;
  void *frame;
  int64_t argument;
  bool has_begun, has_ended;
  area *areas, *spare;  // scratch in use, the last one first; and one that may be used again
  TSAN(void *sanitizer; void *sanitizer_outside;)
} inside;

static _Thread_local inside *running;
static _Thread_local struct {
  rung_fibre *first;
  int64_t count, scratch_bytes;
} kept;
static pthread_key_t at_thread_exit;

static void *map(size_t bytes) {
  void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
  return at == MAP_FAILED ? NULL : at;
}

static rung_fibre *new_fibre(void) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = RUNG_STACK_BYTES + page;
  char *stack = map(bytes);
  if (!stack) return NULL;
  if (mprotect(stack, page, PROT_NONE)) {
    munmap(stack, bytes);
    return NULL;
  }
  size_t own = (sizeof(inside) + RUNG_CACHE_LINE - 1) & -(size_t)RUNG_CACHE_LINE;
  inside *f = (inside *)(stack + bytes - own);
  *f = (inside){.stack = stack, .mapped = bytes};
  TSAN(f->sanitizer = __tsan_create_fiber(0);)
  return &f->fibre;
}

static void unmap_areas(area *a) {
  while (a) {
    area *below = a->below;
    munmap(a, (size_t)a->bytes + HEADER_BYTES);
    a = below;
  }
}

void rung_fibre_abandon(rung_fibre *fibre) {
  inside *f = (inside *)fibre;
  unmap_areas(f->areas), unmap_areas(f->spare);
  TSAN(__tsan_destroy_fiber(f->sanitizer);)
  munmap(f->stack, f->mapped);
}

static int64_t scratch_bytes(const inside *f) { return f->spare ? f->spare->bytes : 0; }

// Making a stack costs some 30 us: three system calls, and page faults.
rung_fibre *rung_fibre_take(void) {
  if (!kept.first) return new_fibre();
  inside *f = (inside *)kept.first;
  kept.first = f->fibre.next;
  kept.count--;
  kept.scratch_bytes -= scratch_bytes(f);
  return &f->fibre;
}

void rung_fibre_give_back(rung_fibre *fibre) {
  inside *f = (inside *)fibre;
  if (kept.count == MOST_KEPT) {
    rung_fibre_abandon(fibre);
    return;
  }
  if (kept.scratch_bytes + scratch_bytes(f) > MOST_KEPT_SCRATCH) unmap_areas(f->spare), f->spare = NULL;
  if (!kept.count) pthread_setspecific(at_thread_exit, &kept);
  fibre->next = kept.first, kept.first = fibre;
  kept.count++;
  kept.scratch_bytes += scratch_bytes(f);
}

static void abandon_kept(void *unused) {
  (void)unused;
  while (kept.first) rung_fibre_abandon(rung_fibre_take());
}

__attribute__((constructor)) static void make_key(void) { pthread_key_create(&at_thread_exit, abandon_kept); }

// ---- to and fro

static void leave(inside *f) {
  if (_setjmp(f->here)) return;
  TSAN(__tsan_switch_to_fiber(f->sanitizer_outside, 0);)
  _longjmp(f->outside, 1);
}

static void one_task_after_another(void) {
  for (;;) {
    inside *f = running;
    f->task(f->frame, f->argument);
    f->has_ended = true;
    leave(f);
  }
}

static void begin_on_own_stack(inside *f) {
  ucontext_t context;
  getcontext(&context);
  context.uc_stack.ss_sp = f->stack;
  context.uc_stack.ss_size = (size_t)((char *)f - f->stack);
  context.uc_link = NULL;
  makecontext(&context, one_task_after_another, 0);
  TSAN(__tsan_switch_to_fiber(f->sanitizer, 0);)
  setcontext(&context);
}

static bool enter(inside *f) {
  running = f;
  TSAN(f->sanitizer_outside = __tsan_get_current_fiber();)
  if (!_setjmp(f->outside)) {
    if (!f->has_begun) {
      f->has_begun = true;
      begin_on_own_stack(f);
    }
    TSAN(__tsan_switch_to_fiber(f->sanitizer, 0);)
    _longjmp(f->here, 1);
  }
  running = NULL;
  return f->has_ended;
}

bool rung_fibre_begin(rung_fibre *fibre, rung_task task, void *frame, int64_t argument) {
  inside *f = (inside *)fibre;
  f->task = task, f->frame = frame, f->argument = argument;
  f->has_ended = false;
  return enter(f);
}

bool rung_fibre_resume(rung_fibre *fibre) { return enter((inside *)fibre); }

bool rung_in_fibre(void) { return running; }

const rung_fibre *rung_fibre_running(void) { return running ? &running->fibre : NULL; }

void rung_fibre_pause(void) { leave(running); }

// ---- scratch

void *rung_fibre_enter(int64_t bytes) {
  inside *f = running;
  area *a = f->spare;
  if (a && a->bytes >= bytes) {
    f->spare = NULL;
  } else {
    a = map((size_t)bytes + HEADER_BYTES);
    if (!a) return NULL;
    a->bytes = bytes;
  }
  a->below = f->areas, f->areas = a;
  return (char *)a + HEADER_BYTES;
}

void rung_fibre_exit(void *base) {
  inside *f = running;
  for (bool found = false; !found;) {
    area *a = f->areas;
    found = (char *)a + HEADER_BYTES == base;
    f->areas = a->below;
    unmap_areas(f->spare);
    a->below = NULL, f->spare = a;
  }
}
