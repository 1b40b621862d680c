"""Conversions that CPUs may have no instruction for. A bf16 is the upper half of an f32."""

from __future__ import annotations

from torch_mlir import ir

from .emit import Emit, Value, shaped


def truncate_bf16(e: Emit, x: Value) -> Value:
    """f32 -> bf16, to nearest even; NaN keeps its upper bits and becomes quiet.

    before: %y = arith.truncf %x : vector<16xf32> to vector<16xbf16>
    after:  upper half of %b + 0x7fff + ((%b >> 16) & 1), %b = bitcast %x, or of %b | 0x400000 for NaN
    """
    bits = e.bits(x)
    odd = e.integer("andi", e.integer("shrui", bits, 16), 1)
    rounded = e.integer("addi", bits, e.integer("addi", odd, 0x7FFF))
    quiet = e.integer("ori", bits, 0x400000)
    return _upper_half(e, e.select_int(e.isnan(x), quiet, rounded))


def truncate_exact_bf16(e: Emit, x: Value) -> Value:
    """f32 -> bf16 where x is one already."""
    return _upper_half(e, e.bits(x))


def _upper_half(e: Emit, bits: Value) -> Value:
    upper = e.integer("shrui", bits, 16)
    half = e.op("arith.trunci", shaped(e.type, ir.IntegerType.get_signless(16)), [upper])
    return e.op("arith.bitcast", shaped(e.type, ir.BF16Type.get()), [half])


def extend_bf16(e: Emit, x: Value) -> Value:
    """bf16 -> f32, exact: bitcast(zext(bitcast %x) << 16)."""
    half = e.op("arith.bitcast", shaped(e.type, ir.IntegerType.get_signless(16)), [x])
    return e.from_bits(e.integer("shli", e.op("arith.extui", e.int_type, [half]), 16))


def f64_to_odd_f32(e: Emit, x: Value) -> Value:
    """f64 -> f32 rounded to odd, so that rounding the result to f16 or bf16 equals rounding x once.

    Source: Boldo & Melquiond, Emulation of FMA and correctly rounded sums, IEEE Trans. Computers 57(4), 2008.
    """
    nearest = e.op("arith.truncf", e.type, [x])
    back = e.op("arith.extf", x.type, [nearest])
    magnitude = e.op("math.absf", x.type, [x])
    away = e.compare("ogt", e.op("math.absf", x.type, [back]), magnitude)
    bits = e.bits(nearest)
    toward_zero = e.select_int(away, e.integer("subi", bits, 1), bits)
    return e.from_bits(e.select_int(e.compare("one", back, x), e.integer("ori", toward_zero, 1), bits))
