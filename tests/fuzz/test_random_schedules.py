"""Random kernels under random schedules and machines: every combination does what the scalar rung does.

A long run: `pytest -m slow tests/fuzz`, with `--hypothesis-seed=N` to repeat one.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch_mlir import ir

from rung import machine
from rung.compile import Executable, compile_ttir, load
from rung.frontends.triton.capture import make_ttir
from rung.ir.dma_contract import check_transfers
from rung.machine import Machine
from rung.passes import Pass, Stage
from rung.schedule import Schedule
from tests.fuzz.interpreter import imported
from tests.fuzz.study_kernels import FAMILIES, StudyKernel, draw

# Forking costs nothing, so that small grids are dealt out too.
HOST = machine.host().model_copy(update={"fork_join_ns": 0.0})
SCALAR = Schedule.parse("vectorize=off threads=1")
TORCH = {
    "fp32": torch.float32,
    "fp16": torch.float16,
    "bf16": torch.bfloat16,
    **{f"i{w}": getattr(torch, f"int{w}") for w in (8, 16, 32, 64)},
}
RELATIVE = {"fp32": 2e-5, "fp16": 2e-3, "bf16": 1.6e-2}
"""Sums in another order, and one rounding in the type."""
ELEMENTS = 1 << 14
OUTPUTS = slice(3, 5)


@dataclass(frozen=True)
class Case:
    """A kernel (family and seed), what it runs on, the sizes of one launch."""

    family: str
    seed: int
    schedule: str
    vector_bytes: int = 64
    masked_memory: bool = True
    whole_registers: bool = False
    scratchpad_bytes: int = 1 << 18
    sizes: tuple[int, int, int] = (1000, 40, 5)
    """n, m and trips, modulo what the kernel allows."""


@lru_cache(maxsize=200)
def kernel(family: str, seed: int) -> tuple[StudyKernel, str]:
    """A drawn kernel and its TTIR."""
    drawn = draw(family, seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "random_kernel.py"
        path.write_text(drawn.source)
        buffers = dict(zip("xyk", (drawn.float_type, drawn.float_type, drawn.integer_type), strict=True))
        signature = {n: f"*{t}" for n, t in {**buffers, "o": "fp32", "p": drawn.result_type}.items()}
        signature |= dict.fromkeys(("n", "m", "trips"), "i32")
        return drawn, str(make_ttir(imported(path).kernel, signature, {}, None, None))


def build(text: str, target: Machine, schedule: Schedule) -> Executable:
    moves = schedule.double_buffer or schedule.scratchpad == "on"
    observers = (_transfers_are_awaited,) if moves else ()
    compiled = compile_ttir(text, machine=target, schedule=schedule, observers=observers)
    name, kinds = compiled.metadata["name"], compiled.metadata["kinds"]
    return Executable(name, kinds, compiled, load(compiled), target)


def _transfers_are_awaited(event: str, step: Pass | Stage, module: ir.Module) -> None:
    if event == "stage" and step.name == "scheduled":
        check_transfers(module)


@lru_cache(maxsize=200)
def scalar(family: str, seed: int) -> Executable:
    return build(kernel(family, seed)[1], HOST, SCALAR)


@lru_cache(maxsize=200)
def memory(float_type: str, integer_type: str, result_type: str) -> list[torch.Tensor]:
    """x, y, k, o, p: floats that are exact in every type, small integers."""
    rng = np.random.default_rng(0)
    x, y, k = (torch.from_numpy(rng.integers(-24, 24, ELEMENTS)) for _ in range(3))
    o, p = torch.zeros(ELEMENTS), torch.full((ELEMENTS,), 0.25, dtype=TORCH[result_type])
    return [(x / 8).to(TORCH[float_type]), (y / 8).to(TORCH[float_type]), k.to(TORCH[integer_type]), o, p]


def launch(executable: Executable, drawn: StudyKernel, sizes: tuple[int, int, int]) -> list[Any]:
    arrays = [a.clone() for a in memory(drawn.float_type, drawn.integer_type, drawn.result_type)]
    executable.run([*arrays, *sizes], (drawn.programs(sizes[0], sizes[1]), 1, 1))
    return [a.float().numpy() for a in arrays[OUTPUTS]]


def check(case: Case) -> None:
    drawn, text = kernel(case.family, case.seed)
    n, m, trips = (a % (b + 1) for a, b in zip(case.sizes, drawn.largest, strict=True))
    sizes = (n, max(1, m), trips)
    expected = launch(scalar(case.family, case.seed), drawn, sizes)
    target = HOST.model_copy(
        update={
            "vector_bytes": case.vector_bytes,
            "masked_memory": case.masked_memory,
            "whole_registers": case.whole_registers,
            "scratchpad_bytes": case.scratchpad_bytes,
        }
    )
    actual = launch(build(text, target, Schedule.parse(case.schedule)), drawn, sizes)
    for name, a, e, kind in zip("op", actual, expected, ("fp32", drawn.result_type), strict=True):
        largest = np.abs(e[np.isfinite(e)]).max(initial=1)
        tolerance = {"rtol": RELATIVE[kind], "atol": 0.1 * RELATIVE[kind] * largest}
        np.testing.assert_allclose(a, e, **tolerance, err_msg=f"`{name}`, {case}\n{drawn.source}")


SEEDS = 24
"""Kernels per family in a short run, whose scalar forms are compiled once."""


def random_schedule(rng: Random) -> str:
    """All eight combinations of the mechanisms alike, and their parameters."""
    vec, mt, db = rng.choice([s.mechanisms for s in Schedule().factorial()])
    words = [] if vec else ["vectorize=off"]
    caches = ("prefetch", "stream_stores", "gather_steps", "keep_panels", "read_in_place", "band_grid")
    words += [f"{name}=off" for name in caches if rng.random() < 0.4]
    words.append(f"threads={rng.randint(2, 4) if mt else 1}")
    if mt:
        words.append(f"distribution={rng.choice(['block', 'block-cyclic'])}")
    if db:
        words.append(f"double_buffer=on depth={rng.randint(2, 4)}")
    elif rng.random() < 0.25:
        words.append("scratchpad=on")
    if rng.random() < 0.5:
        words.append(f"tile_elements={rng.choice([100, 256, 1000])}")
    if rng.random() < 0.3:
        words.append(f"unroll={rng.randint(1, 4)}")
    return " ".join(words)


def random_case(number: int, seeds: int) -> Case:
    """The case of a number. Not drawn field by field: Hypothesis repeats its draws, and 500 cases would be 290."""
    rng = Random(number)
    small = rng.random() < 0.15
    return Case(
        family=rng.choice(list(FAMILIES)),
        seed=rng.randrange(seeds),
        schedule=random_schedule(rng),
        vector_bytes=rng.choice([16, 32, 64, 128]),
        masked_memory=rng.random() < 0.5,
        whole_registers=rng.random() < 0.3,
        scratchpad_bytes=rng.choice([1 << 12, 1 << 15, 1 << 18]),
        sizes=(rng.randint(0, 3) if small else rng.randrange(1 << 16), rng.randrange(1 << 16), rng.randrange(1 << 16)),
    )


def cases(seeds: int) -> st.SearchStrategy[Case]:
    return st.integers(0, (1 << 48) - 1).map(lambda number: random_case(number, seeds))


common = settings(
    deadline=None, database=None, suppress_health_check=list(HealthCheck), print_blob=True, derandomize=True
)


@given(case=cases(SEEDS))
@settings(common, max_examples=500)
def test_every_schedule_does_what_the_scalar_rung_does(case: Case) -> None:
    check(case)


@pytest.mark.slow
@pytest.mark.timeout(0)
@given(case=cases(1 << 20))
@settings(common, derandomize=False, max_examples=10_000)
def test_many_schedules(case: Case) -> None:
    check(case)
