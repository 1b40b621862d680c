"""Addresses of unstructured accesses: where one element of a block of pointers points, inside a nest's body."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch_mlir import ir
from torch_mlir.dialects import scf

from ...errors import UnsupportedError
from .indices import Index
from .locations import source_line
from .pointers import Affine, Base, recast, recount, same_base
from .positions import Position, operand_positions
from .ttir import is_block, owner, pointee

if TYPE_CHECKING:
    from .expression import Expressions, Leaf


@dataclass(frozen=True)
class Place:
    base: Base
    index: Index
    """In elements."""


@dataclass(frozen=True)
class Either:
    """A place in one kernel argument or in another, chosen by `choice`, an `arith.select`."""

    choice: ir.Operation
    condition: ir.Value
    yes: Place | Either
    no: Place | Either


class Addresses:
    """Of the pointers of one nest, whose elements `expressions` evaluates."""

    def __init__(self, expressions: Expressions) -> None:
        self._expressions, self._program, self._ix = expressions, expressions.program, expressions.ix

    def leaves(self, pointer: ir.Value, position: Position) -> list[Leaf]:
        """Blocks that computing the address needs."""
        if pointer in self._program.offsets:
            block = self._program.offsets[pointer][1]
            return [(block, position)]
        if self._direct(pointer) is not None or not is_block(pointer):
            return []
        if pointer in self._program.origins:
            return self.leaves(self._program.origins[pointer].value, position)
        op = owner(pointer)
        if op is None:
            return []
        if op.name == "tt.addptr":
            return [*self.leaves(op.operands[0], position), (op.operands[1], position)]
        if op.name == "arith.select":
            inner = self.leaves(op.operands[1], position) + self.leaves(op.operands[2], position)
            return [(op.operands[0], position), *inner] if is_block(op.operands[0]) else inner
        moved = operand_positions(op, position, self._expressions.loops) or []
        return [leaf for v, p in moved for leaf in self.leaves(v, p)]

    def index(self, affine: Affine, position: Position) -> Index:
        """The value of an affine block of integers, or the offset of one of pointers, at `position`; without wraps."""
        coordinate, ix = self._expressions.coordinate, self._ix
        index = affine.offset
        for axis, stride in zip(position, affine.strides, strict=True):
            index = ix.add(index, ix.mul(coordinate(axis), stride))
        return index

    def only(self, pointer: ir.Value, position: Position) -> tuple[Base, ir.Value]:
        """Base and element index, of a pointer that belongs to one argument."""
        found = self._of(pointer, position)
        if isinstance(found, Either):
            where = source_line(found.choice)
            raise UnsupportedError("a choice between two kernel arguments", where, "one argument + offsets")
        return found.base, self._ix.value(found.index)

    def access(
        self,
        pointer: ir.Value,
        position: Position,
        kinds: Sequence[ir.Type],
        do: Callable[[Base, ir.Value], list[ir.Value]],
    ) -> list[ir.Value]:
        """What `do`, values of types `kinds`, gives for base and element index.

        Where the pointer may belong to one of several arguments, it is done under a branch for each.
        """
        return self._access(self._of(pointer, position), kinds, do)

    def _access(
        self, address: Place | Either, kinds: Sequence[ir.Type], do: Callable[[Base, ir.Value], list[ir.Value]]
    ) -> list[ir.Value]:
        if isinstance(address, Place):
            return do(address.base, self._ix.value(address.index))
        branch = scf.IfOp(address.condition, list(kinds), has_else=True)
        for block, side in ((branch.then_block, address.yes), (branch.else_block, address.no)):
            with ir.InsertionPoint(block), self._expressions.scope():
                scf.YieldOp(self._access(side, kinds, do))
        return list(branch.results)

    def _direct(self, pointer: ir.Value) -> Affine | None:
        affine = self._program.pointers.affine(pointer)
        if affine is None or affine.base is None:
            return None
        return None if affine.wraps else affine  # left to the operation that makes them

    def _of(self, pointer: ir.Value, position: Position) -> Place | Either:
        ix = self._ix
        if pointer in self._program.offsets:
            base, block = self._program.offsets[pointer]
            return Place(base, ix.cast(self._element(block, position)))
        affine = self._direct(pointer)
        if affine is not None and affine.base is not None:
            return Place(affine.base, self.index(affine, position))
        if pointer in self._program.origins:
            origin = self._program.origins[pointer]
            by = ix.sub(origin.now, origin.start)
            return _each(self._of(origin.value, position), lambda p: Place(p.base, ix.add(p.index, by)))
        op = owner(pointer)
        if op is not None and op.name == "tt.addptr":
            step = ix.cast(self._element(op.operands[1], position))
            return _each(self._of(op.operands[0], position), lambda p: Place(p.base, ix.add(p.index, step)))
        if op is not None and op.name == "tt.bitcast":
            old, new = pointee(op.operands[0]), pointee(pointer)
            return _each(
                self._of(op.operands[0], position),
                lambda p: Place(recast(p.base, new), recount(ix, p.index, old, new)),
            )
        if op is not None and op.name == "arith.select":
            return self._chosen(op, position)
        moved = [] if op is None else operand_positions(op, position, self._expressions.loops) or []
        if len(moved) == 1:
            return self._of(*moved[0])
        where = "" if op is None else source_line(op)
        what = "a pointer carried through a loop" if op is None else f"a pointer computed by `{op.name}`"
        raise UnsupportedError(what, where, "argument + offsets, select, broadcast, expand_dims, trans")

    def _chosen(self, op: ir.Operation, position: Position) -> Place | Either:
        yes, no = (self._of(v, position) for v in op.operands[1:])
        condition = self._element(op.operands[0], position)
        if isinstance(yes, Place) and isinstance(no, Place) and same_base(yes.base, no.base):
            return Place(yes.base, self._ix.choose(condition, yes.index, no.index))
        return Either(op, condition, yes, no)

    def _element(self, value: ir.Value, position: Position) -> ir.Value:
        return self._expressions.at(value, position if is_block(value) else ())


def _each(address: Place | Either, change: Callable[[Place], Place]) -> Place | Either:
    if isinstance(address, Place):
        return change(address)
    yes, no = _each(address.yes, change), _each(address.no, change)
    return Either(address.choice, address.condition, yes, no)
