// The interface by which a program tells gdb and lldb of code that it makes: a list of object files in memory, and a function
// that is called when the list has changed, in which the debugger has a breakpoint. Names and layout are gdb's ("JIT
// Compilation Interface" in its manual). A debugger looks for them in every library, and MLIR's has its own.
#include "debugger.h"

#include <elf.h>
#include <stdlib.h>

struct rung_told {
  rung_told *next, *previous;
  const char *object;
  uint64_t size;
};

enum { NOTHING, REGISTERED, UNREGISTERED };

struct rung_jit_descriptor {
  uint32_t version, action;
  rung_told *relevant, *first;
};

__attribute__((visibility("default"))) struct rung_jit_descriptor __jit_debug_descriptor = {1, NOTHING, NULL, NULL};

void __jit_debug_register_code(void);
__attribute__((visibility("default"), noinline)) void __jit_debug_register_code(void) { __asm__ volatile("" ::: "memory"); }

static void tell(uint32_t action, rung_told *told) {
  __jit_debug_descriptor.action = action, __jit_debug_descriptor.relevant = told;
  __jit_debug_register_code();
}

rung_told *rung_tell_debugger(char *object, size_t size, const uint64_t *bases) {
  rung_told *told = malloc(sizeof *told);
  if (!told) return NULL;
  const Elf64_Ehdr *header = (const Elf64_Ehdr *)object;
  Elf64_Shdr *sections = (Elf64_Shdr *)(object + header->e_shoff);
  for (size_t i = 0; i < header->e_shnum; i++)
    if (bases[i]) sections[i].sh_addr = bases[i];
  *told = (rung_told){__jit_debug_descriptor.first, NULL, object, size};
  if (told->next) told->next->previous = told;
  __jit_debug_descriptor.first = told;
  tell(REGISTERED, told);
  return told;
}

void rung_take_back(rung_told *told) {
  if (!told) return;
  if (told->next) told->next->previous = told->previous;
  *(told->previous ? &told->previous->next : &__jit_debug_descriptor.first) = told->next;
  tell(UNREGISTERED, told);
  free(told);
}
