"""Operations that put blocks together, take them apart, or look elements up."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import TypeVar

from torch_mlir import ir
from torch_mlir.dialects import arith, memref

from ..blocks import BlockConverter
from ..buffers import window
from ..expression import Expressions, Leaf
from ..operation import Sources, register
from ..scratch import flattened, from_memory, row_major_buffer
from ..ttir import element, int_attr, shape
from .families import Moving, NoNumbers, Virtual, Whole

_T = TypeVar("_T")


@register
class Join(Moving, NoNumbers):
    """Two blocks, side by side in a new last dimension."""

    names = ("tt.join",)

    def sources(
        self, result: ir.Value, op: ir.Operation, at: tuple[_T, ...], constant: Callable[[int], _T]
    ) -> Sources[_T]:
        return [(v, at[:-1]) for v in op.operands]

    def element(self, expressions: Expressions, op: ir.Operation, leaf: Leaf) -> ir.Value:
        ix = expressions.ix
        left, right = self.leaves(op, leaf, expressions.constant)
        side = ix.value(expressions.coordinate(leaf[1][-1]))
        first = arith.CmpIOp(arith.CmpIPredicate.eq, side, ix.value(0)).result
        return arith.SelectOp(first, expressions.at(*left), expressions.at(*right)).result


@register
class Split(Moving, NoNumbers):
    """The halves of a block whose last dimension has two."""

    names = ("tt.split",)

    def sources(
        self, result: ir.Value, op: ir.Operation, at: tuple[_T, ...], constant: Callable[[int], _T]
    ) -> Sources[_T]:
        return [(op.operands[0], (*at, constant(ir.OpResult(result).result_number)))]

    def element(self, expressions: Expressions, op: ir.Operation, leaf: Leaf) -> ir.Value:
        [source] = self.leaves(op, leaf, expressions.constant)
        return expressions.at(*source)


@register
class Gather(Virtual, NoNumbers):
    """Elements of a block, which lies in scratch, at places along one axis that another block tells."""

    names = ("tt.gather",)

    def convert(self, blocks: BlockConverter, op: ir.Operation) -> None:
        blocks.flush()
        blocks.keep(op.operands[0])

    def sources(
        self, result: ir.Value, op: ir.Operation, at: tuple[_T, ...], constant: Callable[[int], _T]
    ) -> Sources[_T]:
        return [(op.operands[0], None), (op.operands[1], at)]

    def element(self, expressions: Expressions, op: ir.Operation, leaf: Leaf) -> ir.Value:
        ix, position = expressions.ix, leaf[1]
        buffer = expressions.program.buffer(op.operands[0])
        chosen = ix.cast_unsigned(expressions.at(op.operands[1], position))  # it is not negative
        axis = int_attr(op, "axis")
        index = ix.mul(chosen, buffer.strides[axis])
        for d, coordinate in enumerate(position):
            if d != axis:
                index = ix.add(index, ix.mul(expressions.coordinate(coordinate), buffer.strides[d]))
        return from_memory(memref.LoadOp(flattened(buffer.memref), [ix.value(index)]).result, buffer.element)


@register
class Cat(Whole):
    """Concatenation along the first dimension: two nests, each into its half."""

    names = ("tt.cat",)
    passes = True

    def convert(self, blocks: BlockConverter, op: ir.Operation) -> None:
        blocks.flush()
        result = op.results[0]
        extents = tuple(shape(result) or ())
        buffer = blocks.program.scratch.allocate(extents, element(result))
        half = (extents[0] // 2, *extents[1:])
        for k, operand in enumerate(op.operands):
            part = row_major_buffer(window(buffer.memref, k * prod(half), half), half, buffer.element)
            blocks.keep(operand, part, record=False)
        blocks.program.meanings.store(result, buffer)


@register
class Unsplat(Whole):
    """The only element of a block, as a scalar."""

    names = ("tt.unsplat",)
    passes = True

    def convert(self, blocks: BlockConverter, op: ir.Operation) -> None:
        blocks.flush()
        buffer, result = blocks.keep(op.operands[0]), op.results[0]
        found = from_memory(memref.LoadOp(buffer.memref, []).result, result.type)
        blocks.program.set_scalar(result, found)
