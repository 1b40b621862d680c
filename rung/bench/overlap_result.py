"""The record of the overlap study: single and double buffering at several degrees of the exponent series."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ..evidence import Positive
from .result import Measurements, Model, Result


class OverlapPoint(Model):
    """Where a result stands: `step` of `double` compares it with `single` as `control` says.

    transfer: double-buffered with degree 1, so that the transfers are all that takes time. compute: one tile, again and
    again, without a scratchpad, so that there is nothing to transfer; its times are of one tile, `trips` make a launch.
    """

    degree: Positive = Field(description="of the exponent series")
    elements: Positive = Field(description="of one launch of all kinds but `compute`")
    tile: Positive = Field(description="elements of the tile that single buffering uses")
    buffering: Literal["direct", "single", "double", "transfer", "compute"]
    own_tile: Positive = Field(description="elements of this result's tile")
    depth: Positive = Field(description="buffers per stream")
    control: Literal["equal tile", "equal scratchpad"] | None = None
    trips: Positive = Field(description="tiles that one context works through in a launch")


class OverlapResult(Result):
    point: OverlapPoint


class OverlapRecord(Measurements[OverlapResult]):
    """`rung overlap`"""

    study: Literal["overlap"] = "overlap"

    def timed_in_turn(self, result: OverlapResult) -> tuple[object, ...]:
        """Also the degree: every degree was timed by itself."""
        return (*super().timed_in_turn(result), result.point.degree)
