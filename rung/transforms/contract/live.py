"""Which part of C is ever read: what a mask keeps from being stored need not be summed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch_mlir import ir

from ...ir.accesses import effect
from ...ir.allocations import VIEWS
from ...ir.emit import Index
from ...ir.footprints import Slab, slab_of
from ...ir.packing import CONTRACTIONS
from ...ir.slicing import clone, enclosing, is_pure, may_trap

Value = ir.Value[Any]
Live = tuple[Index | None, Index | None]
"""Rows and columns; None: all."""
_C = 2


def live_part(op: ir.Operation) -> Live:
    """How many rows and columns of a product's C, from the first, anything reads; None: all, as far as is known.

    linalg.matmul ins(%a, %b) outs(%c : memref<128x64xf32>)
    %stored = memref.reinterpret_cast %c to offset: [0], sizes: [%r, 64], strides: [64, 1]
    linalg.generic ins(%stored) outs(part of an argument)
      ->
    (%r, None)

    A row of a product depends on its own row of A, and of what was in C, only; a column likewise. So other products
    that add to the same C change nothing. What says how many is computed in front of `op`, if it is not there yet.
    """
    c = op.operands[_C]
    shape = ir.MemRefType(c.type).shape
    if op.name != "linalg.matmul" or isinstance(c.owner, ir.Block) or c.owner.name != "memref.alloca":
        return None, None
    read = _read(c)
    if not read:
        return None, None
    rows, columns = (_most([part.sizes[axis] for part in read], shape[axis], op) for axis in (0, 1))
    return rows, columns


def _read(c: Value) -> list[Slab] | None:
    """The parts, from its first element, of which something reads a buffer; None where that is not understood."""
    found: list[Slab] = []
    whole = slab_of(c)
    for part, use in _uses(c):
        user, number = use.owner.operation, use.operand_number
        if user.name in CONTRACTIONS and number == _C:
            continue
        reads, _ = effect(user, number)
        if not reads:
            continue
        if part is None or whole is None or part.offset != 0 or part.strides != whole.strides:
            return None
        found.append(part)
    return found


def _uses(c: Value) -> Iterator[tuple[Slab | None, ir.OpOperand]]:
    """What uses a buffer, and which part of it."""
    for use in c.uses:
        user = use.owner.operation
        if user.name not in VIEWS:
            yield slab_of(c), use
            continue
        part = slab_of(user.results[0]) if user.name == "memref.reinterpret_cast" else None
        for inner in user.results[0].uses:
            yield part, inner


def _most(sizes: list[Index], extent: int, op: ir.Operation) -> Index | None:
    """The largest of them; None where that is the whole extent, or not to be had in front of `op`."""
    known = max((size for size in sizes if isinstance(size, int)), default=0)
    if known >= extent:
        return None
    found: Value | None = None
    for size in sizes:
        if isinstance(size, int):
            continue
        here = _in_front_of(op, size)
        if here is None:
            return None
        found = here if found is None else _larger(op, found, here)
    if found is None:
        return known
    return _larger(op, found, _number(op, known)) if known else found


def _in_front_of(op: ir.Operation, value: Value) -> Value | None:
    """`value` where `op` can use it: itself, or the arithmetic that makes it once more."""
    around = {op.block: op}
    for outer in enclosing(op.block):
        around[outer.block] = outer
    missing: dict[ir.Operation, None] = {}

    def visit(value: Value) -> bool:
        owner = value.owner
        if isinstance(owner, ir.Block):
            return owner in around
        made = owner.operation
        if made in missing:
            return True
        if made.block in around and made != around[made.block] and made.is_before_in_block(around[made.block]):
            return True
        if not is_pure(made) or may_trap(made) or not all(map(visit, made.operands)):
            return False
        missing[made] = None
        return True

    if not visit(value):
        return None
    copies: dict[Value, Value] = {}
    with ir.InsertionPoint(op):
        clone(missing, copies)
    return copies.get(value, value)


def _larger(op: ir.Operation, a: Value, b: Value) -> Value:
    ip = ir.InsertionPoint(op)
    return ir.Operation.create("arith.maxsi", [a.type], [a, b], loc=op.location, ip=ip).result


def _number(op: ir.Operation, number: int) -> Value:
    kind = ir.IndexType.get(op.context)
    value = {"value": ir.IntegerAttr.get(kind, number)}
    return ir.Operation.create("arith.constant", [kind], [], value, loc=op.location, ip=ir.InsertionPoint(op)).result
