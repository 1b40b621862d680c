"""The record of a validation: everything that its tables show."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .result import Model, Ratio, Record

TOLERANCE = 0.25
"""Of a predicted figure, relative."""
GOAL = 0.8
"""Share of the steps of each mechanism, held out, that should be within it."""

Change = Annotated[float, Field(ge=-1, le=1e15)]
"""Relative."""


class Predicted(Model):
    """A published figure and the model's."""

    name: str
    mechanism: Literal["Vec", "MT", "DB", "other", "time"]
    published: Ratio = Field(description="a ratio of times; microseconds, where the mechanism is `time`")
    modelled: Ratio
    error: Change = Field(description="modelled / published - 1")
    fitted: bool = Field(description="whether the machine file was fitted to it: no prediction")
    reason: str = Field(description="why it is missed, where it is")

    @property
    def held(self) -> bool:
        """Whether it is a prediction, and within TOLERANCE."""
        return not self.fitted and abs(self.error) <= TOLERANCE


class Assumption(Model):
    """A field of a machine file that nobody's figures tell."""

    field: str
    value: str
    reason: str


class Validated(Model):
    """One source on its device."""

    source: str
    title: str
    url: str
    device: str
    machine_hash: str
    undisclosed: list[str]
    calibrated: dict[str, float] = Field(description="fields that were fitted to the figures marked so")
    notes: str
    figures: list[Predicted]
    assumptions: list[Assumption]


class ValidationRecord(Record):
    """`rung validate`. Cycles are modelled."""

    study: Literal["validate"] = "validate"
    sources: list[Validated] = Field(min_length=1)

    @property
    def predictions(self) -> list[Predicted]:
        return [figure for source in self.sources for figure in source.figures if not figure.fitted]

    @property
    def correct(self) -> bool:
        """Whether every miss has its reason: the study is of the model's errors, which are no fault of a run."""
        return all(figure.held or figure.reason for figure in self.predictions)
