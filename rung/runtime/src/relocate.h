// How each processor writes an address into code. Numbers and formulas are those of the processors' ELF supplements: System V
// ABI, AMD64 (table 4.9), and ELF for the Arm 64-bit Architecture (IHI 0056, section 5.7).
#ifndef RUNG_RELOCATE_H
#define RUNG_RELOCATE_H
#include <elf.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct {
  char *next;  // room for code that jumps to what is too far away for a branch
} rung_stubs;

static inline int rung_write(char *place, const void *value, size_t bytes) { return memcpy(place, value, bytes), 0; }

static inline int rung_write_32(char *place, uint64_t value, int is_signed) {
  int64_t number = (int64_t)value;
  uint32_t low = (uint32_t)value;
  return (is_signed ? number != (int32_t)low : value != low) ? -1 : rung_write(place, &low, sizeof low);
}

#if defined(__x86_64__)
#define RUNG_ELF_MACHINE EM_X86_64
static inline size_t rung_stub_bytes(size_t relocations) { return (void)relocations, 0; }  // large code has no short calls

static inline size_t rung_relocated_bytes(uint32_t kind) {
  switch (kind) {
    case R_X86_64_64: case R_X86_64_PC64: return 8;
    case R_X86_64_32: case R_X86_64_32S: case R_X86_64_PC32: case R_X86_64_PLT32: return 4;
    default: return 0;
  }
}

// value: symbol + addend. -1: it does not fit.
static inline int rung_relocate(uint32_t kind, char *place, uint64_t value, rung_stubs *stubs) {
  uint64_t distance = value - (uint64_t)(uintptr_t)place;
  (void)stubs;
  switch (kind) {
    case R_X86_64_64: return rung_write(place, &value, sizeof value);
    case R_X86_64_PC64: return rung_write(place, &distance, sizeof distance);
    case R_X86_64_32: return rung_write_32(place, value, 0);
    case R_X86_64_32S: return rung_write_32(place, value, 1);
    default: return rung_write_32(place, distance, 1);
  }
}

#elif defined(__aarch64__)
#define RUNG_ELF_MACHINE EM_AARCH64
#define RUNG_STUB 16
static inline size_t rung_stub_bytes(size_t relocations) { return relocations * RUNG_STUB; }

static inline size_t rung_relocated_bytes(uint32_t kind) {
  if (kind == R_AARCH64_ABS64 || kind == R_AARCH64_PREL64) return 8;
  return kind == R_AARCH64_ABS32 || kind == R_AARCH64_PREL32 || (kind >= R_AARCH64_MOVW_UABS_G0 && kind <= R_AARCH64_MOVW_UABS_G3) ||
                 kind == R_AARCH64_CALL26 || kind == R_AARCH64_JUMP26
             ? 4 : 0;
}

static inline void rung_set_bits(char *place, uint32_t mask, uint32_t bits) {
  uint32_t instruction;
  memcpy(&instruction, place, sizeof instruction);
  instruction = (instruction & ~mask) | (bits & mask);
  memcpy(place, &instruction, sizeof instruction);
}

// b or bl, whose distance is 26 bits of words; through `ldr x16, .+8; br x16; value` where that is not enough.
static inline int rung_branch(char *place, uint64_t value, rung_stubs *stubs) {
  int64_t distance = (int64_t)(value - (uint64_t)(uintptr_t)place);
  if (distance < -(1 << 27) || distance >= 1 << 27) {
    static const uint32_t jump[2] = {0x58000050, 0xd61f0200};
    memcpy(stubs->next, jump, sizeof jump), memcpy(stubs->next + 8, &value, sizeof value);
    distance = stubs->next - place, stubs->next += RUNG_STUB;
  }
  return rung_set_bits(place, 0x03ffffff, (uint32_t)(distance >> 2)), 0;
}

static inline int rung_relocate(uint32_t kind, char *place, uint64_t value, rung_stubs *stubs) {
  uint64_t distance = value - (uint64_t)(uintptr_t)place;
  switch (kind) {
    case R_AARCH64_ABS64: return rung_write(place, &value, sizeof value);
    case R_AARCH64_PREL64: return rung_write(place, &distance, sizeof distance);
    case R_AARCH64_ABS32: return rung_write_32(place, value, 0);
    case R_AARCH64_PREL32: return rung_write_32(place, distance, 1);
    case R_AARCH64_CALL26: case R_AARCH64_JUMP26: return rung_branch(place, value, stubs);
    default: {  // movz and movk: 16 bits of the value; two kinds each, with and without a check, but for the last
      uint32_t shift = (kind - R_AARCH64_MOVW_UABS_G0) / 2 * 16;
      return rung_set_bits(place, 0xffff << 5, (uint32_t)(value >> shift & 0xffff) << 5), 0;
    }
  }
}

#else
#error "rung links machine code for x86-64 and AArch64"
#endif
#endif
