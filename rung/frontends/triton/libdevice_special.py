"""The special functions of libdevice that are several operations: error functions' kin and Bessel functions."""

# These functions are written in Triton's language, not in typed Python.
# pyright: basic, reportArgumentType=false, reportOperatorIssue=false, reportAttributeAccessIssue=false
# pyright: reportGeneralTypeIssues=false

import triton
import triton.language as tl

from . import libdevice_extern as _extern
from .libdevice_narrow import on_floats


@on_floats
@triton.jit
def normcdf(x):
    # erfc multiplies a relative error of its argument by twice its square: the product's rounding is put back.
    d = x.to(tl.float64)
    factor = tl.full((), -0.7071067811865476, tl.float64)
    a = factor * d
    rest = tl.where(tl.abs(a) < 40.0, tl.fma(d, factor, -a) + 4.833646656726457e-17 * d, 0.0)
    return (0.5 * (_extern.erfc(a) - 1.1283791670955126 * _extern.exp(-a * a) * rest)).to(x.dtype)


@on_floats
@triton.jit
def erfcx(x):
    # In f64, exp(x^2) * erfc(x) holds up to where seven terms of its asymptotic series are exact to the last bit.
    d = x.to(tl.float64)
    square = d * d
    rest = tl.where(square < 700.0, tl.fma(d, d, -square), 0.0)
    near = _extern.exp(square) * _extern.erfc(d) * (1.0 + rest)
    u = 0.5 / square
    far = 1.0 - 13.0 * u
    for k in tl.static_range(11, 0, -2):
        far = 1.0 - k * u * far
    return tl.where(d < 25.0, near, 0.5641895835477563 / d * far).to(x.dtype)


@triton.jit
def _erfinv_of_log(w):
    """erfinv(x) / x of w = -log(1 - x^2), 6e-7 relative for w < 16.

    M. Giles, "Approximating the erfinv function" (GPU Computing Gems, 2012)."""
    c = w - 2.5
    p = 2.81022636e-08
    p = 3.43273939e-07 + p * c
    p = -3.5233877e-06 + p * c
    p = -4.39150654e-06 + p * c
    p = 0.00021858087 + p * c
    p = -0.00125372503 + p * c
    p = -0.00417768164 + p * c
    p = 0.246640727 + p * c
    p = 1.50140941 + p * c
    t = _extern.sqrt(w) - 3.0
    q = -0.000200214257
    q = 0.000100950558 + q * t
    q = 0.00134934322 + q * t
    q = -0.00367342844 + q * t
    q = 0.00573950773 + q * t
    q = -0.0076224613 + q * t
    q = 0.00943887047 + q * t
    q = 1.00167406 + q * t
    q = 2.83297682 + q * t
    return tl.where(w < 5.0, p, q)


@triton.jit
def _erfinv_double(d, c):
    """erfinv(d) in f64, of d >= 0 and c = 1 - d: where d is near 1, c says how near."""
    log_c = _extern.log(c)
    y = d * _erfinv_of_log(-(log_c + _extern.log(1.0 + d)))
    # Far out: y^2 + log(y) + log(pi) / 2 is nearly -log(c).
    far = _extern.sqrt(-log_c - 0.5 * _extern.log(-log_c) - 0.5723649429247001)
    y = tl.where(log_c < -15.0, far, y)
    # Newton's method: each step doubles the number of right digits.
    for _ in tl.static_range(3):
        excess = tl.where(d < 0.5, _extern.erf(y) - d, c - _extern.erfc(y))
        y -= 0.886226925452758 * (excess / c) * _extern.exp(y * y + log_c)
    return tl.where(c == 0.0, float("inf"), y)


@on_floats
@triton.jit
def erfinv(x):
    if x.dtype == tl.float64:
        a = tl.abs(x)
        return _extern.copysign(_erfinv_double(a, 1.0 - a), x)
    else:
        y = x * _erfinv_of_log(-_extern.log((1.0 - x) * (1.0 + x)))
        return tl.where(tl.abs(x) == 1.0, x * float("inf"), y)


@on_floats
@triton.jit
def erfcinv(x):
    d = x.to(tl.float64)
    c = tl.where(d > 1.0, 2.0 - d, d)
    y = _erfinv_double(1.0 - c, c)
    return tl.where(d > 1.0, -y, y).to(x.dtype)


@on_floats
@triton.jit
def normcdfinv(x):
    return (1.4142135623730951 * (0.0 - erfcinv(2.0 * x.to(tl.float64)))).to(x.dtype)


@triton.jit
def _grown(a, far):
    """far * exp(a) / sqrt(2 pi a), which may be finite where exp(a) is not."""
    half = _extern.exp(0.5 * a)
    grown = half * (half * (0.3989422804014327 * far / _extern.sqrt(a)))
    return tl.where(a == float("inf"), a, grown)


@triton.jit
def _bessel_double(a, ORDER: tl.constexpr):
    """I0(a), or I1(a) / (a / 2), in f64: the power series below 24, and the asymptotic series from there on (Abramowitz
    and Stegun 9.6.10 and 9.7.1), each to its last digit."""
    square = 0.25 * a * a
    near = 1.0 + square * 0.0
    for k in tl.static_range(40, 0, -1):
        near = 1.0 + near * square * (1.0 / (k * (k + ORDER)))
    far = 1.0 + square * 0.0
    for k in tl.static_range(26, 0, -1):
        far = 1.0 + far / a * (((2 * k - 1) * (2 * k - 1) - 4 * ORDER) / (8.0 * k))
    if ORDER == 1:
        near *= 0.5 * a
    return tl.where(a < 24.0, near, _grown(a, tl.where(a < float("inf"), far, 1.0)))


@on_floats
@triton.jit
def cyl_bessel_i0(x):
    """In f32 Abramowitz and Stegun 9.8.1 and 9.8.2: 2e-7 relative."""
    a = tl.abs(x)
    if x.dtype == tl.float64:
        return _bessel_double(a, 0)
    else:
        t = (a / 3.75) * (a / 3.75)
        near = 1.0 + t * (
            3.5156229 + t * (3.0899424 + t * (1.2067492 + t * (0.2659732 + t * (0.0360768 + t * 0.0045813))))
        )
        u = 3.75 / a
        far = 0.00916281 + u * (-0.02057706 + u * (0.02635537 + u * (-0.01647633 + u * 0.00392377)))
        far = 0.39894228 + u * (0.01328592 + u * (0.00225319 + u * (-0.00157565 + u * far)))
        return tl.where(a < 3.75, near, _grown(a, 2.5066282746310002 * far))


@on_floats
@triton.jit
def cyl_bessel_i1(x):
    """In f32 Abramowitz and Stegun 9.8.3 and 9.8.4: 2e-7 relative."""
    a = tl.abs(x)
    if x.dtype == tl.float64:
        y = _bessel_double(a, 1)
    else:
        t = (a / 3.75) * (a / 3.75)
        near = 0.5 + t * (
            0.87890594 + t * (0.51498869 + t * (0.15084934 + t * (0.02658733 + t * (0.00301532 + t * 0.00032411))))
        )
        u = 3.75 / a
        far = -0.01031555 + u * (0.02282967 + u * (-0.02895312 + u * (0.01787654 - u * 0.00420059)))
        far = 0.39894228 + u * (-0.03988024 + u * (-0.00362018 + u * (0.00163801 + u * far)))
        y = tl.where(a < 3.75, near * a, _grown(a, 2.5066282746310002 * far))
    return _extern.copysign(y, x)
