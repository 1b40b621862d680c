"""Kernels launched at the same time by several Python threads, on more contexts than there are cores."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Any

import overlap_kernels as kernels
import pytest
import torch

from rung.compile import Executable, compile_kernel
from rung.machine import host
from rung.runtime import _native
from rung.schedule import Schedule

THREADS, ROUNDS = 4, 8
SCHEDULES = ["threads=3", "threads=5 distribution=block-cyclic", "threads=3 double_buffer=on depth=3"]


def compiled(kernel: Any, types: str, schedule: str, **blocks: int) -> Executable:
    """For a machine on which forking costs nothing, so that every launch forks."""
    signature = dict(zip(kernel.arg_names, [*types.split(), *["constexpr"] * len(blocks)], strict=True))
    machine = host().model_copy(update={"fork_join_ns": 0.0})
    return compile_kernel(kernel, signature, blocks, machine=machine, schedule=Schedule.parse(schedule))


def at_once(work: Callable[[int], None]) -> None:
    failures: list[BaseException] = []

    def run(number: int) -> None:
        try:
            for _ in range(ROUNDS):
                work(number)
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_scratch_and_buffers_are_those_of_a_context(schedule: str) -> None:
    """Softmax keeps a row in scratch; each thread has rows of its own length."""
    executable = compiled(kernels.softmax, "*fp32 *fp32 i32", schedule, BLOCK=512)

    def work(number: int) -> None:
        rows, n = 17 + 4 * number, 200 + 50 * number
        x, out = torch.randn(rows, n), torch.zeros(rows, n)
        executable.run([x, out, n], (rows, 1, 1))
        torch.testing.assert_close(out, torch.softmax(x, 1))

    at_once(work)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_atomics_of_all_contexts_and_launches_add_up(schedule: str) -> None:
    executable = compiled(kernels.histogram, "*i32 *i32 *i32 i32", schedule, BLOCK=64)
    x = torch.randint(0, 10, (5000,), dtype=torch.int32)
    counts, total = torch.zeros(10, dtype=torch.int32), torch.zeros(1, dtype=torch.int32)

    at_once(lambda number: executable.run([x, counts, total, 5000], (79, 1, 1)))
    launches = THREADS * ROUNDS
    assert counts.tolist() == (launches * torch.bincount(x, minlength=10)).tolist()
    assert total.item() == launches * int(x.sum())


@pytest.mark.parametrize("distribution", ["block", "block-cyclic"])
def test_the_launch_decides_whether_forking_pays(distribution: str) -> None:
    """The compiler leaves the break-even number of programs; with one program less, nothing is forked."""
    machine = host().model_copy(update={"fork_join_ns": 3000.0})
    types = {"x_ptr": "*fp32", "o_ptr": "*fp32", "n": "i32", "BLOCK": "constexpr"}
    schedule = Schedule.parse(f"threads=3 distribution={distribution}")
    executable = compile_kernel(kernels.softmax, types, {"BLOCK": 512}, machine=machine, schedule=schedule)
    ((found, _),) = executable.evidence.forks("grid")
    break_even = found.break_even_programs
    assert break_even == math.ceil(3000 / (found.body_cost_ns * (1 - 1 / 3)))
    for rows, forks in ((break_even - 1, 0), (break_even, 1)):
        x, out = torch.randn(rows, 300), torch.zeros(rows, 300)
        _native.reset_counters()
        executable.run([x, out, 300], (rows, 1, 1))
        torch.testing.assert_close(out, torch.softmax(x, 1))
        assert _native.counters()["forks"] == forks


def test_a_loop_that_is_not_dealt_out_says_why() -> None:
    found = compiled(kernels.softmax, "*fp32 *fp32 i32", "threads=1", BLOCK=512).evidence
    assert {d.serial for d in found.decided} - {None} == {"one context"}
