"""The order of a scratch buffer's dimensions in memory: innermost is the one along which its sources run.

A column sum whose accumulator is a block of [columns, rows] reads memory along the columns; an accumulator in row-major
order would be gathered and scattered.
"""

from __future__ import annotations

from math import prod

from torch_mlir import ir

from .operation import find
from .program import Program
from .traversal import cone
from .ttir import Shape, constant_int, owner, shape

Steps = tuple[int | None, ...]
"""Elements of memory from one element of a block to the next, per dimension; None where it is not known."""


def order_of(program: Program, value: ir.Value) -> Shape:
    """The dimensions of a block's buffer, the outermost one first: row-major but for the innermost, which is the one
    along which most of the elements run that `value` is computed from."""
    extents = shape(value) or ()
    votes = [0] * len(extents)
    found, analysis = cone(program, [value]), StepAnalysis()
    for load, dims in found.loads:
        for step, dim in zip(analysis.of(load.operands[0]), dims, strict=True):
            if step == 1 and dim is not None:
                votes[dim] += prod(shape(load.operands[0]) or ())
    for stored, dims in found.buffers:
        buffer = program.buffer(stored)
        for stride, n, dim in zip(buffer.strides, buffer.extents, dims, strict=True):
            if stride == 1 and n != 1 and dim is not None:
                votes[dim] += prod(buffer.extents)
    long = [d for d, n in enumerate(extents) if n != 1]
    innermost = max(reversed(long), key=lambda d: votes[d], default=None)
    return tuple(d for d in range(len(extents)) if d != innermost) + (() if innermost is None else (innermost,))


def without(order: Shape, axis: int) -> Shape:
    """The order of a block that lacks dimension `axis`."""
    return tuple(d - (d > axis) for d in order if d != axis)


class StepAnalysis:
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
        meaning = find(op)
        return unknown if meaning is None or not meaning.virtual else meaning.steps(self, op)


def _initial(argument: ir.Value) -> ir.Value | None:
    """What a loop's argument is before the first iteration: what is added to it there moves the whole block."""
    argument = ir.BlockArgument(argument)
    loop, number = argument.owner.owner.operation, argument.arg_number
    return loop.operands[2 + number] if loop.name == "scf.for" and number else None
