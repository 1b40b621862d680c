"""`tl.extra.libdevice` on the CPU: functions of several operations; `libdevice_extern` has those of one.

f16 and bf16 arguments are computed in f32 (`on_floats`).
"""

# These functions are written in Triton's language, not in typed Python.
# pyright: basic, reportArgumentType=false, reportOperatorIssue=false, reportAttributeAccessIssue=false
# pyright: reportGeneralTypeIssues=false, reportUnusedImport=false

from typing import Any

import triton
import triton.language as tl

from . import libdevice_extern as _extern
from .libdevice_directed import FUNCTIONS
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
from .libdevice_narrow import on_floats

# Kernels ask this module for them.
from .libdevice_special import (  # noqa: F401
    cyl_bessel_i0,
    cyl_bessel_i1,
    erfcinv,
    erfcx,
    erfinv,
    normcdf,
    normcdfinv,
)


def __getattr__(name: str) -> Any:
    return FUNCTIONS[name] if name in FUNCTIONS else getattr(_extern, name)


@triton.jit
def abs(x):
    return tl.abs(x)


@on_floats
@triton.jit
def sqrt_rn(x):
    return _extern.sqrt(x)


@on_floats
@triton.jit
def rsqrt_rn(x):
    return (1.0 / _extern.sqrt(x.to(tl.float64))).to(x.dtype)


@on_floats
@triton.jit
def rcp_rn(x):
    return 1.0 / x


@on_floats
@triton.jit
def fmod(x, y):
    return x % y


@on_floats
@triton.jit
def fdim(x, y):
    return tl.where(x <= y, 0.0, x - y)


@on_floats
@triton.jit
def ilogb(x):
    exponent = _extern.logb(x)
    return tl.where(x == 0.0, -2147483647, tl.where(tl.abs(exponent) < 2000.0, exponent, 2147483520.0).to(tl.int32))


@on_floats
@triton.jit
def saturatef(x):
    return tl.where(x > 0.0, tl.where(x < 1.0, x, 1.0), 0.0)


@on_floats
@triton.jit
def signbit(x):
    if x.dtype.primitive_bitwidth == 32:
        bits = x.to(tl.int32, bitcast=True)
    else:
        bits = x.to(tl.int64, bitcast=True)
    return (bits < 0).to(tl.int32)


@on_floats
@triton.jit
def exp10(x):
    return _extern.pow(10.0, x)


@on_floats
@triton.jit
def fast_exp10f(x):
    return _extern.pow(10.0, x)


@on_floats
@triton.jit
def sinpi(x):
    half_turns = _extern.rint(x)
    odd = half_turns - 2.0 * _extern.floor(0.5 * half_turns)
    y = (1.0 - 2.0 * odd) * _extern.sin(3.141592653589793 * (x - half_turns))
    return tl.where(x == half_turns, 0.0 * x, y)  # IEEE 754-2019, 9.2.1: the zeros have the sign of x


@on_floats
@triton.jit
def cospi(x):
    return sinpi(0.5 - tl.abs(x - 2.0 * _extern.rint(0.5 * x)))


@on_floats
@triton.jit
def rcbrt(x):
    return 1.0 / _extern.cbrt(x)


@on_floats
@triton.jit
def hypot(x, y):
    a, b = tl.abs(x), tl.abs(y)
    big = tl.maximum(a, b, propagate_nan=tl.PropagateNan.ALL)
    small = tl.minimum(a, b, propagate_nan=tl.PropagateNan.ALL)
    ratio = tl.where(big == 0.0, 0.0, small / big)
    length = big * _extern.sqrt(1.0 + ratio * ratio)
    return tl.where((a == float("inf")) | (b == float("inf")), float("inf"), length)


@on_floats
@triton.jit
def rhypot(x, y):
    return 1.0 / hypot(x, y)


@on_floats
@triton.jit
def norm3d(x, y, z):
    return hypot(hypot(x, y), z)


@on_floats
@triton.jit
def rnorm3d(x, y, z):
    return 1.0 / norm3d(x, y, z)


@on_floats
@triton.jit
def norm4d(x, y, z, w):
    return hypot(hypot(x, y), hypot(z, w))


@on_floats
@triton.jit
def rnorm4d(x, y, z, w):
    return 1.0 / norm4d(x, y, z, w)
