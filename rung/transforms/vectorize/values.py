"""What the body emitter passes around: values per copy, and masks."""

from __future__ import annotations

from dataclasses import dataclass

from torch_mlir import ir

from ...ir.body import Instr
from ...ir.lanes import Step


@dataclass(eq=False, slots=True)
class Val:
    """One copy's value: a scalar (of lane 0) with a step, or a vector. The missing form is made when it is
    asked for."""

    step: Step
    scalar: ir.Value | None = None
    vector: ir.Value | None = None
    first: Val | None = None
    """A linear value of another copy, `offset` below this one."""
    offset: int = 0
    wide_of: tuple[Instr, Val] | None = None
    """Made by widening this value: its vector is the widened vector, so that the narrow type
    wraps as it should."""


@dataclass(eq=False, slots=True)
class Masks:
    """Which lanes are active in every copy. `tail`: only the end of the dimension is masked, lane 0 is
    always active."""

    values: list[ir.Value | None]
    tail: bool = True

    def any(self) -> bool:
        return self.values[0] is not None
