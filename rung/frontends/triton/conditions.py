"""What is asked at run time, so that index arithmetic gives the numbers of a block of integers that may wrap."""

from __future__ import annotations

from torch_mlir import ir


def union(*conditions: tuple[ir.Value, ...]) -> tuple[ir.Value, ...]:
    """Each once, in the order in which they were found."""
    return tuple(dict.fromkeys(c for each in conditions for c in each))
