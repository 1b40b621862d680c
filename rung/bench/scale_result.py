"""The record of the scale study: results on several contexts at several sizes."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ..evidence import Positive
from .result import Measurements, Model, Result


class ScalePoint(Model):
    """Where a result stands: `step` compares it with one context at the same size."""

    contexts: Positive = Field(description="that the schedule asks for")
    elements: Positive
    programs: Positive = Field(description="of the launch grid, which the contexts share")
    break_even_programs: Positive | None = Field(description="from which on rung's own profitability test forks")


class ScaleResult(Result):
    point: ScalePoint


class ScaleRecord(Measurements[ScaleResult]):
    """`rung scale`"""

    study: Literal["scale"] = "scale"
