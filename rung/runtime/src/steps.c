// Reads what a Sequence does.
#define PY_SSIZE_T_CLEAN
#include "steps.h"

static const int operands_of[KINDS] = {4, 4, 2, 2, 4, 1, 1};
static const int first_value_of[KINDS] = {1, 1, 1, 2, 2, 1, 1};  // of the operands

static void count_value(rung_steps *program, Py_ssize_t value) {
  if (value >= program->value_count) program->value_count = value + 1;
}

void rung_forget_steps(rung_steps *program) {
  if (!program) return;
  for (Py_ssize_t l = 0; program->launches && l < program->launch_count; l++) PyMem_Free(program->launches[l].sources);
  Py_XDECREF(program->parts);
  PyMem_Free(program->launches), PyMem_Free(program->steps), PyMem_Free(program->results), PyMem_Free(program->dtypes);
  PyMem_Free(program);
}

static int wrong(const char *what) { return PyErr_Format(PyExc_ValueError, "a sequence of launches: %s", what), -1; }

static int read_steps(rung_steps *program, PyObject *steps) {
  program->step_count = PyTuple_GET_SIZE(steps);
  if (!(program->steps = PyMem_Calloc((size_t)program->step_count + 1, sizeof *program->steps))) return PyErr_NoMemory(), -1;
  for (Py_ssize_t i = 0; i < program->step_count; i++) {
    rung_step *s = &program->steps[i];
    PyObject *item = PyTuple_GET_ITEM(steps, i);
    if (!PyTuple_Check(item)) return wrong("a step is no tuple");
    if (!PyArg_ParseTuple(item, "i|iiii", &s->kind, &s->a, &s->b, &s->c, &s->d)) return -1;
    if (s->kind < 0 || s->kind >= KINDS || PyTuple_GET_SIZE(item) != 1 + operands_of[s->kind]) return wrong("an unknown step");
    Py_ssize_t most = s->kind == LAUNCH ? program->launch_count : program->registers;
    bool is_copy = s->kind == REUSE || s->kind == VIEW;
    if (s->a < 0 || s->a >= most || (is_copy && (s->b < 0 || s->b >= most))) return wrong("a step without its register");
    const int operands[] = {s->a, s->b, s->c, s->d};
    for (int n = first_value_of[s->kind]; n < operands_of[s->kind]; n++) {
      if (operands[n] < 0) return wrong("a step without its value");
      count_value(program, operands[n]);
    }
  }
  return 0;
}

static int read_sources(rung_steps *program, rung_launch_step *launch, PyObject *sources) {
  const rung_launcher *launcher = launch->launcher;
  if (PyTuple_GET_SIZE(sources) != launcher->count || launcher->structure) return wrong("a launch with other arguments");
  if (!(launch->sources = PyMem_Calloc((size_t)launcher->count + 1, sizeof *launch->sources))) return PyErr_NoMemory(), -1;
  for (Py_ssize_t i = 0; i < launcher->count; i++) {
    launch->sources[i] = (int)PyLong_AsLong(PyTuple_GET_ITEM(sources, i));
    if (PyErr_Occurred()) return -1;
    if (launch->sources[i] >= program->registers) return wrong("a launch without its register");
    if (launch->sources[i] < 0) count_value(program, ~launch->sources[i]);
    if (launcher->kinds[i] != 'P' && launcher->kinds[i] != '-' && launch->sources[i] >= 0) return wrong("a number is a tensor");
  }
  launch->first_slot = program->slot_count;
  program->slot_count += launcher->slots + 3;
  return 0;
}

static int read_launches(rung_steps *program, PyObject *launches) {
  Py_ssize_t count = PyTuple_GET_SIZE(launches);
  if (!(program->launches = PyMem_Calloc((size_t)count + 1, sizeof *program->launches))) return PyErr_NoMemory(), -1;
  for (program->launch_count = 0; program->launch_count < count; program->launch_count++) {
    rung_launch_step *launch = &program->launches[program->launch_count];
    PyObject *launcher, *function, *sources;
    if (!PyArg_ParseTuple(PyTuple_GET_ITEM(launches, program->launch_count), "O!OO!", &rung_launcher_type, &launcher, &function,
                          &PyTuple_Type, &sources))
      return -1;
    launch->launcher = (rung_launcher *)launcher;
    if (!(launch->kernel = rung_kernel_of(function)) || read_sources(program, launch, sources)) return program->launch_count++, -1;
  }
  return 0;
}

static int read_registers(rung_steps *program, PyObject *dtypes, PyObject *results) {
  program->inputs = PyTuple_GET_SIZE(dtypes), program->result_count = PyTuple_GET_SIZE(results);
  if (program->registers < program->inputs) return wrong("an input without its register");
  program->dtypes = PyMem_Calloc((size_t)program->inputs + 1, sizeof *program->dtypes);
  program->results = PyMem_Calloc((size_t)program->result_count + 1, sizeof *program->results);
  if (!program->dtypes || !program->results) return PyErr_NoMemory(), -1;
  for (Py_ssize_t i = 0; i < program->inputs; i++) {
    PyObject *dtype = PyTuple_GET_ITEM(dtypes, i);
    program->dtypes[i] = dtype == Py_None ? NULL : dtype;
  }
  for (Py_ssize_t i = 0; i < program->result_count; i++) {
    program->results[i] = (int)PyLong_AsLong(PyTuple_GET_ITEM(results, i));
    if (PyErr_Occurred()) return -1;
    if (program->results[i] < 0 || program->results[i] >= program->registers) return wrong("a result without its register");
  }
  return 0;
}

rung_steps *rung_read_steps(PyObject *parts) {
  PyObject *dtypes, *launches, *steps, *results;
  rung_steps *program = PyMem_Calloc(1, sizeof *program);
  if (!program) return PyErr_NoMemory(), NULL;
  program->parts = Py_NewRef(parts);
  if (PyArg_ParseTuple(parts, "nO!O!O!O!OOOOO!OO!", &program->registers, &PyTuple_Type, &dtypes, &PyTuple_Type, &launches,
                       &PyTuple_Type, &steps, &PyTuple_Type, &results, &program->prepare, &program->check, &program->allocate,
                       &program->view, &PyDict_Type, &program->profiler, &program->debug_mode, &PyTuple_Type, &program->hooks) &&
      read_registers(program, dtypes, results) == 0 && read_launches(program, launches) == 0 && read_steps(program, steps) == 0)
    return program;
  return rung_forget_steps(program), NULL;
}
