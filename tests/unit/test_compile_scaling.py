"""Compile time grows with the size of a kernel, not with its square, and does not double with every level of a nest.

Counted are calls of functions, Python's and C's, of which no two runs differ.
"""

from __future__ import annotations

import cProfile
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import triton
import triton.language as tl

from rung import machine
from rung.compile import compile_ttir
from rung.frontends.triton.capture import make_ttir
from rung.schedule import Schedule

MOST = 2.0**1.35
"""Times as many calls for twice the size. Nested loops ask their surroundings, hence a little more than linear."""


def _growing_kernels() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "growing_kernels.py"
    spec = importlib.util.spec_from_file_location("growing_kernels", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


SHAPES = {shape.name: shape for shape in _growing_kernels().SHAPES}


def calls(work: Callable[[], object]) -> int:
    profile = cProfile.Profile()
    profile.runcall(work)
    return sum(entry.callcount for entry in profile.getstats())


def growth(shape: Any, folder: Path, device: str, schedule: str) -> float:
    """How many times as many calls twice the size takes."""
    target = machine.host() if device == "host" else machine.load(device)
    small, large = shape.sizes[1] * 3 // 4, shape.sizes[1] * 3 // 2
    counts: list[int] = []
    for n in (small, small, large):  # the first time, modules are imported
        kernel, signature, constants = shape.kernel(n, folder)

        def compiled(kernel: Any = kernel, signature: Any = signature, constants: Any = constants) -> None:
            ttir = make_ttir(kernel, signature, constants)
            compile_ttir(ttir, machine=target, schedule=Schedule.parse(schedule))

        counts.append(calls(compiled))
    return counts[-1] / counts[-2]


@pytest.mark.parametrize("name", SHAPES)
def test_twice_the_size_takes_twice_the_work(name: str, tmp_path: Path) -> None:
    assert growth(SHAPES[name], tmp_path, "host", "threads=2") < MOST


@pytest.mark.parametrize("name", ["for and if", "loads and stores", "masked loads", "pointers carried", "arguments"])
def test_so_do_transfers(name: str, tmp_path: Path) -> None:
    assert growth(SHAPES[name], tmp_path, "hexagon-v73", "double_buffer=on") < MOST


@triton.jit
def sorted_block(x, y, N: tl.constexpr):
    i = tl.arange(0, N)
    tl.store(y + i, tl.sort(tl.load(x + i)))


def test_a_step_of_sorting_is_computed_once() -> None:
    """Each step compares what the one before it gave with the sum of its bits: two uses, one of them through a cast."""

    def operations(n: int) -> int:
        ttir = make_ttir(sorted_block, {"x": "*fp32", "y": "*fp32", "N": "constexpr"}, {"N": n})
        return compile_ttir(ttir, machine=machine.host(), schedule=Schedule()).stages["linalg"].count(" = arith.")

    steps = [bits * (bits + 1) // 2 for bits in (4, 8)]
    assert operations(256) / operations(16) < 1.2 * steps[1] / steps[0]
