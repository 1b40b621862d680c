"""What pointers are derived from: the memory of a kernel's argument, or an address."""

from __future__ import annotations

from dataclasses import dataclass

from torch_mlir import ir
from torch_mlir.dialects import llvm

from ...ir.pointers import memref_at, pointer_of
from .indices import Index, Indices
from .ttir import element_bytes

ORIGIN = 4096
"""The address that pointers are counted from that belong to no argument: a multiple of every alignment, and not null,
behind which LLVM takes nothing to be."""


@dataclass(frozen=True)
class Base:
    """What a pointer is derived from: a rank-1 memref."""

    memref: ir.Value
    key: int | None
    """The number of the kernel argument; None for an address that was computed or loaded."""


def same_base(a: Base, b: Base) -> bool:
    """Whether two pointers are known to be derived from one argument, or from one address."""
    return a.memref == b.memref if a.key is None or b.key is None else a.key == b.key


def element_size(base: Base) -> int:
    """In bytes."""
    return element_bytes(ir.MemRefType(base.memref.type).element_type)


def recast(base: Base, element: ir.Type) -> Base:
    """The same memory with another element type, made beside `base`: what is known of a pointer outlives its region."""
    if ir.MemRefType(base.memref.type).element_type == element:
        return base
    kind = ir.MemRefType.get([ir.ShapedType.get_dynamic_size()], element)
    made = base.memref.owner
    beside = ir.InsertionPoint.at_block_begin(made) if isinstance(made, ir.Block) else ir.InsertionPoint.after(made)
    with beside:
        return Base(memref_at(pointer_of(base.memref), kind), base.key)


def recount(indices: Indices, index: Index, old: ir.Type, new: ir.Type) -> Index:
    """An index of elements of type `old`, in elements of type `new`: a pointer to those is a multiple of their size."""
    before, after = element_bytes(old), element_bytes(new)
    if before >= after:
        return indices.mul(index, before // after)
    return indices.div(index, after // before)


def start_of(base: Base) -> ir.Value:
    """The raw pointer of a base, to choose between two of them."""
    return pointer_of(base.memref)


def either(a: Base, b: Base, chosen: ir.Value) -> Base:
    """The base that is `a` or `b`: what begins at the raw pointer that was chosen between their starts.

    Of two arguments it may be either, so it may alias everything.
    """
    if a.memref == b.memref:
        return a
    return Base(memref_at(chosen, ir.MemRefType(a.memref.type)), a.key if same_base(a, b) else None)


def at_address(address: ir.Value, element: ir.Type) -> Base:
    """What starts at an address (i64): it may be anything, so it may alias everything."""
    pointer = llvm.IntToPtrOp(llvm.PointerType.get(), address).result
    return Base(memref_at(pointer, ir.MemRefType.get([ir.ShapedType.get_dynamic_size()], element)), None)
