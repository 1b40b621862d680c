"""`tl.extra.libdevice` on the CPU: functions of several operations; `libdevice_extern` has those of one.

f16 and bf16 arguments are computed in f32. What only means something on a GPU, such as arithmetic in a
directed rounding mode, is refused at compile time.
"""

# These functions are written in Triton's language, not in typed Python.
# pyright: basic, reportArgumentType=false, reportOperatorIssue=false, reportAttributeAccessIssue=false
# pyright: reportGeneralTypeIssues=false, reportUnusedImport=false

from typing import Any

import triton
import triton.language as tl

from . import libdevice_extern as _extern
from .libdevice_integer import (  # noqa: F401
    brev,
    byte_perm,
    double2hiint,
    double2loint,
    ffs,
    hadd,
    hiloint2double,
    mul24,
    mulhi,
    rhadd,
    sad,
)


def __getattr__(name: str) -> Any:
    return getattr(_extern, name)


@triton.jit
def abs(x):
    return tl.abs(x)


@triton.jit
def sqrt_rn(x):
    return _extern.sqrt(x)


@triton.jit
def rsqrt_rn(x):
    return 1.0 / _extern.sqrt(x)


@triton.jit
def rcp_rn(x):
    return 1.0 / x


@triton.jit
def div_rn(x, y):
    return x / y


@triton.jit
def fast_dividef(x, y):
    return x / y


@triton.jit
def add_rn(x, y):
    return x + y


@triton.jit
def sub_rn(x, y):
    return x - y


@triton.jit
def mul_rn(x, y):
    return x * y


@triton.jit
def fmod(x, y):
    return x % y


@triton.jit
def fdim(x, y):
    return tl.where(x <= y, 0.0, x - y)


@triton.jit
def ilogb(x):
    exponent = _extern.logb(x)
    return tl.where(x == 0.0, -2147483647, tl.where(tl.abs(exponent) < 2000.0, exponent, 2147483520.0).to(tl.int32))


@triton.jit
def saturatef(x):
    return tl.where(x > 0.0, tl.where(x < 1.0, x, 1.0), 0.0)


@triton.jit
def signbit(x):
    if x.dtype.primitive_bitwidth == 16:
        bits = x.to(tl.int16, bitcast=True)
    elif x.dtype.primitive_bitwidth == 32:
        bits = x.to(tl.int32, bitcast=True)
    else:
        bits = x.to(tl.int64, bitcast=True)
    return (bits < 0).to(tl.int32)


@triton.jit
def exp10(x):
    return _extern.pow(10.0, x)


@triton.jit
def fast_exp10f(x):
    return _extern.pow(10.0, x)


@triton.jit
def sinpi(x):
    half_turns = _extern.rint(x)
    odd = half_turns - 2.0 * _extern.floor(0.5 * half_turns)
    return (1.0 - 2.0 * odd) * _extern.sin(3.141592653589793 * (x - half_turns))


@triton.jit
def cospi(x):
    return sinpi(0.5 - tl.abs(x - 2.0 * _extern.rint(0.5 * x)))


@triton.jit
def rcbrt(x):
    return 1.0 / _extern.cbrt(x)


@triton.jit
def hypot(x, y):
    a, b = tl.abs(x), tl.abs(y)
    big = tl.maximum(a, b, propagate_nan=tl.PropagateNan.ALL)
    small = tl.minimum(a, b, propagate_nan=tl.PropagateNan.ALL)
    ratio = tl.where(big == 0.0, 0.0, small / big)
    length = big * _extern.sqrt(1.0 + ratio * ratio)
    return tl.where((a == float("inf")) | (b == float("inf")), float("inf"), length)


@triton.jit
def rhypot(x, y):
    return 1.0 / hypot(x, y)


@triton.jit
def norm3d(x, y, z):
    return hypot(hypot(x, y), z)


@triton.jit
def rnorm3d(x, y, z):
    return 1.0 / norm3d(x, y, z)


@triton.jit
def norm4d(x, y, z, w):
    return hypot(hypot(x, y), hypot(z, w))


@triton.jit
def rnorm4d(x, y, z, w):
    return 1.0 / norm4d(x, y, z, w)


@triton.jit
def normcdf(x):
    return 0.5 * _extern.erfc(-0.7071067811865476 * x)


@triton.jit
def erfcx(x):
    # In f64, exp(x^2) * erfc(x) holds up to where its asymptotic series is exact to the last bit of an f32.
    d = x.to(tl.float64)
    near = _extern.exp(d * d) * _extern.erfc(d)
    far = 0.5641895835477563 / d * (1.0 - 0.5 / (d * d))
    return tl.where(d < 25.0, near, far).to(x.dtype)


@triton.jit
def _erfinv_start(x):
    """M. Giles, "Approximating the erfinv function" (GPU Computing Gems, 2012): 6e-7 relative."""
    w = -_extern.log((1.0 - x) * (1.0 + x))
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
    return tl.where(w < 5.0, p, q) * x


@triton.jit
def erfinv(x):
    d = x.to(tl.float32) if x.dtype.primitive_bitwidth < 32 else x
    y = _erfinv_start(d)
    if x.dtype == tl.float64:
        # Two steps of Newton's method: each doubles the number of right digits.
        y -= (_extern.erf(y) - d) * 0.886226925452758 * _extern.exp(y * y)
        y -= (_extern.erf(y) - d) * 0.886226925452758 * _extern.exp(y * y)
    y = tl.where(tl.abs(d) == 1.0, d * float("inf"), y)
    return y.to(x.dtype)


@triton.jit
def erfcinv(x):
    return erfinv(1.0 - x.to(tl.float64)).to(x.dtype)


@triton.jit
def normcdfinv(x):
    return (1.4142135623730951 * erfinv(2.0 * x.to(tl.float64) - 1.0)).to(x.dtype)


@triton.jit
def cyl_bessel_i0(x):
    """Abramowitz and Stegun 9.8.1 and 9.8.2: 2e-7 relative, in f64 too."""
    a = tl.abs(x)
    t = (a / 3.75) * (a / 3.75)
    near = 1.0 + t * (3.5156229 + t * (3.0899424 + t * (1.2067492 + t * (0.2659732 + t * (0.0360768 + t * 0.0045813)))))
    u = 3.75 / a
    far = 0.00916281 + u * (-0.02057706 + u * (0.02635537 + u * (-0.01647633 + u * 0.00392377)))
    far = 0.39894228 + u * (0.01328592 + u * (0.00225319 + u * (-0.00157565 + u * far)))
    return tl.where(a < 3.75, near, far * _extern.exp(a) * _extern.rsqrt(a)).to(x.dtype)


@triton.jit
def cyl_bessel_i1(x):
    """Abramowitz and Stegun 9.8.3 and 9.8.4: 2e-7 relative, in f64 too."""
    a = tl.abs(x)
    t = (a / 3.75) * (a / 3.75)
    near = 0.5 + t * (
        0.87890594 + t * (0.51498869 + t * (0.15084934 + t * (0.02658733 + t * (0.00301532 + t * 0.00032411))))
    )
    u = 3.75 / a
    far = -0.01031555 + u * (0.02282967 + u * (-0.02895312 + u * (0.01787654 - u * 0.00420059)))
    far = 0.39894228 + u * (-0.03988024 + u * (-0.00362018 + u * (0.00163801 + u * far)))
    return tl.where(a < 3.75, near * x, far * _extern.exp(a) * _extern.rsqrt(a) * tl.where(x < 0, -1.0, 1.0)).to(
        x.dtype
    )
