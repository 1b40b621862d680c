"""sin and cos in f64: Cody and Waite's reduction up to a limit, the C library lane by lane beyond it."""

from __future__ import annotations

from .double_exponential import ROUND
from .emit import Emit, Value

TWO_OVER_PI = 0.6366197723675814
# pi/2 in three floats for FMA; without, in pieces of 33 bits, whose products with n < 2^20 are exact (fdlibm).
HALF_PI_FUSED = (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33)
HALF_PI_EXACT = (
    1.57079632673412561417e00,
    6.07710050630396597660e-11,
    2.02226624871116645580e-21,
    8.47842766036889956997e-32,
)
LARGEST_FUSED = 1e9
LARGEST_EXACT = 1e6
# tools/fit_math.py DOUBLE_SIN, DOUBLE_COS: largest errors 2^-56.81, 2^-59.58 (absolute).
SIN = (
    -0.1666666666666663,
    0.008333333333322005,
    -0.00019841269829495677,
    2.7557313587661936e-06,
    -2.5050742311924705e-08,
    1.5895904843405197e-10,
)
COS = (
    0.0416666666666666,
    -0.0013888888888873992,
    2.480158728939538e-05,
    -2.7557314326152925e-07,
    2.0875719574488374e-09,
    -1.13594494654613e-11,
)


def _reduce(e: Emit, magnitude: Value) -> tuple[Value, Value, Value]:
    """(n in the low two bits, r, what r lost): |x| = n pi/2 + r, |r| <= pi/4."""
    z = e.fma(magnitude, TWO_OVER_PI, ROUND)
    n = e.sub(z, ROUND)
    if e.fused:
        x = e.fma(n, -HALF_PI_FUSED[0], magnitude)
        high, low = e.product(n, e.f(HALF_PI_FUSED[1]))
        r = e.sub(x, high)
        lost = e.sub(e.sub(e.sub(x, r), high), low)
        return e.bits(z), r, e.fma(n, -HALF_PI_FUSED[2], lost)
    first, second, third, rest = (e.mul(n, part) for part in HALF_PI_EXACT)
    x = e.sub(magnitude, first)
    r = e.sub(x, second)
    lost = e.sub(e.sub(x, r), second)
    s = e.sub(r, third)
    lost = e.add(lost, e.sub(e.sub(r, s), third))
    return e.bits(z), s, e.sub(lost, rest)


def _sine_or_cosine(e: Emit, quadrant: Value, r: Value, lost: Value) -> Value:
    """sin(r + lost + quadrant pi/2)."""
    z = e.mul(r, r)
    sine = e.add(r, e.fma(e.mul(r, z), e.horner(z, SIN), lost))
    # 1 - z / 2 in two floats.
    half = e.mul(z, 0.5)
    near = e.sub(1.0, half)
    rest = e.fma(e.mul(z, z), e.horner(z, COS), e.fma(e.neg(r), lost, e.sub(e.sub(1.0, near), half)))
    cosine = e.add(near, rest)
    odd = e.cmpi("ne", e.integer("andi", quadrant, 1), 0)
    flip = e.integer("andi", e.integer("shli", quadrant, 62), -1 << 63)
    return e.from_bits(e.integer("xori", e.bits(e.select(odd, cosine, sine)), flip))


def _with_library(e: Emit, name: str, x: Value, result: Value) -> Value:
    large = e.gt(e.abs(x), LARGEST_FUSED if e.fused else LARGEST_EXACT)
    # Not expanded again: this pass has collected its operations before it builds any.
    return e.when_any(large, lambda inner: (inner.select(large, inner.op(name, inner.type, [x]), result),), (result,))[
        0
    ]


def sin(e: Emit, x: Value) -> Value:
    """Sine."""
    quadrant, r, lost = _reduce(e, e.abs(x))
    return _with_library(e, "math.sin", x, e.flip_sign(_sine_or_cosine(e, quadrant, r, lost), x))


def cos(e: Emit, x: Value) -> Value:
    """Cosine."""
    quadrant, r, lost = _reduce(e, e.abs(x))
    return _with_library(e, "math.cos", x, _sine_or_cosine(e, e.integer("addi", quadrant, 1), r, lost))
