"""What is known on the way into a nest's loops, and what the loops carry."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch_mlir import ir

from ...ir.accumulators import Group
from ...ir.emit import Index
from .accumulate import Row
from .values import Val


@dataclass(eq=False)
class Variant:
    """One loop over the chosen dimension: `copies` times `lanes` elements per iteration.
    `slots` are the places of
    its accumulators in the state; `masked`: the last iteration may be partial."""

    lanes: int
    copies: int
    slots: list[int]
    masked: bool = False
    tile: int = 0
    """Rows of the tile that an iteration transposes in registers; 0: none."""


@dataclass(eq=False)
class Scope:
    """What is known inside the open loops: their indices, loaded operands, masks."""

    position: dict[int, Index] = field(default_factory=dict[int, Index])
    loaded: dict[ir.Value, list[Val]] = field(default_factory=dict[ir.Value, list[Val]])
    variant: Variant | None = None
    mask: ir.Value | None = None
    rest: ir.Value | None = None
    """Elements that are left, where only some lanes may be active."""
    remainder: bool = False
    """Whole vectors of the chosen dimension have been done by tiles."""
    starts: list[Index] = field(default_factory=list[Index])
    """Index of lane 0 of every copy, in the chosen dimension."""


State = dict[tuple[Group, int], Row]
"""Loop-carried accumulators: one row per group and slot (a copy, or the scalar remainder)."""


def fresh(loaded: dict[ir.Value, list[Val]], variant: Variant) -> dict[ir.Value, list[Val]]:
    """Uniform values again, without the vectors that another loop made from them."""
    return {value: [Val(0, scalar=vals[0].scalar)] * variant.copies for value, vals in loaded.items()}


def flatten(keys: list[tuple[Group, int]], state: State) -> list[ir.Value]:
    return [value for key in keys for value in state[key]]


def unflatten(keys: list[tuple[Group, int]], values: list[ir.Value]) -> State:
    rest = iter(values)
    return {(group, slot): [next(rest) for _ in group.members] for group, slot in keys}
