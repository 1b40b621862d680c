"""The record of a sweep, as JSON: everything needed to draw it again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ..files import write_file
from .evidence import Amount, Count, Positive
from .reading import read_record
from .result import Environment

SCHEMA: Literal["rung-sweep-1"] = "rung-sweep-1"


_STRICT = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
Value = bool | Annotated[int, Field(ge=-(1 << 63), lt=1 << 63)] | float | str
"""Of a varied field; a list is one text."""


class Point(BaseModel):
    """The kernel on one machine."""

    model_config = _STRICT
    values: dict[str, Value] = Field(description="of the varied fields, by dotted path")
    machine_hash: str
    compilation: Count = Field(description="points with the same number run the same code and replay the same trace")
    cycles: Amount = Field(description="modelled")
    us: Amount = Field(description="the same on the machine's clock")
    compute_utilisation: Amount
    dma_utilisation: Amount
    stall_cycles: Amount = Field(description="waits for transfers and full queues, of all contexts")
    dma_bytes: Count


class Sweep(BaseModel):
    """A whole file. `environment.machine` is the machine that the fields were varied on."""

    model_config = _STRICT
    schema_: Literal["rung-sweep-1"] = Field(default=SCHEMA, alias="schema")
    environment: Environment
    kernel: str
    dtype: str
    shape: list[Positive]
    schedule: str
    varied: dict[str, list[Value]] = Field(min_length=1)
    points: list[Point] = Field(min_length=1)

    @model_validator(mode="after")
    def _is_a_grid(self) -> Sweep:
        for point in self.points:
            if point.values.keys() != self.varied.keys():
                raise ValueError("a point does not give the fields that were varied")
            if any(value not in self.varied[name] for name, value in point.values.items()):
                raise ValueError("a point gives a value that no field was varied over")
        return self


def write(sweep: Sweep, path: str | Path) -> None:
    """Writes the file whole or not at all."""
    write_file(sweep.model_dump_json(by_alias=True, indent=1) + "\n", path)


def is_sweep(path: str | Path) -> bool:
    """Whether the file says that it is one; what else it is, is not asked."""
    try:
        with Path(path).open("rb") as file:
            return SCHEMA.encode() in file.read(100)
    except OSError:
        return False


def read(path: str | Path) -> Sweep:
    """The sweep in a file. Raises UsageError that names the file and the field that is wrong."""
    return read_record(path, Sweep, SCHEMA, "rung sweep --json")
