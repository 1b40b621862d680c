"""Block pointers that control flow carries in ways that Triton's own pass does not know."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import torch
import triton
import triton.language as tl

pytestmark = pytest.mark.filterwarnings("ignore:tl.make_block_ptr is deprecated")


@triton.jit
def block_of(x, n, at):
    return tl.make_block_ptr(x, (n, n), (n, 1), (at, 0), (16, 16), (1, 0))


def written(kernel: Any, k: int, n: int = 64) -> dict[tuple[int, int], float]:
    """The number in each block of 16 x 16 that was written."""
    x = torch.zeros(n, n)
    kernel[(1,)](x, n, k)
    blocks = x.reshape(n // 16, 16, n // 16, 16).transpose(1, 2).reshape(n // 16, n // 16, 256)
    assert (blocks == blocks[..., :1]).all()
    return {(int(r), int(c)): float(blocks[r, c, 0]) for r, c in blocks[..., 0].nonzero()}


@triton.jit
def carried_by_while(x, n, k):
    p, t = block_of(x, n, 0), k
    while t > 0:
        tl.store(p, tl.zeros((16, 16), tl.float32) + t)
        p, t = tl.advance(p, (0, 16)), t - 1


@triton.jit
def carried_by_both_loops(x, n, k):
    p = block_of(x, n, 0)
    for i in range(k):
        q, t = p, 0
        while t < 2:
            if t == 1:
                q = tl.advance(q, (0, 32))
            tl.store(q, tl.zeros((16, 16), tl.float32) + 10 * i + t + 1)
            t += 1
        p = tl.advance(p, (16, 0))


@triton.jit
def chosen_before_return(x, n, k):
    p = block_of(x, n, 0)
    if k > 1:
        if k > 2:
            return
        p = tl.advance(p, (0, 16))
    tl.store(p, tl.zeros((16, 16), tl.float32) + k)


@triton.jit
def choose(x, n, k):
    p = block_of(x, n, 16)
    if k == 1:
        return tl.advance(p, (0, 32))
    if k == 2:
        p = tl.advance(p, (16, 0))
        return p
    return p


@triton.jit
def returned_early(x, n, k):
    tl.store(choose(x, n, k), tl.zeros((16, 16), tl.float32) + k)


@triton.jit(noinline=True)
def fill(first, p, k):
    tl.store(p, tl.zeros((16, 16), tl.float32) + k)
    tl.store(first, tl.zeros((16, 16), tl.float32) + 7)
    return k, tl.advance(p, (0, 16))


@triton.jit
def through_functions(x, n, k):
    k, p = fill(block_of(x, n, 0), block_of(x, n, 16), k)
    fill(block_of(x, n, 0), p, k + 1)


CASES = [
    (carried_by_while, 0, {}),
    (carried_by_while, 3, {(0, 0): 3, (0, 1): 2, (0, 2): 1}),
    (carried_by_both_loops, 2, {(0, 0): 1, (0, 2): 2, (1, 0): 11, (1, 2): 12}),
    (chosen_before_return, 1, {(0, 0): 1}),
    (chosen_before_return, 2, {(0, 1): 2}),
    (chosen_before_return, 3, {}),
    (returned_early, 1, {(1, 2): 1}),
    (returned_early, 2, {(2, 0): 2}),
    (returned_early, 3, {(1, 0): 3}),
    (through_functions, 4, {(0, 0): 7, (1, 0): 4, (1, 1): 5}),
]


@pytest.mark.parametrize("kernel, k, blocks", CASES, ids=lambda v: getattr(v, "__name__", None))
def test_blocks_that_are_written(kernel: Any, k: int, blocks: dict[tuple[int, int], float]) -> None:
    assert written(kernel, k) == blocks


def test_bounds_and_padding_are_kept() -> None:
    @triton.jit
    def sums(x, y, n):
        p, t = block_of(x, n, 0), 0
        total = tl.zeros((16, 16), tl.float32)
        while t < n:
            total += tl.load(p, boundary_check=(0, 1), padding_option="nan")
            p, t = tl.advance(p, (0, 16)), t + 16
        tl.store(block_of(y, n, 0), total, boundary_check=(0,))

    x = torch.randn(20, 20)
    y = torch.zeros(20, 20)
    sums[(1,)](x, y, 20)
    beyond = torch.full((16, 12), float("nan"))
    expected = x[:16, :16] + torch.cat([x[:16, 16:], beyond], 1)
    assert torch.allclose(y[:16, :16], expected, equal_nan=True)


def test_lines_are_kept() -> None:
    """What a compiler says behind the way through text names the kernel's line."""
    from rung.frontends.triton.capture import make_ttir

    ttir = str(make_ttir(carried_by_while, {"x": "*fp32", "n": "i32", "k": "i32"}, {}))
    lines, first = inspect.getsourcelines(carried_by_while.fn)
    store = first + next(k for k, line in enumerate(lines) if "tl.store" in line)
    assert f'test_block_pointers.py":{store}:' in ttir
