"""Where an element of a block comes from: how positions travel from an operation's result to its operands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch_mlir import ir

from .indices import Index, Indices
from .ttir import int_attr, is_block, shape


@dataclass(frozen=True)
class Axis:
    """One coordinate: `constant + sum(coefficients[d] * loop d)`."""

    coefficients: tuple[int, ...]
    constant: Index

    @property
    def loop(self) -> int | None:
        """The loop that this coordinate follows one to one, if it is that simple."""
        moving = [d for d, c in enumerate(self.coefficients) if c != 0]
        return moving[0] if len(moving) == 1 and self.coefficients[moving[0]] == 1 else None

    @property
    def fixed(self) -> bool:
        return not any(self.coefficients)


Position = tuple[Axis, ...]


def fixed(loops: int, constant: Index) -> Axis:
    return Axis((0,) * loops, constant)


def follow(loops: int, loop: int, start: Index) -> Axis:
    return Axis(tuple(int(d == loop) for d in range(loops)), start)


def operand_positions(op: ir.Operation, position: Position, loops: int) -> list[tuple[ir.Value, Position]] | None:
    """(operand, position) pairs from which the element of `op`'s (first) result at `position` is computed.

    None where no such rule exists: the result must then be in scratch. Scalars come with the empty position.
    """
    rule = _RULES.get(op.name)
    if rule is not None:
        return rule(op, position, loops)
    return [(v, position if is_block(v) else ()) for v in op.operands]


def _splat(op: ir.Operation, position: Position, loops: int) -> list[tuple[ir.Value, Position]]:
    return [(op.operands[0], ())]


def _leaf(op: ir.Operation, position: Position, loops: int) -> list[tuple[ir.Value, Position]]:
    return []


def _expand_dims(op: ir.Operation, position: Position, loops: int) -> list[tuple[ir.Value, Position]]:
    axis = int_attr(op, "axis")
    return [(op.operands[0], position[:axis] + position[axis + 1 :])]


def _broadcast(op: ir.Operation, position: Position, loops: int) -> list[tuple[ir.Value, Position]]:
    source = shape(op.operands[0]) or ()
    return [
        (
            op.operands[0],
            tuple(fixed(loops, 0) if n == 1 else a for n, a in zip(source, position, strict=True)),
        )
    ]


def _trans(op: ir.Operation, position: Position, loops: int) -> list[tuple[ir.Value, Position]]:
    source: list[Axis] = list(position)
    for dim, axis in zip(ir.DenseI32ArrayAttr(op.attributes["order"]), position, strict=True):
        source[dim] = axis
    return [(op.operands[0], tuple(source))]


def is_unit_reshape(op: ir.Operation) -> bool:
    """A reshape that only adds or removes dimensions of extent 1."""
    old, new = shape(op.operands[0]) or (), shape(op.results[0]) or ()
    return [n for n in old if n != 1] == [n for n in new if n != 1]


def _reshape(op: ir.Operation, position: Position, loops: int) -> list[tuple[ir.Value, Position]] | None:
    if not is_unit_reshape(op):
        return None
    old, new = shape(op.operands[0]) or (), shape(op.results[0]) or ()
    kept = iter([axis for n, axis in zip(new, position, strict=True) if n != 1])
    return [(op.operands[0], tuple(fixed(loops, 0) if n == 1 else next(kept) for n in old))]


def _join(op: ir.Operation, position: Position, loops: int) -> list[tuple[ir.Value, Position]]:
    return [(v, position[:-1]) for v in op.operands]


def _needs_scratch(op: ir.Operation, position: Position, loops: int) -> None:
    return None


def split_position(position: Position, result: int, loops: int) -> Position:
    """The position in the operand of `tt.split` of an element of its result number `result`."""
    return (*position, fixed(loops, result))


_RULES = {
    "tt.splat": _splat,
    "tt.unsplat": _needs_scratch,
    "tt.make_range": _leaf,
    "arith.constant": _leaf,
    "tt.expand_dims": _expand_dims,
    "tt.broadcast": _broadcast,
    "tt.trans": _trans,
    "tt.reshape": _reshape,
    "tt.join": _join,
}

VIRTUAL = frozenset({"tt.load", "tt.split", "tt.addptr", "tt.gather", *_RULES})
"""Block operations that are not elementwise and yet computed where they are used."""


def flat_axis(ix: Indices, position: Position, strides: Sequence[int], loops: int) -> Axis:
    """The row-major number of an element."""
    coefficients = [0] * loops
    constant: Index = 0
    for axis, stride in zip(position, strides, strict=True):
        constant = ix.add(constant, ix.mul(axis.constant, stride))
        for d, c in enumerate(axis.coefficients):
            coefficients[d] += c * stride
    return Axis(tuple(coefficients), constant)
