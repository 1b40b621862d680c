"""powf: 2^(y log2 |x|), the logarithm and the product carried in two floats (the scheme of CUDA's `powf`)."""

from __future__ import annotations

from .emit import INFINITY, NAN, Emit, Value
from .exponential import exp2_of_sum
from .logarithm import split

# log2(1 + f) = q (2 / ln2 + z P(z)), q = f / (2 + f), z = q^2.
# tools/fit_math.py LOG2_ATANH: largest error 2^-34.86.
LOG2_ATANH = (
    0.9617967009544373,
    0.5770788788795471,
    0.4119214713573456,
    0.3366246819496155,
)
TWO_OVER_LN2 = (2.885390043258667, 3.851926067000022e-08)


def _log2_pair(e: Emit, x: Value) -> tuple[Value, Value]:
    """log2 of a positive finite number as an unevaluated sum, relative error about 2^-32."""
    f, k = split(e, x)
    reciprocal = e.div(1.0, e.add(f, 2.0))
    q = e.mul(f, reciprocal)
    # What is left of f - q (2 + f), divided by 2 + f.
    high, low = e.product(q, f)
    rest = e.mul(e.sub(e.sub(e.sub(f, e.add(q, q)), high), low), reciprocal)
    z = e.mul(q, q)
    tail = e.mul(e.mul(q, z), e.horner(z, LOG2_ATANH))
    high, low = e.product(q, e.f(TWO_OVER_LN2[0]))
    low = e.add(e.fma(rest, TWO_OVER_LN2[0], e.fma(q, TWO_OVER_LN2[1], low)), tail)
    total = e.add(k, high)
    low = e.add(e.sub(high, e.sub(total, k)), low)
    first = e.add(total, low)
    return first, e.sub(low, e.sub(first, total))


def pow_(e: Emit, x: Value, y: Value) -> Value:
    """x^y, at most 2 ulp."""
    base = e.abs(x)
    log_high, log_low = _log2_pair(e, base)
    high, low = e.product(y, log_high)
    low = e.fma(y, log_low, low)
    # Where the product overflows, its low part is NaN.
    low = e.select(e.lt(e.abs(high), 512.0), low, 0.0)
    result = exp2_of_sum(e, high, low)
    return with_edges(e, x, y, result)


def with_edges(e: Emit, x: Value, y: Value, result: Value) -> Value:
    """|x|^y, which `result` is for ordinary arguments, as x^y: C's signs and special cases (IEEE 754-2019, 9.2.1)."""
    base = e.abs(x)
    result = e.select(e.eq(base, 1.0), 1.0, result)
    extreme = e.either(e.eq(base, 0.0), e.eq(base, INFINITY))
    grows = e.different(e.eq(base, INFINITY), e.lt(y, 0.0))
    result = e.select(extreme, e.select(grows, INFINITY, 0.0), result)
    whole = e.trunc(y)
    half = e.mul(y, 0.5)
    odd = e.both(e.eq(whole, y), e.cmp("one", e.trunc(half), half))
    sign = e.select_int(odd, e.sign_bit(x), 0)
    result = e.from_bits(e.integer("ori", e.bits(result), sign))
    invalid = e.both(e.both(e.lt(x, 0.0), e.gt(x, -INFINITY)), e.cmp("one", whole, y))
    result = e.select(e.either(invalid, e.cmp("uno", x, y)), NAN, result)
    return e.select(e.either(e.eq(y, 0.0), e.eq(x, 1.0)), 1.0, result)


def pow_integer(e: Emit, x: Value, n: Value) -> Value:
    """x^n; from |n| = 2^24 on, n is rounded to a float."""
    return pow_(e, x, e.to_float(n))
