"""Mask analysis: a mask is a conjunction of ranges (upper bounds per dimension) and of whatever else it says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch_mlir import ir

from .affine import Affine
from .conditions import union
from .indices import Index, Indices, same
from .operation import find
from .pointers import PointerAnalysis
from .ttir import Shape, constant_int, int_attr, is_block, owner, shape

_SLT, _SLE, _SGT, _SGE = 2, 3, 4, 5
_UNSIGNED = {6: _SLT, 7: _SLE, 8: _SGT, 9: _SGE}
_FLIPPED = {_SGT: _SLT, _SGE: _SLE}

Dims = tuple[int | None, ...]
"""For each dimension of a term, the mask's dimension that it follows; None where the term is broadcast."""


@dataclass(frozen=True)
class Term:
    """A block of i1 inside a mask, and how its dimensions lie in the mask's; or one i1, which has none."""

    value: ir.Value
    dims: Dims


@dataclass(frozen=True)
class Mask:
    """`i[d] < bounds[d]` for every bounded dimension, and every term of `residual` is true.

    bounds: per dimension of the block, clamped to [0, extent]; None where the mask does not bound it.
    assured: for residual terms that say `low <= offset + i[d]`: the bound below which they are known to hold
    (the whole extent if `low <= offset`, else 0), as (dimension, bound, term).
    """

    bounds: tuple[Index | None, ...]
    residual: tuple[Term, ...] = ()
    assured: tuple[tuple[int, Index, Term], ...] = ()

    def cuts(self) -> list[tuple[int, Index]]:
        """(dimension, bound) where a nest is worth cutting."""
        own = [(d, b) for d, b in enumerate(self.bounds) if b is not None]
        return own + [(d, b) for d, b, _ in self.assured]


class MaskAnalysis:
    """Answers `decompose(mask)`. Index arithmetic is built where the question is first asked."""

    def __init__(self, indices: Indices, pointers: PointerAnalysis) -> None:
        self._ix = indices
        self._pointers = pointers

    def decompose(self, mask: ir.Value) -> Mask:
        """The ranges and the rest of an i1 block."""
        return self._ix.once(("mask", mask), lambda: self._decompose(mask))

    def _decompose(self, mask: ir.Value) -> Mask:
        extents = shape(mask) or ()
        bounds: list[Index | None] = [None] * len(extents)
        residual: list[Term] = []
        assured: list[tuple[int, Index, Term]] = []
        for term in _terms(mask, tuple(range(len(extents)))):
            ranges = self._ranges(term, extents)
            if ranges is None:
                residual.append(term)
                assured += self._assured(term, extents)
                continue
            for d, limit in ranges:
                known = bounds[d]
                bounds[d] = limit if known is None else self._ix.min(known, limit)
        return Mask(tuple(bounds), tuple(residual), tuple(assured))

    def _ranges(self, term: Term, extents: Shape) -> list[tuple[int, Index]] | None:
        """(dimension, upper bound) pairs equivalent to `term`, or None when it is not a range."""
        constant = constant_int(term.value)
        if constant is not None:
            return [] if constant else [(_whole(extents), 0)]
        if not is_block(term.value):
            scalar = self._pointers.meanings.scalar(term.value)
            dim = _whole(extents)
            return None if scalar is None else [(dim, self._ix.choose(scalar, extents[dim], 0))]
        op = owner(term.value)
        return self._comparison(op, term.dims, extents) if op is not None and op.name == "arith.cmpi" else None

    def _sides(self, op: ir.Operation) -> tuple[int, Affine, Affine] | None:
        """A comparison as (`<` or `<=`, left, right), read as its predicate does; None where it is no range."""
        predicate = int_attr(op, "predicate")
        signed = predicate not in _UNSIGNED
        predicate = _UNSIGNED.get(predicate, predicate)
        left, right = (self._pointers.read(v, signed) for v in op.operands)
        if left is None or right is None or left.wraps or right.wraps:
            return None
        if predicate in _FLIPPED:
            return _FLIPPED[predicate], right, left
        return (predicate, left, right) if predicate in (_SLT, _SLE) else None

    def _comparison(self, op: ir.Operation, dims: Dims, extents: Shape) -> list[tuple[int, Index]] | None:
        sides = self._sides(op)
        if sides is None:
            return None
        predicate, left, right = sides
        slopes = self._slopes(left.strides, right.strides, dims, extents)
        if not slopes:  # a condition without a dimension: all or nothing
            dim = _whole(extents)
            holds = self._less(left, right, predicate == _SLE)
            if isinstance(holds, bool):
                return [] if holds else [(dim, 0)]
            return [(dim, self._ix.choose(holds, extents[dim], 0))]
        if len(slopes) != 1 or slopes[0][1] != 1:
            return None
        dim = slopes[0][0]
        limit = self._room(op, left, right, predicate == _SLE, extents[dim])
        return [] if isinstance(limit, int) and limit == extents[dim] else [(dim, limit)]

    def _less(self, left: Affine, right: Affine, or_equal: bool) -> ir.Value | bool:
        """Whether the offset of `left` is less than that of `right`."""
        ix, a, b = self._ix, left.offset, right.offset
        if isinstance(a, int) and isinstance(b, int):
            return a <= b if or_equal else a < b
        return or_equal if same(a, b) else ix.at_most(a, b) if or_equal else ix.less(a, b)

    def _room(self, op: ir.Operation, left: Affine, right: Affine, or_equal: bool, most: int) -> Index:
        """For how many i, from 0 to `most`, `left + i` is less than `right`."""
        ix, room = self._ix, self._ix.sub(right.offset, left.offset)
        if isinstance(room, int) or not self._may_overflow(op):
            return ix.clamp(ix.add(room, int(or_equal)), most)
        # As an unsigned number, the difference from the smaller to the greater one is right.
        if or_equal:
            return ix.choose(ix.at_most(left.offset, right.offset), ix.add(ix.min_unsigned(room, most - 1), 1), 0)
        return ix.choose(ix.less(left.offset, right.offset), ix.min_unsigned(room, most), 0)

    def _may_overflow(self, op: ir.Operation) -> bool:
        """Whether the difference of what is compared may be more than an index holds."""
        return not all(self._pointers.ranges.differ_little(v) for v in op.operands)

    def _slopes(
        self, left: tuple[Index, ...], right: tuple[Index, ...], dims: Dims, extents: Shape
    ) -> list[tuple[int, Index]]:
        """(mask dimension, slope of left - right) where it is not zero.

        A broadcast dimension, or one of extent 1, only has position 0: it has no slope.
        """
        differences = [self._ix.sub(s, t) for s, t in zip(left, right, strict=True)]
        return [
            (d, s)
            for d, s in zip(dims, differences, strict=True)
            if d is not None and extents[d] != 1 and not (isinstance(s, int) and s == 0)
        ]

    def _assured(self, term: Term, extents: Shape) -> list[tuple[int, Index, Term]]:
        """`low <= offset + i[d]` holds for all i[d] >= 0 once `low <= offset`."""
        op = owner(term.value)
        if op is None or op.name != "arith.cmpi" or not is_block(term.value):
            return []
        sides = self._sides(op)
        if sides is None:
            return []
        predicate, low, number = sides
        slopes = self._slopes(number.strides, low.strides, term.dims, extents)
        if len(slopes) != 1 or slopes[0][1] != 1:
            return []
        dim = slopes[0][0]
        holds = self._less(low, number, predicate == _SLE)
        if isinstance(holds, bool):
            return [(dim, extents[dim], term)] if holds else []
        return [(dim, self._ix.choose(holds, extents[dim], 0), term)]

    def conditions(self, mask: ir.Value) -> tuple[ir.Value, ...]:
        """What must hold at run time for all comparisons in `mask` to be of numbers that index arithmetic gives."""
        found: tuple[ir.Value, ...] = ()
        for term in _terms(mask, tuple(range(len(shape(mask) or ())))):
            op = owner(term.value)
            if op is None or op.name != "arith.cmpi" or not is_block(term.value):
                continue
            signed = int_attr(op, "predicate") not in _UNSIGNED
            sides = [self._pointers.reading(v, signed) for v in op.operands]
            if all(sides):
                found = union(found, *(s.conditions for s in sides if s is not None))
        return found


def _whole(extents: Shape) -> int:
    """The dimension that carries a condition on the whole block: the first that is longer than 1."""
    return next((d for d, n in enumerate(extents) if n != 1), 0)


def _terms(mask: ir.Value, dims: Dims) -> Iterator[Term]:
    """The terms of nested `arith.andi`, seen through operations that only change the shape, each once."""
    pending, seen = [Term(mask, dims)], set[Term]()
    while pending:
        term = pending.pop()
        if term in seen:
            continue
        seen.add(term)
        op = owner(term.value) if is_block(term.value) else None
        inside = [] if op is None else _inside(op, term)
        if not inside:
            yield term
        pending += inside


def _inside(op: ir.Operation, term: Term) -> list[Term]:
    """What the term of an `arith.andi`, or of an operation that only changes the shape, is made of; else nothing."""
    if op.name == "arith.andi":
        return [Term(operand, term.dims) for operand in reversed(list(op.operands))]
    meaning = find(op)
    if meaning is None or not meaning.reindexes:
        return []
    found = meaning.sources(term.value, op, term.dims, _nowhere) or ()
    return [Term(source, dims) for source, dims in found if dims is not None]


def _nowhere(position: int) -> int | None:
    """A term's dimension that no dimension of the mask moves."""
    return None
