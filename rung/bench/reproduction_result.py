"""The record of a reproduction: everything that its tables show."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from ..evidence import Amount
from .result import Model, Ratio, Record

TOLERANCE = 0.25
"""Of a reproduced figure, relative."""

Change = Annotated[float, Field(ge=-1, le=1e15)]
"""Relative."""


class Figure(Model):
    """A published figure and the model's."""

    name: str
    source: str
    published: Ratio
    modelled: Ratio
    error: Change = Field(description="modelled / published - 1")


class HeldOut(Model):
    fitted: list[str]
    predicted: list[Figure]


class ReproductionRecord(Record):
    """`rung reproduce`. Cycles are modelled; times are cycles on the machine's clock."""

    study: Literal["reproduce"] = "reproduce"
    calibrated: bool = Field(description="whether `parameters` were fitted to the figures in this run")
    ratios: list[Figure]
    in_words: Figure = Field(description="printed as `little or a loss`")
    times_us: list[Figure]
    parameters: dict[str, Amount] = Field(description="what is calibrated, by dotted path in the machine file")
    sensitivity: dict[str, dict[str, tuple[Change, Change]]] = Field(
        min_length=1,
        description="parameter -> ratio -> relative change when the parameter is 20% lower, 20% higher",
    )
    held_out: list[HeldOut]

    @model_validator(mode="after")
    def _has_one_table_of_changes(self) -> ReproductionRecord:
        if self.sensitivity.keys() - self.parameters.keys():
            raise ValueError("a parameter whose changes are told has no value")
        if len({tuple(changes) for changes in self.sensitivity.values()}) > 1:
            raise ValueError("the parameters' changes are of different ratios")
        return self

    @property
    def correct(self) -> bool:
        """Whether every figure is within TOLERANCE."""
        return all(abs(figure.error) <= TOLERANCE for figure in (*self.ratios, *self.times_us))
