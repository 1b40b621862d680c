"""exp, exp2, expm1, tanh, sinh, cosh.

All rest on x = n ln2 + r with n = round(x / ln2), |r| <= ln2 / 2 (Cody & Waite, Software Manual for the
Elementary Functions, 1980), and on exp(r) - 1 = q = r + r^2 P(r): exp(x) = 2^n + 2^n q.

n is rounded by adding 1.5 * 2^23, which leaves the integer in the low bits of the sum; the same sum carries
the bias that turns these bits into the exponent of 2^n with one shift.
"""

from __future__ import annotations

from .emit import Emit, Value
from .scaling import ROUNDING, scaled

LOG2_E = 1.4426950216293335
LN2 = 0.6931471824645996
# ln2 = LN2_HIGH + LN2_LOW; LN2_HIGH has 15 bits, so that n * LN2_HIGH is exact.
LN2_HIGH = 0.693145751953125
LN2_LOW = 1.428606765330187e-06
ROUND = ROUNDING[32]
# tools/fit_math.py EXPM1: largest error 2^-26.08 relative to expm1.
EXPM1 = (
    0.4999999701976776,
    0.16666539013385773,
    0.041667744517326355,
    0.008367055095732212,
    0.0013839463936164975,
)
EXP_LARGEST = 89.0
EXP_SMALLEST = -103.98
EXP2_SMALLEST = -150.0


def expm1_reduced(e: Emit, r: Value) -> Value:
    """exp(r) - 1 = r + r^2 P(r) for |r| <= ln2 / 2."""
    return e.fma(e.mul(r, r), e.horner(r, EXPM1), r)


def reduce(e: Emit, x: Value, bias: int) -> tuple[Value, Value]:
    """x = n ln2 + r -> (1.5 * 2^23 + n + bias, e^r - 1), reduced in two steps."""
    z = e.fma(x, LOG2_E, ROUND + bias)
    n = e.sub(z, ROUND + bias)
    r = e.fma(n, -LN2_LOW, e.fma(n, -LN2_HIGH, x))
    return z, expm1_reduced(e, r)


def exp(e: Emit, x: Value) -> Value:
    """e^x, at most 1.1 ulp; denormal results too."""
    z, q = reduce(e, e.at_most(x, EXP_LARGEST), 254)
    return scaled(e, z, q, (x, EXP_SMALLEST))


def exp_of_sum(e: Emit, high: Value, low: Value) -> Value:
    """e^(high + low) for high <= 0 and |low| far below 1."""
    z, q = reduce(e, high, 254)
    return scaled(e, z, e.fma(e.add(q, 1.0), low, q), (high, EXP_SMALLEST))


def _half_exp(e: Emit, x: Value) -> Value:
    """e^x / 2 for x >= 0; infinite above 89.4."""
    return scaled(e, *reduce(e, e.at_most(x, 90.0), 253))


def exp2(e: Emit, x: Value) -> Value:
    """2^x, at most 1.2 ulp: n = round(x), r = (x - n) ln2."""
    bounded = e.at_most(x, 129.0)
    z = e.add(bounded, ROUND + 254)
    q = expm1_reduced(e, e.mul(e.sub(bounded, e.sub(z, ROUND + 254)), LN2))
    return scaled(e, z, q, (x, EXP2_SMALLEST))


def exp2_of_sum(e: Emit, high: Value, low: Value) -> Value:
    """2^(high + low) for |low| far below 1."""
    bounded = e.at_most(high, 129.0)
    z = e.add(bounded, ROUND + 254)
    rest = e.add(e.sub(bounded, e.sub(z, ROUND + 254)), low)
    return scaled(e, z, expm1_reduced(e, e.mul(rest, LN2)), (high, EXP2_SMALLEST - 1))


def _expm1_scaled(e: Emit, x: Value, shift: int) -> Value:
    """(e^x - 1) 2^shift = 2^(n+shift) q + (2^(n+shift) - 2^shift), x >= -64, while 2^(n+shift) is finite."""
    z, q = reduce(e, x, 127 + shift)
    power = e.power_of_two(e.bits(z))
    return e.fma(power, q, e.sub(power, 2.0**shift))


def expm1(e: Emit, x: Value) -> Value:
    """e^x - 1, at most 2 ulp."""
    bounded = e.at_least(e.at_most(x, EXP_LARGEST), -18.0)
    half = _expm1_scaled(e, bounded, -1)
    # Twice a half loses the last bit of denormals, and the sign of zero.
    return e.select(e.lt(e.abs(x), 2.0**-25), x, e.add(half, half))


def tanh(e: Emit, x: Value) -> Value:
    """tanh(|x|) = t = h / (h + 1) with h = expm1(2 |x|) / 2, at most 2 ulp.

    For small |x| the rounding errors of the quotient are damped by h: t = h - h t.
    """
    a = e.at_most(e.abs(x), 9.1)
    h = _expm1_scaled(e, e.add(a, a), -1)
    t = e.div(h, e.add(h, 1.0))
    return e.signed(e.select(e.lt(a, 0.35), e.fma(e.neg(h), t, h), t), x)


def sinh(e: Emit, x: Value) -> Value:
    """sinh(x) = 2 (h + h / (4 h + 1)) with h = expm1(|x|) / 4, which is finite wherever sinh(x) is."""
    magnitude = e.abs(x)
    h = _expm1_scaled(e, e.at_most(magnitude, 89.6), -2)
    half = e.add(h, e.div(h, e.fma(h, 4.0, 1.0)))
    result = e.signed(e.add(half, half), x)
    return e.select(e.lt(magnitude, 2.0**-12), x, result)


def cosh(e: Emit, x: Value) -> Value:
    """cosh(x) = h + 1 / (4 h) with h = e^|x| / 2."""
    h = _half_exp(e, e.abs(x))
    return e.add(h, e.div(0.25, h))
