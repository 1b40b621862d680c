"""Small measurements of the machine and of the launch path, for the noise record, `rung doctor` and the
benchmarks."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import UsageError
from ..machine import Machine
from ..schedule import Schedule
from .measure import mean_of
from .stats import median
from .toolchain import Toolchain

_LAUNCHES = 1000


def empty_launch(toolchain: Toolchain, machine: Machine) -> Callable[[], float]:
    """A function that measures one launch of an empty kernel from C, in seconds (median of five means)."""
    import torch

    from .empty import empty

    types = {"x_ptr": "*fp32", "n": "i32"}
    executable = toolchain.compile(empty, types, {}, machine=machine, schedule=Schedule(threads=1))
    bound = executable.bind((torch.zeros(1), 1), (1, 1, 1))

    def measure() -> float:
        return median([mean_of(bound.time, _LAUNCHES) for _ in range(5)])

    return measure


def triton_launches() -> tuple[float, float]:
    """Seconds per launch of an empty kernel from Python: (kernel[grid], compiled[grid]).

    Needs rung to be installed, so that Triton finds its `cpu` backend.
    """
    import torch
    from triton.backends import backends
    from triton.runtime import driver

    if "cpu" not in backends:
        raise UsageError("Triton does not see rung's `cpu` backend; install rung: pip install .")
    from .empty import empty

    driver.set_active(backends["cpu"].driver())
    x = torch.zeros(1)
    compiled: Any = empty[(1,)](x, 1)
    return per_call(lambda: empty[(1,)](x, 1)), per_call(lambda: compiled[(1, 1, 1)](x, 1))


def per_call(call: Callable[[], object], calls: int = 1000, repeats: int = 7) -> float:
    """Seconds that one call takes from Python: the median over `repeats` of the mean of `calls`, after a
    warm-up."""
    for _ in range(100):
        call()
    means: list[float] = []
    for _ in range(repeats):
        start = time.perf_counter()
        for _ in range(calls):
            call()
        means.append((time.perf_counter() - start) / calls)
    return median(means)


def in_turn(calls: Mapping[str, Callable[[], object]], count: int = 400, rounds: int = 25) -> dict[str, float]:
    """Seconds that each call takes from Python, which share the machine's moods: the medians over `rounds` of the means
    of `count`, a round of one behind that of another."""
    means: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds + 1):
        for name, call in calls.items():
            start = time.perf_counter()
            for _ in range(count):
                call()
            if number:  # the first is to warm up
                means[name].append((time.perf_counter() - start) / count)
    return {name: median(each) for name, each in means.items()}
