"""Triton's operations: whoever imports this package has them registered (`operation.py`)."""

from . import (
    arithmetic,
    atomics,
    checks,
    control,
    exchanges,
    folds,
    maps,
    memory,
    moves,
    pointers,
    pointwise,
    prints,
    shapes,
    sources,
)

__all__ = [
    "arithmetic",
    "atomics",
    "checks",
    "control",
    "exchanges",
    "folds",
    "maps",
    "memory",
    "moves",
    "pointers",
    "pointwise",
    "prints",
    "shapes",
    "sources",
]
