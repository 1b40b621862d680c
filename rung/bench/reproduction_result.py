"""The record of a reproduction, as JSON: everything that its tables show."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ..files import write_file
from .result import Environment

TOLERANCE = 0.25
"""Of a reproduced figure, relative."""


class Figure(BaseModel):
    """A published figure and the model's."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    source: str
    published: float
    modelled: float
    error: float = Field(description="modelled / published - 1")


class HeldOut(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    fitted: list[str]
    predicted: list[Figure]


class Reproduction(BaseModel):
    """A whole file. Cycles are modelled; times are cycles on the machine's clock."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    schema_: Literal["rung-reproduction-1"] = Field(default="rung-reproduction-1", alias="schema")
    environment: Environment
    ratios: list[Figure]
    in_words: Figure = Field(description="printed as `little or a loss`")
    times_us: list[Figure]
    parameters: dict[str, float] = Field(description="what is calibrated, by dotted path in the machine file")
    sensitivity: dict[str, dict[str, tuple[float, float]]] = Field(
        description="parameter -> ratio -> relative change when the parameter is 20% lower, 20% higher"
    )
    held_out: list[HeldOut]

    @property
    def within(self) -> bool:
        return all(abs(figure.error) <= TOLERANCE for figure in (*self.ratios, *self.times_us))


def write(record: Reproduction, path: str | Path) -> None:
    """Writes the file whole or not at all."""
    write_file(record.model_dump_json(by_alias=True, indent=1) + "\n", path)
