"""powf in f64: 2^(y log2 |x|), the logarithm and the product carried in two floats."""

from __future__ import annotations

from .double_exponential import LOG2_E, exp2_of_sum
from .double_logarithm import split
from .emit import Emit, Value
from .power import with_edges

# log(1 + f) = 2 q + q z (2 / 3 + z P(z)), q = f / (2 + f), z = q^2.
# tools/fit_math.py DOUBLE_LOG_TAIL: largest error 2^-64.97.
LOG_TAIL = (
    0.4000000000000229,
    0.2857142857008254,
    0.22222222523099755,
    0.18181784078104307,
    0.15386771116608897,
    0.13256486522616606,
    0.13199491445666728,
)
# 2 / (3 ln2) and 2 / ln2, each in two floats.
TWO_THIRDS_OVER_LN2 = (0.9617966939259756, 5.0577616648125907e-17)
TWO_OVER_LN2 = (2.8853900817779268, 4.0710547481862066e-17)


def _quick_sum(e: Emit, a: Value, b: Value) -> tuple[Value, Value]:
    """a + b in two floats, |a| >= |b| or a = 0."""
    total = e.add(a, b)
    return total, e.sub(b, e.sub(total, a))


def _log2_pair(e: Emit, x: Value) -> tuple[Value, Value]:
    """log2 of a positive finite number as an unevaluated sum, relative error about 2^-63.

    log2(1 + f) = q (2 / ln2) + q^3 (2 / (3 ln2) + z R(z)), q = f / (2 + f), z = q^2: both leading terms in two floats.
    """
    f, k = split(e, x)
    width, width_low = _quick_sum(e, e.f(2.0), f)
    q = e.div(f, width)
    high, low = e.product(q, width)
    q_low = e.div(e.fma(e.neg(q), width_low, e.sub(e.sub(f, high), low)), width)
    z, z_low = e.product(q, q)
    z_low = e.fma(e.add(q, q), q_low, z_low)
    cube, cube_low = e.product(q, z)
    cube_low = e.add(cube_low, e.fma(q, z_low, e.mul(q_low, z)))
    tail = e.mul(e.mul(e.mul(cube, z), e.horner(z, LOG_TAIL)), LOG2_E)
    third, third_low = e.product(cube, e.f(TWO_THIRDS_OVER_LN2[0]))
    third_low = e.add(e.fma(cube_low, TWO_THIRDS_OVER_LN2[0], third_low), e.fma(cube, TWO_THIRDS_OVER_LN2[1], tail))
    first, first_low = e.product(q, e.f(TWO_OVER_LN2[0]))
    first_low = e.add(e.fma(q_low, TWO_OVER_LN2[0], first_low), e.mul(q, TWO_OVER_LN2[1]))
    total, total_low = _quick_sum(e, k, first)
    second, second_low = _quick_sum(e, total, third)
    # Where k = 0, `first` is the larger; where |k| >= 1, k is.
    low = e.add(e.add(total_low, second_low), e.add(first_low, third_low))
    return _quick_sum(e, second, low)


def pow_(e: Emit, x: Value, y: Value) -> Value:
    """x^y."""
    base = e.abs(x)
    log_high, log_low = _log2_pair(e, base)
    high, low = e.product(y, log_high)
    low = e.fma(y, log_low, low)
    # Where the product overflows, its low part is NaN.
    low = e.select(e.lt(e.abs(high), 4096.0), low, 0.0)
    return with_edges(e, x, y, exp2_of_sum(e, high, low))
