"""The record of a sweep: a kernel on a grid of modelled devices."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from ..evidence import Amount, Count, Positive
from .result import Model, Record

Value = bool | Annotated[int, Field(ge=-(1 << 63), lt=1 << 63)] | float | str
"""Of a varied field; a list is one text."""


Time = Annotated[float, Field(ge=1e-9, le=1e18)]


class Point(Model):
    """The kernel on one machine, under one schedule."""

    values: dict[str, Value] = Field(
        description="of the varied fields, by dotted path; `schedule.` begins those of a schedule"
    )
    machine_hash: str
    compilation: Count = Field(description="points with the same number run the same code and replay the same trace")
    cycles: Time = Field(description="modelled")
    us: Time = Field(description="the same on the machine's clock")
    compute_utilisation: Amount
    dma_utilisation: Amount
    stall_cycles: Amount = Field(description="waits for transfers and full queues, of all contexts")
    dma_bytes: Count
    contexts: Count = Field(default=0, description="that took part; 0 in records from before it was kept")
    scratchpad_bytes: Count = Field(default=0, description="in use at most, of all these contexts")


class SweepRecord(Record):
    """`rung sweep`. `environment.machine` is the machine that the fields were varied on."""

    study: Literal["sweep"] = "sweep"
    kernel: str
    dtype: str
    shape: list[Positive]
    schedule: str
    varied: dict[str, list[Value]] = Field(min_length=1)
    calls: list[str] = Field(description="library functions that the kernel calls")
    points: list[Point] = Field(description="in the order of the grid, the last field varying fastest")

    @model_validator(mode="after")
    def _is_of_a_grid(self) -> SweepRecord:
        if self.complete and not self.points:
            raise ValueError("a sweep that was not interrupted has points")
        for point in self.points:
            if point.values.keys() != self.varied.keys():
                raise ValueError("a point does not give the fields that were varied")
            if any(value not in self.varied[name] for name, value in point.values.items()):
                raise ValueError("a point gives a value that no field was varied over")
        return self
