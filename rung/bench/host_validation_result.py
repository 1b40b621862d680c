"""The record of a validation of the host: what was predicted, and what was measured afterwards."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ..evidence import Amount
from .result import Measurements, Model, Result

TOLERANCE = 0.25
"""Of a step, relative."""


class Forecast(Model):
    """Seconds of one launch, from before it was measured. The terms overlap: `total` is at most their sum."""

    total: Amount
    launch: Amount
    fork: Amount
    compute: Amount
    memory: Amount
    transfers: Amount


class HostResult(Result):
    """One rung of one kernel at one size."""

    forecast: Forecast


class Constant(Model):
    """One of the machine's, measured before anything was predicted."""

    name: str
    value: Amount


class HostValidationRecord(Measurements[HostResult]):
    """`rung validate --device host`"""

    study: Literal["validate-host"] = "validate-host"
    constants: list[Constant] = Field(min_length=1)
