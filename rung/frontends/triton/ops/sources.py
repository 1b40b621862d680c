"""Where numbers come from: constants, ranges, the place in the grid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from torch_mlir import ir

from ....errors import UnsupportedError
from ..affine import Affine
from ..blocks import BlockConverter
from ..expression import Expressions, Leaf
from ..layout import StepAnalysis, Steps
from ..locations import source_line
from ..operation import SUPPORTED, Sources, rank, register
from ..pointers import PointerAnalysis
from ..ranges import Range, Ranges, power_of_two
from ..reach import NOTHING, Reach, Walk
from ..ttir import element, int_attr, is_block, is_pointer, splat_constant
from .families import NoNumbers, Virtual, Whole

_T = TypeVar("_T")


class _Leaf(Virtual, NoNumbers):
    """Computed from nothing."""

    free = True

    def sources(
        self, result: ir.Value, op: ir.Operation, at: tuple[_T, ...], constant: Callable[[int], _T]
    ) -> Sources[_T]:
        return []

    def reach(self, walk: Walk, op: ir.Operation, number: int, operands: Sequence[Reach]) -> Reach:
        return NOTHING


@register
class Constant(_Leaf):
    """Analyses know constants of one value before they ask."""

    names = ("arith.constant",)

    def convert(self, blocks: BlockConverter, op: ir.Operation) -> None:
        result = op.results[0]
        if not is_block(result):
            blocks.program.set_scalar(result, blocks.ix.literal(op.attributes["value"], result.type))

    def element(self, expressions: Expressions, op: ir.Operation, leaf: Leaf) -> ir.Value:
        value = splat_constant(leaf[0])
        if value is None:
            raise UnsupportedError("a constant block of several values", source_line(op), "tl.full")
        return expressions.ix.literal(value, element(leaf[0]))

    def steps(self, steps: StepAnalysis, op: ir.Operation) -> Steps:
        return (0,) * rank(op)


@register
class Poison(_Leaf):
    """Any value will do, such as that of a loop's variable behind a loop that was not run: zero."""

    names = ("ub.poison",)

    def convert(self, blocks: BlockConverter, op: ir.Operation) -> None:
        result = op.results[0]
        if is_pointer(result):
            raise UnsupportedError("a pointer without a value", source_line(op), SUPPORTED)
        if not is_block(result):
            blocks.program.set_scalar(result, blocks.ix.zero(result.type))

    def element(self, expressions: Expressions, op: ir.Operation, leaf: Leaf) -> ir.Value:
        return expressions.ix.zero(element(leaf[0]))

    def steps(self, steps: StepAnalysis, op: ir.Operation) -> Steps:
        return (0,) * rank(op)


@register
class MakeRange(_Leaf):
    """`start`, `start + 1`, ..."""

    names = ("tt.make_range",)

    def element(self, expressions: Expressions, op: ir.Operation, leaf: Leaf) -> ir.Value:
        value, position = leaf
        number = expressions.ix.add(expressions.coordinate(position[0]), int_attr(op, "start"))
        return expressions.ix.to_integer(number, element(value))

    def affine(self, forms: PointerAnalysis, op: ir.Operation) -> Affine:
        start = int_attr(op, "start")
        return Affine(None, start, (1,), multiple=power_of_two(start))

    def steps(self, steps: StepAnalysis, op: ir.Operation) -> Steps:
        return (1,)

    def bounds(self, ranges: Ranges, op: ir.Operation) -> Range:
        return Range(int_attr(op, "start"), int_attr(op, "end") - 1)


class _Grid(Whole):
    def reach(self, walk: Walk, op: ir.Operation, number: int, operands: Sequence[Reach]) -> Reach:
        return NOTHING


@register
class GetProgramId(_Grid):
    names = ("tt.get_program_id",)

    def convert(self, blocks: BlockConverter, op: ir.Operation) -> None:
        blocks.set_index(op, blocks.program.ids[int_attr(op, "axis")])

    def bounds(self, ranges: Ranges, op: ir.Operation) -> Range:
        return ranges.program_id(int_attr(op, "axis"))


@register
class GetNumPrograms(_Grid):
    names = ("tt.get_num_programs",)

    def convert(self, blocks: BlockConverter, op: ir.Operation) -> None:
        blocks.set_index(op, blocks.program.grid[int_attr(op, "axis")])

    def bounds(self, ranges: Ranges, op: ir.Operation) -> Range:
        return ranges.programs(int_attr(op, "axis"))
