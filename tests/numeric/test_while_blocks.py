"""Blocks of pointers and numbers that a loop moves as one, most of them in a `while`, against formulas."""

from __future__ import annotations

import pytest
import torch
import triton
import triton.language as tl

SCHEDULES = {
    "vector": "threads=1",
    "scalar": "vectorize=off threads=1",
    "threads": "threads=2 profitability=off",
    "buffers": "threads=2 profitability=off double_buffer=on",
}
DTYPES = [torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.int8, torch.int32, torch.int64]


@pytest.fixture(params=SCHEDULES.values(), ids=SCHEDULES)
def schedule(request: pytest.FixtureRequest) -> str:
    return request.param


@triton.jit
def sum_of_row(x, y, n, BLOCK: tl.constexpr):
    at = tl.arange(0, BLOCK)
    pointers = x + tl.program_id(0) * n + at
    acc = tl.zeros((BLOCK,), y.dtype.element_ty)
    done = 0
    while done < n:
        acc += tl.load(pointers, mask=at < n - done, other=0).to(acc.dtype)
        pointers += BLOCK
        done += BLOCK
    tl.store(y + tl.program_id(0), tl.sum(acc, 0))


@pytest.mark.parametrize("n", [1, 31, 32, 100])
def test_sums_of_rows(schedule: str, n: int) -> None:
    x, y = torch.randint(-5, 5, (7, n)).float(), torch.empty(7)
    sum_of_row[(7,)](x, y, n, BLOCK=32, schedule=schedule)
    assert torch.equal(y, x.sum(1))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_rows_of_every_type(dtype: torch.dtype) -> None:
    x, y = torch.randint(-3, 3, (5, 77)).to(dtype), torch.empty(5, dtype=torch.float32)
    sum_of_row[(5,)](x, y, 77, BLOCK=32)
    assert torch.equal(y, x.float().sum(1))


@triton.jit
def copy_by_numbers(x, y, n, BLOCK: tl.constexpr):
    """Numbers of elements are moved, and are in the masks; the last ones are used behind the loop."""
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    step = tl.num_programs(0) * BLOCK
    first = tl.program_id(0) * BLOCK
    while first < n:
        tl.store(y + at, tl.load(x + at, mask=(at >= 3) & (at < n), other=-1.0) * 2, mask=at < n)
        at += step
        first += step
    tl.store(y + n + tl.program_id(0) * BLOCK + tl.arange(0, BLOCK), at.to(tl.float32))


@pytest.mark.parametrize("n", [1, 64, 129, 500])
def test_a_grid_that_strides(schedule: str, n: int) -> None:
    x, y = torch.randn(n), torch.zeros(n + 64)
    copy_by_numbers[(2,)](x, y, n, BLOCK=32, schedule=schedule)
    wanted = torch.where(torch.arange(n) >= 3, x, -1.0) * 2
    assert torch.equal(y[:n], wanted)
    turns = [-(-max(n - 32 * pid, 0) // 64) for pid in range(2)]
    behind = torch.cat([torch.arange(32) + 32 * pid + 64 * turn for pid, turn in enumerate(turns)])
    assert torch.equal(y[n:], behind.float())


@triton.jit
def along_a_list(x, steps, y, turns, BLOCK: tl.constexpr):
    """The step is read in every turn, and a tile of two dimensions moves by it."""
    i, j = tl.arange(0, 4)[:, None], tl.arange(0, BLOCK)[None, :]
    tile, out = x + i * 64 + j, y + i * BLOCK + j
    k = 0
    while k < turns:
        tl.store(out, tl.load(tile))
        tile += tl.load(steps + k)
        out += 4 * BLOCK
        k += 1
    tl.store(out, tl.load(tile))


@pytest.mark.parametrize("steps", [[], [5], [64, -64, 3, 0], [128, 1, 1, -130]], ids=str)
def test_steps_that_are_read(schedule: str, steps: list[int]) -> None:
    x, y = torch.randn(8, 64), torch.zeros(len(steps) + 1, 4, 16)
    along_a_list[(1,)](x, torch.tensor([*steps, 0], dtype=torch.int32), y, len(steps), BLOCK=16, schedule=schedule)
    for turn, found in enumerate(y):
        assert torch.equal(found, x.flatten()[sum(steps[:turn]) :].as_strided((4, 16), (64, 1)))


@triton.jit
def wrapping(y, n, start, step, BLOCK: tl.constexpr):
    number = (start + tl.arange(0, BLOCK)).to(tl.uint32)
    k = 0
    while k < n:
        tl.store(y + number.to(tl.int64), k + 1, mask=(number >= 4) & (number < BLOCK + 7))
        number += step
        k += 1


def test_numbers_that_wrap(schedule: str) -> None:
    for start, step, n in ((-8, 4, 9), (0, -1, 3), (100, 1 << 30, 5), (-(1 << 31), -(1 << 31), 4)):
        y = torch.zeros(32 + 7, dtype=torch.int32)
        wrapping[(1,)](y, n, start, step, BLOCK=32, schedule=schedule)
        wanted = torch.zeros_like(y)
        for k in range(n):
            for i in range(32):
                number = (start + i + k * step) % (1 << 32)
                if 4 <= number < 39:
                    wanted[number] = k + 1
        assert torch.equal(y, wanted)


@triton.jit
def nested(x, y, rows, columns, BLOCK: tl.constexpr):
    row, at, r = x + tl.arange(0, BLOCK), y + tl.arange(0, BLOCK), 0
    while r < rows:
        tile, target, c = row, at, 0
        while c < columns:
            tl.store(target, tl.load(tile, mask=tl.arange(0, BLOCK) < columns - c, other=0.0) + 1)
            tile, target, c = tile + BLOCK, target + BLOCK, c + BLOCK
        for _ in range(2):
            row += columns
        at = target
        r += 2


def test_loops_in_loops(schedule: str) -> None:
    x, y = torch.randn(6, 40), torch.zeros(3, 48)
    nested[(1,)](x, y, 6, 40, BLOCK=16, schedule=schedule)
    assert torch.equal(y[:, :40], x[::2] + 1)


@triton.jit
def numbers_of_a_for(x, steps, y, turns, n, BLOCK: tl.constexpr):
    """A `for` loop carries numbers as a `while` loop does where the step is not the same in every turn."""
    at = tl.arange(0, BLOCK)
    for k in range(turns):
        tl.store(y + k * BLOCK + tl.arange(0, BLOCK), tl.load(x + at, mask=(at >= 0) & (at < n), other=-1.0))
        at += tl.load(steps + k)
    tl.store(y + turns * BLOCK + tl.arange(0, BLOCK), at.to(tl.float32))


@pytest.mark.parametrize("steps", [[], [5, 90, 3], [-70, 64, 2000000000, 2000000000]], ids=str)
def test_numbers_that_a_for_loop_moves_by_what_it_reads(schedule: str, steps: list[int]) -> None:
    x, y = torch.randn(100), torch.zeros(len(steps) + 1, 32)
    given = torch.tensor([*steps, 0], dtype=torch.int32)
    numbers_of_a_for[(1,)](x, given, y, len(steps), 100, BLOCK=32, schedule=schedule)
    at = torch.arange(32, dtype=torch.int32)
    for found, step in zip(y, steps, strict=False):
        there = (at >= 0) & (at < 100)
        assert torch.equal(found, torch.where(there, x[at.clamp(0, 99)], -1.0))
        at = at + torch.tensor(step, dtype=torch.int32)  # wraps
    assert torch.equal(y[-1], at.float())
