// Triton's settings, hooks and caches (triton/runtime/jit.py, triton/knobs.py), read without running any of its code.
#define PY_SSIZE_T_CLEAN
#include "triton_state.h"

#include <stddef.h>

#include "launcher.h"

static PyObject *runtime_name, *compilation_name, *debug_name, *instrumentation_name, *stages_hook_name, *enter_hook_name,
    *exit_hook_name, *active_name, *pre_run_hooks_name, *device_caches_name, *globals_name, *run_name, *device;

int rung_triton_state_prepare(void) {
  static const struct {
    PyObject **text;
    const char *name;
  } all[] = {
      {&runtime_name, "runtime"}, {&compilation_name, "compilation"}, {&debug_name, "debug"},
      {&instrumentation_name, "instrumentation_mode"}, {&stages_hook_name, "add_stages_inspection_hook"},
      {&enter_hook_name, "launch_enter_hook"}, {&exit_hook_name, "launch_exit_hook"}, {&active_name, "_active"},
      {&pre_run_hooks_name, "pre_run_hooks"}, {&device_caches_name, "device_caches"}, {&globals_name, "used_global_vals"},
      {&run_name, "run"},
  };
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    if (!(*all[i].text = PyUnicode_InternFromString(all[i].name))) return -1;
  device = PyLong_FromLong(0);  // the CPU driver has no other
  return device ? 0 : -1;
}

static bool has(PyObject *object, PyObject *name, bool (*is)(PyObject *)) {
  PyObject *value = PyObject_GetAttr(object, name);
  if (!value) return PyErr_Clear(), false;
  bool yes = is(value);
  Py_DECREF(value);
  return yes;
}

static bool is_none(PyObject *object) { return object == Py_None; }

static bool is_empty_list(PyObject *object) { return PyList_CheckExact(object) && !PyList_GET_SIZE(object); }

// The sets of knobs may be exchanged as a whole. A new reference, or NULL.
static PyObject *knob_set(const rung_triton *triton, PyObject *name) {
  PyObject *set = PyDict_GetItemWithError(PyModule_GetDict(triton->knobs), name);
  return set ? Py_NewRef(set) : (PyErr_Clear(), NULL);
}

static bool hooks_are_idle(PyObject *runtime) {
  return has(runtime, enter_hook_name, rung_hook_is_idle) && has(runtime, exit_hook_name, rung_hook_is_idle);
}

bool rung_launch_hooks_are_idle(const rung_triton *triton) {
  PyObject *runtime = knob_set(triton, runtime_name);
  bool idle = runtime && hooks_are_idle(runtime);
  Py_XDECREF(runtime);
  return idle;
}

static bool is_driver(const rung_triton *triton) {
  PyObject *driver = PyObject_GetAttr(triton->drivers, active_name);
  if (!driver) return PyErr_Clear(), false;
  Py_DECREF(driver);
  return Py_TYPE(driver) == triton->driver_type;
}

PyObject *rung_class_run(PyObject *jit) { return _PyType_Lookup(Py_TYPE(jit), run_name); }

bool rung_read_settings(const rung_triton *triton, PyObject *jit, rung_settings *s) {
  *s = (rung_settings){0};
  if (rung_class_run(jit) != triton->run || !is_driver(triton)) return false;
  if (!has(jit, pre_run_hooks_name, is_empty_list)) return false;
  PyObject *runtime = knob_set(triton, runtime_name), *compilation = knob_set(triton, compilation_name);
  if (runtime && compilation && has(runtime, stages_hook_name, is_none) && hooks_are_idle(runtime)) {
    s->own_debug = PyObject_GetAttr(jit, debug_name);
    s->debug = PyObject_GetAttr(runtime, debug_name);
    s->instrumentation_mode = PyObject_GetAttr(compilation, instrumentation_name);
    PyErr_Clear();
  }
  Py_XDECREF(runtime), Py_XDECREF(compilation);
  if (s->own_debug && s->debug && s->instrumentation_mode) return true;
  return rung_forget_settings(s), false;
}

bool rung_are_same_settings(const rung_settings *a, const rung_settings *b) {
  return a->own_debug == b->own_debug && a->debug == b->debug && a->instrumentation_mode == b->instrumentation_mode;
}

void rung_forget_settings(rung_settings *s) {
  Py_CLEAR(s->own_debug);
  Py_CLEAR(s->debug);
  Py_CLEAR(s->instrumentation_mode);
}

// {device: (kernels by key, ...)}. A new reference, or NULL.
static PyObject *kernels_of(PyObject *jit) {
  PyObject *caches = PyObject_GetAttr(jit, device_caches_name);
  PyObject *entry = caches && PyDict_Check(caches) ? PyDict_GetItemWithError(caches, device) : NULL;
  PyObject *kernels = entry && PyTuple_CheckExact(entry) && PyTuple_GET_SIZE(entry) ? PyTuple_GET_ITEM(entry, 0) : NULL;
  if (kernels) kernels = PyDict_CheckExact(kernels) ? Py_NewRef(kernels) : NULL;
  Py_XDECREF(caches);
  return PyErr_Clear(), kernels;
}

bool rung_has_kernel(PyObject *jit, PyObject *key, PyObject *kernel) {
  PyObject *kernels = kernels_of(jit);
  bool is = kernels && PyDict_GetItemWithError(kernels, key) == kernel;
  Py_XDECREF(kernels);
  return PyErr_Clear(), is;
}

PyObject *rung_find_key(PyObject *jit, PyObject *kernel) {
  PyObject *kernels = kernels_of(jit), *key, *value, *found = NULL;
  Py_ssize_t at = 0;
  while (kernels && !found && PyDict_Next(kernels, &at, &key, &value))
    if (value == kernel) found = Py_NewRef(key);
  Py_XDECREF(kernels);
  return found;
}

static bool is_equal(PyObject *now, PyObject *then) {
  if (now == then && (PyLong_CheckExact(now) || PyUnicode_CheckExact(now) || PyBool_Check(now))) return true;
  PyObject *differs = PyObject_RichCompare(now, then, Py_NE);  // as Triton asks: NaN is not itself
  int answer = differs ? PyObject_IsTrue(differs) : -1;
  Py_XDECREF(differs);
  return answer == 0;
}

// pair: (value when it was compiled, the dict it was in)
static bool is_still(PyObject *name, PyObject *pair) {
  if (!PyTuple_CheckExact(pair) || PyTuple_GET_SIZE(pair) != 2) return false;
  PyObject *values = PyTuple_GET_ITEM(pair, 1);
  PyObject *now = PyDict_CheckExact(values) ? PyDict_GetItemWithError(values, name) : NULL;
  if (!now) return false;
  Py_INCREF(now), Py_INCREF(pair);  // what compares may change the dicts
  bool same = is_equal(now, PyTuple_GET_ITEM(pair, 0));
  Py_DECREF(now), Py_DECREF(pair);
  return same;
}

// {(name, which dict): pair}
bool rung_globals_are_same(PyObject *jit) {
  PyObject *used = PyObject_GetAttr(jit, globals_name), *key, *pair;
  Py_ssize_t at = 0;
  bool same = used && PyDict_CheckExact(used);
  while (same && PyDict_Next(used, &at, &key, &pair))
    same = PyTuple_CheckExact(key) && PyTuple_GET_SIZE(key) == 2 && is_still(PyTuple_GET_ITEM(key, 0), pair);
  Py_XDECREF(used);
  return PyErr_Clear(), same;
}
