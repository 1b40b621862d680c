"""The order of a scratch buffer's dimensions in memory: innermost is the one along which its sources run.

A column sum whose accumulator is a block of [columns, rows] reads memory along the columns; an accumulator in row-major
order would be gathered and scattered.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import ClassVar

from torch_mlir import ir

from .program import Program
from .traversal import cone
from .ttir import Shape, constant_int, int_attr, owner, shape

Steps = tuple[int | None, ...]
"""Elements of memory from one element of a block to the next, per dimension; None where it is not known."""


def order_of(program: Program, value: ir.Value) -> Shape:
    """The dimensions of a block's buffer, the outermost one first: row-major but for the innermost, which is the one
    along which most of the elements run that `value` is computed from."""
    extents = shape(value) or ()
    votes = [0] * len(extents)
    found, analysis = cone(program, [value]), _StepAnalysis()
    for load, dims in found.loads:
        for step, dim in zip(analysis.of(load.operands[0]), dims, strict=True):
            if step == 1 and dim is not None:
                votes[dim] += prod(shape(load.operands[0]) or ())
    for stored, dims in found.buffers:
        buffer = program.stored[stored]
        for stride, n, dim in zip(buffer.strides, buffer.extents, dims, strict=True):
            if stride == 1 and n != 1 and dim is not None:
                votes[dim] += prod(buffer.extents)
    long = [d for d, n in enumerate(extents) if n != 1]
    innermost = max(reversed(long), key=lambda d: votes[d], default=None)
    return tuple(d for d in range(len(extents)) if d != innermost) + (() if innermost is None else (innermost,))


def without(order: Shape, axis: int) -> Shape:
    """The order of a block that lacks dimension `axis`."""
    return tuple(d - (d > axis) for d in order if d != axis)


class _StepAnalysis:
    """Steps of blocks of pointers and integers, from the operations alone: nothing need be converted yet."""

    def __init__(self) -> None:
        self._known: dict[ir.Value, Steps] = {}

    def of(self, value: ir.Value) -> Steps:
        found = self._known.get(value)
        if found is None:
            found = self._known[value] = self._analyse(value)
        return found

    def _analyse(self, value: ir.Value) -> Steps:
        unknown = (None,) * len(shape(value) or ())
        if constant_int(value) is not None:
            return (0,) * len(unknown)
        op = owner(value)
        if op is None:
            initial = _initial(value)
            return unknown if initial is None else self.of(initial)
        rule = self._RULES.get(op.name)
        return unknown if rule is None else rule(self, op)

    def _splat(self, op: ir.Operation) -> Steps:
        return (0,) * len(shape(op.results[0]) or ())

    def _make_range(self, op: ir.Operation) -> Steps:
        return (1,)

    def _same(self, op: ir.Operation) -> Steps:
        return self.of(op.operands[0])

    def _sum(self, op: ir.Operation) -> Steps:
        pairs = zip(*(self.of(v) for v in op.operands), strict=True)
        return tuple(None if a is None or b is None else a + b for a, b in pairs)

    def _difference(self, op: ir.Operation) -> Steps:
        pairs = zip(*(self.of(v) for v in op.operands), strict=True)
        return tuple(None if a is None or b is None else a - b for a, b in pairs)

    def _product(self, op: ir.Operation) -> Steps:
        a, b = op.operands
        if any(self.of(b)):
            a, b = b, a
        factor = constant_int(b)
        return tuple(
            0 if s == t == 0 else None if s is None or t != 0 or factor is None else s * factor
            for s, t in zip(self.of(a), self.of(b), strict=True)
        )

    def _expand_dims(self, op: ir.Operation) -> Steps:
        inner, axis = self.of(op.operands[0]), int_attr(op, "axis")
        return (*inner[:axis], 0, *inner[axis:])

    def _broadcast(self, op: ir.Operation) -> Steps:
        extents = shape(op.operands[0]) or ()
        return tuple(0 if n == 1 else s for n, s in zip(extents, self.of(op.operands[0]), strict=True))

    def _trans(self, op: ir.Operation) -> Steps:
        inner = self.of(op.operands[0])
        return tuple(inner[d] for d in ir.DenseI32ArrayAttr(op.attributes["order"]))

    _RULES: ClassVar[dict[str, Callable[[_StepAnalysis, ir.Operation], Steps]]] = {
        "tt.splat": _splat,
        "tt.make_range": _make_range,
        "tt.addptr": _sum,
        "arith.addi": _sum,
        "arith.subi": _difference,
        "arith.muli": _product,
        # A wrap-around breaks the run now and then only.
        "arith.remsi": _same,
        "arith.remui": _same,
        "arith.extsi": _same,
        "arith.extui": _same,
        "arith.trunci": _same,
        "tt.bitcast": _same,
        "tt.expand_dims": _expand_dims,
        "tt.broadcast": _broadcast,
        "tt.trans": _trans,
    }


def _initial(argument: ir.Value) -> ir.Value | None:
    """What a loop's argument is before the first iteration: what is added to it there moves the whole block."""
    argument = ir.BlockArgument(argument)
    loop, number = argument.owner.owner.operation, argument.arg_number
    return loop.operands[2 + number] if loop.name == "scf.for" and number else None
