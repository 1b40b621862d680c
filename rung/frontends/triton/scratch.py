"""Scratch buffers: block values that live in memory of the running context."""

from __future__ import annotations

from dataclasses import dataclass

from torch_mlir import ir
from torch_mlir.dialects import memref

from .ttir import Shape, memory_type, row_major


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
