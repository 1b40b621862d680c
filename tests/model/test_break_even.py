"""Where a fork pays on a modelled device, and where rung forks: within a factor of two, on exact cycles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from rung import machine
from rung.bench import group, suite
from rung.bench.problem import Shape
from rung.compile import compile_kernel
from rung.cost.forking import NEVER
from rung.schedule import Schedule

DEVICE = machine.load("hexagon-v73")
BLOCK = 1024
VEC = Schedule(prefetch=False, stream_stores=False)
KERNELS: dict[str, Callable[[int], Shape]] = {
    "gelu": lambda programs: (programs * BLOCK,),
    "vec-add-1d": lambda programs: (programs * BLOCK,),
    "softmax": lambda programs: (programs, BLOCK),
    "layer-norm": lambda programs: (programs, BLOCK),
    "matmul": lambda programs: (128 * programs, 128, 64),
}


def compiled(name: str, shape: Shape, **changes: Any) -> tuple[Any, Any]:
    case = group.case_of(suite.find(name), shape, "f32", 0, BLOCK)
    return case, case.compile(compile_kernel, DEVICE, replace(VEC, **changes))


def least(name: str, shape: Shape, **changes: Any) -> int:
    _, executable = compiled(name, shape, **changes)
    return executable.evidence.forks("grid")[0][1].least


def gain(name: str, shape: Shape, **changes: Any) -> float:
    """Cycles that a forced fork saves."""
    case, forced = compiled(name, shape, profitability=False, **changes)
    _, alone = compiled(name, shape, threads=1, **changes)
    times = [e.bind(case.problem.args, case.problem.grid).timeline().cycles for e in (alone, forced)]
    return times[0] - times[1]


@pytest.mark.parametrize("name", KERNELS)
def test_half_of_the_break_even_loses_and_twice_of_it_pays(name: str) -> None:
    shape = KERNELS[name]
    programs = least(name, shape(4))
    assert gain(name, shape(2 * programs)) > 0
    if programs > 3:  # of one program there is nothing to share
        assert gain(name, shape(programs // 2)) < 0


def test_a_kernel_that_keeps_the_dma_engine_busy_is_never_forked() -> None:
    assert least("vec-add-1d", (BLOCK * 8,), double_buffer=True) == NEVER
    assert gain("vec-add-1d", (BLOCK * 512,), double_buffer=True) < 0


@pytest.mark.parametrize(("columns", "forks"), [(1024, False), (16384, True)])
def test_the_break_even_counts_with_the_trips_of_the_launch(columns: int, forks: bool) -> None:
    """A row takes as many steps as its length asks for, which is known at launch only: the code is the same."""
    case, executable = compiled("row-sum", (64, columns))
    fork = executable.evidence.forks("grid")[0][1]
    assert fork.assumed_trips is not None
    ran = executable.bind(case.problem.args, case.problem.grid).timeline()
    assert (ran.contexts > 1) == forks
    assert (gain("row-sum", (64, columns)) > 0) == forks
