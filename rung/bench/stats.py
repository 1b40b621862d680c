"""Statistics of paired samples: medians, the ratio of two configurations with its interval, Shapley values
of a factorial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from math import factorial

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
CONFIDENCE = 0.95
_SEED = 20260220

Mechanisms = tuple[bool, bool, bool]
"""(Vec, MT, DB)"""


@dataclass(frozen=True)
class Ratio:
    """A dimensionless ratio with its 95% bootstrap interval [low, high]."""

    value: float
    low: float
    high: float

    @property
    def claimed(self) -> bool:
        """Whether the interval excludes 1, so that a difference may be claimed."""
        return not self.low <= 1.0 <= self.high


def median(samples: Sequence[float]) -> float:
    """The median; raises ValueError when there is no sample."""
    if not len(samples):
        raise ValueError("the median of no samples")
    return float(np.median(np.asarray(samples, dtype=np.float64)))


def paired_ratio(base: Sequence[float], other: Sequence[float]) -> Ratio:
    """How many times faster `other` is than `base`: the median over rounds of base[i] / other[i].

    Sample i of both must come from the same round, so that what slows a round down cancels. The interval
    is the percentile bootstrap (Efron 1979) over rounds, with a fixed seed: equal samples give equal
    intervals. With fewer than two rounds it is unbounded: [0, inf].
    """
    above, below = np.asarray(base, dtype=np.float64), np.asarray(other, dtype=np.float64)
    if above.shape != below.shape or above.ndim != 1:
        raise ValueError(f"paired samples differ in number: {above.shape} and {below.shape}")
    if not above.size or (above <= 0).any() or (below <= 0).any():
        raise ValueError("paired samples must be positive and at least one")
    ratios = above / below
    value = float(np.median(ratios))
    if ratios.size < 2:
        return Ratio(value, 0.0, float("inf"))
    low, high = _interval_of_median(ratios)
    return Ratio(value, low, high)


def unpaired_ratio(above: Sequence[float], below: Sequence[float]) -> Ratio:
    """median(above) / median(below) of two runs whose samples have nothing to do with each other.

    The interval is the percentile bootstrap over both, drawn apart, with a fixed seed. Of one sample each, which is
    what a model gives, it has no width; of one sample that was measured nothing is known: it is unbounded.
    """
    a, b = np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64)
    if not a.size or not b.size or (a <= 0).any() or (b <= 0).any():
        raise ValueError("samples must be positive and at least one")
    value = float(np.median(a) / np.median(b))
    if a.size == b.size == 1:
        return Ratio(value, value, value)
    if a.size == 1 or b.size == 1:
        return Ratio(value, 0.0, float("inf"))
    rng = np.random.default_rng(_SEED)
    medians = [np.median(each[rng.integers(0, each.size, size=(RESAMPLES, each.size))], axis=1) for each in (a, b)]
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(medians[0] / medians[1], (tail, 1 - tail))
    return Ratio(value, float(low), float(high))


def _interval_of_median(values: NDArray[np.float64]) -> tuple[float, float]:
    rng = np.random.default_rng(_SEED)
    picks = rng.integers(0, values.size, size=(RESAMPLES, values.size))
    medians = np.median(values[picks], axis=1)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(medians, (tail, 1 - tail))
    return float(low), float(high)


def spread(samples: Sequence[float]) -> float:
    """Interquartile range over the median: how wide the middle half lies, as a fraction."""
    low, middle, high = np.quantile(np.asarray(samples, dtype=np.float64), (0.25, 0.5, 0.75))
    return float((high - low) / middle)


def shapley(log_speedup: Mapping[Mechanisms, float]) -> tuple[float, float, float]:
    """Shapley value (Shapley 1953) of (Vec, MT, DB): each one's mean gain over all orders of putting the
    three in.

    `log_speedup` holds all eight combinations; values and result are natural logarithms of time ratios and
    add up to log_speedup[all] - log_speedup[none].
    """
    shares = [0.0, 0.0, 0.0]
    for order in permutations(range(3)):
        state = [False, False, False]
        for mechanism in order:
            before = log_speedup[_mechanisms(state)]
            state[mechanism] = True
            shares[mechanism] += log_speedup[_mechanisms(state)] - before
    vec, mt, db = (share / factorial(3) for share in shares)
    return vec, mt, db


def leave_one_out(log_speedup: Mapping[Mechanisms, float]) -> tuple[float, float, float]:
    """What each of (Vec, MT, DB) is worth when the two others are on: the log ratio of all three to all
    but this one."""
    full = log_speedup[True, True, True]
    without = ((False, True, True), (True, False, True), (True, True, False))
    vec, mt, db = (full - log_speedup[rest] for rest in without)
    return vec, mt, db


def _mechanisms(state: Sequence[bool]) -> Mechanisms:
    vec, mt, db = state
    return vec, mt, db
