"""Division, square root and rounding for vector units that have none of them: Newton's iteration on integer guesses.

Nothing here uses a fused multiply-add. The guesses: the exponent of 1 / x is minus that of x, that of its root is half
of it (Lomont, Fast inverse square root, 2003).
"""

from __future__ import annotations

from .emit import INFINITY, Emit, Value

RECIPROCAL_GUESS = 0x7EF311C3
"""This minus the bits of x > 0 is 1 / x to 12%: minus the exponent's bias twice, corrected for the mantissa."""
RSQRT_GUESS = 0x5F3759DF
"""This minus half the bits of x > 0 is 1 / sqrt(x) to 3.5% (Lomont)."""
_FAR = 2.0**100
_STEP = 2.0**64


def reciprocal(e: Emit, x: Value) -> tuple[Value, Value]:
    """(r, s) with r s = 1 / x, s a power of two: the two are applied in turn, so that no intermediate leaves the range.

    Three steps of Newton's iteration: 12%, 1.5%, 2e-4, 5e-8.
    """
    magnitude = e.abs(x)
    far, near = e.gt(magnitude, _FAR), e.lt(magnitude, 1 / _FAR)
    scale = e.select(far, 1 / _STEP, e.select(near, _STEP, 1.0))
    scaled = e.mul(magnitude, scale)
    r = e.from_bits(e.integer("subi", RECIPROCAL_GUESS, e.bits(scaled)))
    for _ in range(2):
        r = e.mul(r, e.sub(2.0, e.mul(scaled, r)))
    # The last one as r + r (1 - x r): the correction is small, so that its roundings do not count.
    r = e.add(r, e.mul(r, e.sub(1.0, e.mul(scaled, r))))
    r = e.select(e.cmp("oeq", magnitude, INFINITY), 0.0, r)
    r = e.select(e.cmp("oeq", magnitude, 0.0), INFINITY, r)
    return e.from_bits(e.integer("ori", e.bits(r), e.sign_bit(x))), scale


def divide(e: Emit, n: Value, d: Value) -> Value:
    """n / d, at most 2 ulp."""
    r, scale = reciprocal(e, d)
    return e.mul(e.mul(n, r), scale)


def sqrt(e: Emit, x: Value) -> Value:
    """The square root, at most 2 ulp; NaN below zero, and -0 for -0."""
    small = e.lt(x, 1 / _FAR)
    a = e.select(small, e.mul(x, _STEP), x)
    half = e.mul(a, 0.5)
    y = e.from_bits(e.integer("subi", RSQRT_GUESS, e.integer("shrui", e.bits(a), 1)))
    for _ in range(3):
        y = e.mul(y, e.sub(1.5, e.mul(half, e.mul(y, y))))
    root = e.mul(a, y)
    # Heron's correction: root + (a - root^2) y / 2.
    root = e.add(root, e.mul(e.sub(a, e.mul(root, root)), e.mul(0.5, y)))
    root = e.select(small, e.mul(root, _STEP**-0.5), root)
    positive = e.both(e.gt(x, 0.0), e.lt(x, INFINITY))
    # 0, infinity and NaN are their own roots.
    return e.select(positive, root, e.select(e.lt(x, 0.0), float("nan"), x))


def _whole(e: Emit, x: Value) -> tuple[Value, Value]:
    """(|x| rounded to the nearest whole number, ties to even; whether |x| < 2^23, below which there are fractions)."""
    magnitude = e.abs(x)
    return e.sub(e.add(magnitude, 2.0**23), 2.0**23), e.lt(magnitude, 2.0**23)


def roundeven(e: Emit, x: Value) -> Value:
    """Nearest whole number, ties to even. Adding 2^23 leaves no bit for the fraction."""
    whole, fractional = _whole(e, x)
    return e.select(fractional, e.signed(whole, x), x)


def trunc(e: Emit, x: Value) -> Value:
    """Towards zero."""
    whole, fractional = _whole(e, x)
    down = e.select(e.gt(whole, e.abs(x)), e.sub(whole, 1.0), whole)
    return e.select(fractional, e.signed(down, x), x)


def floor(e: Emit, x: Value) -> Value:
    """Downwards."""
    whole = roundeven(e, x)
    # The result has the sign of x: -0 stays -0, and what lies between -1 and 0 becomes -1.
    return e.signed(e.abs(e.select(e.gt(whole, x), e.sub(whole, 1.0), whole)), x)


def ceil(e: Emit, x: Value) -> Value:
    """Upwards; -0.5 becomes -0."""
    whole = roundeven(e, x)
    return e.signed(e.abs(e.select(e.lt(whole, x), e.add(whole, 1.0), whole)), x)


def maxnum(e: Emit, a: Value, b: Value) -> Value:
    """The larger one; the other one where one is NaN."""
    return e.select(e.isnan(b), a, e.select(e.gt(a, b), a, b))


def minnum(e: Emit, a: Value, b: Value) -> Value:
    """The smaller one; the other one where one is NaN."""
    return e.select(e.isnan(b), a, e.select(e.lt(a, b), a, b))
