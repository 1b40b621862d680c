"""Counts of a run that never was: what a function's IR allows, whatever its data."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable, Mapping
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from .instrument import Counters


def made_up_run(function: str, counters: Counters) -> npt.NDArray[np.int64]:
    """Counters after many calls of `function` that go from its entry to an exit, every edge on the way of some.

    Numbers of calls are drawn (always the same): together such ways span all runs, so that what holds for these counts
    by accident is unlikely. Zeros where the successors of the blocks are not known.
    """
    counts = np.zeros(counters.count, np.int64)
    after = {block: to for (f, block), to in counters.successors.items() if f == function}
    if not after:
        return counts
    entry = next(iter(after))
    before: dict[str, list[str]] = {block: [] for block in after}
    for block, successors in after.items():
        for to in successors:
            before[to].append(block)
    to_entry = _steps((entry,), after)
    to_exit = _steps((block for block, successors in after.items() if not successors), before)
    draw = random.Random(0)
    for block in to_entry:
        # An exit of one block is a way, too.
        for to in after[block] or (None,):
            if to is None or to in to_exit:
                way = [*reversed(_way(block, to_entry)), *(_way(to, to_exit) if to is not None else ())]
                _count(counts, counters, function, way, draw.randint(1, 1000))
    return counts


def _steps(starts: Iterable[str], edges: Mapping[str, Iterable[str]]) -> dict[str, str | None]:
    """For every block within reach of `starts`: the next one on a shortest way there."""
    found: dict[str, str | None] = dict.fromkeys(starts)
    work = deque(found)
    while work:
        block = work.popleft()
        for to in edges[block]:
            if to not in found:
                found[to] = block
                work.append(to)
    return found


def _way(block: str | None, steps: Mapping[str, str | None]) -> list[str]:
    way: list[str] = []
    while block is not None:
        way.append(block)
        block = steps[block]
    return way


def _count(counts: npt.NDArray[np.int64], counters: Counters, function: str, way: list[str], calls: int) -> None:
    for block in way:
        counts[counters.blocks[function, block]] += calls
    for source, target in pairwise(way):
        counter = counters.edges.get((function, source, target))
        if counter is not None:
            counts[counter] += calls
