// The extension module rung.targets.npu._replay: the event loop behind timeline.py, which documents the model.
//
// All times are doubles in cycles. At one point in time the engine's end comes first, then the contexts in the order of
// their numbers, each as far as it gets, then the engine's choice.
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { COMPUTE, START, WAIT, LOOP, NEXT, END };  // as in program.py
typedef struct {
  int64_t op, a, b, c, d;
} instruction;

#define MAX_NESTING 16  // as in program.py

typedef struct {
  double cycles, vector, dram;  // of a lone context: in all, with a vector unit, with the DRAM's data bus
} work;

typedef struct {
  double bytes_per_cycle, latency, gap, fetch, row, turnaround, issue, vector_units;
  int64_t queue_depth;
  int oldest_first;
} parameters;

typedef struct {
  double enqueued, bytes;
  int64_t rows, row_bytes, write, tag, number, stream;
  int chained;                     // it was enqueued behind another
} descriptor;

enum { IDLE, COMPUTING, ISSUING, BLOCKED, WAITING, STATES };  // the first five columns of totals; kinds of intervals
enum { MOVING = STATES };

typedef struct {
  int state;
  double since, ready;             // of the state; `ready` is infinite while its end is not known
  double alone, left;              // computing: cycles of a lone context, in all and left at `updated`
  double rate, updated;            // computing: cycles of a lone context per cycle since `updated`
  int64_t work, tag, stream;
  const instruction *next;
  int64_t counters[MAX_NESTING], nesting;
  descriptor starting;
  double *done;                    // per tag: when its last transfer is delivered; infinite until it moves
  int64_t *numbers;                // per tag: which descriptor that is
  descriptor *queue;               // a ring
  int64_t head, size, started;
  double opened;                   // since when the engine fetches along this queue's chain
} context;

typedef struct {
  int32_t context, kind;
  double begin, end;
  int64_t stream, bytes, rows, write;
} interval;

typedef struct {
  const instruction *program;
  const int64_t *entries;          // of streams
  int64_t streams, next_stream, tags;
  const work *works;
  parameters p;
  context *contexts;
  int64_t n;
  double now;
  int shared;                      // rates below one are possible
  int moving;                      // a descriptor moves: the head of queue `served`
  int64_t served, direction;
  double move_begin, move_end, last_delivery;
  double totals[STATES], slowed, busy, bytes;
  int64_t descriptors, in_flight, max_in_flight;
  int recording, failed;
  interval *intervals;
  size_t recorded, capacity;
} simulation;

static void record(simulation *s, interval i) {
  if (!s->recording || i.end <= i.begin) return;
  if (s->recorded == s->capacity) {
    size_t capacity = s->capacity ? 2 * s->capacity : 1024;
    interval *grown = realloc(s->intervals, capacity * sizeof *grown);
    if (!grown) { s->failed = 1; return; }
    s->intervals = grown, s->capacity = capacity;
  }
  s->intervals[s->recorded++] = i;
}

static void enter(simulation *s, context *c, int state, double ready) {
  c->state = state, c->since = s->now, c->ready = ready;
}

static void leave(simulation *s, context *c) {
  s->totals[c->state] += s->now - c->since;
  if (c->state != IDLE)
    record(s, (interval){(int32_t)(c - s->contexts), c->state, c->since, s->now, c->stream, 0, 0, 0});
}

static void enqueue(simulation *s, context *c) {
  descriptor *d = &c->queue[(c->head + c->size) % s->p.queue_depth];
  *d = c->starting;
  d->chained = c->size++ > 0;
  d->enqueued = s->now, d->number = c->started++;
  c->done[d->tag] = INFINITY, c->numbers[d->tag] = d->number;
  if (++s->in_flight > s->max_in_flight) s->max_in_flight = s->in_flight;
}

// The next stream there is. The first ones go to one context each: one that is over at once frees its context, but that
// does not take its neighbour's.
static int begin_stream(simulation *s, context *c) {
  if (s->next_stream == s->streams) return 0;
  c->stream = s->next_stream++;
  c->next = s->program + s->entries[c->stream];
  c->nesting = 0;
  for (int64_t i = 0; i < s->tags; i++) c->done[i] = -INFINITY, c->numbers[i] = -1;
  return 1;
}

// The context has reached the end of its state: goes on to the next state that takes time.
static void advance(simulation *s, context *c) {
  leave(s, c);
  if (c->state == COMPUTING) s->slowed += s->now - c->since - c->alone;
  int issued = c->state == ISSUING, resumed = c->state == BLOCKED;
  for (;;) {
    if (issued) {
      if (c->size == s->p.queue_depth) { enter(s, c, BLOCKED, INFINITY); return; }
      resumed = 1, issued = 0;
    }
    if (resumed) enqueue(s, c), resumed = 0;
    const instruction *i = c->next++;
    switch (i->op) {
      case COMPUTE: {
        double cycles = s->works[i->a].cycles * (double)i->b;
        if (cycles <= 0) break;
        c->work = i->a;
        enter(s, c, COMPUTING, s->now + cycles);
        c->alone = c->left = cycles, c->rate = 1, c->updated = s->now;
        return;
      }
      case START:
        c->starting = (descriptor){.rows = i->b, .row_bytes = i->c, .write = i->d, .tag = i->a,
                                   .bytes = (double)i->b * (double)i->c, .stream = c->stream};
        issued = 1;
        if (s->p.issue > 0) { enter(s, c, ISSUING, s->now + s->p.issue); return; }
        break;
      case WAIT:
        if (c->done[i->a] <= s->now) break;
        c->tag = i->a;
        enter(s, c, WAITING, c->done[i->a]);
        return;
      case LOOP:
        if (i->a <= 0) c->next = s->program + i->b + 1;
        else c->counters[c->nesting++] = i->a;
        break;
      case NEXT:
        if (--c->counters[c->nesting - 1] > 0) c->next = s->program + i->a;
        else c->nesting--;
        break;
      default:
        if (begin_stream(s, c)) break;
        enter(s, c, IDLE, INFINITY);
        return;
    }
  }
}

static void end_move(simulation *s) {
  context *c = &s->contexts[s->served];
  descriptor *d = &c->queue[c->head];
  record(s, (interval){(int32_t)s->served, MOVING, s->move_begin, s->now, d->stream, d->rows * d->row_bytes, d->rows,
                       d->write});
  c->head = (c->head + 1) % s->p.queue_depth, c->size--;
  s->moving = 0, s->in_flight--;
  if (c->state == BLOCKED) c->ready = s->now;
}

static int64_t choose(const simulation *s) {
  int64_t best = -1;
  for (int64_t k = 1; k <= s->n; k++) {
    int64_t q = (s->served + k) % s->n;
    const context *c = &s->contexts[q];
    if (!c->size) continue;
    if (!s->p.oldest_first) return q;
    if (best < 0 || c->queue[c->head].enqueued < s->contexts[best].queue[s->contexts[best].head].enqueued) best = q;
  }
  return best;
}

static void begin_move(simulation *s) {
  int64_t q = choose(s);
  if (q < 0) return;
  context *c = &s->contexts[q];
  const descriptor *d = &c->queue[c->head];
  double hidden = d->chained ? s->now - fmax(c->opened, d->enqueued) : 0;
  double before = s->p.gap + fmax(0, s->p.fetch - hidden);
  if (s->direction >= 0 && s->direction != d->write) before += s->p.turnaround;
  double move = d->bytes / s->p.bytes_per_cycle + (d->rows > 1 ? s->p.row * (double)d->rows : 0);
  s->moving = 1, s->served = q, s->direction = d->write;
  s->move_begin = s->now, s->move_end = s->now + before + move;
  if (!d->chained) c->opened = s->now + before;
  s->busy += before + move, s->bytes += d->bytes, s->descriptors++;
  double delivery = s->move_end + s->p.latency;
  if (delivery > s->last_delivery) s->last_delivery = delivery;
  if (c->numbers[d->tag] == d->number) {
    c->done[d->tag] = delivery;
    if (c->state == WAITING && c->tag == d->tag) c->ready = delivery;
  }
}

static double demand(const simulation *s, const context *c, int of_vectors) {
  const work *w = &s->works[c->work];
  return (of_vectors ? w->vector : w->dram) / w->cycles;
}

// No context gets more of a resource than the share, and who wants less gets what it wants. Infinite: there is enough.
static double fair_share(const simulation *s, int of_vectors, double capacity) {
  double share = 0, total = 0;
  for (int64_t limited = -1;;) {
    double rest = capacity;
    int64_t above = 0;
    for (int64_t i = 0; i < s->n; i++) {
      if (s->contexts[i].state != COMPUTING) continue;
      double wanted = demand(s, &s->contexts[i], of_vectors);
      if (limited < 0) total += wanted;
      if (wanted > share) above++;
      else rest -= wanted;
    }
    if (total <= capacity) return INFINITY;
    if (above == limited || above == 0) return share;
    limited = above, share = rest / (double)above;
  }
}

static void set_rates(simulation *s) {
  double vector = fair_share(s, 1, s->p.vector_units), dram = fair_share(s, 0, 1);
  for (int64_t i = 0; i < s->n; i++) {
    context *c = &s->contexts[i];
    if (c->state != COMPUTING) continue;
    double rate = fmin(1, fmin(vector / demand(s, c, 1), dram / demand(s, c, 0)));  // a division by 0 gives infinity
    if (rate == c->rate) continue;
    c->left -= (s->now - c->updated) * c->rate;
    c->rate = rate, c->updated = s->now;
    c->ready = s->now + fmax(0, c->left) / rate;
  }
}

static void run(simulation *s) {
  for (;;) {
    double now = s->moving ? s->move_end : INFINITY;
    for (int64_t i = 0; i < s->n; i++) now = fmin(now, s->contexts[i].ready);
    if (now == INFINITY || s->failed) return;
    s->now = now;
    if (s->moving && s->move_end <= now) end_move(s);
    int changed = 0;
    for (int64_t i = 0; i < s->n; i++)
      if (s->contexts[i].ready <= now) advance(s, &s->contexts[i]), changed = 1;
    if (!s->moving) begin_move(s);
    if (changed && s->shared) set_rates(s);
  }
}

static int prepare(simulation *s, double begin) {
  s->contexts = calloc((size_t)s->n, sizeof *s->contexts);
  if (!s->contexts) return -1;
  s->now = s->last_delivery = begin, s->direction = -1, s->served = s->n - 1;
  for (int64_t i = 0; i < s->n; i++) {
    context *c = &s->contexts[i];
    c->done = malloc((size_t)(s->tags + 1) * sizeof *c->done);
    c->numbers = malloc((size_t)(s->tags + 1) * sizeof *c->numbers);
    c->queue = malloc((size_t)s->p.queue_depth * sizeof *c->queue);
    if (!c->done || !c->numbers || !c->queue) return -1;
    begin_stream(s, c);
    enter(s, c, IDLE, begin);
  }
  return 0;
}

static void destroy(simulation *s) {
  for (int64_t i = 0; s->contexts && i < s->n; i++)
    free(s->contexts[i].done), free(s->contexts[i].numbers), free(s->contexts[i].queue);
  free(s->contexts);
  free(s->intervals);
}

static PyObject *replay(PyObject *module, PyObject *args) {
  Py_buffer program, entries, works;
  simulation s = {0};
  double begin;
  long long depth, n, tags;
  (void)module;
  if (!PyArg_ParseTuple(args, "y*y*y*(ddddddddLp)LLdp", &program, &entries, &works, &s.p.bytes_per_cycle, &s.p.latency,
                        &s.p.gap, &s.p.fetch, &s.p.row, &s.p.turnaround, &s.p.issue, &s.p.vector_units, &depth,
                        &s.p.oldest_first, &n, &tags, &begin, &s.recording))
    return NULL;
  s.program = program.buf, s.entries = entries.buf, s.works = works.buf;
  s.streams = entries.len / (Py_ssize_t)sizeof *s.entries;
  s.p.queue_depth = depth, s.n = n, s.tags = tags;
  double vector = 0, dram = 0;
  for (size_t i = 0; i < (size_t)works.len / sizeof *s.works; i++)
    if (s.works[i].cycles > 0) {
      vector = fmax(vector, s.works[i].vector / s.works[i].cycles);
      dram = fmax(dram, s.works[i].dram / s.works[i].cycles);
    }
  s.shared = vector * (double)n > s.p.vector_units || dram * (double)n > 1;
  PyObject *result = NULL;
  if (prepare(&s, begin) == 0) {
    Py_BEGIN_ALLOW_THREADS
    run(&s);
    Py_END_ALLOW_THREADS
  } else {
    s.failed = 1;
  }
  double end = fmax(s.now, s.last_delivery);
  if (s.failed) PyErr_NoMemory();
  else
    result = Py_BuildValue("(ddddddddLLy#)", end, s.totals[COMPUTING], s.totals[ISSUING], s.totals[BLOCKED],
                           s.totals[WAITING], s.slowed, s.busy, s.bytes, (long long)s.descriptors,
                           (long long)s.max_in_flight, s.intervals ? (const char *)s.intervals : "",
                           (Py_ssize_t)(s.recorded * sizeof *s.intervals));
  destroy(&s);
  PyBuffer_Release(&program), PyBuffer_Release(&entries), PyBuffer_Release(&works);
  return result;
}

static PyMethodDef methods[] = {
    {"replay", replay, METH_VARARGS, "replay(program, entries, works, parameters, contexts, tags, begin, recording)"},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "rung.targets.npu._replay",
                                        .m_doc = "Replays one region of a trace.", .m_size = 0, .m_methods = methods};

PyMODINIT_FUNC PyInit__replay(void) { return PyModule_Create(&definition); }
