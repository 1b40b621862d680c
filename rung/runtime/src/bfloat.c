// What LLVM calls to round to bfloat16 where the CPU has no instruction for it. Vector code rounds inline (expand-math); LLVM
// still asks for this where a scalar bf16 crosses a branch. C compilers that know no bf16 have it nowhere else.
//
// The result is a bf16 in the lowest bits of the floating-point result register: exactly where a float has its bits.
#include <string.h>

#include "runtime.h"

RUNG_API float __truncsfbf2(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  if ((bits & 0x7fffffff) > 0x7f800000)
    bits = bits >> 16 | 0x40;  // a NaN stays one, made quiet
  else
    bits = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;  // to nearest, ties to even
  memcpy(&value, &bits, sizeof bits);
  return value;
}
