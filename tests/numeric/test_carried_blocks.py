"""Blocks that a loop carries in place and that are read in other shapes and orders meanwhile, against torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import triton
import triton.language as tl

from rung import machine
from rung.compile import compile_kernel
from rung.ir.contracts import check_stage
from rung.schedule import Schedule

SCHEDULES = ["", "threads=1 vectorize=off"]
Pair = tuple[torch.Tensor, torch.Tensor]


@triton.jit
def own_order(x, y, o, p, n):
    i, j = tl.arange(0, 64), tl.arange(0, 16)[:, None] * 4 + tl.arange(0, 4)[None, :]
    a, b = tl.load(x + j), tl.load(y + i)
    for _ in range(n):
        a = a + tl.reshape(tl.trans(tl.reshape(a, (4, 16))), (16, 4)) * 3
        b = tl.maximum(tl.flip(b, 0), b + 1)
    tl.store(o + j, a)
    tl.store(p + i, b)


def own_order_step(a: torch.Tensor, b: torch.Tensor) -> Pair:
    return a + a.view(4, 16).T.reshape(64) * 3, torch.maximum(b.flip(0), b + 1)


@triton.jit
def another_shape(x, y, o, p, n):
    i, j = tl.arange(0, 64), tl.arange(0, 8)[:, None] * 8 + tl.arange(0, 8)[None, :]
    a, b = tl.load(x + i), tl.load(y + j)
    for _ in range(n):
        c = b + tl.reshape(a, (8, 8))
        d = a * 3 + tl.reshape(b, (64,))
        a, b = d, c
    tl.store(o + i, a)
    tl.store(p + j, b)


def another_shape_step(a: torch.Tensor, b: torch.Tensor) -> Pair:
    return a * 3 + b, b + a


@triton.jit
def change_places(x, y, o, p, n):
    i, j = tl.arange(0, 64), tl.arange(0, 8)[:, None] * 8 + tl.arange(0, 8)[None, :]
    a, b = tl.load(x + i), tl.load(y + j)
    for _ in range(n):
        a, b = tl.reshape(b, (64,)), tl.trans(tl.reshape(a, (8, 8)))
    tl.store(o + i, a)
    tl.store(p + j, b)


def change_places_step(a: torch.Tensor, b: torch.Tensor) -> Pair:
    return b, a.view(8, 8).T.reshape(64)


@triton.jit
def one_element_sums(x, y, o, p, n):
    """A reduction over a dimension of extent 1 is the block itself."""
    i = tl.arange(0, 64)
    a, b = tl.load(x + i[:, None]), tl.load(y + i)
    for _ in range(n):
        s = tl.sum(a, 1)
        a = a * 2 + tl.flip(b, 0)[:, None]
        b = b - s
    tl.store(o + i[:, None], a)
    tl.store(p + i, b)


def one_element_sums_step(a: torch.Tensor, b: torch.Tensor) -> Pair:
    return a * 2 + b.flip(0), b - a


@triton.jit
def looked_up(x, y, o, p, n):
    i = tl.arange(0, 64)
    a, b = tl.load(x + i), tl.load(y + i)
    for _ in range(n):
        found = tl.gather(a, (b + i) & 63, 0)
        even, odd = tl.split(tl.reshape(a, (32, 2)))
        a = found + tl.cat(odd, even, can_reorder=True)
        b = b + tl.histogram(found & 63, 64) + tl.interleave(odd, even)
    tl.store(o + i, a)
    tl.store(p + i, b)


def looked_up_step(a: torch.Tensor, b: torch.Tensor) -> Pair:
    found = a[(b + torch.arange(64)) & 63]
    even, odd = a[::2], a[1::2]
    count = torch.bincount(found & 63, minlength=64).int()
    return found + torch.cat([odd, even]), b + count + torch.stack([odd, even], 1).reshape(64)


@triton.jit
def sorted_rows(x, y, o, p, n):
    i, j = tl.arange(0, 64), tl.arange(0, 16)[:, None] * 4 + tl.arange(0, 4)[None, :]
    a, b = tl.load(x + j), tl.load(y + i)
    for _ in range(n):
        a, b = tl.sort(a) + tl.reshape(b, (16, 4)), tl.cumsum(tl.reshape(a, (64,)), 0) - b
    tl.store(o + j, a)
    tl.store(p + i, b)


def sorted_rows_step(a: torch.Tensor, b: torch.Tensor) -> Pair:
    return a.view(16, 4).sort(1).values.reshape(64) + b, (a.cumsum(0) - b).int()


@triton.jit
def accumulator(x, y, o, p, n):
    """Read in another shape by an operand, and behind the product."""
    i, j = tl.arange(0, 64), tl.arange(0, 8)[:, None] * 8 + tl.arange(0, 8)[None, :]
    a, b = tl.load(x + j), tl.load(y + i)
    for _ in range(n):
        flat = tl.reshape(a, (64,))
        left = (tl.reshape(flat, (8, 8)) & 7).to(tl.int8)
        a = tl.dot(left, (tl.reshape(b, (8, 8)) & 3).to(tl.int8), a, out_dtype=tl.int32)
        b = b + flat
    tl.store(o + j, a)
    tl.store(p + i, b)


def accumulator_step(a: torch.Tensor, b: torch.Tensor) -> Pair:
    return a + ((a & 7).view(8, 8) @ (b & 3).view(8, 8)).reshape(64), b + a


@triton.jit
def accumulator_of_sums(x, y, o, p, n):
    """The old block lives on as a sum over a dimension of extent 1, and as its own transpose."""
    i, j = tl.arange(0, 64), tl.arange(0, 8)[:, None] * 8 + tl.arange(0, 8)[None, :]
    a, b = tl.load(x + j), tl.load(y + i)
    for _ in range(n):
        old = tl.sum(tl.expand_dims(a, 2), 2)
        ones = (j < 64).to(tl.int8)
        a = tl.dot((a & 7).to(tl.int8), ones, tl.trans(old), out_dtype=tl.int32)
        b = b + tl.reshape(old, (64,))
    tl.store(o + j, a)
    tl.store(p + i, b)


def accumulator_of_sums_step(a: torch.Tensor, b: torch.Tensor) -> Pair:
    square = a.view(8, 8)
    return (square.T + (square & 7).sum(1, keepdim=True)).reshape(64).int(), b + a


@triton.jit
def through_branches(x, y, o, p, n):
    i, j = tl.arange(0, 64), tl.arange(0, 8)[:, None] * 8 + tl.arange(0, 8)[None, :]
    a, b = tl.load(x + i), tl.load(y + j)
    t = 0
    while (t < n) & (tl.sum(a, 0) != 1):
        if t % 2 == 0:
            a, b = tl.cumsum(a, 0), b + tl.trans(tl.reshape(a, (8, 8)))
        else:
            for _ in range(2):
                a, b = tl.reshape(tl.trans(b), (64,)) - a, tl.reshape(a, (8, 8)) + b
        t += 1
    tl.store(o + i, a)
    tl.store(p + j, b)


def through_branches_step(a: torch.Tensor, b: torch.Tensor, t: int) -> Pair:
    if t % 2 == 0:
        return a.cumsum(0).int(), b + a.view(8, 8).T.reshape(64)
    for _ in range(2):
        a, b = b.view(8, 8).T.reshape(64) - a, a + b
    return a, b


STEPS: dict[Any, Callable[..., Pair]] = {
    own_order: own_order_step,
    another_shape: another_shape_step,
    change_places: change_places_step,
    one_element_sums: one_element_sums_step,
    looked_up: looked_up_step,
    sorted_rows: sorted_rows_step,
    accumulator: accumulator_step,
    accumulator_of_sums: accumulator_of_sums_step,
    through_branches: through_branches_step,
}


def _contract(event: str, step: Any, module: Any) -> None:
    if event == "stage" and step.name == "linalg":
        check_stage("linalg", module)


@pytest.mark.parametrize("kernel", STEPS, ids=lambda k: k.__name__)
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_carried_blocks(schedule: str, kernel: Any) -> None:
    signature = {**dict.fromkeys("xyop", "*i32"), "n": "i32"}
    executable = compile_kernel(
        kernel, signature, {}, machine=machine.host(), schedule=Schedule.parse(schedule), observers=(_contract,)
    )
    generator = torch.Generator().manual_seed(0)
    x, y = (torch.randint(-50, 50, (64,), generator=generator, dtype=torch.int32) for _ in range(2))
    a, b = x, y
    for trips in range(4):
        o, p = torch.zeros_like(x), torch.zeros_like(y)
        executable.run([x, y, o, p, trips], (1, 1, 1))
        assert (o.tolist(), p.tolist()) == (a.tolist(), b.tolist()), f"after {trips} iterations"
        step = STEPS[kernel]
        a, b = step(a, b, trips) if kernel is through_branches else step(a, b)
