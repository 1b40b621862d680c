"""What AVX-512 does in one instruction, and MLIR has no op for."""

from __future__ import annotations

from torch_mlir import ir

from .emit import Emit, Value

_LEAST_LANES = 8
"""Narrower masks do not fill the integer that the intrinsics take."""
_CURRENT_ROUNDING = 4
_SUFFIX = {32: "ps", 64: "pd"}


def can_scale(e: Emit) -> bool:
    """Whether `scale` may be used for `e`'s type: a whole register, on a machine that has it."""
    kind = e.type
    if not e.avx512 or not isinstance(kind, ir.VectorType) or kind.rank != 1 or kind.scalable:
        return False
    lanes = kind.shape[0]
    return lanes >= _LEAST_LANES and lanes * e.width in (256, 512)


def scale(e: Emit, x: Value, n: Value, kept: Value | None) -> Value:
    """x 2^n for an integer n, rounded once; lanes that are not kept are 0, and cost no underflow.

    Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, VSCALEFPS and VSCALEFPD.
    """
    lanes = ir.VectorType(e.type).shape[0]
    mask = ir.IntegerType.get_signless(lanes)
    flags = e.constant(mask, -1) if kept is None else e.op("llvm.bitcast", mask, [kept])
    bits = lanes * e.width
    operands = [x, n, e.f(0.0), flags]
    if bits == 512:
        operands.append(e.constant(ir.IntegerType.get_signless(32), _CURRENT_ROUNDING))
    return e.intrinsic(f"llvm.x86.avx512.mask.scalef.{_SUFFIX[e.width]}.{bits}", e.type, operands)
