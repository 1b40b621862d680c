"""Ratios of results that were timed in turn, paired by round."""

from __future__ import annotations

import math
from typing import Any

from .result import Interval, Timed
from .stats import Ratio, paired_ratio


def speedup_over(result: Timed, base: Timed | None) -> dict[str, Any]:
    """Fields of `result` with its speed-up over `base`, paired by round."""
    found = ratio(base, result)
    return {"speedup": found.value, "speedup_ci": interval(found)} if found else {}


def step_over(result: Timed, base: Timed | None, name: str) -> dict[str, Any]:
    """Fields of `result` with its gain over `base`, which is called `name`, paired by round."""
    found = ratio(base, result)
    if base is None or found is None:
        return {}
    medians = base.median / result.median if base.median and result.median else None
    return {"step": found.value, "step_ci": interval(found), "step_of_medians": medians, "step_from": name}


def ratio(base: Timed | None, other: Timed) -> Ratio | None:
    """How many times faster `other` is, when both have times. Modelled cycles have no spread."""
    if base is None or not base.samples or not other.samples:
        return None
    if other.unit == "cycles":
        value = base.samples[0] / other.samples[0]
        return Ratio(value, value, value)
    return paired_ratio(base.samples, other.samples)


def interval(found: Ratio) -> Interval | None:
    """The interval, when it is bounded (JSON has no infinity)."""
    return (found.low, found.high) if math.isfinite(found.high) else None
