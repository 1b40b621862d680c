"""log, log2, log10, log1p.

x = 2^k m with m in [sqrt(1/2), sqrt(2)), f = m - 1, and log(1 + f) = f - f^2 / 2 + f^3 P(f)
(Cephes `logf`; the split of k log 2 after Cody & Waite).
"""

from __future__ import annotations

from typing import NamedTuple

from .emit import INFINITY, NAN, Emit, Value
from .exponential import LN2_HIGH, LN2_LOW

# tools/fit_math.py LOG1P: largest error 2^-27.22 relative to log1p.
LOG1P = (
    0.3333333134651184,
    -0.250008225440979,
    0.20001262426376343,
    -0.166233092546463,
    0.14200778305530548,
    -0.1315985471010208,
    0.12770166993141174,
    -0.0764741450548172,
)
SQRT_HALF_BITS = 0x3F3504F3
EXPONENT = -0x800000
"""Mask of the sign and exponent bits."""


class Base(NamedTuple):
    """log_b(2) and log_b(e), each in two floats; products of `two_high` and an exponent are exact."""

    two_high: float
    two_low: float
    e_high: float
    e_low: float


BASE_2 = Base(1.0, 0.0, 1.4426950216293335, 1.925963033500011e-08)
BASE_10 = Base(0.301025390625, 4.605039066518657e-06, 0.4342944920063019, -1.0103049952192578e-08)


def log1p_core(e: Emit, f: Value) -> Value:
    """log(1 + f) - f = f^2 (-1/2 + f P(f)) for 1 + f in [sqrt(1/2), sqrt(2))."""
    return e.mul(e.mul(f, f), e.horner(f, LOG1P, plus=(-0.5,)))


def split(e: Emit, x: Value) -> tuple[Value, Value]:
    """(f, k) with positive finite x = 2^k (1 + f), 1 + f in [sqrt(1/2), sqrt(2)); denormals too."""
    denormal = e.lt(x, 2.0**-126)
    normal = e.select(denormal, e.mul(x, 2.0**23), x)
    bits = e.bits(normal)
    offset = e.integer("subi", bits, SQRT_HALF_BITS)
    m = e.from_bits(e.integer("subi", bits, e.integer("andi", offset, EXPONENT)))
    k = e.to_float(e.integer("shrsi", offset, 23))
    return e.sub(m, 1.0), e.select(denormal, e.sub(k, 23.0), k)


def with_edges(e: Emit, x: Value, result: Value) -> Value:
    """log's values at +-0 (-inf), negative numbers and NaN (NaN), and infinity."""
    result = e.select(e.eq(x, INFINITY), INFINITY, result)
    return e.select(e.gt(x, 0.0), result, e.select(e.eq(x, 0.0), -INFINITY, NAN))


def log(e: Emit, x: Value) -> Value:
    """Natural logarithm, at most 1 ulp."""
    f, k = split(e, x)
    low = e.add(log1p_core(e, f), e.fma(k, LN2_LOW, f))
    return with_edges(e, x, e.fma(k, LN2_HIGH, low))


def log_base(e: Emit, x: Value, base: Base) -> Value:
    """Logarithm to another base, at most 2 ulp: k log_b(2) + f log_b(e) + (log(1 + f) - f) log_b(e)."""
    f, k = split(e, x)
    low = e.fma(log1p_core(e, f), base.e_high, e.mul(f, base.e_low))
    if base.two_low:
        low = e.fma(k, base.two_low, low)
    return with_edges(e, x, e.fma(k, base.two_high, e.fma(f, base.e_high, low)))


def log2(e: Emit, x: Value) -> Value:
    """Logarithm to base 2; exact at powers of two."""
    return log_base(e, x, BASE_2)


def log10(e: Emit, x: Value) -> Value:
    """Logarithm to base 10."""
    return log_base(e, x, BASE_10)


def log1p(e: Emit, x: Value) -> Value:
    """log(1 + x), at most 2 ulp: split as 1 + x; f = x 2^-k + (2^-k - 1) keeps the bits that 1 + x loses."""
    offset = e.integer("subi", e.bits(e.add(x, 1.0)), SQRT_HALF_BITS)
    exponent = e.integer("andi", offset, EXPONENT)
    # 4 * 2^-k, which is a normal number for every k.
    power = e.from_bits(e.integer("subi", 0x40800000, exponent))
    scaled = e.from_bits(e.integer("subi", e.bits(x), exponent))
    f = e.add(scaled, e.fma(power, 0.25, -1.0))
    k = e.to_float(e.integer("shrsi", offset, 23))
    low = e.add(log1p_core(e, f), e.fma(k, LN2_LOW, f))
    result = e.fma(k, LN2_HIGH, low)
    result = e.select(e.eq(x, INFINITY), INFINITY, result)
    result = e.select(e.gt(x, -1.0), result, e.select(e.eq(x, -1.0), -INFINITY, NAN))
    return e.select(e.eq(x, 0.0), x, result)
