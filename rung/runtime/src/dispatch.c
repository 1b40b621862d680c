// What Triton's JITFunction.run comes to when nothing differs from an earlier launch, without running it.
//
// A Dispatcher is one JITFunction's `run`. A launch is looked at first: the traits of its arguments (guards.h), and all that
// Triton would read beside them (triton_state.h). If these are as they were when Triton chose a kernel, and Triton's own cache
// still has that kernel, it is launched. Otherwise Triton runs, and what it chose is remembered: nothing has happened by then,
// no hook has been called and no grid computed.
#define PY_SSIZE_T_CLEAN
#include "dispatch.h"

#include <stddef.h>
#include <structmember.h>

#include "guards.h"
#include "launcher.h"
#include "triton_state.h"

#define MOST_MEMOS 16  // of one function: a constant that is another one in each launch must not fill the memory

static PyObject *grid_name, *warmup_name, *launcher_name, *function_name, *one;

int rung_dispatch_prepare(void) {
  grid_name = PyUnicode_InternFromString("grid");
  warmup_name = PyUnicode_InternFromString("warmup");
  launcher_name = PyUnicode_InternFromString("_run");
  function_name = PyUnicode_InternFromString("function");
  one = PyLong_FromLong(1);
  if (PyErr_Occurred()) return -1;
  return rung_guards_prepare() || rung_triton_state_prepare() ? -1 : 0;
}

// A kernel that Triton has chosen, and when it would choose it again.
typedef struct {
  int users;              // the dispatcher, and launches that are under way: another thread may drop it meanwhile
  Py_ssize_t positional;  // arguments that are given by position; those that are given by name follow them
  PyObject *names;        // tuple: of those given by name, be they parameters or options
  rung_guard *guards;     // of all of them
  Py_ssize_t *sources;    // which of them each of the function's parameters is; or -1, its default
  rung_settings settings;
  PyObject *key, *kernel;  // in Triton's cache
} memo;

typedef struct {
  PyObject_HEAD
  PyObject *jit;
  PyObject *names, *defaults, *constants;  // tuples, an item for each parameter: text, value or `missing`, whether constexpr
  PyObject *parts;                         // tuple: owns what the fields below point to
  rung_triton triton;
  rung_known_types types;
  PyTypeObject *kernel_type;
  PyObject *missing;              // in `defaults`: there is none
  PyObject *launch_behind_hooks;  // (kernel, grid, arguments by name)
  memo *memos[MOST_MEMOS];
  Py_ssize_t count, next, launches;
} dispatcher;

static void release(memo *m) {
  if (--m->users) return;
  for (Py_ssize_t i = 0; m->guards && i < m->positional + PyTuple_GET_SIZE(m->names); i++) rung_guard_clear(&m->guards[i]);
  rung_forget_settings(&m->settings);
  Py_XDECREF(m->names), Py_XDECREF(m->key), Py_XDECREF(m->kernel);
  PyMem_Free(m->guards), PyMem_Free(m->sources), PyMem_Free(m);
}

// ---- looking at a launch

typedef struct {
  PyObject *grid;
  Py_ssize_t positional, named;
  rung_fact *facts;   // of those by position, then of those by name
  PyObject **names;   // borrowed
} given;

static bool is_sizes(PyObject *grid) {
  return (PyTuple_CheckExact(grid) || PyList_CheckExact(grid)) && PySequence_Fast_GET_SIZE(grid) > 0;
}

static bool look_at_given(const dispatcher *self, PyObject *args, PyObject *keywords, given *g) {
  PyObject *name, *value, *warmup = NULL;
  Py_ssize_t at = 0;
  g->positional = PyTuple_GET_SIZE(args), g->named = 0, g->grid = NULL;
  for (Py_ssize_t i = 0; i < g->positional; i++)
    if (!rung_look(&self->types, PyTuple_GET_ITEM(args, i), &g->facts[i])) return false;
  while (keywords && PyDict_Next(keywords, &at, &name, &value)) {
    if (name == grid_name) {
      g->grid = value;
    } else if (name == warmup_name) {
      warmup = value;
    } else {
      if (!rung_look(&self->types, value, &g->facts[g->positional + g->named])) return false;
      g->names[g->named++] = name;
    }
  }
  return warmup == Py_False && g->grid && (PyCallable_Check(g->grid) || is_sizes(g->grid));
}

static bool is_like(const memo *m, const given *g, const rung_settings *settings) {
  if (m->positional != g->positional || PyTuple_GET_SIZE(m->names) != g->named) return false;
  if (!rung_are_same_settings(&m->settings, settings)) return false;
  for (Py_ssize_t i = 0; i < g->named; i++)
    if (PyTuple_GET_ITEM(m->names, i) != g->names[i]) return false;  // the same text as another object is left to Triton
  for (Py_ssize_t i = 0; i < g->positional + g->named; i++)
    if (!rung_holds(&m->guards[i], &g->facts[i])) return false;
  return true;
}

static memo *find(const dispatcher *self, const given *g, const rung_settings *settings) {
  for (Py_ssize_t i = 0; i < self->count; i++)
    if (is_like(self->memos[i], g, settings)) return self->memos[i];
  return NULL;
}

static void drop(dispatcher *self, memo *m) {
  for (Py_ssize_t i = 0; i < self->count; i++) {
    if (self->memos[i] != m) continue;
    self->memos[i] = self->memos[--self->count];
    release(m);
    return;
  }
}

// ---- launching again

static int launch_on(PyObject *kernel, PyObject *launcher, PyObject *grid, PyObject *const *values, const int64_t *addresses,
                     Py_ssize_t count) {
  PyObject *sizes[3], *function = PyObject_GetAttr(kernel, function_name);
  if (!function) return -1;
  for (Py_ssize_t i = 0; i < 3; i++)
    sizes[i] = Py_NewRef(i < PySequence_Fast_GET_SIZE(grid) ? PySequence_Fast_GET_ITEM(grid, i) : one);
  int failed = rung_launch_known(launcher, sizes, function, values, addresses, count);
  Py_DECREF(sizes[0]), Py_DECREF(sizes[1]), Py_DECREF(sizes[2]), Py_DECREF(function);
  return failed;
}

// As Triton goes on behind a grid that it computes: what it calls may change the arguments, and set hooks.
static int launch_computed(const dispatcher *self, PyObject *kernel, PyObject *launcher, PyObject *callable, PyObject *const *values) {
  Py_ssize_t count = PyTuple_GET_SIZE(self->names);
  PyObject *bound = PyDict_New();
  for (Py_ssize_t p = 0; bound && p < count; p++)
    if (PyDict_SetItem(bound, PyTuple_GET_ITEM(self->names, p), values[p])) Py_CLEAR(bound);
  PyObject *grid = bound ? PyObject_CallOneArg(callable, bound) : NULL;
  PyObject *now = grid ? PyDict_Values(bound) : NULL;
  int failed = -1;
  if (now && is_sizes(grid) && PyList_GET_SIZE(now) == count && rung_launch_hooks_are_idle(&self->triton)) {
    failed = launch_on(kernel, launcher, grid, PySequence_Fast_ITEMS(now), NULL, count);
  } else if (now) {
    PyObject *result = PyObject_CallFunctionObjArgs(self->launch_behind_hooks, kernel, grid, bound, NULL);
    Py_XDECREF(result);
    failed = result ? 0 : -1;
  }
  Py_XDECREF(bound), Py_XDECREF(grid), Py_XDECREF(now);
  return failed;
}

typedef enum { LAUNCHED, FAILED, NOT_AS_BEFORE } outcome;

static outcome launch_again(const dispatcher *self, const memo *m, const given *g) {
  if (!rung_has_kernel(self->jit, m->key, m->kernel) || !rung_globals_are_same(self->jit)) return NOT_AS_BEFORE;
  PyObject *launcher = PyObject_GetAttr(m->kernel, launcher_name);
  if (!launcher || !Py_IS_TYPE(launcher, &rung_launcher_type)) return PyErr_Clear(), Py_XDECREF(launcher), NOT_AS_BEFORE;
  Py_ssize_t count = PyTuple_GET_SIZE(self->names);
  PyObject *values[count + 1];
  int64_t addresses[count + 1];
  for (Py_ssize_t p = 0; p < count; p++) {
    const rung_fact *fact = m->sources[p] < 0 ? NULL : &g->facts[m->sources[p]];
    values[p] = fact ? fact->value : PyTuple_GET_ITEM(self->defaults, p);
    addresses[p] = fact ? fact->address : 0;
  }
  int failed = PyCallable_Check(g->grid) ? launch_computed(self, m->kernel, launcher, g->grid, values)
                                         : launch_on(m->kernel, launcher, g->grid, values, addresses, count);
  Py_DECREF(launcher);
  return failed ? FAILED : LAUNCHED;
}

// ---- remembering

// Which of what is given is the parameter: -1 for its default, -2 where there is none.
static Py_ssize_t source_of(const dispatcher *self, const given *g, Py_ssize_t parameter) {
  if (parameter < g->positional) return parameter;
  for (Py_ssize_t i = 0; i < g->named; i++)
    if (PyUnicode_Compare(g->names[i], PyTuple_GET_ITEM(self->names, parameter)) == 0) return g->positional + i;
  return PyTuple_GET_ITEM(self->defaults, parameter) == self->missing ? -2 : -1;
}

static bool fill(const dispatcher *self, const given *g, memo *m) {
  Py_ssize_t total = g->positional + g->named, parameters = PyTuple_GET_SIZE(self->names);
  bool constant[total + 1];
  for (Py_ssize_t i = 0; i < total; i++) constant[i] = true;  // an option, unless it is found to be a parameter
  for (Py_ssize_t p = 0; p < parameters; p++) {
    Py_ssize_t source = m->sources[p] = source_of(self, g, p);
    if (source < -1 || source >= total) return false;
    if (source >= 0) constant[source] = PyTuple_GET_ITEM(self->constants, p) == Py_True;
  }
  for (Py_ssize_t i = 0; i < total; i++)
    if (!rung_guard_of(&self->types, &g->facts[i], constant[i], &m->guards[i])) return false;
  return true;
}

static memo *make_memo(const dispatcher *self, const given *g, PyObject *key, PyObject *kernel) {
  Py_ssize_t total = g->positional + g->named, parameters = PyTuple_GET_SIZE(self->names);
  memo *m = PyMem_Calloc(1, sizeof *m);
  PyObject *names = m ? PyTuple_New(g->named) : NULL;
  if (!names) return PyMem_Free(m), NULL;
  for (Py_ssize_t i = 0; i < g->named; i++) PyTuple_SET_ITEM(names, i, Py_NewRef(g->names[i]));
  m->users = 1, m->names = names, m->key = Py_NewRef(key), m->kernel = Py_NewRef(kernel);
  m->guards = PyMem_Calloc((size_t)total + 1, sizeof *m->guards);
  m->sources = PyMem_Calloc((size_t)parameters + 1, sizeof *m->sources);
  m->positional = g->positional;
  if (m->guards && m->sources && g->positional <= parameters && fill(self, g, m)) return m;
  return release(m), NULL;
}

// Whether the launch has left its arguments as they were when Triton looked at them.
static bool are_unchanged(const dispatcher *self, const given *g) {
  rung_fact now;
  for (Py_ssize_t i = 0; i < g->positional + g->named; i++) {
    const rung_fact *then = &g->facts[i];
    if (!rung_look(&self->types, then->value, &now) || now.detail != then->detail || now.traits != then->traits) return false;
  }
  return true;
}

static void remember(dispatcher *self, const given *g, const rung_settings *settings, PyObject *kernel) {
  rung_settings now;
  if (!Py_IS_TYPE(kernel, self->kernel_type) || !rung_read_settings(&self->triton, self->jit, &now)) return;
  bool same = rung_are_same_settings(settings, &now) && are_unchanged(self, g);
  PyObject *key = same ? rung_find_key(self->jit, kernel) : NULL;
  memo *m = key ? make_memo(self, g, key, kernel) : NULL;
  Py_XDECREF(key);
  if (!m) return rung_forget_settings(&now), PyErr_Clear();
  m->settings = now;
  if (self->count < MOST_MEMOS) {
    self->memos[self->count++] = m;
    return;
  }
  memo *oldest = self->memos[self->next];
  self->memos[self->next] = m, self->next = (self->next + 1) % MOST_MEMOS;
  release(oldest);
}

// ---- the type

static PyObject *run_triton(const dispatcher *self, PyObject *args, PyObject *keywords) {
  PyTypeObject *type = Py_TYPE(self->jit);
  PyObject *run = rung_class_run(self->jit);  // may have been exchanged
  if (!run) return PyErr_SetString(PyExc_AttributeError, "the function's class has no `run`"), NULL;
  descrgetfunc get = Py_TYPE(run)->tp_descr_get;
  PyObject *bound = get ? get(run, self->jit, (PyObject *)type) : Py_NewRef(run);
  PyObject *kernel = bound ? PyObject_Call(bound, args, keywords) : NULL;
  Py_XDECREF(bound);
  return kernel;
}

static PyObject *dispatch(PyObject *object, PyObject *args, PyObject *keywords) {
  dispatcher *self = (dispatcher *)object;
  Py_ssize_t most = PyTuple_GET_SIZE(args) + (keywords ? PyDict_GET_SIZE(keywords) : 0);
  rung_fact facts[most + 1];
  PyObject *names[most + 1];
  given g = {.facts = facts, .names = names};
  rung_settings settings;
  if (!look_at_given(self, args, keywords, &g) || !rung_read_settings(&self->triton, self->jit, &settings))
    return run_triton(self, args, keywords);

  memo *m = find(self, &g, &settings);
  if (m) {
    m->users++;
    outcome launched = launch_again(self, m, &g);
    PyObject *kernel = launched == LAUNCHED ? Py_NewRef(m->kernel) : NULL;
    if (launched == NOT_AS_BEFORE) drop(self, m);
    else self->launches++;
    release(m);
    if (launched != NOT_AS_BEFORE) return rung_forget_settings(&settings), kernel;
  }
  PyObject *kernel = run_triton(self, args, keywords);
  if (kernel) remember(self, &g, &settings, kernel);
  rung_forget_settings(&settings);
  return kernel;
}

static PyObject *create(PyTypeObject *type, PyObject *args, PyObject *keywords) {
  PyObject *jit, *names, *defaults, *constants, *parts;
  if (keywords && PyDict_GET_SIZE(keywords)) return PyErr_SetString(PyExc_TypeError, "a Dispatcher has no keywords"), NULL;
  if (!PyArg_ParseTuple(args, "OO!O!O!O!", &jit, &PyTuple_Type, &names, &PyTuple_Type, &defaults, &PyTuple_Type, &constants,
                        &PyTuple_Type, &parts))
    return NULL;
  rung_triton triton;
  rung_known_types types;
  PyTypeObject *kernel_type;
  PyObject *missing, *launch_behind_hooks;
  if (!PyArg_ParseTuple(parts, "OO!OO!O!O!O!O!OO", &triton.run, &PyModule_Type, &triton.knobs, &triton.drivers, &PyType_Type,
                        &triton.driver_type, &PyTuple_Type, &types.tensors, &PyTuple_Type, &types.unchanging, &PyType_Type,
                        &types.function, &PyType_Type, &kernel_type, &missing, &launch_behind_hooks))
    return NULL;
  if (PyTuple_GET_SIZE(names) != PyTuple_GET_SIZE(defaults) || PyTuple_GET_SIZE(names) != PyTuple_GET_SIZE(constants))
    return PyErr_SetString(PyExc_ValueError, "names, defaults and constants have an item for each parameter"), NULL;
  dispatcher *self = (dispatcher *)type->tp_alloc(type, 0);
  if (!self) return NULL;
  self->jit = Py_NewRef(jit), self->parts = Py_NewRef(parts);
  self->names = Py_NewRef(names), self->defaults = Py_NewRef(defaults), self->constants = Py_NewRef(constants);
  self->triton = triton, self->types = types, self->kernel_type = kernel_type;
  self->missing = missing, self->launch_behind_hooks = launch_behind_hooks;
  return (PyObject *)self;
}

static int traverse(PyObject *object, visitproc visit, void *arg) {
  dispatcher *self = (dispatcher *)object;
  Py_VISIT(self->jit);
  Py_VISIT(self->defaults);
  Py_VISIT(self->parts);
  for (Py_ssize_t i = 0; i < self->count; i++) {
    const memo *m = self->memos[i];
    Py_VISIT(m->kernel);
    for (Py_ssize_t k = 0; k < m->positional + PyTuple_GET_SIZE(m->names); k++)
      if (rung_guard_visit(&m->guards[k], visit, arg)) return -1;
  }
  return 0;
}

// A cycle through the function itself is broken there: it is always a part of it.
static int clear(PyObject *object) {
  dispatcher *self = (dispatcher *)object;
  while (self->count) release(self->memos[--self->count]);
  return 0;
}

static void destroy(PyObject *object) {
  dispatcher *self = (dispatcher *)object;
  PyObject_GC_UnTrack(object);
  clear(object);
  Py_XDECREF(self->jit), Py_XDECREF(self->names), Py_XDECREF(self->defaults), Py_XDECREF(self->constants), Py_XDECREF(self->parts);
  Py_TYPE(object)->tp_free(object);
}

static PyMemberDef members[] = {
    {"launches", T_PYSSIZET, offsetof(dispatcher, launches), READONLY, "How many Triton has not been asked about."},
    {"remembered", T_PYSSIZET, offsetof(dispatcher, count), READONLY, "Choices of Triton's that are kept."},
    {NULL, 0, 0, 0, NULL},
};

PyTypeObject rung_dispatcher_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "rung.runtime._native.Dispatcher",
    .tp_doc = "A JITFunction's run: launches again what Triton has chosen before, and asks Triton where anything differs.",
    .tp_basicsize = sizeof(dispatcher),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_call = dispatch,
    .tp_new = create,
    .tp_dealloc = destroy,
    .tp_traverse = traverse,
    .tp_clear = clear,
    .tp_members = members,
};
