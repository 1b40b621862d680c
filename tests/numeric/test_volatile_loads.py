"""Volatile loads and atomics are effects: each happens once where the kernel says so, and a loop may wait for them."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Thread
from typing import Any

import pytest
import torch
import triton
import triton.language as tl

from rung import machine
from rung.compile import AnyExecutable, compile_kernel
from rung.schedule import Schedule

SCHEDULES = ["", "threads=1 vectorize=off", "double_buffer=on", "scratchpad=on"]
BLOCK = 64
PATIENCE_S = 60.0
WAYS = ("volatile", "block", "fetch again", "update", "compare")


def build(kernel: Any, pointers: int, schedule: str, target: str = "host") -> AnyExecutable:
    names = kernel.arg_names
    types = ["*i32"] * pointers + ["i32"] * (len(names) - pointers - 1) + ["constexpr"]
    signature = dict(zip(names, types, strict=True))
    return compile_kernel(
        kernel, signature, {"BLOCK": BLOCK}, machine=machine.load(target), schedule=Schedule.parse(schedule)
    )


def integers(*extents: int) -> torch.Tensor:
    return torch.zeros(extents, dtype=torch.int32)


class Running:
    """A launch in a thread of its own."""

    def __init__(self, executable: AnyExecutable, *arguments: object) -> None:
        self.thread = Thread(target=executable.run, args=(arguments, (1, 1, 1)), daemon=True)
        self.thread.start()

    def wait_until(self, condition: Callable[[], object]) -> None:
        limit = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < limit, "the kernel and the test wait for each other"
            time.sleep(0.001)

    def join(self) -> None:
        self.wait_until(lambda: not self.thread.is_alive())


@triton.jit
def waits(signal, data, o, how, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    before = tl.load(data + i)
    tl.store(signal, 1)
    if how == 0:
        while tl.load(signal + 1, volatile=True) == 0:
            pass
    elif how == 1:
        while tl.max(tl.load(signal + i, mask=i < 2, other=0, volatile=True), 0) < 2:
            pass
    elif how == 2:
        while tl.load(signal + 1, cache_modifier=".cv") == 0:
            pass
    elif how == 3:
        while tl.atomic_add(signal + 1, 0) == 0:
            pass
    else:
        while tl.atomic_cas(signal + 1, 2, 3) == 0:
            pass
    after = tl.load(data + i)
    tl.store(o + i, before)
    tl.store(o + BLOCK + i, after)


@pytest.mark.parametrize(
    ("schedule", "how"),
    [
        *((schedule, how) for schedule in SCHEDULES[:2] for how in WAYS),
        *((schedule, WAYS[0]) for schedule in SCHEDULES[2:]),
    ],
)
def test_a_loop_waits(schedule: str, how: str) -> None:
    """What was loaded before is old, what is loaded behind is new, and what was stored before can be seen meanwhile."""
    signal, data, o = integers(BLOCK), integers(BLOCK) + 7, integers(2, BLOCK)
    running = Running(build(waits, 3, schedule), signal, data, o, WAYS.index(how))
    running.wait_until(lambda: signal[0] == 1)
    time.sleep(0.02)
    assert running.thread.is_alive()
    data += torch.arange(BLOCK, dtype=torch.int32)
    signal[1] = 2
    running.join()
    assert o.tolist() == [[7] * BLOCK, [7 + i for i in range(BLOCK)]]


@triton.jit
def waits_for_a_change(counter, o, BLOCK: tl.constexpr):
    changed = 0
    while changed == 0:
        first = tl.load(counter, volatile=True)
        second = tl.load(counter, volatile=True)
        changed = second - first
    tl.store(o, changed)


@pytest.mark.parametrize("schedule", SCHEDULES[:2])
def test_two_volatile_loads_of_one_place_are_two(schedule: str) -> None:
    counter, o = integers(1), integers(1)
    running = Running(build(waits_for_a_change, 2, schedule), counter, o)
    view = counter.numpy()
    limit = time.monotonic() + PATIENCE_S
    while running.thread.is_alive() and time.monotonic() < limit:
        view += 1
    assert o.item() > 0


@triton.jit
def every_kind(flag, x, o, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.load(x, volatile=True)
    tl.load(x + i, volatile=True)
    same = tl.load(flag, volatile=True) * 10 + tl.load(flag, volatile=True)
    masked = tl.load(x + i, mask=i < n, other=3, volatile=True)
    again = tl.load(x + i, mask=i < n, other=3, volatile=True)
    odd = tl.where(i > 5, tl.load(x + i, mask=(i & 1) == 1, other=-i, volatile=True), masked)
    tl.store(x + i, again * 2)
    apart = tl.load(x + (i * 5) % BLOCK, volatile=True)
    tl.store(o + i, same + masked + odd + apart)
    for t in range(n):
        tl.load(flag + t, mask=t > 2, other=0, volatile=True)


@pytest.mark.parametrize(
    ("schedule", "target"), [*((schedule, "host") for schedule in SCHEDULES), (SCHEDULES[0], "hexagon-v73")]
)
def test_each_volatile_load_is_done(schedule: str, target: str) -> None:
    """Unused ones, equal ones and those of blocks: one in the code for each in the kernel."""
    executable = build(every_kind, 3, schedule, target)
    assert executable.stages["llvm"].count("llvm.load volatile") == 9
    x, o, i, n = torch.arange(100, dtype=torch.int32), integers(BLOCK), torch.arange(BLOCK), 40
    executable.run([integers(BLOCK) + 2, x, o, n], (1, 1, 1))
    masked = torch.where(i < n, i, torch.tensor(3))
    odd = torch.where(i > 5, torch.where(i % 2 == 1, i, -i), masked)
    assert x[:BLOCK].tolist() == (masked * 2).tolist()
    assert o.tolist() == (22 + masked + odd + 2 * masked[i * 5 % BLOCK]).tolist()


@triton.jit
def floats_and_bytes(x, h, b, o, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    v = tl.load(x + i, volatile=True) + tl.load(h + i, volatile=True).to(tl.float32)
    v = tl.where(tl.load(b + i, volatile=True), v, -v)
    tl.store(o + i, v + tl.load(x, volatile=True) + tl.load(h, volatile=True))


@pytest.mark.parametrize("schedule", SCHEDULES[:2])
def test_volatile_loads_of_every_width(schedule: str) -> None:
    x, h, b, o = torch.rand(BLOCK), torch.rand(BLOCK).bfloat16(), torch.rand(BLOCK) < 0.5, torch.zeros(BLOCK)
    signature = {"x": "*fp32", "h": "*bf16", "b": "*i1", "o": "*fp32", "BLOCK": "constexpr"}
    executable = compile_kernel(
        floats_and_bytes, signature, {"BLOCK": BLOCK}, machine=machine.host(), schedule=Schedule.parse(schedule)
    )
    executable.run([x, h, b, o], (1, 1, 1))
    v = x + h.float()
    torch.testing.assert_close(o, torch.where(b, v, -v) + x[0] + h[0].float())
