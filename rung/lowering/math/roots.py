"""rsqrt, cbrt."""

from __future__ import annotations

from .emit import INFINITY, Emit, Value

CBRT_BIAS = 709921077
"""bits / 3 + this is a cube root to 5 bits: 2/3 of the exponent's bias, corrected (Kahan; fdlibm)."""


def rsqrt(e: Emit, x: Value) -> Value:
    """1 / sqrt(x), at most 1.5 ulp: two correctly rounded operations."""
    return e.div(1.0, e.sqrt(x))


def cbrt(e: Emit, x: Value) -> Value:
    """Cube root: a guess from the exponent's third, then two steps of Halley's iteration."""
    magnitude = e.abs(x)
    small = e.lt(magnitude, 2.0**-100)
    a = e.select(small, e.mul(magnitude, 2.0**24), magnitude)
    third = e.op("arith.fptosi", e.int_type, [e.mul(e.to_float(e.bits(a)), 1.0 / 3.0)])
    y = e.from_bits(e.integer("addi", third, CBRT_BIAS))
    # y (1 - (y^3 - a) / (2 y^3 + a)); a quarter of each, which does not overflow.
    quarter = e.mul(a, 0.25)
    for _ in range(2):
        square = e.mul(y, y)
        y_quarter = e.mul(y, 0.25)
        excess = e.fma(square, y_quarter, e.neg(quarter))
        y = e.fma(e.neg(y), e.div(excess, e.fma(e.add(square, square), y_quarter, quarter)), y)
    y = e.select(small, e.mul(y, 2.0**-8), y)
    plain = e.both(e.gt(magnitude, 0.0), e.lt(magnitude, INFINITY))
    return e.signed(e.select(plain, y, magnitude), x)
