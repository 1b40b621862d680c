"""Many quotients by one divisor: a reciprocal, and three operations per quotient, rounded as a division is.

With r = 1 / d rounded to nearest and q = x r, q - (q d - x) r in two fused operations is x / d rounded to nearest
(P. Markstein, Computation of elementary functions on the IBM RISC System/6000, 1990; Brisebarre, Muller and Raina,
Accelerating correctly rounded floating-point division when the divisor is known in advance, 2004), as long as nothing
overflows and the residual q d - x is exact: where |x| and d stay within 2^-REACH and 2^REACH, or x is 0.
"""

from __future__ import annotations

from .emit import Emit, Value

REACH = {32: 60, 64: 400}
"""By the width of the type. The residual is a multiple of 2^(-2 REACH - 47) in f32, of 2^(-2 REACH - 105) in f64."""


def bits_of_power(width: int, exponent: int) -> int:
    """2^exponent as an integer with the same bits."""
    return exponent + 127 << 23 if width == 32 else exponent + 1023 << 52


def quotient(e: Emit, x: Value, d: Value, reciprocal: Value) -> Value:
    """x / d for lanes that are in reach. A zero keeps its sign, since d > 0."""
    q = e.mul(x, reciprocal)
    residual = e.fma(q, d, e.neg(x))
    return e.fma(e.neg(residual), reciprocal, q)


def beyond_reach(e: Emit, x: Value, largest: Value) -> Value:
    """Which lanes are neither 0 nor between 2^-REACH and the number with the bits `largest`."""
    magnitude = e.integer("andi", e.bits(x), (1 << e.width - 1) - 1)
    smallest = bits_of_power(e.width, -REACH[e.width])
    small = e.cmpi("ult", e.integer("subi", magnitude, 1), smallest - 1)  # 0 - 1 is the largest unsigned number
    return e.either(small, e.cmpi("sgt", magnitude, largest))
