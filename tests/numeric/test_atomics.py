"""Atomic operations where numbers and bits, or lanes that are on and off, are not the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import triton
import triton.language as tl

SCHEDULES = ["vectorize=off threads=1", "threads=1", "double_buffer=on threads=1"]


@pytest.fixture(params=SCHEDULES)
def schedule(request: pytest.FixtureRequest) -> str:
    return request.param


@triton.jit
def swap_block(p, expected, desired, old, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(old + i, tl.atomic_cas(p + i, tl.load(expected + i), tl.load(desired + i)))


@triton.jit
def swap_single(p, expected, desired, old, BLOCK: tl.constexpr):
    for i in range(BLOCK):
        tl.store(old + i, tl.atomic_cas(p + i, tl.load(expected + i), tl.load(desired + i)))


@pytest.mark.parametrize("kernel", [swap_block, swap_single])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_a_swap_compares_bits(kernel: Any, dtype: torch.dtype, schedule: str) -> None:
    """A NaN is itself, and the zeros are two."""
    nan = float("nan")
    memory = torch.tensor([nan, 0.0, -0.0, 0.0, 1.5, nan, 1.0, 2.0], dtype=dtype)
    expected = torch.tensor([nan, -0.0, -0.0, 0.0, 1.5, 1.0, nan, 3.0], dtype=dtype)
    desired = torch.arange(8, dtype=dtype) + 10
    before, old = memory.clone(), torch.zeros_like(memory)
    kernel[(1,)](memory, expected, desired, old, BLOCK=8, schedule=schedule)
    integer = {8: torch.int64, 4: torch.int32, 2: torch.int16}[memory.element_size()]
    met = before.view(integer) == expected.view(integer)
    assert torch.equal(memory.view(integer), torch.where(met, desired, before).view(integer))
    assert torch.equal(old.view(integer), before.view(integer))


@triton.jit
def raise_to(p, value):
    """The usual loop: read, compute, and swap, until nobody was there between."""
    old = tl.load(p, volatile=True)
    seen = tl.atomic_cas(p, old, tl.maximum(old, value))
    while seen.to(tl.int32, bitcast=True) != old.to(tl.int32, bitcast=True):
        old = seen
        seen = tl.atomic_cas(p, old, tl.maximum(old, value))


def test_a_loop_of_swaps_goes_over_a_nan(schedule: str) -> None:
    memory = torch.tensor([float("nan")])
    raise_to[(5,)](memory, 4.0, schedule=schedule)
    assert memory.item() == 4.0


@triton.jit
def old_numbers(p, q, mask, old, of_q, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    m = tl.load(mask + i) != 0
    # What was here before: a block that is kept in scratch, of numbers that are not 0.
    filler = tl.cumsum(tl.load(p + i) * 0 + 7, 0)
    tl.store(old + i, filler)
    tl.store(old + i, tl.atomic_add(p + i, 5, mask=m))
    tl.store(of_q + i, tl.atomic_xchg(q + i, 2.5, mask=m & (i < BLOCK - 3)))


@pytest.mark.parametrize("n", [1, 64])
def test_what_is_masked_off_gives_zero(n: int, schedule: str) -> None:
    """As a masked load does: never what lay in scratch."""
    rng = np.random.default_rng(0)
    p, q = torch.arange(n, dtype=torch.int32) + 100, torch.arange(n, dtype=torch.float32) + 0.5
    for turn in range(3):
        mask = torch.from_numpy(rng.integers(0, 2, n).astype(np.int32))
        old, of_q = torch.full_like(p, -1), torch.full_like(q, -1)
        first, second = p.clone(), q.clone()
        old_numbers[(1,)](p, q, mask, old, of_q, BLOCK=n, schedule=schedule)
        on, within = mask != 0, (mask != 0) & (torch.arange(n) < n - 3)
        assert torch.equal(old, torch.where(on, first, 0)), turn
        assert torch.equal(of_q, torch.where(within, second, 0)), turn
        assert torch.equal(p, first + 5 * on) and torch.equal(q, torch.where(within, 2.5, second))
