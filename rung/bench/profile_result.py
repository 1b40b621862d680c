"""The record of `rung profile`: the kernels that a program launched, on a device."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from ..evidence import Amount, Count, Positive
from .result import Model, Record


class Times(Model):
    """Of all launches of a kernel, in the record's unit."""

    total: Amount
    median: Amount
    least: Amount
    most: Amount


class ProfiledKernel(Model):
    """All specialisations of one kernel."""

    name: str
    where: str = Field(description="file.py:LINE; empty where it is not known")
    launches: Positive
    times: Times
    variants: Positive = Field(description="specialisations and schedules of it that ran")
    schedules: list[str]
    spent: dict[str, Amount] = Field(
        default={},
        description="cycles of all contexts, by what they went to (`rung trace`); empty where time is measured",
    )
    verdict: str = Field(default="", description="what bounds it, in one line; empty where time is measured")
    dma_bytes: Count = Field(default=0, description="of all launches")
    dma_transfers: Count = 0


class UnmodelledKernel(Model):
    """Launches that ran on the host for their values."""

    name: str
    where: str
    launches: Positive
    reasons: list[str] = Field(min_length=1)


class Race(Model):
    name: str
    where: str
    violations: str


class ProfileRecord(Record):
    """`rung profile`. `environment.machine` is the device."""

    study: Literal["profile"] = "profile"
    program: list[str]
    status: int = Field(description="of the program; -N where signal N ended it")
    seconds: Amount = Field(description="that the program took on this machine")
    unit: Literal["cycles", "s"]
    processes: Count = Field(description="of the program that launched kernels")
    kernels: list[ProfiledKernel] = Field(description="those that took most come first")
    not_modelled: list[UnmodelledKernel] = Field(default=[], description="they ran on the host all the same")
    races: list[Race] = Field(default=[], description="violations of the contract of transfers")
    unheeded: list[str] = Field(default=[], description="launch keywords that have no effect here")
    tuning_launches: Count = Field(default=0, description="that only chose a configuration; not among the kernels'")

    @model_validator(mode="after")
    def _is_modelled_where_it_says_so(self) -> ProfileRecord:
        if (self.environment.machine.get("kind") == "npu") != (self.unit == "cycles"):
            raise ValueError("a modelled device has cycles, and only that")
        return self

    @property
    def total(self) -> float:
        return sum(kernel.times.total for kernel in self.kernels)

    @property
    def correct(self) -> bool:
        return not self.races
