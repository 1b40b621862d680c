"""Positions in blocks: a coordinate for each dimension, as the loops of a nest move it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .indices import Index, Indices


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


def flat_axis(ix: Indices, position: Position, strides: Sequence[int], loops: int) -> Axis:
    """The row-major number of an element."""
    coefficients = [0] * loops
    constant: Index = 0
    for axis, stride in zip(position, strides, strict=True):
        constant = ix.add(constant, ix.mul(axis.constant, stride))
        for d, c in enumerate(axis.coefficients):
            coefficients[d] += c * stride
    return Axis(tuple(coefficients), constant)
