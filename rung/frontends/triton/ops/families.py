"""What families of operations answer alike."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from torch_mlir import ir

from ....errors import UnsupportedError
from .. import elementwise
from ..affine import Affine
from ..blocks import BlockConverter
from ..expression import Expressions, Leaf
from ..indices import Index
from ..layout import StepAnalysis, Steps
from ..locations import source_line
from ..operation import SUPPORTED, Sources, TtirOp, rank
from ..pointers import PointerAnalysis
from ..ranges import Range, Ranges
from ..reach import Reach, Walk, union, unknown
from ..ttir import element, is_block

_T = TypeVar("_T")


class NoNumbers(TtirOp):
    """Nothing is known of the numbers of its results: a class says so by this base, or answers each question itself."""

    def affine(self, forms: PointerAnalysis, op: ir.Operation) -> Affine | None:
        return None

    def steps(self, steps: StepAnalysis, op: ir.Operation) -> Steps:
        return (None,) * rank(op)

    def bounds(self, ranges: Ranges, op: ir.Operation) -> Range | None:
        return None

    def reach(self, walk: Walk, op: ir.Operation, number: int, operands: Sequence[Reach]) -> Reach:
        return union(*operands) if self.passes else unknown(*operands)


class Whole(NoNumbers):
    """Operations that are carried out where they stand: their blocks are in scratch when they have been converted."""

    def element(self, expressions: Expressions, op: ir.Operation, leaf: Leaf) -> ir.Value:
        raise UnsupportedError(f"`{op.name}` in this place", source_line(op), SUPPORTED)

    def sources(
        self, result: ir.Value, op: ir.Operation, at: tuple[_T, ...], constant: Callable[[int], _T]
    ) -> Sources[_T] | None:
        return None


class Virtual(TtirOp):
    """Operations on blocks that are evaluated element by element, where a nest asks for them."""

    virtual = True

    def convert(self, blocks: BlockConverter, op: ir.Operation) -> None:
        """Blocks, later."""
        require_form(blocks, op)


def require_form(blocks: BlockConverter, op: ir.Operation) -> None:
    """Of a scalar pointer the form must be known."""
    if not is_block(op.results[0]) and blocks.program.pointers.form(op.results[0]) is None:
        raise UnsupportedError(f"a pointer from `{op.name}`", source_line(op), SUPPORTED)


class Elementwise(Virtual):
    """An element of the result is computed from the operands' elements at the same place."""

    elementwise = True

    def convert(self, blocks: BlockConverter, op: ir.Operation) -> None:
        if not any(is_block(r) for r in op.results):
            blocks.scalar(op)

    def element(self, expressions: Expressions, op: ir.Operation, leaf: Leaf) -> ir.Value:
        operands = [expressions.at(v, p) for v, p in self.leaves(op, leaf, expressions.constant)]
        return elementwise.build(op, operands, element(leaf[0]), expressions.program.fuse)

    def sources(
        self, result: ir.Value, op: ir.Operation, at: tuple[_T, ...], constant: Callable[[int], _T]
    ) -> Sources[_T] | None:
        return [(v, at if is_block(v) else ()) for v in op.operands]


class Moving(Virtual):
    """The result's elements are the operands', in other places."""

    passes = True

    def reach(self, walk: Walk, op: ir.Operation, number: int, operands: Sequence[Reach]) -> Reach:
        return union(*operands)


class Reindexing(Moving):
    """The result's elements are those of one operand, whose dimensions follow the result's: one answer tells all."""

    reindexes = True
    follows = True

    @abstractmethod
    def dims(self, op: ir.Operation) -> Sequence[int | None] | None:
        """For each dimension of the operand, the dimension of the result that it follows; None where only its position
        0 is seen. None for all: elements change their places in another way."""

    def element(self, expressions: Expressions, op: ir.Operation, leaf: Leaf) -> ir.Value:
        [source] = self.leaves(op, leaf, expressions.constant)
        return expressions.at(*source)

    def sources(
        self, result: ir.Value, op: ir.Operation, at: tuple[_T, ...], constant: Callable[[int], _T]
    ) -> Sources[_T] | None:
        dims = self.dims(op)
        return None if dims is None else [(op.operands[0], tuple(constant(0) if d is None else at[d] for d in dims))]

    def affine(self, forms: PointerAnalysis, op: ir.Operation) -> Affine | None:
        inner, dims = forms.form(op.operands[0]), self.dims(op)
        if inner is None or dims is None:
            return None
        strides: list[Index] = [0] * rank(op)
        for d, stride in zip(dims, inner.strides, strict=True):
            if d is not None:
                strides[d] = forms.ix.add(strides[d], stride)
        wraps = [(w, dims[w.dim]) for w in inner.wraps]
        moved = tuple(replace(w, dim=d) for w, d in wraps if d is not None)
        return None if len(moved) < len(wraps) else replace(inner, strides=tuple(strides), wraps=moved)

    def steps(self, steps: StepAnalysis, op: ir.Operation) -> Steps:
        dims = self.dims(op)
        if dims is None:
            return (None,) * rank(op)
        found: list[int | None] = [0] * rank(op)
        for d, step in zip(dims, steps.of(op.operands[0]), strict=True):
            if d is not None:
                found[d] = step
        return tuple(found)

    def bounds(self, ranges: Ranges, op: ir.Operation) -> Range | None:
        return ranges.of(op.operands[0])
