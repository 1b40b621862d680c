"""`tl.float8e4b15`, which MLIR does not know: in TTIR it is an integer, and Triton asks the back end for conversions.

They are what Triton has for NVIDIA's GPUs (`triton/language/extra/cuda/utils.py`), bit for bit: all go through f16, of
which this format has the lower half of the exponents. Every code is a number, 0x7f is 1.875.
"""

from __future__ import annotations

from typing import Any

import triton.language as tl

_LARGEST = 0x3F00
"""What larger numbers, infinities and NaN become: 1.75 as an f16."""


def convert_custom_types(value: Any, dst_ty: Any, fp_downcast_rounding: Any = None, _semantic: Any = None) -> Any:
    """What `value.to(dst_ty)` is where one of the types is float8e4b15; only floats are converted."""
    source, target = value.type.scalar, dst_ty.scalar
    if not (source.is_floating() and target.is_floating()):
        raise TypeError(f"cannot cast {source} to {target}; only floats become float8e4b15, and the other way round")
    if source.is_fp8e4b15():
        return _semantic.cast(_widened(value, _semantic), target)
    if source.is_bf16():
        value = _semantic.cast(value, tl.float32)
    towards_zero = "rtz" if value.type.scalar.primitive_bitwidth > 16 else None
    return _narrowed(_semantic.cast(value, tl.float16, towards_zero), _semantic)


def _widened(value: Any, semantic: Any) -> Any:
    """The f16: a sign, a 0, and seven bits further down."""
    bits = semantic.cast(semantic.bitcast(value, tl.uint8), tl.uint16)
    size = semantic.shl(semantic.and_(bits, _number(0x7F, semantic)), _number(7, semantic))
    sign = semantic.shl(semantic.and_(bits, _number(0x80, semantic)), _number(8, semantic))
    return semantic.bitcast(semantic.or_(size, sign), tl.float16)


def _narrowed(value: Any, semantic: Any) -> Any:
    """The code: rounded to nearest, halves away from 0."""
    bits = semantic.bitcast(value, tl.uint16)
    size = semantic.and_(bits, _number(0x7FFF, semantic))
    size = semantic.minimum(size, _number(_LARGEST, semantic), tl.PropagateNan.NONE)
    code = semantic.lshr(semantic.add(size, _number(0x40, semantic), False), _number(7, semantic))
    sign = semantic.and_(semantic.lshr(bits, _number(8, semantic)), _number(0x80, semantic))
    return semantic.bitcast(semantic.cast(semantic.or_(code, sign), tl.uint8), tl.float8e4b15)


def _number(number: int, semantic: Any) -> Any:
    return semantic.scalar_constant(number, tl.uint16)
