// What Triton's choice of a kernel depends on of one argument, and whether another argument is the same in that.
#ifndef RUNG_GUARDS_H
#define RUNG_GUARDS_H
#include <Python.h>
#include <stdbool.h>
#include <stdint.h>

// Types whose objects are looked at as such; all of them by identity, none by inheritance. Borrowed.
typedef struct {
  PyObject *tensors;    // tuple: torch.Tensor and its like, which have torch's own data_ptr() and dtype
  PyObject *unchanging;  // tuple: of constants that are what they are as long as they live (tl.dtype)
  PyTypeObject *function;  // triton.JITFunction
} rung_known_types;

// What is looked at before a kernel is chosen. Borrows from the call.
typedef struct {
  PyObject *value;
  PyObject *detail;  // the dtype of a tensor, which torch keeps for ever; the hash of a function
  uint32_t traits;
  int64_t address;  // of a tensor that a kernel can take; else 0
} rung_fact;

// What has been found, to compare facts with. Owns what it points to.
typedef struct {
  enum { RUNG_ITS_TYPE, RUNG_ITS_TRAITS, RUNG_ITS_VALUE } rule;
  PyTypeObject *type;
  PyObject *value, *detail;
  uint32_t traits;
} rung_guard;

int rung_guards_prepare(void);  // once, before anything else here; -1 with a Python error set
bool rung_look(const rung_known_types *types, PyObject *value, rung_fact *fact);  // false: leave it to Triton; no error is set
// False where Triton's choice may depend on more than a guard sees. constant: the kernel's parameter is a constexpr, or an option.
bool rung_guard_of(const rung_known_types *types, const rung_fact *fact, bool constant, rung_guard *guard);
bool rung_holds(const rung_guard *guard, const rung_fact *fact);
int rung_guard_visit(const rung_guard *guard, visitproc visit, void *arg);
void rung_guard_clear(rung_guard *guard);
#endif
