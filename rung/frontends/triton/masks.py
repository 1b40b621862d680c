"""Mask analysis: a mask is a conjunction of ranges, one per dimension, and of whatever else it says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from torch_mlir import ir

from .affine import Affine
from .conditions import union
from .indices import Index, Indices, is_zero, same
from .operation import find
from .pointers import PointerAnalysis
from .ttir import Shape, constant_int, int_attr, is_block, is_true, owner, shape

_EQ, _NE, _SLT, _SLE, _SGT, _SGE = range(6)
_UNSIGNED = {6: _SLT, 7: _SLE, 8: _SGT, 9: _SGE}
_INVERSE = {_EQ: _NE, _NE: _EQ, _SLT: _SGE, _SLE: _SGT, _SGT: _SLE, _SGE: _SLT}

Dims = tuple[int | None, ...]
"""For each dimension of a term, the mask's dimension that it follows; None where the term is broadcast."""


@dataclass(frozen=True)
class Term:
    """A block of i1 inside a mask, and how its dimensions lie in the mask's; or one i1, which has none."""

    value: ir.Value
    dims: Dims
    negated: bool = False
    """The mask says that it does not hold."""


@dataclass(frozen=True)
class Span:
    """`low <= i < high` along one dimension of a block, both inside it, and empty where `high <= low`.

    A low of 0 and a high of None are no bounds.
    """

    low: Index = 0
    high: Index | None = None

    @property
    def bounded(self) -> bool:
        return self.high is not None or not is_zero(self.low)

    def most(self, extent: int) -> int:
        """How many elements it has at most."""
        low = self.low if isinstance(self.low, int) else 0
        return max((self.high if isinstance(self.high, int) else extent) - low, 0)

    def is_same(self, other: Span) -> bool:
        """Whether both are known to be equal."""
        highs = same(self.high, other.high) or (self.high is None and other.high is None)
        return highs and same(self.low, other.low)


@dataclass(frozen=True)
class Mask:
    """`spans[d].low <= i[d] < spans[d].high` for every dimension, and every term of `residual` is as it says."""

    spans: tuple[Span, ...]
    residual: tuple[Term, ...] = ()


@dataclass(frozen=True)
class _Order:
    """`left < right` for every element, or `left <= right`."""

    left: Affine
    right: Affine
    compared: tuple[ir.Value, ir.Value]
    """What they are the forms of."""
    or_equal: bool


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
        spans = [Span() for _ in extents]
        residual: list[Term] = []
        for term in _terms(mask, tuple(range(len(extents)))):
            ranges = self._ranges(term, extents)
            if ranges is None:
                residual.append(term)
            for d, span in ranges or ():
                spans[d] = self._both(spans[d], span)
        return Mask(tuple(spans), tuple(residual))

    def _both(self, a: Span, b: Span) -> Span:
        """Where two ranges overlap."""
        ends = [end for end in (a.high, b.high) if end is not None]
        low = a.low if is_zero(b.low) else b.low if is_zero(a.low) else self._ix.max(a.low, b.low)
        return Span(low, self._ix.min(ends[0], ends[-1]) if ends else None)

    def _ranges(self, term: Term, extents: Shape) -> list[tuple[int, Span]] | None:
        """(dimension, range) pairs equivalent to `term`, or None when it is no conjunction of ranges."""
        constant = constant_int(term.value)
        if constant is not None:
            return self._all_or_nothing(bool(constant) is not term.negated, extents)
        if not is_block(term.value):
            scalar = self._pointers.meanings.scalar(term.value)
            return None if scalar is None else self._all_or_nothing(scalar, extents, term.negated)
        found: list[tuple[int, Span]] = []
        orders = self._orders(term)
        for order in orders or ():
            ranges = self._comparison(order, term.dims, extents)
            if ranges is None:
                return None
            found += ranges
        return None if orders is None else found

    def _all_or_nothing(self, holds: ir.Value | bool, extents: Shape, negated: bool = False) -> list[tuple[int, Span]]:
        """A condition on the whole block is the range of one of its dimensions."""
        if isinstance(holds, bool):
            return [] if holds is not negated else [(_whole(extents), Span(0, 0))]
        dim = _whole(extents)
        whole, nothing = (0, extents[dim]) if negated else (extents[dim], 0)
        return [(dim, Span(0, self._ix.choose(holds, whole, nothing)))]

    def _orders(self, term: Term) -> list[_Order] | None:
        """A comparison, read as its predicate does, as `<` or `<=`, or both ways; None where it is no such thing."""
        op = owner(term.value)
        if op is None or op.name != "arith.cmpi" or not is_block(term.value):
            return None
        predicate = int_attr(op, "predicate")
        is_signed = predicate not in _UNSIGNED
        predicate = _UNSIGNED.get(predicate, predicate)
        predicate = _INVERSE[predicate] if term.negated else predicate
        a, b = op.operands
        left, right = (self._pointers.read(v, is_signed) for v in (a, b))
        if left is None or right is None or left.wraps or right.wraps or predicate == _NE:
            return None
        if predicate == _EQ:
            return [_Order(left, right, (a, b), or_equal=True), _Order(right, left, (b, a), or_equal=True)]
        or_equal = predicate in (_SLE, _SGE)
        flipped = predicate in (_SGT, _SGE)
        return [_Order(right, left, (b, a), or_equal) if flipped else _Order(left, right, (a, b), or_equal)]

    def _comparison(self, order: _Order, dims: Dims, extents: Shape) -> list[tuple[int, Span]] | None:
        slopes = self._slopes(order.left.strides, order.right.strides, dims, extents)
        if not slopes:
            return self._all_or_nothing(self._holds_first(order), extents)
        dim, slope = slopes[0]
        if len(slopes) != 1 or not isinstance(slope, int) or abs(slope) != 1:
            return None
        extent = extents[dim]
        if slope == 1:
            high = self._room(order, extent)
            return [] if isinstance(high, int) and high == extent else [(dim, Span(0, high))]
        low = 0 if self._always(order) else self._begin(order, extent)
        return [] if is_zero(low) else [(dim, Span(low))]

    def _holds_first(self, order: _Order) -> ir.Value | bool:
        """Whether the offsets are in order."""
        ix, a, b = self._ix, order.left.offset, order.right.offset
        if isinstance(a, int) and isinstance(b, int):
            return a <= b if order.or_equal else a < b
        return order.or_equal if same(a, b) else ix.at_most(a, b) if order.or_equal else ix.less(a, b)

    def _always(self, order: _Order) -> bool:
        """Whether what is compared with a number is known not to be less."""
        least = order.left.offset
        if not isinstance(least, int) or not order.left.uniform:
            return False
        return self._pointers.ranges.at_least(order.compared[1], least + int(not order.or_equal))

    def _room(self, order: _Order, most: int) -> Index:
        """For how many i, from 0 to `most`, `left + i` is less than `right`."""
        ix, a, b = self._ix, order.left.offset, order.right.offset
        room = ix.sub(b, a)
        if isinstance(room, int) or not self._may_overflow(order):
            return ix.clamp(ix.add(room, int(order.or_equal)), most)
        # As an unsigned number, the difference from the smaller to the greater one is right.
        if order.or_equal:
            return ix.choose(ix.at_most(a, b), ix.add(ix.min_unsigned(room, most - 1), 1), 0)
        return ix.choose(ix.less(a, b), ix.min_unsigned(room, most), 0)

    def _begin(self, order: _Order, most: int) -> Index:
        """From which i on, from 0 to `most`, `left` is less than `right + i`."""
        ix, a, b = self._ix, order.left.offset, order.right.offset
        missing = ix.sub(a, b)
        if isinstance(missing, int) or not self._may_overflow(order):
            return ix.clamp(ix.add(missing, int(not order.or_equal)), most)
        if order.or_equal:
            return ix.choose(ix.at_most(a, b), 0, ix.min_unsigned(missing, most))
        return ix.choose(ix.less(a, b), 0, ix.add(ix.min_unsigned(missing, most - 1), 1))

    def _may_overflow(self, order: _Order) -> bool:
        """Whether the difference of what is compared may be more than an index holds."""
        return not all(self._pointers.ranges.differ_little(v) for v in order.compared)

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
    """The terms of nested `arith.andi`, seen through operations that only change the shape and through `not`, each
    once."""
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
    """What the term of an `arith.andi`, of its negation, or of an operation that only changes the shape, is made of;
    else nothing."""
    if op.name == ("arith.ori" if term.negated else "arith.andi"):
        return [replace(term, value=operand) for operand in reversed(list(op.operands))]
    if op.name == "arith.xori":
        first, second = op.operands
        if is_true(first) or is_true(second):
            return [replace(term, value=second if is_true(first) else first, negated=not term.negated)]
    meaning = find(op)
    if meaning is None or not meaning.reindexes:
        return []
    found = meaning.sources(term.value, op, term.dims, _nowhere) or ()
    return [Term(source, dims, term.negated) for source, dims in found if dims is not None]


def _nowhere(position: int) -> int | None:
    """A term's dimension that no dimension of the mask moves."""
    return None
