"""The record of a reproduction, as JSON: everything that its tables show."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ..machine import Machine
from . import reproduction
from .published import NEAR_ONE
from .reproduction import Row, Traces
from .result import Environment, write_text


class Figure(BaseModel):
    """A published figure and the model's."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    source: str
    published: float
    modelled: float
    error: float = Field(description="modelled / published - 1")

    @staticmethod
    def of(row: Row) -> Figure:
        return Figure(name=row.name, source=row.source, published=row.published, modelled=row.modelled, error=row.error)


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
        return all(abs(figure.error) <= reproduction.TOLERANCE for figure in (*self.ratios, *self.times_us))


def make(traces: Traces, machine: Machine, environment: Environment) -> Reproduction:
    """All figures of `machine` from recorded traces."""
    times = reproduction.times_us(traces, machine)
    return Reproduction(
        environment=environment,
        ratios=[Figure.of(row) for row in reproduction.ratios(times)],
        in_words=Figure.of(reproduction.ratios(times, [NEAR_ONE])[0]),
        times_us=[Figure.of(row) for row in reproduction.absolute(times)],
        parameters={name: reproduction.value(machine, name) for name in reproduction.PARAMETERS},
        sensitivity=reproduction.sensitivity(traces, machine),
        held_out=[
            HeldOut(fitted=list(found.fitted), predicted=[Figure.of(row) for row in found.predicted])
            for found in reproduction.held_out(traces, machine)
        ],
    )


def write(record: Reproduction, path: str | Path) -> None:
    """Writes the file whole or not at all."""
    write_text(record.model_dump_json(by_alias=True, indent=1) + "\n", path)
