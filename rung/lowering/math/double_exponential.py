"""exp, exp2, expm1, tanh, sinh, cosh in f64: the methods of `exponential`, with f64's constants."""

from __future__ import annotations

from .emit import Emit, Value
from .scaling import ROUNDING, scaled

LOG2_E = 1.4426950408889634
LN2 = 0.6931471805599453
# ln2 = LN2_HIGH + LN2_LOW; LN2_HIGH has 33 bits, so that n * LN2_HIGH is exact (fdlibm).
LN2_HIGH = 6.93147180369123816490e-01
LN2_LOW = 1.90821492927058770002e-10
ROUND = ROUNDING[64]
# tools/fit_math.py DOUBLE_EXPM1: largest error 2^-59.75 relative to expm1.
EXPM1 = (
    0.5,
    0.16666666666666677,
    0.041666666666666505,
    0.008333333333321608,
    0.0013888888888963003,
    0.00019841269886204565,
    2.480158717160695e-05,
    2.755724410728882e-06,
    2.7557403157455016e-07,
    2.5109080415592e-08,
    2.0875258445837037e-09,
)
EXP_LARGEST = 710.0
EXP_SMALLEST = -745.2
EXP2_SMALLEST = -1076.0


def _expm1_reduced(e: Emit, r: Value) -> Value:
    """exp(r) - 1 = r + r^2 P(r) for |r| <= ln2 / 2."""
    return e.fma(e.mul(r, r), e.horner(r, EXPM1), r)


def _reduce(e: Emit, x: Value, bias: int, low: Value | None = None) -> tuple[Value, Value]:
    """x + low = n ln2 + r -> (1.5 * 2^52 + n + bias, e^r - 1)."""
    z = e.fma(x, LOG2_E, ROUND + bias)
    n = e.sub(z, ROUND + bias)
    r = e.fma(n, -LN2_LOW, e.fma(n, -LN2_HIGH, x))
    return z, _expm1_reduced(e, r if low is None else e.add(r, low))


def exp(e: Emit, x: Value) -> Value:
    """e^x; denormal results too."""
    z, q = _reduce(e, e.at_least(e.at_most(x, EXP_LARGEST), EXP_SMALLEST - 1), 2046)
    return scaled(e, z, q, (x, EXP_SMALLEST))


def exp_of_sum(e: Emit, high: Value, low: Value) -> Value:
    """e^(high + low) for high <= 0 and |low| far below 1."""
    z, q = _reduce(e, e.at_least(high, EXP_SMALLEST - 1), 2046, low)
    return scaled(e, z, q, (high, EXP_SMALLEST))


def exp2(e: Emit, x: Value) -> Value:
    """2^x: n = round(x), r = (x - n) ln2."""
    return exp2_of_sum(e, x, None)


def exp2_of_sum(e: Emit, high: Value, low: Value | None) -> Value:
    """2^(high + low) for |low| far below 1."""
    bounded = e.at_least(e.at_most(high, 1025.0), EXP2_SMALLEST - 1)
    z = e.add(bounded, ROUND + 2046)
    rest = e.sub(bounded, e.sub(z, ROUND + 2046))
    rest = rest if low is None else e.add(rest, low)
    return scaled(e, z, _expm1_reduced(e, e.mul(rest, LN2)), (high, EXP2_SMALLEST))


def _half_exp(e: Emit, x: Value) -> Value:
    """e^x / 2 for x >= 0; infinite above 711."""
    return scaled(e, *_reduce(e, e.at_most(x, 712.0), 2045))


def _expm1_scaled(e: Emit, x: Value, shift: int) -> Value:
    """(e^x - 1) 2^shift = 2^(n+shift) q + (2^(n+shift) - 2^shift), while 2^(n+shift) is a normal number."""
    z, q = _reduce(e, x, 1023 + shift)
    power = e.power_of_two(e.bits(z))
    return e.fma(power, q, e.sub(power, 2.0**shift))


def expm1(e: Emit, x: Value) -> Value:
    """e^x - 1."""
    half = _expm1_scaled(e, e.at_least(e.at_most(x, EXP_LARGEST), -40.0), -1)
    return e.select(e.lt(e.abs(x), 2.0**-54), x, e.add(half, half))


def tanh(e: Emit, x: Value) -> Value:
    """tanh(|x|) = t = h / (h + 1) with h = expm1(2 |x|) / 2; for small |x| rather h - h t."""
    a = e.at_most(e.abs(x), 19.5)
    h = _expm1_scaled(e, e.add(a, a), -1)
    t = e.div(h, e.add(h, 1.0))
    result = e.select(e.lt(a, 0.35), e.fma(e.neg(h), t, h), t)
    return e.signed(e.select(e.lt(a, 2.0**-28), a, result), x)


def sinh(e: Emit, x: Value) -> Value:
    """sinh(x) = 2 (h + h / (4 h + 1)) with h = expm1(|x|) / 4, which is finite wherever sinh(x) is."""
    magnitude = e.abs(x)
    h = _expm1_scaled(e, e.at_most(magnitude, 710.6), -2)
    half = e.add(h, e.div(h, e.fma(h, 4.0, 1.0)))
    result = e.signed(e.add(half, half), x)
    return e.select(e.lt(magnitude, 2.0**-28), x, result)


def cosh(e: Emit, x: Value) -> Value:
    """cosh(x) = h + 1 / (4 h) with h = e^|x| / 2."""
    h = _half_exp(e, e.abs(x))
    return e.add(h, e.div(0.25, h))
