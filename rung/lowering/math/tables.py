"""A float per lane from a table of 32: one instruction with AVX-512, where the table stands in two registers."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch_mlir import ir

from .emit import Emit, Value, element_of

ENTRIES = 32
_LANES = 16


def can_look_up(e: Emit) -> bool:
    """Whether `lookup` may be used for `e`'s type: f32 in any fixed shape, on a machine that has the instruction."""
    return e.avx512 and e.width == 32 and not (isinstance(e.type, ir.VectorType) and e.type.scalable)


def lookup(e: Emit, index: Value, name: str, table: Sequence[float]) -> Value:
    """table[index mod 32] for every lane of `index`; a single index reads the table in memory, where it is `name`.

    Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, VPERMI2PS.
    """
    kind = index.type
    if not isinstance(kind, ir.VectorType):
        at = e.op("arith.index_castui", ir.IndexType.get(), [e.integer("andi", index, ENTRIES - 1)])
        return e.op("memref.load", e.type, [e.table(name, table), at])
    count = math.prod(kind.shape)
    if kind.shape == [count]:
        return _flat(e, index, count, table)
    flat = e.op("vector.shape_cast", ir.VectorType.get([count], kind.element_type), [index])
    return e.op("vector.shape_cast", e.type, [_flat(e, flat, count, table)])


def _flat(e: Emit, index: Value, count: int, table: Sequence[float]) -> Value:
    """By registers; the last one may be partly used."""
    if count == _LANES:
        return _register(e, index, table)
    found = e.constant(ir.VectorType.get([count], ir.F32Type.get()), 0.0)
    for start in range(0, count, _LANES):
        used = min(_LANES, count - start)
        part = _take(e, index, start, used)
        if used < _LANES:
            part = _put(e, part, e.constant(ir.VectorType.get([_LANES], element_of(index.type)), 0), 0)
        found = _put(e, _take(e, _register(e, part, table), 0, used), found, start)
    return found


def _register(e: Emit, index: Value, table: Sequence[float]) -> Value:
    kind = ir.VectorType.get([_LANES], ir.F32Type.get())
    low, high = (e.vector_constant(kind, half) for half in (table[:_LANES], table[_LANES:]))
    return e.intrinsic("llvm.x86.avx512.vpermi2var.ps.512", kind, [low, index, high])


def _take(e: Emit, x: Value, start: int, count: int) -> Value:
    kind = ir.VectorType.get([count], element_of(x.type))
    attributes = {"offsets": _i64s(start), "sizes": _i64s(count), "strides": _i64s(1)}
    return e.op("vector.extract_strided_slice", kind, [x], attributes)


def _put(e: Emit, part: Value, whole: Value, start: int) -> Value:
    attributes = {"offsets": _i64s(start), "strides": _i64s(1)}
    return e.op("vector.insert_strided_slice", whole.type, [part, whole], attributes)


def _i64s(value: int) -> ir.Attribute:
    return ir.ArrayAttr.get([ir.IntegerAttr.get(ir.IntegerType.get_signless(64), value)])
