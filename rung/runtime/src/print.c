// `tl.device_print`: the numbers of one block, a line each, as Triton writes them on a GPU:
//   pid (x, y, z) idx (i, j) prefix: (operand n) value
#include "internal.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define MOST_DIMENSIONS 64

typedef struct {
  char kind;    // i signed, u unsigned, f float, b bf16, p pointer, x any, as bits
  int bits;     // of an element
  int operand;  // its number; negative where there is one alone
  int rank;
  int64_t extents[MOST_DIMENSIONS];
  const char *prefix;
} format;

// "f 32 -1 2 4 8| v: " is f32, the only operand, of 4 x 8 elements, with the prefix " v: ".
static format read_format(const char *text) {
  format f = {0};
  int used = 0;
  sscanf(text, "%c %d %d %d%n", &f.kind, &f.bits, &f.operand, &f.rank, &used);
  for (int d = 0; d < f.rank; d++) {
    int more = 0;
    sscanf(text + used, "%" SCNd64 "%n", &f.extents[d], &more);
    used += more;
  }
  f.prefix = text + used + 1;
  return f;
}

static uint64_t read_bits(const void *at, int bits) {
  uint64_t value = 0;
  memcpy(&value, at, (size_t)bits / 8);  // little-endian, as everything here
  return value;
}

static double read_float(uint64_t raw, const format *f) {
  if (f->bits == 64) {
    double value;
    return memcpy(&value, &raw, sizeof value), value;
  }
  if (f->kind == 'f' && f->bits == 16) {
    int exponent = raw >> 10 & 31;
    double fraction = (double)(raw & 1023);
    double size = exponent == 31 ? (fraction > 0 ? (double)NAN : (double)INFINITY)
                : exponent       ? ldexp(fraction + 1024, exponent - 25)
                                 : ldexp(fraction, -24);
    return raw >> 15 ? -size : size;
  }
  uint32_t single = (uint32_t)(f->kind == 'b' ? raw << 16 : raw);
  float value;
  return memcpy(&value, &single, sizeof value), (double)value;
}

static void print_value(const void *at, const format *f) {
  uint64_t raw = read_bits(at, f->bits);
  int shift = 64 - f->bits;
  switch (f->kind) {
    case 'i': fprintf(stdout, "%" PRIi64, (int64_t)(raw << shift) >> shift); break;
    case 'u': fprintf(stdout, "%" PRIu64, raw); break;
    case 'p': fprintf(stdout, "0x%" PRIx64, raw); break;
    case 'x': fprintf(stdout, "0x%0*" PRIx64, f->bits / 4, raw); break;
    default: {
      double value = read_float(raw, f);
      if (value != value) fputs("nan", stdout);  // which sign it has says nothing
      else fprintf(stdout, "%f", value);
    }
  }
}

static int digits(int64_t largest) {
  int count = 0;
  for (; largest > 0; largest /= 10) count++;
  return count;
}

static void print_line(const void *at, int64_t number, const format *f) {
  int64_t index[MOST_DIMENSIONS];
  for (int d = f->rank - 1; d >= 0; d--) index[d] = number % f->extents[d], number /= f->extents[d];
  fputs(" idx (", stdout);
  for (int d = 0; d < f->rank; d++)
    fprintf(stdout, "%s%*" PRIi64, d ? ", " : "", digits(f->extents[d] - 1), index[d]);
  fprintf(stdout, ")%s", f->prefix);
  if (f->operand >= 0) fprintf(stdout, "(operand %d) ", f->operand);
  print_value(at, f);
}

RUNG_API void rung_print(const char *text, const void *values, int64_t x, int64_t y, int64_t z) {
  format f = read_format(text);
  int64_t count = 1;
  for (int d = 0; d < f.rank; d++) count *= f.extents[d];
  flockfile(stdout);  // lines of one block stay together
  for (int64_t k = 0; k < count; k++) {
    fprintf(stdout, "pid (%" PRIi64 ", %" PRIi64 ", %" PRIi64 ")", x, y, z);
    if (values) print_line((const char *)values + k * (f.bits / 8), k, &f);
    else fputs(f.prefix, stdout);
    fputc('\n', stdout);
  }
  fflush(stdout);  // the next thing that the kernel does may be its last
  funlockfile(stdout);
}
