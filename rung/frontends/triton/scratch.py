"""Scratch buffers: block values that live in memory of the running context, and values as they lie in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

from torch_mlir import ir
from torch_mlir.dialects import arith, memref

from ...ir.allocations import allocation_of
from .ttir import Shape, is_bool, memory_type


@dataclass(frozen=True, eq=False)
class Buffer:
    """A dense block in scratch. `memref` has the extents greater than 1 only, in their order in memory; `element` is
    the type of the values; `strides` are 1 in dimensions of extent 1.

    One allocation may be seen as buffers of several shapes: they are compared by `shares` and `is_at`, not by `==`."""

    memref: ir.Value
    extents: Shape
    element: ir.Type
    strides: Shape

    @property
    def is_row_major(self) -> bool:
        return self.strides == dense_strides(self.extents, range(len(self.extents)))

    @cached_property
    def allocation(self) -> ir.Value:
        return allocation_of(self.memref)

    def shares(self, other: Buffer) -> bool:
        """Whether what is written to one of them may be read in the other."""
        return self.allocation == other.allocation

    def is_at(self, other: Buffer | None) -> bool:
        """Whether both have each element in the same place."""
        return other is not None and self.extents == other.extents and self.follows(range(len(self.extents)), other)

    def follows(self, dims: Sequence[int | None], target: Buffer) -> bool:
        """Whether a nest over `target`, whose dimensions `dims` ours follow, reads here only what it writes there at
        the same time: element for element."""
        if not self.shares(target) or _offset(self.memref) != _offset(target.memref):
            return False
        steps = [0] * len(target.extents)
        for dim, n, stride in zip(dims, self.extents, self.strides, strict=True):
            if n == 1:
                continue
            if dim is None:
                return False
            steps[dim] += stride
        return all(n == 1 or s == t for n, s, t in zip(target.extents, steps, target.strides, strict=True))

    def reshaped(self, extents: Shape) -> Buffer:
        """With dimensions of extent 1 added or taken away."""
        kept = iter([s for s, n in zip(self.strides, self.extents, strict=True) if n != 1])
        return Buffer(self.memref, extents, self.element, tuple(1 if n == 1 else next(kept) for n in extents))


def _offset(memory: ir.Value) -> int:
    """Of a view with a static layout, as all of scratch have: views of views count from the allocation's beginning."""
    return ir.MemRefType(memory.type).get_strides_and_offset()[1]


def row_major_buffer(memref: ir.Value, extents: Shape, element: ir.Type) -> Buffer:
    return Buffer(memref, extents, element, dense_strides(extents, range(len(extents))))


def dense_strides(extents: Shape, order: Sequence[int]) -> Shape:
    """Strides of a dense block whose dimensions lie in memory in `order`, the outermost one first."""
    strides = [1] * len(extents)
    for k, d in enumerate(order):
        if extents[d] != 1:
            strides[d] = prod(extents[inner] for inner in order[k + 1 :])
    return tuple(strides)


class Scratch:
    """Allocates buffers at the top of the grid's body."""

    def __init__(self, body: ir.Block) -> None:
        self._body = body
        self._anchor: ir.Value | None = None

    def allocate(self, extents: Shape, element: ir.Type, order: Sequence[int] | None = None) -> Buffer:
        """`order`: of the dimensions in memory, the outermost one first; row-major without."""
        order = range(len(extents)) if order is None else order
        kind = ir.MemRefType.get([extents[d] for d in order if extents[d] != 1], memory_type(element))
        return Buffer(self._alloca(kind), extents, element, dense_strides(extents, order))

    def anchor(self) -> ir.Value:
        """One byte that shape operands point at."""
        if self._anchor is None:
            self._anchor = self._alloca(ir.MemRefType.get([1], ir.IntegerType.get_signless(8)))
        return self._anchor

    def top(self) -> ir.InsertionPoint:
        """Where what the whole program uses is made."""
        return ir.InsertionPoint.at_block_begin(self._body)

    def _alloca(self, kind: ir.MemRefType) -> ir.Value:
        with self.top():
            return memref.AllocaOp(kind, [], []).result


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
