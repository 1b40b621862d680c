"""`tl.map_elementwise`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from torch_mlir import ir

from ..element_functions import apply
from ..expression import Expressions, Leaf
from ..operation import Sources, register
from .families import NoNumbers, Virtual

_T = TypeVar("_T")


@register
class Map(Virtual, NoNumbers):
    """A function of the elements at one place of all operands; it gives an element of each result.

    Of one element each: `packed_maps` has seen to that."""

    names = ("tt.map_elementwise",)

    def element(self, expressions: Expressions, op: ir.Operation, leaf: Leaf) -> ir.Value:
        value, position = leaf
        operands = [expressions.at(v, p) for v, p in self.leaves(op, leaf, expressions.constant)]
        results: list[ir.Value] = list(op.results)
        found = apply(expressions.program, op.regions[0], operands, expressions.program.fuse)
        for result, element in zip(results, found, strict=True):
            expressions.also(result, position, element)
        return found[results.index(value)]

    def sources(
        self, result: ir.Value, op: ir.Operation, at: tuple[_T, ...], constant: Callable[[int], _T]
    ) -> Sources[_T] | None:
        return [(v, at) for v in op.operands]
