"""The record of advice: everything that its tables show."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .result import Model, Record

Mechanism = Literal["Vec", "MT", "DB"]
Time = Annotated[float, Field(ge=1e-15, le=1e18)]
"""Cycles or seconds: some of the record's, by which others are divided."""
Spent = Annotated[float, Field(ge=0, le=1e18)]


class Candidate(Model):
    """A schedule that was searched, and what it is predicted to take."""

    schedule: str = Field(description="as text; empty: the defaults")
    rung: str
    time: Time
    scratchpad_bytes: int = Field(ge=0, le=1 << 50, description="of one context; on the host 0")


class Without(Model):
    """The best schedule with one mechanism taken out."""

    mechanism: Mechanism
    schedule: str
    time: Time


class Change(Model):
    """A machine with one thing better, and the best schedule there."""

    name: str
    schedule: str
    time: Time
    anew: bool = Field(default=False, description="the code depends on it: of the best few schedules, compiled anew")


class Verified(Model):
    """A schedule that was run, beside what was predicted."""

    schedule: str
    rung: str
    predicted: Time
    result: Time


class AdviceRecord(Record):
    """`rung advise`. Cycles are modelled, by replay; seconds are predicted by the cost model."""

    study: Literal["advise"] = "advise"
    kernel: str
    dtype: str
    shape: list[int]
    unit: Literal["cycles", "s"]
    verdict: str = Field(description="what bounds the best schedule; empty where nothing was searched to the end")
    ledger: dict[str, Spent] = Field(description="of the best schedule: what its time goes to, in `unit`")
    candidates: list[Candidate] = Field(min_length=1, description="best first")
    refused: int = Field(default=0, ge=0, description="schedules that could not be compiled, as buffers may not fit")
    without: list[Without]
    changes: list[Change] = Field(description="best first")
    verified: list[Verified]

    @property
    def best(self) -> Candidate:
        return self.candidates[0]
