"""What follows from times against problem size: where sharing a launch begins to pay, and what a fork costs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..cost.forking import NEVER
from .scale_result import ScalePoint, ScaleRecord, ScaleResult


def points(record: ScaleRecord) -> list[tuple[ScalePoint, ScaleResult]]:
    """By contexts, then by size."""
    found = [(r.point, r) for r in record.results]
    return sorted(found, key=lambda pair: (pair[0].contexts, pair[0].elements))


_STEPS = 301
_BETTER = 1e-3
"""A smaller `parallel` has to fit better by this part."""


@dataclass(frozen=True)
class BreakEven:
    """Below `elements` forking loses. None: it lost at the largest size; `everywhere`: it never lost."""

    elements: float | None
    everywhere: bool = False


def break_even(sizes: Sequence[int], speedups: Sequence[float]) -> BreakEven | None:
    """The size from which on sharing pays: the last crossing of 1, interpolated between the logarithms.

    None without sizes.
    """
    if not sizes:
        return None
    losses = [at for at, speedup in enumerate(speedups) if speedup < 1]
    if not losses:
        return BreakEven(None, everywhere=True)
    below = losses[-1]
    if below == len(sizes) - 1:
        return BreakEven(None)
    low, high = math.log(speedups[below]), math.log(speedups[below + 1])
    share = -low / (high - low)
    start, end = math.log(sizes[below]), math.log(sizes[below + 1])
    return BreakEven(math.exp(start + share * (end - start)))


def forks_from(points: Sequence[ScalePoint]) -> int | None:
    """The elements from which on rung's own test forks; None where it is not asked, or says no at every size.

    Where programs are larger for larger sizes, it is read off between the sizes, as `break_even` does."""
    asked = [(p, p.break_even_programs) for p in points if p.break_even_programs]
    if not asked:
        return None
    per_program = {-(-p.elements // p.programs) for p, _ in asked}
    if len(per_program) == 1:
        least = asked[-1][1] * per_program.pop()
        return least if asked[-1][1] < NEVER else None
    found = break_even([p.elements for p, _ in asked], [p.programs / least for p, least in asked])
    if found is None or (found.elements is None and not found.everywhere):
        return None
    return asked[0][0].elements if found.elements is None else math.ceil(found.elements)


@dataclass(frozen=True)
class Fit:
    """T(n, p) = launch + fork(p) + n * per_element / min(p, parallel), in the unit of the times."""

    launch: float
    fork: Mapping[int, float]
    per_element: float
    parallel: float
    """Contexts' worth of work that is done at the same time: at most what the machine has, less where contexts share
    what they are limited by, such as DRAM's data bus."""

    def time(self, elements: int, contexts: int) -> float:
        shared = elements * self.per_element / min(contexts, self.parallel)
        return self.launch + self.fork.get(contexts, 0.0) + shared


def fit(samples: Sequence[tuple[int, int, float]], parallel: int) -> Fit | None:
    """The model through (elements, contexts, time), no term below zero, smallest squares of *relative* residuals.

    Relative, because times span several orders of magnitude, and the small ones tell what a fork costs. `fork(1)` is 0.
    `Fit.parallel` is the one of `_STEPS` numbers up to `parallel` that fits best, the largest of equals.
    None when there are fewer samples than terms.
    """
    forks = sorted({contexts for _, contexts, _ in samples if contexts > 1})
    if len(samples) < len(forks) + 3:
        return None
    best, least = None, math.inf
    for limit in np.linspace(parallel, 1, _STEPS if parallel > 1 else 1).tolist():
        found, residual = _fit(samples, forks, limit)
        if residual < least * (1 - _BETTER):
            best, least = found, residual
    return best


def _fit(samples: Sequence[tuple[int, int, float]], forks: Sequence[int], parallel: float) -> tuple[Fit, float]:
    """For one `parallel`, with the norm of the residuals. Lawson and Hanson, Solving Least Squares Problems (1974),
    chapter 23."""
    from scipy.optimize import nnls

    rows = [
        [1.0, *(float(contexts == p) for p in forks), elements / min(contexts, parallel)]
        for elements, contexts, _ in samples
    ]
    times = np.asarray([time for _, _, time in samples])
    matrix = np.asarray(rows) / times[:, None]
    # Columns of like size, so that the solver's tolerance means the same for each.
    scale = np.linalg.norm(matrix, axis=0)
    solution, residual = nnls(matrix / scale, np.ones(len(samples)))
    launch, *fork, per_element = (float(value) for value in solution / scale)
    return Fit(launch, dict(zip(forks, fork, strict=True)), per_element, parallel), float(residual)
