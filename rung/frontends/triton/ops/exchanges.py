"""Exclusive or, by which neighbours change places in what Triton makes of `tl.flip` and `tl.sort` (`exchanges.py`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from torch_mlir import ir
from torch_mlir.dialects import arith

from ..blocks import BlockConverter
from ..exchanges import Moved, moved
from ..expression import Expressions, Leaf
from ..operation import Sources, register
from ..positions import Axis, Position
from ..ttir import element
from .families import Elementwise, NoNumbers

_T = TypeVar("_T")


@register
class ExclusiveOr(Elementwise, NoNumbers):
    """`arith.xori`. Where it is an exchange, its source lies in scratch, and is read from the other place:

    %s = tt.reduce %x {axis = 1} (xori); %y = arith.xori %x, (tt.broadcast (tt.expand_dims %s)) : tensor<32x2xi32>
      ->
    ins(%x, reinterpret_cast %x to offset: [1], sizes: [32, 2], strides: [2, -1])
    """

    names = ("arith.xori",)

    def convert(self, blocks: BlockConverter, op: ir.Operation) -> None:
        change = moved(op)
        if change is None:
            super().convert(blocks, op)
            return
        blocks.flush()
        blocks.keep(change.source)

    def sources(
        self, result: ir.Value, op: ir.Operation, at: tuple[_T, ...], constant: Callable[[int], _T]
    ) -> Sources[_T] | None:
        change = moved(op)
        return super().sources(result, op, at, constant) if change is None else [(change.source, None)]

    def plan(self, expressions: Expressions, op: ir.Operation, leaf: Leaf) -> list[Leaf]:
        change = moved(op)
        return super().plan(expressions, op, leaf) if change is None else [_other(expressions, change, leaf)]

    def element(self, expressions: Expressions, op: ir.Operation, leaf: Leaf) -> ir.Value:
        change = moved(op)
        if change is None:
            return super().element(expressions, op, leaf)
        found = expressions.at(*_other(expressions, change, leaf))
        return found if found.type == element(leaf[0]) else arith.BitcastOp(element(leaf[0]), found).result


def _other(expressions: Expressions, change: Moved, leaf: Leaf) -> Leaf:
    """Where what has changed places was before."""
    position: Position = leaf[1]
    turned = (_turned(expressions, axis) if d in change.axes else axis for d, axis in enumerate(position))
    return change.source, tuple(turned)


def _turned(expressions: Expressions, axis: Axis) -> Axis:
    """The other one of two."""
    return replace(
        axis, coefficients=tuple(-c for c in axis.coefficients), constant=expressions.ix.sub(1, axis.constant)
    )
