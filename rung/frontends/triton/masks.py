"""Mask analysis: a mask is a conjunction of ranges (upper bounds per dimension) and of whatever else it says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch_mlir import ir

from .indices import Index, Indices
from .pointers import PointerAnalysis
from .ttir import Shape, constant_int, int_attr, is_block, owner, shape

_SLT, _SLE, _SGT, _SGE = 2, 3, 4, 5
_FLIPPED = {_SGT: _SLT, _SGE: _SLE}

Dims = tuple[int | None, ...]
"""For each dimension of a term, the mask's dimension that it follows; None where the term is broadcast."""


@dataclass(frozen=True)
class Term:
    """A block of i1 inside a mask, and how its dimensions lie in the mask's."""

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

    def __init__(self, indices: Indices, pointers: PointerAnalysis, scalars: dict[ir.Value, ir.Value]) -> None:
        self._ix = indices
        self._pointers = pointers
        self._scalars = scalars

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
        op = owner(term.value)
        if op is None:
            return None
        if op.name == "tt.splat":
            scalar = self._scalars.get(op.operands[0])
            dim = _whole(extents)
            return None if scalar is None else [(dim, self._ix.choose(scalar, extents[dim], 0))]
        if op.name == "arith.cmpi":
            return self._comparison(op, term.dims, extents)
        return None

    def _comparison(self, op: ir.Operation, dims: Dims, extents: Shape) -> list[tuple[int, Index]] | None:
        predicate = int_attr(op, "predicate")
        left, right = (self._pointers.affine(v) for v in op.operands)
        if predicate in _FLIPPED:
            predicate, left, right = _FLIPPED[predicate], right, left
        if predicate not in (_SLT, _SLE) or left is None or right is None or left.wraps or right.wraps:
            return None
        room = self._ix.sub(right.offset, left.offset)
        if predicate == _SLE:
            room = self._ix.add(room, 1)
        slopes = self._slopes(left.strides, right.strides, dims, extents)
        if not slopes:  # a condition without a dimension: all or nothing
            dim = _whole(extents)
            if isinstance(room, int):
                return [] if room > 0 else [(dim, 0)]
            return [(dim, self._ix.choose(self._ix.less(0, room), extents[dim], 0))]
        if len(slopes) != 1 or slopes[0][1] != 1:
            return None
        dim = slopes[0][0]
        limit = self._ix.clamp(room, extents[dim])
        return [] if isinstance(limit, int) and limit == extents[dim] else [(dim, limit)]

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
        if op is None or op.name != "arith.cmpi":
            return []
        predicate = int_attr(op, "predicate")
        left, right = (self._pointers.affine(v) for v in op.operands)
        if predicate in (_SLT, _SLE):
            left, right = right, left
        elif predicate not in (_SGT, _SGE):
            return []
        if left is None or right is None or left.wraps or right.wraps:
            return []
        slopes = self._slopes(left.strides, right.strides, term.dims, extents)
        if len(slopes) != 1 or slopes[0][1] != 1:
            return []
        dim = slopes[0][0]
        lowest = self._ix.sub(left.offset, right.offset)
        threshold = self._ix.sub(lowest, 1) if predicate in (_SLT, _SGT) else lowest
        if isinstance(threshold, int):
            return [(dim, extents[dim], term)] if threshold >= 0 else []
        return [(dim, self._ix.choose(self._ix.less(-1, threshold), extents[dim], 0), term)]


def _whole(extents: Shape) -> int:
    """The dimension that carries a condition on the whole block: the first that is longer than 1."""
    return next((d for d, n in enumerate(extents) if n != 1), 0)


def _terms(mask: ir.Value, dims: Dims) -> Iterator[Term]:
    """The terms of nested `arith.andi`, seen through expand_dims and broadcast; one that is there again is left out."""
    pending, seen = [Term(mask, dims)], set[Term]()
    while pending:
        term = pending.pop()
        if term in seen:
            continue
        seen.add(term)
        op = owner(term.value)
        if op is None or not is_block(term.value):
            yield term
        elif op.name == "arith.andi":
            pending += [Term(operand, term.dims) for operand in reversed(list(op.operands))]
        elif op.name == "tt.expand_dims":
            axis = int_attr(op, "axis")
            pending.append(Term(op.operands[0], term.dims[:axis] + term.dims[axis + 1 :]))
        elif op.name == "tt.broadcast":
            small, large = shape(op.operands[0]) or (), shape(term.value) or ()
            inner = tuple(None if n != m else d for n, m, d in zip(small, large, term.dims, strict=True))
            pending.append(Term(op.operands[0], inner))
        else:
            yield term
