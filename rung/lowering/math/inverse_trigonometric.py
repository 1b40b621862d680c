"""asin, acos, atan, atan2 (after Cephes `asinf`, `atanf`; own coefficients)."""

from __future__ import annotations

from .emit import Emit, Value

# tools/fit_math.py ASIN, ATAN: largest errors 2^-27.58, 2^-25.82.
ASIN = (
    0.16666753590106964,
    0.07495252043008804,
    0.0454760417342186,
    0.02415209263563156,
    0.04221179708838463,
)
ATAN = (
    -0.33333152532577515,
    0.19993767142295837,
    -0.14211007952690125,
    0.1066584438085556,
    -0.07551965117454529,
    0.043210212141275406,
    -0.016367748379707336,
    0.0029208536725491285,
)
HALF_PI = (1.5707963705062866, -4.371138828673793e-08)
PI = (3.1415927410125732, -8.742277657347586e-08)


def _minus(e: Emit, constant: tuple[float, float], x: Value) -> Value:
    """constant - x, the constant given in two floats."""
    return e.add(constant[0], e.sub(constant[1], x))


def _asin_folded(e: Emit, magnitude: Value) -> tuple[Value, Value]:
    """(|x| > 1/2, p): asin(|x|) = p, or pi/2 - 2 p with p = asin(sqrt((1 - |x|) / 2)) above 1/2."""
    large = e.gt(magnitude, 0.5)
    z = e.select(large, e.fma(magnitude, -0.5, 0.5), e.mul(magnitude, magnitude))
    s = e.select(large, e.sqrt(z), magnitude)
    return large, e.fma(e.mul(s, z), e.horner(z, ASIN), s)


def asin(e: Emit, x: Value) -> Value:
    """Arc sine; NaN beyond 1."""
    large, p = _asin_folded(e, e.abs(x))
    return e.signed(e.select(large, _minus(e, HALF_PI, e.add(p, p)), p), x)


def acos(e: Emit, x: Value) -> Value:
    """Arc cosine: pi/2 - asin(x), 2 p above 1/2, pi - 2 p below -1/2."""
    large, p = _asin_folded(e, e.abs(x))
    double = e.add(p, p)
    outer = e.select(e.gt(x, 0.0), double, _minus(e, PI, double))
    return e.select(large, outer, _minus(e, HALF_PI, e.flip_sign(p, x)))


def _atan_fraction(e: Emit, t: Value) -> Value:
    """atan(t) for 0 <= t <= 1."""
    z = e.mul(t, t)
    return e.fma(e.mul(t, z), e.horner(z, ATAN), t)


def atan(e: Emit, x: Value) -> Value:
    """Arc tangent: pi/2 - atan(1 / |x|) above 1."""
    magnitude = e.abs(x)
    large = e.gt(magnitude, 1.0)
    p = _atan_fraction(e, e.select(large, e.div(1.0, magnitude), magnitude))
    return e.signed(e.select(large, _minus(e, HALF_PI, p), p), x)


def atan2(e: Emit, y: Value, x: Value) -> Value:
    """Angle of the point (x, y), with the signs of zeros and infinities as in C."""
    ay, ax = e.abs(y), e.abs(x)
    steep = e.gt(ay, ax)
    small, large = e.select(steep, ax, ay), e.select(steep, ay, ax)
    # 0 / 0 and inf / inf are no NaN here.
    same = e.select(e.eq(small, 0.0), 0.0, 1.0)
    p = _atan_fraction(e, e.select(e.eq(small, large), same, e.div(small, large)))
    p = e.select(steep, _minus(e, HALF_PI, p), p)
    p = e.select(e.cmpi("slt", e.bits(x), 0), _minus(e, PI, p), p)
    return e.signed(p, y)
