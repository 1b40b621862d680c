// The extension module rung.runtime._native: the runtime seen from Python.
#define PY_SSIZE_T_CLEAN
#include "launcher.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "code.h"
#include "dispatch.h"
#include "flights.h"
#include "internal.h"
#include "programs.h"
#include "sanitize.h"
#include "sequence.h"
#include "team.h"

static double seconds_since(int64_t start_ns) { return (double)(rung_now_ns() - start_ns) * 1e-9; }

// ---- Bound: a kernel with its arguments packed once, for measurements

typedef struct {
  PyObject_HEAD
  vectorcallfunc call;
  PyObject *args;       // kept alive: their memory is in the slots; and the function, which holds its code
  PyObject *otherwise;  // makes the bound that is called where the kernel refuses; or that bound
  rung_kernel kernel;
  int is_empty;  // the grid has no programs
  int64_t *slots, *grid;
} bound;

static PyTypeObject bound_type;

// What runs in place of a kernel that has refused the grid; borrowed.
static bound *bound_other(bound *self) {
  if (!PyObject_TypeCheck(self->otherwise, &bound_type)) {
    PyObject *made = self->otherwise == Py_None ? (rung_refuse(), NULL) : PyObject_CallNoArgs(self->otherwise);
    if (!made) return NULL;
    if (!PyObject_TypeCheck(made, &bound_type)) {
      PyErr_Format(PyExc_TypeError, "`otherwise` gave %R, which is no bound kernel", made);
      Py_DECREF(made);
      return NULL;
    }
    Py_SETREF(self->otherwise, made);
  }
  return (bound *)self->otherwise;
}

static PyObject *bound_launch(PyObject *callable, PyObject *const *args, size_t nargsf, PyObject *keywords) {
  bound *self = (bound *)callable;
  (void)args;
  if (PyVectorcall_NARGS(nargsf) || keywords)
    return PyErr_SetString(PyExc_TypeError, "a bound kernel takes no arguments"), NULL;
  if (!self->is_empty && !rung_grid_is_refused(self->grid) && rung_run(self->kernel, self->slots, self->grid)) return NULL;
  if (!rung_grid_is_refused(self->grid)) Py_RETURN_NONE;
  bound *other = bound_other(self);
  return other ? bound_launch((PyObject *)other, NULL, 0, NULL) : NULL;
}

static PyObject *bound_time(PyObject *object, PyObject *argument) {
  bound *self = (bound *)object;
  Py_ssize_t n = PyLong_AsSsize_t(argument);
  if (n < 0) return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_ValueError, "cannot time %zd launches", n);
  double *seconds = PyMem_RawCalloc((size_t)n + 1, sizeof *seconds);
  PyObject *list = seconds ? PyList_New(n) : PyErr_NoMemory();
  if (list) {
    rung_purpose outer = rung_at_work;
    rung_launch all;
    atomic_init(&all.failure, RUNG_NO_FAILURE);
    Py_BEGIN_ALLOW_THREADS
    rung_at_work.launch = &all;
    for (Py_ssize_t i = 0; i < n && !rung_has_failed(); i++) {
      int64_t start = rung_now_ns();
      if (!self->is_empty && !rung_grid_is_refused(self->grid)) self->kernel(self->slots);
      seconds[i] = seconds_since(start);
    }
    rung_at_work = outer;
    Py_END_ALLOW_THREADS
    if (rung_raise_failure(&all, self->grid)) {
      Py_CLEAR(list);
    } else if (rung_grid_is_refused(self->grid)) {
      bound *other = bound_other(self);
      Py_SETREF(list, other ? bound_time((PyObject *)other, argument) : NULL);
      PyMem_RawFree(seconds);
      return list;
    }
  }
  if (list) {
    for (Py_ssize_t i = 0; i < n; i++) PyList_SET_ITEM(list, i, PyFloat_FromDouble(seconds[i]));
  }
  PyMem_RawFree(seconds);
  return list;
}

static void bound_destroy(PyObject *object) {
  bound *self = (bound *)object;
  Py_XDECREF(self->args), Py_XDECREF(self->otherwise);
  PyMem_Free(self->slots);
  Py_TYPE(object)->tp_free(object);
}

static PyMethodDef bound_methods[] = {
    {"time", bound_time, METH_O, "time(n) -> seconds of each of n launches"},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject bound_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "rung.runtime._native.Bound",
    .tp_doc = "A packed kernel with its arguments: call it to launch.",
    .tp_basicsize = sizeof(bound),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_vectorcall_offset = offsetof(bound, call),
    .tp_call = PyVectorcall_Call,
    .tp_dealloc = bound_destroy,
    .tp_methods = bound_methods,
};

static PyObject *bind(PyObject *module, PyObject *args, PyObject *keywords) {
  static char *words[] = {"function", "kinds", "args", "grid", "names", "otherwise", NULL};
  PyObject *function, *kinds, *values, *grid, *names = NULL, *otherwise = Py_None;
  (void)module;
  if (!PyArg_ParseTupleAndKeywords(args, keywords, "OUO!O!|O!O", words, &function, &kinds, &PyTuple_Type, &values,
                                   &PyTuple_Type, &grid, &PyTuple_Type, &names, &otherwise))
    return NULL;
  Py_ssize_t count, slots;
  const char *kind = rung_check_kinds(kinds, &count, &slots);
  if (!kind) return NULL;
  if (PyTuple_GET_SIZE(values) != count || PyTuple_GET_SIZE(grid) != 3)
    return rung_raise(PyUnicode_FromFormat("%zd kinds and 3 grid dimensions, but %zd arguments and %zd", count,
                                           PyTuple_GET_SIZE(values), PyTuple_GET_SIZE(grid))), NULL;
  bound *self = (bound *)bound_type.tp_alloc(&bound_type, 0);
  if (!self) return NULL;
  self->call = bound_launch;
  self->args = PyTuple_Pack(2, values, function);
  self->otherwise = Py_NewRef(otherwise);
  self->slots = PyMem_Calloc((size_t)slots + 3, sizeof *self->slots);
  if (!self->slots) PyErr_NoMemory();
  else if (self->args && rung_pack(kind, count, names, &PyTuple_GET_ITEM(values, 0), NULL, self->slots) == 0 &&
           rung_pack_grid(&PyTuple_GET_ITEM(grid, 0), self->grid = self->slots + slots) == 0 && (self->kernel = rung_kernel_of(function))) {
    self->is_empty = rung_grid_is_empty(self->grid);
    return (PyObject *)self;
  }
  Py_DECREF(self);
  return NULL;
}

static PyObject *call_packed(PyObject *module, PyObject *args) {
  PyObject *function, *slots;
  (void)module;
  if (!PyArg_ParseTuple(args, "OO", &function, &slots)) return NULL;
  rung_kernel kernel = rung_kernel_of(function);
  if (!kernel) return NULL;
  if (PyLong_Check(slots)) {
    int64_t *address = PyLong_AsVoidPtr(slots);
    if (PyErr_Occurred()) return NULL;
    if (rung_run(kernel, address, NULL)) return NULL;
    Py_RETURN_NONE;
  }
  Py_buffer view;
  if (PyObject_GetBuffer(slots, &view, PyBUF_WRITABLE)) return NULL;
  int failed = rung_run(kernel, view.buf, NULL);
  PyBuffer_Release(&view);
  if (failed) return NULL;
  Py_RETURN_NONE;
}

// ---- the pool and what the machine can do

static PyObject *contexts(PyObject *module, PyObject *unused) {
  (void)module, (void)unused;
  return PyLong_FromLongLong(rung_contexts());
}

static PyObject *set_contexts(PyObject *module, PyObject *argument) {
  (void)module;
  long long count = argument == Py_None ? 0 : PyLong_AsLongLong(argument);
  if (argument != Py_None && count < 1)
    return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_ValueError, "there must be at least 1 context, not %lld", count);
  Py_BEGIN_ALLOW_THREADS
  rung_set_contexts(count);
  Py_END_ALLOW_THREADS
  Py_RETURN_NONE;
}

static PyObject *borrow_threads(PyObject *module, PyObject *args) {
  (void)module;
  PyObject *team, *most;
  if (!PyArg_ParseTuple(args, "OO", &team, &most)) return NULL;
  void *addresses[2] = {NULL, NULL};
  if (team != Py_None) addresses[0] = PyLong_AsVoidPtr(team), addresses[1] = PyLong_AsVoidPtr(most);
  if (PyErr_Occurred()) return NULL;
  rung_team_size before_most;
  rung_team before = rung_borrowed(&before_most);
  rung_borrow((rung_team)addresses[0], (rung_team_size)addresses[1]);
  if (!before) return Py_BuildValue("(OO)", Py_None, Py_None);
  return Py_BuildValue("(NN)", PyLong_FromVoidPtr((void *)before), PyLong_FromVoidPtr((void *)before_most));
}

static PyObject *counters(PyObject *module, PyObject *unused) {
  (void)module, (void)unused;
  rung_pool_counters p = rung_read_pool_counters();
  rung_dma_counters d = rung_read_dma_counters(), checked = rung_read_checked_dma_counters();
  d.transfers += checked.transfers, d.bytes += checked.bytes;
  if (checked.max_in_flight > d.max_in_flight) d.max_in_flight = checked.max_in_flight;
  return Py_BuildValue("{sL sL sL sL sL sL sL sL sL sL}", "forks", (long long)p.forks, "forks_serial", (long long)p.forks_serial,
                       "contexts_ran", (long long)p.contexts_ran, "threads_ran", (long long)p.threads_ran,
                       "contexts_taken_over", (long long)p.contexts_taken_over, "dma_transfers", (long long)d.transfers,
                       "dma_bytes", (long long)d.bytes, "dma_max_in_flight", (long long)d.max_in_flight,
                       "dma_waiter_copies", (long long)d.waiter_copies, "programs_waiting", (long long)rung_most_waiting());
}

static PyObject *reset_counters(PyObject *module, PyObject *unused) {
  (void)module, (void)unused;
  rung_reset_pool_counters();
  rung_reset_dma_counters();
  rung_reset_checked_dma_counters();
  rung_reset_most_waiting();
  Py_RETURN_NONE;
}

static PyObject *take_dma_violations(PyObject *module, PyObject *unused) {
  (void)module, (void)unused;
  char text[16384];
  int64_t count = rung_take_dma_violations(text, sizeof text);
  return Py_BuildValue("(LN)", (long long)count, PyUnicode_FromFormat("%s", text));
}

static PyObject *violations(PyObject *module, PyObject *unused) {
  (void)module, (void)unused;
  PyObject *all = PyTuple_New(RUNG_VIOLATION_KINDS);
  for (Py_ssize_t i = 0; all && i < RUNG_VIOLATION_KINDS; i++) {
    PyObject *each = Py_BuildValue("(ss)", rung_violation_names[i], rung_violation_words[i]);
    if (each) PyTuple_SET_ITEM(all, i, each);
    else Py_CLEAR(all);
  }
  return all;
}

static void do_nothing(void *frame, int64_t context) { (void)frame, (void)context; }

static int by_value(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

// The median of single forks to which every worker came. The gaps give a late worker time to come back: without them
// the caller would be done before it could, again and again, and no fork would be measured. When workers never come (more
// contexts than cores), it is the median of all.
static PyObject *empty_fork(PyObject *module, PyObject *args) {
  Py_ssize_t count, reps;
  (void)module;
  if (!PyArg_ParseTuple(args, "nn", &count, &reps)) return NULL;
  if (count < 1 || reps < 1) return PyErr_Format(PyExc_ValueError, "contexts and reps must be at least 1");
  int64_t *ns = PyMem_RawCalloc((size_t)reps, sizeof *ns);
  if (!ns) return PyErr_NoMemory();
  Py_ssize_t attended = 0, samples;
  Py_BEGIN_ALLOW_THREADS
  for (Py_ssize_t r = 0; r < reps; r++) {
    int64_t taken_over = rung_read_pool_counters().contexts_taken_over;
    int64_t start = rung_now_ns();
    while (rung_now_ns() - start < 2000) rung_pause();
    start = rung_now_ns();
    rung_fork(do_nothing, NULL, count);
    ns[r] = rung_now_ns() - start;
    if (rung_read_pool_counters().contexts_taken_over > taken_over) continue;
    int64_t other = ns[attended];
    ns[attended++] = ns[r], ns[r] = other;
  }
  samples = attended ? attended : reps;
  qsort(ns, (size_t)samples, sizeof *ns, by_value);
  Py_END_ALLOW_THREADS
  double median = (double)ns[samples / 2] * 1e-9;
  PyMem_RawFree(ns);
  return PyFloat_FromDouble(median);
}

#define COPY_ROUNDS 7
#define COPY_NS 20000000  // several time slices of a scheduler: other work that holds the core does not spoil all rounds

typedef struct {
  char *dst, *src;
  int64_t bytes, contexts;
} copy_job;

static void copy_share(void *frame, int64_t context) {
  const copy_job *j = frame;
  int64_t begin = j->bytes * context / j->contexts, end = j->bytes * (context + 1) / j->contexts;
  memcpy(j->dst + begin, j->src + begin, (size_t)(end - begin));
}

static PyObject *copy_bandwidth(PyObject *module, PyObject *args) {
  long long bytes, count;
  (void)module;
  if (!PyArg_ParseTuple(args, "LL", &bytes, &count)) return NULL;
  if (bytes < 1 || count < 1) return PyErr_Format(PyExc_ValueError, "bytes and contexts must be at least 1");
  copy_job j = {malloc((size_t)bytes), malloc((size_t)bytes), bytes, count};
  double best = 0;
  if (j.dst && j.src) {
    Py_BEGIN_ALLOW_THREADS
    memset(j.src, 1, (size_t)bytes);
    rung_fork(copy_share, &j, count);  // touches the pages of dst
    // Small copies are repeated within one reading of the clock, which itself takes some 30 ns.
    int64_t batch = bytes < (1 << 20) ? (1 << 20) / bytes + 1 : 1;
    int64_t begin = rung_now_ns(), start = begin;
    for (int round = 0; round < COPY_ROUNDS || start - begin < COPY_NS; round++) {
      start = rung_now_ns();
      for (int64_t i = 0; i < batch; i++) rung_fork(copy_share, &j, count);
      double rate = 2e-9 * (double)(bytes * batch) / seconds_since(start);
      if (rate > best) best = rate;
    }
    Py_END_ALLOW_THREADS
  }
  free(j.dst), free(j.src);
  return best > 0 ? PyFloat_FromDouble(best) : PyErr_NoMemory();
}

static PyObject *symbol_address(PyObject *module, PyObject *name) {
  static const struct {
    const char *name;
    void *address;
  } symbols[] = {
      {"rung_fork", (void *)rung_fork},           {"rung_arena_enter", (void *)rung_arena_enter},
      {"rung_arena_exit", (void *)rung_arena_exit}, {"rung_dma_start", (void *)rung_dma_start},
      {"rung_dma_wait", (void *)rung_dma_wait},   {"rung_dma_at", (void *)rung_dma_at},
      {"rung_checked_dma_start", (void *)rung_checked_dma_start},
      {"rung_checked_dma_wait", (void *)rung_checked_dma_wait},
      {"rung_dma_touch", (void *)rung_dma_touch}, {"rung_dma_enter", (void *)rung_dma_enter},
      {"rung_dma_leave", (void *)rung_dma_leave}, {"rung_run_programs", (void *)rung_run_programs},
      {"rung_yield", (void *)rung_yield},
      {"rung_assert_failed", (void *)rung_assert_failed},
      {"rung_has_failed", (void *)rung_has_failed}, {"rung_leave", (void *)rung_leave},
      {"rung_fork_for", (void *)rung_fork_for},     {"rung_print", (void *)rung_print},
      {"rung_check_dim", (void *)rung_check_dim}, {"rung_check_box", (void *)rung_check_box},
      {"rung_check_element", (void *)rung_check_element}, {"rung_check_value", (void *)rung_check_value},
      {"rung_check_stored", (void *)rung_check_stored},
  };
  (void)module;
  const char *wanted = PyUnicode_AsUTF8(name);
  if (!wanted) return NULL;
  for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++)
    if (!strcmp(symbols[i].name, wanted)) return PyLong_FromVoidPtr(symbols[i].address);
  return PyErr_Format(PyExc_KeyError, "the runtime has no function %R", name);
}

static PyMethodDef methods[] = {
    {"contexts", contexts, METH_NOARGS, "contexts() -> threads that a fork uses at most, the caller included"},
    {"set_contexts", set_contexts, METH_O, "set_contexts(n | None): None is one per core of the affinity mask"},
    {"borrow_threads", borrow_threads, METH_VARARGS,
     "borrow_threads(addresses of GOMP_parallel and omp_get_max_threads | None, None) -> those before; None is our own"},
    {"counters", counters, METH_NOARGS, "counters() -> what pool and copy engine did since the last reset"},
    {"reset_counters", reset_counters, METH_NOARGS, "reset_counters(), while no kernel runs"},
    {"take_dma_violations", take_dma_violations, METH_NOARGS,
     "take_dma_violations() -> (how many since the last call, the first ones in words, a line each)"},
    {"violations", violations, METH_NOARGS, "violations() -> of the contract of transfers: (name, words) of each"},
    {"sanitize_begin", rung_sanitize_begin, METH_VARARGS,
     "sanitize_begin(tensors, sites, programs, stop, order): launches of this thread are watched until sanitize_end"},
    {"sanitize_end", rung_sanitize_end, METH_NOARGS, "sanitize_end() -> (faults, accesses to memory of no argument)"},
    {"empty_fork", empty_fork, METH_VARARGS, "empty_fork(contexts, reps) -> median seconds of one fork of an empty task"},
    {"copy_bandwidth", copy_bandwidth, METH_VARARGS, "copy_bandwidth(bytes, contexts) -> GB/s, read + write"},
    {"symbol_address", symbol_address, METH_O, "symbol_address(name) -> address of a function of runtime.h"},
    {"call_packed", call_packed, METH_VARARGS, "call_packed(function, slots): one launch without the GIL"},
    {"bind", (PyCFunction)(void (*)(void))bind, METH_VARARGS | METH_KEYWORDS,
     "bind(function, kinds, args, grid, names=()) -> Bound"},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "rung.runtime._native", .m_doc = "The C runtime of rung.", .m_size = -1,
    .m_methods = methods};

PyMODINIT_FUNC PyInit__native(void) {
  if (rung_launcher_prepare() || rung_dispatch_prepare() || rung_sequence_prepare()) return NULL;
  PyObject *module = PyModule_Create(&definition);
  if (module && PyModule_AddType(module, &rung_launcher_type) == 0 && PyModule_AddType(module, &bound_type) == 0 &&
      PyModule_AddType(module, &rung_dispatcher_type) == 0 && PyModule_AddType(module, &rung_sequence_type) == 0 &&
      PyModule_AddType(module, &rung_code_type) == 0)
    return module;
  Py_XDECREF(module);
  return NULL;
}
