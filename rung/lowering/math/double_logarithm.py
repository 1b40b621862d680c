"""log, log2, log10, log1p in f64.

x = 2^k (1 + f), s = f / (2 + f), z = s^2: log(1 + f) = f - (f^2/2 - s (f^2/2 + z P(z))) (fdlibm's `e_log.c`).
"""

from __future__ import annotations

from .double_exponential import LN2_HIGH, LN2_LOW
from .emit import INFINITY, NAN, Emit, Value

# tools/fit_math.py DOUBLE_LOG: largest error 2^-58.01 relative to log.
LOG = (
    0.6666666666666735,
    0.3999999999940696,
    0.28571428744266264,
    0.22222198364935541,
    0.18183575907230268,
    0.15313735819208427,
    0.14799275100933548,
)
# 1 / ln2, 1 / ln10 and log10(2), each in two floats: the first has 21 to 32 bits (fdlibm, FreeBSD's `e_log2.c`).
LN2_INVERSE = (1.44269504072144627571e00, 1.67517131648865118353e-10)
LN10_INVERSE = (4.34294481878168880939e-01, 2.50829467116452752298e-11)
LOG10_2 = (3.01029995663611771306e-01, 3.69423907715893078616e-13)
SQRT_HALF_BITS = 0x3FE6A09E667F3BCD
EXPONENT = -1 << 52
UPPER = -1 << 32


def split(e: Emit, x: Value) -> tuple[Value, Value]:
    """(f, k) with positive finite x = 2^k (1 + f), 1 + f in [sqrt(1/2), sqrt(2)); denormals too."""
    denormal = e.lt(x, 2.0**-1022)
    bits = e.bits(e.select(denormal, e.mul(x, 2.0**54), x))
    offset = e.integer("subi", bits, SQRT_HALF_BITS)
    m = e.from_bits(e.integer("subi", bits, e.integer("andi", offset, EXPONENT)))
    k = e.to_float(e.integer("shrsi", offset, 52))
    return e.sub(m, 1.0), e.select(denormal, e.sub(k, 54.0), k)


def _parts(e: Emit, f: Value) -> tuple[Value, Value]:
    """(f^2 / 2, s (f^2 / 2 + z P(z)))."""
    half = e.mul(e.mul(f, 0.5), f)
    s = e.div(f, e.add(f, 2.0))
    z = e.mul(s, s)
    return half, e.mul(s, e.fma(z, e.horner(z, LOG), half))


def _with_edges(e: Emit, x: Value, result: Value) -> Value:
    result = e.select(e.eq(x, INFINITY), INFINITY, result)
    return e.select(e.gt(x, 0.0), result, e.select(e.eq(x, 0.0), -INFINITY, NAN))


def _sum(e: Emit, f: Value, k: Value, half: Value, product: Value, low: Value | None = None) -> Value:
    """k ln2 + log(1 + f), smallest terms first."""
    rest = e.fma(k, LN2_LOW, product)
    if low is not None:
        rest = e.add(rest, low)
    return e.fma(k, LN2_HIGH, e.sub(f, e.sub(half, rest)))


def log(e: Emit, x: Value) -> Value:
    """Natural logarithm."""
    f, k = split(e, x)
    return _with_edges(e, x, _sum(e, f, k, *_parts(e, f)))


def _log_pair(e: Emit, f: Value) -> tuple[Value, Value]:
    """log(1 + f) in two floats, the first of 21 bits."""
    half, product = _parts(e, f)
    high = e.from_bits(e.integer("andi", e.bits(e.sub(f, half)), UPPER))
    return high, e.add(e.sub(e.sub(f, high), half), product)


def log2(e: Emit, x: Value) -> Value:
    """Logarithm to base 2; exact at powers of two."""
    f, k = split(e, x)
    high, low = _log_pair(e, f)
    first = e.mul(high, LN2_INVERSE[0])
    rest = e.fma(e.add(low, high), LN2_INVERSE[1], e.mul(low, LN2_INVERSE[0]))
    total = e.add(k, first)
    return _with_edges(e, x, e.add(e.add(rest, e.add(e.sub(k, total), first)), total))


def log10(e: Emit, x: Value) -> Value:
    """Logarithm to base 10."""
    f, k = split(e, x)
    high, low = _log_pair(e, f)
    whole = e.mul(k, LOG10_2[0])
    first = e.mul(high, LN10_INVERSE[0])
    rest = e.fma(e.add(low, high), LN10_INVERSE[1], e.mul(low, LN10_INVERSE[0]))
    rest = e.fma(k, LOG10_2[1], rest)
    total = e.add(whole, first)
    return _with_edges(e, x, e.add(e.add(rest, e.add(e.sub(whole, total), first)), total))


def log1p(e: Emit, x: Value) -> Value:
    """log(1 + x): split as u = 1 + x, and what u lost, (x - (u - 1)) / u, added to the logarithm."""
    u = e.add(x, 1.0)
    f, k = split(e, u)
    lost = e.select(e.gt(x, 1.0), e.sub(1.0, e.sub(u, x)), e.sub(x, e.sub(u, 1.0)))
    low = e.div(lost, u)
    result = _sum(e, f, k, *_parts(e, f), low)
    result = e.select(e.lt(x, 2.0**1000), result, log(e, x))
    result = e.select(e.gt(x, -1.0), result, e.select(e.eq(x, -1.0), -INFINITY, NAN))
    return e.select(e.lt(e.abs(x), 2.0**-54), x, result)
