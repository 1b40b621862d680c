"""Coordinates of a block's numbers by divisors that only a launch knows, against formulas: long rows and short ones,
divisors of both signs, numbers from anywhere on."""

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


@triton.jit(do_not_specialize=["total", "n"])
def add_bias(x, rows, columns, y, total, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = i < total
    bias = tl.load(rows + i // n, mask=inside) + tl.load(columns + i % n, mask=inside)
    tl.store(y + i, tl.load(x + i, mask=inside) + bias, mask=inside)


@pytest.mark.parametrize("n", [1, 3, 15, 16, 17, 64, 100, 128, 500])
def test_biases_of_rows_and_columns(schedule: str, n: int) -> None:
    x = torch.randint(-9, 9, (500 // n, n)).float()
    rows, columns, y = x[:, 0] + 1, x[0] - 2, torch.zeros_like(x)
    add_bias[(4,)](x, rows, columns, y, x.numel(), n, BLOCK=128, schedule=schedule)
    assert torch.equal(y, x + rows[:, None] + columns)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_biases_of_every_type(dtype: torch.dtype) -> None:
    x = torch.randint(-9, 9, (9, 37)).to(dtype)
    rows, columns, y = x[:, 0].clone(), x[0].clone(), torch.zeros_like(x)
    add_bias[(4,)](x, rows, columns, y, x.numel(), 37, BLOCK=128)
    assert torch.equal(y, x + rows[:, None] + columns)


@triton.jit(do_not_specialize=["first", "n", "border"])
def numbers(quotients, remainders, halo, first, n, border, BLOCK: tl.constexpr, TYPE: tl.constexpr):
    i = (first + tl.arange(0, BLOCK)).to(TYPE)
    inner = i % n.to(TYPE)
    tl.store(quotients + tl.arange(0, BLOCK), (i // n.to(TYPE)).to(tl.int64))
    tl.store(remainders + tl.arange(0, BLOCK), inner.to(tl.int64))
    keep = (inner >= border) & (inner < n.to(TYPE) - border)
    tl.store(halo + tl.arange(0, BLOCK), i // n.to(TYPE) + 1, mask=keep)


@pytest.mark.parametrize("kind", [tl.int32, tl.int64, tl.uint32], ids=str)
def test_numbers_from_anywhere(schedule: str, kind: tl.dtype) -> None:
    for first, n, border in ((0, 20, 3), (7, 64, 0), (-30, 17, 2), (1000, 300, 20), (5, -20, 0), (90, 2, 0)):
        if kind == tl.uint32 and (first < 0 or n < 0):
            continue
        quotients, remainders = torch.zeros(2, 128, dtype=torch.int64)
        halo = torch.zeros(128, dtype=torch.int32)
        numbers[(1,)](quotients, remainders, halo, first, n, border, BLOCK=128, TYPE=kind, schedule=schedule)
        i = first + torch.arange(128)
        quotient = torch.div(i, n, rounding_mode="trunc")
        remainder = i - quotient * n
        assert torch.equal(quotients, quotient) and torch.equal(remainders, remainder)
        keep = (remainder >= border) & (remainder < n - border)
        assert torch.equal(halo, torch.where(keep, quotient + 1, 0).int())


@triton.jit(do_not_specialize=["n"])
def onto_rows(x, y, n, BLOCK: tl.constexpr):
    """All elements of a row go to one place: there they are added, and one of them is stored."""
    i = tl.arange(0, BLOCK)
    tl.atomic_add(y + i // n, tl.load(x + i // n * n + (n - 1 - i % n)))
    tl.store(y + 64 + i // n, tl.load(x + i))


@pytest.mark.parametrize("n", [2, 16, 40, 64, 128])
def test_many_elements_of_one_place(schedule: str, n: int) -> None:
    x, y = torch.randint(-5, 5, (128 + n,)).float(), torch.zeros(128)
    onto_rows[(1,)](x, y, n, BLOCK=128, schedule=schedule)
    i = torch.arange(128)
    wanted = torch.zeros(64).index_add(0, i // n, x[i // n * n + n - 1 - i % n])
    assert torch.equal(y[:64], wanted)
    for row, found in enumerate(y[64 : 64 + -(-128 // n)]):  # one of those that were stored there
        assert found in x[:128][row * n : (row + 1) * n]
