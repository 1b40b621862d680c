"""Timing: subjects that are compared run in turn, in random order per round, in one process."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ..errors import UsageError

MIN_SAMPLE_S = 200e-6
"""A sample lasts at least this long, so that the clock and one interrupt weigh little."""
MAX_INNER = 100_000
LONGEST_BUDGET_S = 86400
_CALIBRATION_RUNS = 3


@dataclass(frozen=True)
class Subject:
    """One thing to time. `run(n)` launches n times and returns the n times in `unit`s (seconds, or
    modelled cycles)."""

    name: str
    run: Callable[[int], Sequence[float]]


@dataclass(frozen=True)
class Sampling:
    """How long to measure. `rounds` fixes their number; 0 fits as many as `budget_s` seconds hold, within
    the limits."""

    rounds: int = 0
    budget_s: float = 8.0
    seed: int = 0
    min_rounds: int = 10
    max_rounds: int = 300

    def __post_init__(self) -> None:
        if self.rounds < 0:
            raise UsageError(f"rounds is {self.rounds}; give 1 or more (0 lets the budget decide)")
        if not 0 < self.budget_s <= LONGEST_BUDGET_S:
            raise UsageError(f"budget is {self.budget_s} s; give more than 0 seconds, and {LONGEST_BUDGET_S:,} at most")


@dataclass(frozen=True)
class Samples:
    """Times of one subject. `values[i]` is the mean of `inner` launches in round i; `warmup` is recorded
    but not counted."""

    name: str
    values: tuple[float, ...]
    warmup: tuple[float, ...]
    inner: int


@dataclass(frozen=True)
class Progress:
    """After every round: rounds done and planned, and the time that the rest will take, in seconds."""

    done: int
    rounds: int
    remaining_s: float


def mean_of(run: Callable[[int], Sequence[float]], inner: int) -> float:
    """One sample: the mean time of `inner` launches, after one that is not counted.

    That one wakes the thread pool, which slept while others ran, and brings the kernel's own data back
    into the caches.
    """
    run(1)
    times = run(inner)
    return sum(times) / len(times)


def calibrate(subject: Subject) -> tuple[tuple[float, ...], int]:
    """(warm-up times, launches per sample): as many launches as fill MIN_SAMPLE_S at the fastest warm-up
    time."""
    warmup = tuple(subject.run(1)[0] for _ in range(_CALIBRATION_RUNS))
    fastest = max(min(warmup), 1e-9)
    inner = min(MAX_INNER, max(1, -int(-MIN_SAMPLE_S // fastest)))
    if inner > 1:
        warmup += (mean_of(subject.run, inner),)
    return warmup, inner


def once(subjects: Sequence[Subject]) -> list[Samples]:
    """One sample of each: enough where the clock is a model's, which says the same every time."""
    return [Samples(s.name, (s.run(1)[0],), (), 1) for s in subjects]


def interleave(
    subjects: Sequence[Subject],
    sampling: Sampling,
    progress: Callable[[Progress], None] = lambda _: None,
    clock: Callable[[], float] = time.perf_counter,
) -> list[Samples]:
    """Times all subjects in turn. Sample i of every subject comes from round i, so ratios may be formed
    pair by pair.

    Each round runs every subject once, in an order drawn from `sampling.seed`. The first round is a
    warm-up. The number of rounds is fixed after it, from its duration and what is left of the budget.
    """
    if not subjects:
        return []
    rng = random.Random(sampling.seed)
    begin = clock()
    results = [Samples(s.name, (), *calibrate(s)) for s in subjects]
    order = list(range(len(subjects)))

    def one_round() -> list[float]:
        rng.shuffle(order)
        values = [0.0] * len(subjects)
        for index in order:
            values[index] = mean_of(subjects[index].run, results[index].inner)
        return values

    before = clock()
    values = one_round()
    results = [replace(r, warmup=(*r.warmup, value)) for r, value in zip(results, values, strict=True)]
    round_s = max(clock() - before, 1e-9)
    rounds = sampling.rounds or _rounds_that_fit(sampling, sampling.budget_s - (clock() - begin), round_s)
    progress(Progress(0, rounds, rounds * round_s))

    columns: list[list[float]] = [[] for _ in subjects]
    start = clock()
    for done in range(1, rounds + 1):
        for column, value in zip(columns, one_round(), strict=True):
            column.append(value)
        progress(Progress(done, rounds, (clock() - start) / done * (rounds - done)))
    return [replace(r, values=tuple(column)) for r, column in zip(results, columns, strict=True)]


def _rounds_that_fit(sampling: Sampling, seconds: float, round_s: float) -> int:
    return min(sampling.max_rounds, max(sampling.min_rounds, int(seconds / round_s)))
