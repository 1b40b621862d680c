"""All cases, and how they are dealt out to graphs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch
import torch._dynamo
from torch._inductor import config

from tests.inductor.cases import FLOATS, Case
from tests.inductor.families import binary, graphs, indexing, losses, networks, pointwise, reductions, views
from tests.inductor.graphs import compare, ready

MODULES = {
    "pointwise": pointwise,
    "binary": binary,
    "reductions": reductions,
    "indexing": indexing,
    "views": views,
    "networks": networks,
    "losses": losses,
    "graphs": graphs,
}
TOGETHER = 8
"""Cases of one graph: what more saves is little, and what differs in a smaller one is found sooner."""

QUICK = (("triton.autotune_pointwise", False),)
"""Each kernel is compiled for one size of blocks."""

FROM_DATA = {"capture_scalar_outputs": True, "capture_dynamic_output_shape_ops": True}
"""Numbers and shapes that depend on data stay in the graph, where Inductor can have them."""


@dataclass(frozen=True)
class Graph:
    """Some cases of one table, for one type, and how they are compiled."""

    cases: tuple[Case, ...]
    kind: str
    mode: str
    number: int
    options: tuple[tuple[str, Any], ...] = ()

    def __str__(self) -> str:
        return f"{self.cases[0].family}-{self.number}-{self.kind}-{self.mode}"

    def check(self) -> tuple[int, int]:
        """How many of the cases eager knows. Raises where one differs."""
        torch.manual_seed(0)
        first = [found for case in self.cases if (found := ready(case, self.kind, self.mode))]
        dynamic = self.mode.endswith("dynamic")
        second = [found for case in self.cases if dynamic and (found := ready(case, self.kind, self.mode, True))]
        assert not dynamic or len(second) == len(first), "shapes that eager does not take"
        if first:
            with config.patch(compile_threads=1, force_disable_caches=True), torch._dynamo.config.patch(FROM_DATA):
                said = compare(first, second, dynamic, dict(self.options))
            assert not said, "\n" + "\n".join(said)
        return len(first), len(self.cases)


def everything(module: str) -> Iterator[Graph]:
    """Each case of each type in each mode."""
    for cases in _tables(module):
        for kind in cases[0].types:
            for mode in cases[0].modes:
                if kind in FLOATS or not mode.startswith("backward"):
                    for number, some in enumerate(_batches(cases)):
                        yield Graph(some, kind, mode, number)


def quick(module: str) -> Iterator[Graph]:
    """Each case once; types and modes take turns."""
    for turn, (number, some) in enumerate(each for cases in _tables(module) for each in enumerate(_batches(cases))):
        types, modes = some[0].types, some[0].modes
        kind = types[turn % len(types)]
        modes = [mode for mode in modes if kind in FLOATS or not mode.startswith("backward")]
        yield Graph(some, kind, modes[(turn + 1) % len(modes)], number, QUICK)


def _tables(module: str) -> list[tuple[Case, ...]]:
    return [tuple(cases) for _, cases in groupby(MODULES[module].CASES, lambda case: case.family)]


def _batches(cases: tuple[Case, ...]) -> list[tuple[Case, ...]]:
    return [cases[at : at + TOGETHER] for at in range(0, len(cases), TOGETHER)]
