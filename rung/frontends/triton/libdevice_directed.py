"""The functions of libdevice that round up (`ru`), down (`rd`) or towards 0 (`rz`), on CPUs that round to nearest.

What is nearest is computed first; which side of it the exact result lies on is then found without an error, and the
nearest number left for its neighbour where the direction asks for that:

    add_rz(x, y) -> r = x + y; e = sign of the exact x + y - r; r, or its neighbour on the way to 0 if e is on that side

As on GPUs, they take f32 and f64 only, and nothing is contracted into or out of them.
"""

# These functions are written in Triton's language, not in typed Python.
# pyright: basic, reportArgumentType=false, reportOperatorIssue=false, reportAttributeAccessIssue=false
# pyright: reportGeneralTypeIssues=false

from typing import Any

import triton
import triton.language as tl
from triton.language import core

from . import libdevice_extern as _extern
from .libdevice_narrow import common_float


@triton.jit
def _step(nearest, side, mode: tl.constexpr):
    """`nearest`, or its neighbour in the direction of `mode` where the exact number is on that side of it.

    side: its sign is that of the exact number minus `nearest`; NaN where there is nothing to ask."""
    if nearest.dtype == tl.float32:
        bits = nearest.to(tl.int32, bitcast=True)
    else:
        bits = nearest.to(tl.int64, bitcast=True)
    negative = bits < 0
    if mode == "ru":
        moved = tl.where(side > 0, tl.where(negative, bits - 1, bits + 1), bits)
    elif mode == "rd":
        moved = tl.where(side < 0, tl.where(negative, bits + 1, bits - 1), bits)
    else:
        moved = tl.where(tl.where(negative, side > 0, side < 0), bits - 1, bits)
    return moved.to(nearest.dtype, bitcast=True)


@triton.jit
def _two_sum(a, b):
    """Knuth's: (a + b rounded, its error), exactly."""
    total = _extern.add_rn(a, b)
    other = _extern.sub_rn(total, a)
    error = _extern.add_rn(_extern.sub_rn(a, _extern.sub_rn(total, other)), _extern.sub_rn(b, other))
    return total, error


@triton.jit
def _power(exponent):
    """2 ** exponent as f64, which is a normal number."""
    return ((exponent.to(tl.int64) + 1023) << 52).to(tl.float64, bitcast=True)


@triton.jit
def _parts(x):
    """(m, e) with x = m * 2**e and 1 <= |m| < 2, of an f64; what has no such m stays itself, 0 with a small e."""
    small = tl.abs(x) < 2.2250738585072014e-308
    bits = _extern.mul_rn(x, tl.where(small, 1.8446744073709552e19, 1.0)).to(tl.int64, bitcast=True)  # 2**64
    biased = (bits >> 52) & 0x7FF
    mantissa = ((bits & -0x7FF0000000000001) | 0x3FF0000000000000).to(tl.float64, bitcast=True)
    exponent = biased - 1023 - tl.where(small, 64, 0)
    return tl.where((x == 0) | (biased == 0x7FF), x, mantissa), tl.where(x == 0, -9999, exponent)


@triton.jit
def _side(x, y, z, nearest):
    """A number with the sign of x * y + z - nearest, exactly, where the larger terms nearly cancel.

    One infinite term has the sign; NaN where two meet, as where `nearest` is the exact result."""
    if x.dtype == tl.float32:
        # The product is exact in f64; the sum is on the side of `nearest` that the exact one is on, or equal to it.
        total, error = _two_sum(_extern.mul_rn(x.to(tl.float64), y.to(tl.float64)), z.to(tl.float64))
        side = _extern.sub_rn(total, nearest.to(tl.float64))
        return tl.where(side == 0, error, side)
    else:
        # Scaled by one power of two so that nothing leaves the range of f64. What is 2**300 times smaller than another
        # term is taken to be only that much smaller: it is still less than the last bit of all others.
        mx, ex = _parts(x)
        my, ey = _parts(y)
        mz, ez = _parts(z)
        mn, en = _parts(nearest)
        high = _extern.mul_rn(mx, my)
        low = _extern.fma(mx, my, _extern.negated(high))
        top = tl.maximum(ex + ey, ez)
        scale = _power(tl.maximum(ex + ey - top, -300))
        high, low = _extern.mul_rn(high, scale), _extern.mul_rn(low, scale)
        z = _extern.mul_rn(mz, _power(tl.maximum(ez - top, -300)))
        nearest = _extern.mul_rn(mn, _power(tl.minimum(tl.maximum(en - top, -1000), 1000)))
        rough = _extern.sub_rn(_extern.add_rn(high, z), nearest)
        # Shewchuk's expansions: terms that do not overlap have the sign of the largest.
        third, first = _two_sum(z, low)
        third, second = _two_sum(third, high)
        fourth, first = _two_sum(_extern.negated(nearest), first)
        fourth, second = _two_sum(fourth, second)
        fourth, third = _two_sum(fourth, third)
        side = tl.where(second == 0, first, second)
        side = tl.where(third == 0, side, third)
        return tl.where(tl.abs(rough) < float("inf"), tl.where(fourth == 0, side, fourth), rough)


@triton.jit
def _add(x, y, mode: tl.constexpr):
    if mode == "rd":  # a sum that is 0 is -0; the nearest number is the same otherwise
        nearest = _extern.negated(_extern.add_rn(_extern.negated(x), _extern.negated(y)))
    else:
        nearest = _extern.add_rn(x, y)
    return _step(nearest, _side(x, tl.full(x.shape, 1.0, x.dtype), y, nearest), mode)


@triton.jit
def _sub(x, y, mode: tl.constexpr):
    return _add(x, _extern.negated(y), mode)


@triton.jit
def _mul(x, y, mode: tl.constexpr):
    nearest = _extern.mul_rn(x, y)
    return _step(nearest, _side(x, y, tl.zeros_like(x), nearest), mode)


@triton.jit
def _fma(x, y, z, mode: tl.constexpr):
    if mode == "rd":
        nearest = _extern.negated(_extern.fma(_extern.negated(x), y, _extern.negated(z)))
    else:
        nearest = _extern.fma(x, y, z)
    return _step(nearest, _side(x, y, z, nearest), mode)


@triton.jit
def _div(x, y, mode: tl.constexpr):
    nearest = _extern.div_rn(x, y)
    side = _side(_extern.negated(nearest), y, x, tl.zeros_like(x))  # (x / y - nearest) * y
    return _step(nearest, tl.where(y < 0, _extern.negated(side), side), mode)


@triton.jit
def _rcp(x, mode: tl.constexpr):
    return _div(tl.full(x.shape, 1.0, x.dtype), x, mode)


@triton.jit
def _sqrt(x, mode: tl.constexpr):
    nearest = _extern.sqrt(x)
    return _step(nearest, _side(_extern.negated(nearest), nearest, x, tl.zeros_like(x)), mode)


@triton.jit
def _to_float(x, mode: tl.constexpr):
    nearest = x.to(tl.float32)
    if x.dtype == tl.float64:
        return _step(nearest, _extern.sub_rn(x, nearest.to(tl.float64)), mode)
    else:
        return _step(nearest, _integer_side(x, nearest), mode)


@triton.jit
def _to_double(x, mode: tl.constexpr):
    nearest = x.to(tl.float64)
    return _step(nearest, _integer_side(x, nearest), mode)


@triton.jit
def _integer_side(x, nearest):
    """A number with the sign of x - nearest, of an integer; what x's type does not hold is above x."""
    beyond: tl.constexpr = 2.0 ** (x.dtype.primitive_bitwidth - x.dtype.is_int_signed())
    difference = x.to(tl.int64) - nearest.to(x.dtype).to(tl.int64)
    return tl.where(nearest < beyond, difference, -1)


_INTEGERS = {"int": core.int32, "uint": core.uint32, "ll": core.int64, "ull": core.uint64}
_DIRECTED = {
    "add": (_add, None),
    "sub": (_sub, None),
    "mul": (_mul, None),
    "div": (_div, None),
    "fma": (_fma, None),
    "rcp": (_rcp, None),
    "sqrt": (_sqrt, None),
    "double2float": (_to_float, core.float64),
    **{f"{name}2float": (_to_float, dtype) for name, dtype in _INTEGERS.items()},
    **{f"{name}2double": (_to_double, dtype) for name, dtype in _INTEGERS.items() if name.endswith("ll")},
}
"""The function, and the type of what it takes; None for f32 and f64."""


def _public(name: str, function: Any, mode: str, taken: Any) -> Any:
    """`libdevice.NAME` as kernels call it: of operands of one shape and type."""

    def directed(*arguments: Any, _semantic: Any = None, _generator: Any = None) -> Any:
        arity = len(function.arg_names) - 1
        if len(arguments) != arity:
            raise TypeError(f"libdevice.{name} takes {arity} arguments, but was given {len(arguments)}")
        operands = [_semantic.to_tensor(argument) for argument in arguments]
        dtype = taken
        if dtype is None:
            widest, dtype = common_float(name, [operand.dtype for operand in operands])
            if dtype != widest:
                raise TypeError(f"libdevice.{name} takes f32 and f64, as on a GPU, but was given {widest}")
        operands = _semantic.broadcast_tensors(*(_semantic.cast(operand, dtype) for operand in operands))
        return _generator.call_JitFunction(function, [*operands, core.constexpr(mode)], {})

    directed.__name__ = directed.__qualname__ = name
    return core.extern(directed)


FUNCTIONS: dict[str, Any] = {
    f"{name}_{mode}": _public(f"{name}_{mode}", function, mode, taken)
    for name, (function, taken) in _DIRECTED.items()
    for mode in ("rz", "rd", "ru")
}
