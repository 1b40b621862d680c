"""Scratch buffers: block values that live in memory of the running context, and values as they lie in memory."""

from __future__ import annotations

from dataclasses import dataclass

from torch_mlir import ir
from torch_mlir.dialects import arith, memref

from .ttir import Shape, is_bool, memory_type, row_major


@dataclass(frozen=True)
class Buffer:
    """A dense block in scratch. `memref` has the extents greater than 1 only; `element` is the type of the values."""

    memref: ir.Value
    extents: Shape
    element: ir.Type

    @property
    def strides(self) -> Shape:
        return row_major(self.extents)

    def reshaped(self, extents: Shape) -> Buffer:
        return Buffer(self.memref, extents, self.element)


class Scratch:
    """Allocates buffers at the top of the grid's body."""

    def __init__(self, body: ir.Block) -> None:
        self._body = body
        self._anchor: ir.Value | None = None

    def allocate(self, extents: Shape, element: ir.Type) -> Buffer:
        kind = ir.MemRefType.get([n for n in extents if n != 1], memory_type(element))
        return Buffer(self._alloca(kind, 64), extents, element)

    def anchor(self) -> ir.Value:
        """One byte that shape operands point at."""
        if self._anchor is None:
            self._anchor = self._alloca(ir.MemRefType.get([1], ir.IntegerType.get_signless(8)), 1)
        return self._anchor

    def _alloca(self, kind: ir.MemRefType, alignment: int) -> ir.Value:
        with ir.InsertionPoint.at_block_begin(self._body):
            return memref.AllocaOp(kind, [], [], alignment=alignment).result


def flattened(buffer: ir.Value) -> ir.Value:
    """A rank-1 view of a dense buffer."""
    kind = ir.MemRefType(buffer.type)
    if kind.rank == 1:
        return buffer
    total = 1
    for n in kind.shape:
        total *= n
    flat = ir.MemRefType.get([total], kind.element_type, layout=ir.StridedLayoutAttr.get(0, [1]))
    return memref.ReinterpretCastOp(flat, buffer, [], [], [], [0], [total], [1]).result


def from_memory(value: ir.Value, kind: ir.Type) -> ir.Value:
    """A value as it lies in memory, as a value of type `kind`: bytes become i1."""
    if value.type == kind or not is_bool(kind):
        return value
    zero = arith.ConstantOp(value.type, ir.IntegerAttr.get(value.type, 0)).result
    return arith.CmpIOp(arith.CmpIPredicate.ne, value, zero).result


def to_memory(value: ir.Value, kind: ir.Type) -> ir.Value:
    """Inverse of `from_memory` for a memory of element type `kind`."""
    return value if value.type == kind else arith.ExtUIOp(kind, value).result
