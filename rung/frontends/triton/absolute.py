"""Pointers without an argument of their own: counted, like all others, in elements, but from one fixed address.

A block of addresses from a table, a pointer that a loop moves from one argument to another, the sides of a branch: the
base is `anywhere`, and the offsets say the rest. What is behind may alias everything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch_mlir import ir
from torch_mlir.dialects import arith, memref

from .addresses import Either, Place
from .bases import ORIGIN, Base, element_size, same_base
from .indices import Index

if TYPE_CHECKING:
    from .program import Program


def start_address(program: Program, base: Base) -> ir.Value:
    """Where a base begins, in bytes, as an index."""
    found = program.starts.get(base.memref)
    if found is None:
        made = base.memref.owner
        beside = ir.InsertionPoint.at_block_begin(made) if isinstance(made, ir.Block) else ir.InsertionPoint.after(made)
        with beside:
            found = program.starts[base.memref] = memref.ExtractAlignedPointerAsIndexOp(base.memref).result
    return found


def address(program: Program, place: Place | Either) -> Index:
    """Where an element is, in bytes."""
    ix = program.ix
    if isinstance(place, Place):
        start = ix.add(start_address(program, place.base), ix.mul(place.index, element_size(place.base)))
        return ix.add(start, place.beyond)
    return ix.choose(place.condition, address(program, place.yes), address(program, place.no))


def offset_from(program: Program, place: Place | Either, base: Base) -> Index:
    """The offset of a place from `base`: that of its own, or `anywhere`."""
    ix = program.ix
    if isinstance(place, Either):
        sides = (offset_from(program, side, base) for side in (place.yes, place.no))
        return ix.choose(place.condition, *sides)
    if same_base(place.base, base):
        return place.index
    distance = ix.sub(start_address(program, place.base), ORIGIN)
    return ix.add(ix.div(distance, element_size(base)), place.index)


def place_at(program: Program, number: ir.Value, kind: ir.Type) -> Place:
    """What lies at an address, an integer of 64 bits: an element of type `kind`, aligned as such are if it is read."""
    ix, base = program.ix, program.anywhere(kind)
    size, distance = element_size(base), ix.sub(arith.IndexCastOp(ir.IndexType.get(), number).result, ORIGIN)
    index = ix.div(distance, size)
    return Place(base, index, 0 if size == 1 else ix.sub(distance, ix.mul(index, size)))
