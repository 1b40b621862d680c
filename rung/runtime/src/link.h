// Object code to memory of this process: a linker for what LLVM writes for kernels (ADR 16).
#ifndef RUNG_LINK_H
#define RUNG_LINK_H
#include <stddef.h>
#include <stdint.h>

typedef struct {
  char *memory;  // the sections, in pages of their own
  size_t bytes;
  char *unwinding;       // .eh_frame, which the unwinder has been told; or NULL
  const uint64_t *bases;  // of each section of the object, 0 for one that has no place in memory
} rung_linked;

// Where to find what an object needs and does not define; NULL: nowhere.
typedef void *(*rung_lookup)(const char *name);

// Links `object`, `size` bytes of a relocatable ELF file for this processor. 0, or -1 with the reason in `error`: what is no
// such file, a relocation that is not known, a symbol that nobody defines.
int rung_link(const char *object, size_t size, rung_lookup lookup, rung_linked *linked, char error[256]);
void rung_unlink(rung_linked *linked);

// Calls `found` for every function that `object`, which has been linked, exports, until it is not 0; then -1.
typedef int (*rung_function_found)(const char *name, void *address, void *data);
int rung_each_function(const char *object, size_t size, const rung_linked *linked, rung_function_found found, void *data);
#endif
