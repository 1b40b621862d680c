// Object code to memory of this process.
//
// Compiled kernels are small objects of LLVM's large code model: every address in them is a number of 64 bits, so that a
// section may lie anywhere. Sections that code needs are copied into pages of their own (code, constants, data, in this
// order), the addresses are written, then the pages of code lose the right to be written, and those of constants, too.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "link.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "relocate.h"

extern void __register_frame(void *begin) __attribute__((weak));  // libgcc's: where a debugger or an exception unwinds
extern void __deregister_frame(void *begin) __attribute__((weak));

enum { CODE, CONSTANTS, DATA, KINDS };
#define TERMINATOR 4  // bytes of zero behind .eh_frame, which the unwinder reads as its end

typedef struct {
  const char *bytes;
  size_t size;
  const Elf64_Ehdr *header;
  const Elf64_Shdr *sections;
  const Elf64_Sym *symbols;
  size_t count;
  const char *names, *section_names;
  size_t names_size, section_names_size;
  size_t relocations;  // at most
} object;

#define FAIL(...) return snprintf(error, 256, __VA_ARGS__), -1

static int lies_within(const object *o, const Elf64_Shdr *s) {
  return s->sh_type == SHT_NOBITS || (s->sh_offset <= o->size && s->sh_size <= o->size - s->sh_offset);
}

static const char *text_at(const char *table, size_t size, size_t at) {
  return table && at < size && memchr(table + at, 0, size - at) ? table + at : NULL;
}

static int read_object(const char *bytes, size_t size, object *o, char error[256]) {
  memset(o, 0, sizeof *o);
  o->bytes = bytes, o->size = size, o->header = (const Elf64_Ehdr *)bytes;
  const Elf64_Ehdr *h = o->header;
  if (size < sizeof *h || (uintptr_t)bytes % 8 || memcmp(h->e_ident, ELFMAG, SELFMAG) || h->e_ident[EI_CLASS] != ELFCLASS64 ||
      h->e_ident[EI_DATA] != ELFDATA2LSB || h->e_type != ET_REL || h->e_shentsize != sizeof(Elf64_Shdr) ||
      h->e_shoff % 8 || h->e_shoff > size || (size - h->e_shoff) / sizeof(Elf64_Shdr) < h->e_shnum)
    FAIL("it is no relocatable object file of 64 bits");
  if (h->e_machine != RUNG_ELF_MACHINE) FAIL("it is for another processor (ELF machine %d, not %d)", h->e_machine, RUNG_ELF_MACHINE);
  o->sections = (const Elf64_Shdr *)(bytes + h->e_shoff);
  for (size_t i = 0; i < h->e_shnum; i++) {
    const Elf64_Shdr *s = &o->sections[i];
    if (!lies_within(o, s)) FAIL("section %zu ends behind the file", i);
    if (s->sh_addralign > 4096) FAIL("section %zu is aligned to %llu bytes", i, (unsigned long long)s->sh_addralign);
    if (s->sh_type == SHT_RELA) o->relocations += s->sh_size / sizeof(Elf64_Rela);
    if (s->sh_type != SHT_SYMTAB) continue;
    if (s->sh_offset % 8 || s->sh_link >= h->e_shnum || !lies_within(o, &o->sections[s->sh_link])) FAIL("its symbols have no names");
    o->symbols = (const Elf64_Sym *)(bytes + s->sh_offset), o->count = s->sh_size / sizeof(Elf64_Sym);
    o->names = bytes + o->sections[s->sh_link].sh_offset, o->names_size = o->sections[s->sh_link].sh_size;
  }
  if (h->e_shstrndx < h->e_shnum) {
    o->section_names = bytes + o->sections[h->e_shstrndx].sh_offset;
    o->section_names_size = o->sections[h->e_shstrndx].sh_size;
  }
  return 0;
}

static int is_unwinding(const object *o, const Elf64_Shdr *s) {
  const char *name = text_at(o->section_names, o->section_names_size, s->sh_name);
  return name && !strcmp(name, ".eh_frame");
}

static int kind_of(const Elf64_Shdr *s) {
  return s->sh_flags & SHF_EXECINSTR ? CODE : s->sh_flags & SHF_WRITE ? DATA : CONSTANTS;
}

static size_t aligned(size_t at, size_t to) { return to > 1 ? (at + to - 1) / to * to : at; }

// Gives every section that code needs its place, as an offset + 1, in `bases`; `starts` of the kinds, and of what follows.
// Returns the bytes of all.
static size_t lay_out(const object *o, uint64_t *bases, size_t starts[KINDS + 1]) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE), at = 0;
  for (int kind = 0; kind < KINDS; kind++) {
    starts[kind] = at = aligned(at, page);
    for (size_t i = 0; i < o->header->e_shnum; i++) {
      const Elf64_Shdr *s = &o->sections[i];
      if (!(s->sh_flags & SHF_ALLOC) || !s->sh_size || kind_of(s) != kind) continue;
      at = aligned(at, s->sh_addralign);
      bases[i] = at + 1;
      at += s->sh_size + (is_unwinding(o, s) ? TERMINATOR : 0);
    }
    if (kind == CODE) at = aligned(at, 16) + rung_stub_bytes(o->relocations);  // for calls of what is far away
  }
  return starts[KINDS] = aligned(at, page);
}

static int value_of(const object *o, const rung_linked *l, size_t number, rung_lookup lookup, uint64_t *value, char error[256]) {
  if (number >= o->count) FAIL("a relocation names symbol %zu of %zu", number, o->count);
  const Elf64_Sym *s = &o->symbols[number];
  if (s->st_shndx == SHN_ABS) return *value = s->st_value, 0;
  if (s->st_shndx != SHN_UNDEF) {
    if (s->st_shndx >= o->header->e_shnum || !l->bases[s->st_shndx]) FAIL("symbol %zu has no place in memory", number);
    return *value = l->bases[s->st_shndx] + s->st_value, 0;
  }
  const char *name = text_at(o->names, o->names_size, s->st_name);
  *value = name ? (uint64_t)(uintptr_t)lookup(name) : 0;
  if (!*value && ELF64_ST_BIND(s->st_info) != STB_WEAK) FAIL("it needs `%s`, which nobody defines", name ? name : "?");
  return 0;
}

static int relocate_section(const object *o, const rung_linked *l, const Elf64_Shdr *table, rung_lookup lookup, rung_stubs *stubs,
                            char error[256]) {
  if (table->sh_info >= o->header->e_shnum || !l->bases[table->sh_info]) return 0;  // of what only debuggers read
  if (table->sh_type == SHT_REL || table->sh_offset % 8) FAIL("its relocations have no addends");
  const Elf64_Shdr *target = &o->sections[table->sh_info];
  const Elf64_Rela *each = (const Elf64_Rela *)(o->bytes + table->sh_offset);
  for (size_t n = table->sh_size / sizeof *each; n--; each++) {
    uint64_t value;
    if (value_of(o, l, ELF64_R_SYM(each->r_info), lookup, &value, error)) return -1;
    uint32_t kind = (uint32_t)ELF64_R_TYPE(each->r_info);
    size_t bytes = rung_relocated_bytes(kind);
    if (!bytes) FAIL("it has a relocation of kind %u, which rung does not know", kind);
    if (each->r_offset > target->sh_size || target->sh_size - each->r_offset < bytes) FAIL("a relocation ends behind its section");
    if (rung_relocate(kind, (char *)(uintptr_t)(l->bases[table->sh_info] + each->r_offset), value + (uint64_t)each->r_addend, stubs))
      FAIL("what a relocation of kind %u names is too far away", kind);
  }
  return 0;
}

static int fill(const object *o, rung_linked *l, rung_lookup lookup, rung_stubs *stubs, char error[256]) {
  for (size_t i = 0; i < o->header->e_shnum; i++) {
    const Elf64_Shdr *s = &o->sections[i];
    if (!l->bases[i] || s->sh_type == SHT_NOBITS) continue;
    memcpy((void *)(uintptr_t)l->bases[i], o->bytes + s->sh_offset, s->sh_size);
    if (is_unwinding(o, s)) l->unwinding = (char *)(uintptr_t)l->bases[i];
  }
  for (size_t i = 0; i < o->header->e_shnum; i++) {
    const Elf64_Shdr *s = &o->sections[i];
    if ((s->sh_type == SHT_RELA || s->sh_type == SHT_REL) && relocate_section(o, l, s, lookup, stubs, error)) return -1;
  }
  return 0;
}

int rung_link(const char *bytes, size_t size, rung_lookup lookup, rung_linked *linked, char error[256]) {
  object o;
  *linked = (rung_linked){0};
  if (read_object(bytes, size, &o, error)) return -1;
  size_t starts[KINDS + 1];
  uint64_t *bases = calloc((size_t)o.header->e_shnum + 1, sizeof *bases);
  linked->bases = bases;
  if (!bases) FAIL("there is no memory for it");
  linked->bytes = lay_out(&o, bases, starts);
  void *memory = linked->bytes ? mmap(NULL, linked->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) : MAP_FAILED;
  if (memory == MAP_FAILED) {
    rung_unlink(linked);
    FAIL(linked->bytes ? "there is no memory for it" : "it is empty");
  }
  linked->memory = memory;
  for (size_t i = 0; i < o.header->e_shnum; i++)
    if (bases[i]) bases[i] += (uint64_t)(uintptr_t)linked->memory - 1;
  rung_stubs stubs = {linked->memory + starts[CONSTANTS] - rung_stub_bytes(o.relocations)};
  char *unwinding = NULL;
  if (fill(&o, linked, lookup, &stubs, error)) goto failed;
  unwinding = linked->unwinding, linked->unwinding = NULL;
  __builtin___clear_cache(linked->memory, linked->memory + starts[CONSTANTS]);
  if ((starts[CONSTANTS] && mprotect(linked->memory, starts[CONSTANTS], PROT_READ | PROT_EXEC)) ||
      (starts[DATA] > starts[CONSTANTS] && mprotect(linked->memory + starts[CONSTANTS], starts[DATA] - starts[CONSTANTS], PROT_READ))) {
    snprintf(error, 256, "the system does not let memory become code");
    goto failed;
  }
  if (unwinding && __register_frame) __register_frame(linked->unwinding = unwinding);
  return 0;
failed:
  linked->unwinding = NULL;
  rung_unlink(linked);
  return -1;
}

void rung_unlink(rung_linked *linked) {
  if (linked->unwinding && __deregister_frame) __deregister_frame(linked->unwinding);
  if (linked->memory) munmap(linked->memory, linked->bytes);
  free((void *)linked->bases);
  *linked = (rung_linked){0};
}

int rung_each_function(const char *bytes, size_t size, const rung_linked *linked, rung_function_found found, void *data) {
  object o;
  char error[256];
  if (read_object(bytes, size, &o, error)) return -1;
  for (size_t i = 0; i < o.count; i++) {
    const Elf64_Sym *s = &o.symbols[i];
    if (ELF64_ST_TYPE(s->st_info) != STT_FUNC || ELF64_ST_BIND(s->st_info) == STB_LOCAL || s->st_shndx == SHN_UNDEF ||
        s->st_shndx >= o.header->e_shnum || !linked->bases[s->st_shndx])
      continue;
    const char *name = text_at(o.names, o.names_size, s->st_name);
    if (name && found(name, (void *)(uintptr_t)(linked->bases[s->st_shndx] + s->st_value), data)) return -1;
  }
  return 0;
}
