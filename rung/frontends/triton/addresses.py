"""Addresses of unstructured accesses: where one element of a block of pointers points, inside a nest's body."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from torch_mlir import ir
from torch_mlir.dialects import scf

from ...errors import UnsupportedError
from .affine import Affine
from .bases import Base, recast, recount
from .indices import Index, Indices
from .locations import source_line
from .meanings import Addresses
from .operation import meaning
from .positions import Position
from .ttir import element_bytes, is_block, is_pointer, owner

if TYPE_CHECKING:
    from .expression import Expressions, Leaf


@dataclass(frozen=True)
class Place:
    base: Base
    index: Index
    """In elements."""
    beyond: Index = 0
    """How many bytes behind the start of that element: of a number that is no multiple of an element's size. Nothing
    is accessed there, but it is the same number when it becomes one again."""

    def moved(self, ix: Indices, by: Index) -> Place:
        """By elements."""
        return replace(self, index=ix.add(self.index, by))

    def seen_as(self, ix: Indices, old: ir.Type, new: ir.Type) -> Place:
        """The same address, counted in elements of type `new` instead of `old`."""
        base, before, after = recast(self.base, new), element_bytes(old), element_bytes(new)
        if self.beyond == 0:
            index = recount(ix, self.index, old, new)
            if before >= after:
                return Place(base, index)
            rest = ix.sub(self.index, ix.mul(index, after // before))
            return Place(base, index, ix.mul(rest, before))
        number = ix.add(ix.mul(self.index, before), self.beyond)
        index = ix.div(number, after)
        return Place(base, index, ix.sub(number, ix.mul(index, after)))


@dataclass(frozen=True)
class Either:
    """A place in one kernel argument or in another, chosen by `choice`, an `arith.select`."""

    choice: ir.Operation
    condition: ir.Value
    yes: Place | Either
    no: Place | Either


class ElementAddresses:
    """Of the pointers of one nest, whose elements `expressions` evaluates."""

    def __init__(self, expressions: Expressions) -> None:
        self._expressions, self.program, self.ix = expressions, expressions.program, expressions.ix

    def leaves(self, pointer: ir.Value, position: Position) -> list[Leaf]:
        """Blocks that computing the address needs, each once."""
        found: dict[Leaf, None] = {}
        seen: set[Leaf] = set()
        pending: list[Leaf] = [(pointer, position)]
        while pending:
            leaf = pending.pop()
            if leaf in seen:
                continue
            seen.add(leaf)
            if self.program.is_stored(leaf[0]):
                found[leaf] = None
                continue
            sources = self._operands(*leaf)
            found.update((source, None) for source in sources if is_block(source[0]) and not is_pointer(source[0]))
            pending += reversed([source for source in sources if is_pointer(source[0])])
        return list(found)

    def _operands(self, pointer: ir.Value, position: Position) -> list[Leaf]:
        """Of one step of the address."""
        if self._direct(pointer) is not None or not is_block(pointer):
            return []
        origin = self.program.meanings.origin(pointer)
        if origin is not None:
            return [(origin.value, position)]
        op = owner(pointer)
        return [] if op is None else self.sources(op, position)

    def sources(self, op: ir.Operation, position: Position) -> list[Leaf]:
        """What an element of a block of pointers that `op` gives is computed from."""
        found = meaning(op).sources(op.results[0], op, position, self._expressions.constant)
        return [(value, at) for value, at in found or () if at is not None]

    def index(self, affine: Affine, position: Position) -> Index:
        """The value of an affine block of integers, or the offset of one of pointers, at `position`; without wraps."""
        coordinate, ix = self._expressions.coordinate, self.ix
        index = affine.offset
        for axis, stride in zip(position, affine.strides, strict=True):
            index = ix.add(index, ix.mul(coordinate(axis), stride))
        return index

    def only(self, pointer: ir.Value, position: Position) -> tuple[Base, ir.Value]:
        """Base and element index, of a pointer that belongs to one argument."""
        found = self.of(pointer, position)
        if isinstance(found, Either):
            where = source_line(found.choice)
            raise UnsupportedError("a choice between two kernel arguments", where, "one argument + offsets")
        return found.base, self.ix.value(found.index)

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
        return self._access(self.of(pointer, position), kinds, do)

    def _access(
        self, address: Place | Either, kinds: Sequence[ir.Type], do: Callable[[Base, ir.Value], list[ir.Value]]
    ) -> list[ir.Value]:
        if isinstance(address, Place):
            return do(address.base, self.ix.value(address.index))
        branch = scf.IfOp(address.condition, list(kinds), has_else=True)
        for block, side in ((branch.then_block, address.yes), (branch.else_block, address.no)):
            with ir.InsertionPoint(block), self._expressions.scope():
                scf.YieldOp(self._access(side, kinds, do))
        return list(branch.results)

    def _direct(self, pointer: ir.Value) -> Affine | None:
        affine = self.program.pointers.affine(pointer)
        if affine is None or affine.base is None:
            return None
        return None if affine.wraps else affine  # left to the operation that makes them

    def of(self, pointer: ir.Value, position: Position) -> Place | Either:
        return self.ix.once(("place", pointer, position), lambda: self._find(pointer, position))

    def _find(self, pointer: ir.Value, position: Position) -> Place | Either:
        ix, known = self.ix, self.program.meanings.get(pointer)
        if isinstance(known, Addresses):
            return Place(known.base, ix.cast(self.element(pointer, position)))
        affine = self._direct(pointer)
        if affine is not None and affine.base is not None:
            return Place(affine.base, self.index(affine, position))
        origin = self.program.meanings.origin(pointer)
        if origin is not None:
            by = ix.sub(origin.now, origin.start)
            return each_place(self.of(origin.value, position), lambda p: p.moved(ix, by))
        op = owner(pointer)
        if op is None:
            raise UnsupportedError("a pointer carried through a loop", "", "argument + offsets")
        return meaning(op).place(self, op, position)

    def element(self, value: ir.Value, position: Position) -> ir.Value:
        """Of a block, or a scalar."""
        return self._expressions.at(value, position if is_block(value) else ())


def each_place(address: Place | Either, change: Callable[[Place], Place]) -> Place | Either:
    """An address that has moved, whichever it is."""
    if isinstance(address, Place):
        return change(address)
    yes, no = each_place(address.yes, change), each_place(address.no, change)
    return Either(address.choice, address.condition, yes, no)
