"""Integer arithmetic has a result for all operands, the same in blocks as in numbers, and never ends the process."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import triton
import triton.language as tl

SCHEDULES = ["threads=1", "vectorize=off threads=1"]
TYPES = [torch.int8, torch.int16, torch.int32, torch.int64, torch.uint8, torch.uint16, torch.uint32, torch.uint64]


def edges(dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    """All pairs of what is next to 0, to the width of the type, and to the ends of its range."""
    info = torch.iinfo(dtype)
    near = [*range(-3, 4), info.bits - 1, info.bits, info.bits + 1, info.min, info.min + 1, info.max - 1, info.max]
    values = sorted({v for v in near if info.min <= v <= info.max})
    a, b = zip(*((x, y) for x in values for y in values), strict=True)
    return torch.tensor(a, dtype=dtype), torch.tensor(b, dtype=dtype)


def quotient(a: int, b: int) -> int:
    """Rounded towards 0; by 0 as by 1."""
    b = b or 1
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def shifted(a: int, b: int, bits: int, left: bool) -> int:
    if 0 <= b < bits:
        return a << b if left else a >> b
    return -1 if a < 0 and not left else 0


FORMULAS: dict[str, Callable[[int, int, int], int]] = {
    "/": lambda a, b, bits: quotient(a, b),
    "%": lambda a, b, bits: a - quotient(a, b) * (b or 1),
    "<": lambda a, b, bits: shifted(a, b, bits, left=True),
    ">": lambda a, b, bits: shifted(a, b, bits, left=False),
}


def wanted(name: str, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    bits, unsigned = torch.iinfo(a.dtype).bits, torch.iinfo(a.dtype).min == 0
    exact = (FORMULAS[name](x, y, bits) % (1 << bits) for x, y in zip(a.tolist(), b.tolist(), strict=True))
    wrapped = [n if unsigned or n < 1 << (bits - 1) else n - (1 << bits) for n in exact]
    return torch.tensor(wrapped, dtype=a.dtype)


@triton.jit
def apply(a, b, NAME: tl.constexpr):
    if NAME == "/":
        return a // b
    elif NAME == "%":
        return a % b
    elif NAME == "<":
        return a << b
    else:
        return a >> b


@triton.jit
def of_blocks(a, b, o, n, NAME: tl.constexpr, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(o + i, apply(tl.load(a + i, mask=i < n), tl.load(b + i, mask=i < n), NAME), mask=i < n)


@triton.jit
def of_numbers(a, b, o, n, NAME: tl.constexpr, BLOCK: tl.constexpr):
    for k in range(BLOCK):
        i = tl.program_id(0) * BLOCK + k
        if i < n:
            tl.store(o + i, apply(tl.load(a + i), tl.load(b + i), NAME))


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("dtype", TYPES, ids=str)
@pytest.mark.parametrize("name", FORMULAS)
def test_blocks_and_numbers(name: str, dtype: torch.dtype, schedule: str) -> None:
    a, b = edges(dtype)
    expected = wanted(name, a, b)
    for kernel in (of_blocks, of_numbers):
        found = torch.zeros_like(a)
        kernel[(triton.cdiv(len(a), 32),)](a, b, found, len(a), name, 32, schedule=schedule)
        wrong = [k for k in range(len(a)) if found[k] != expected[k]][:5]
        assert not wrong, (kernel.__name__, [(int(a[k]), int(b[k]), int(found[k])) for k in wrong])


@triton.jit
def by_one_number(a, o, d, NAME: tl.constexpr, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(o + i, apply(tl.load(a + i), d, NAME))


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("name", FORMULAS)
def test_a_block_and_an_argument(name: str, schedule: str) -> None:
    a = edges(torch.int32)[0][::8][:16].contiguous()
    for by in (0, -1, 1, 3, 33, -(2**31), 2**31 - 1):
        found = torch.zeros_like(a)
        by_one_number[(1,)](a, found, by, name, 16, schedule=schedule)
        assert torch.equal(found, wanted(name, a, torch.full_like(a, by))), by


# ---- results that are not used


@triton.jit
def of_an_argument(a, o, n):
    tl.store(o, tl.where(n != 0, 100 // n, -5))


@triton.jit
def under_a_mask(a, o, n):
    y = tl.load(a + 1, mask=n > 0, other=0)
    tl.store(o, tl.load(a) // y, mask=n > 0)


@triton.jit
def in_a_loop(a, o, n):
    total = -5
    for i in range(3):
        if n > i:
            total += 100 % n
    tl.store(o, total)


@triton.jit
def of_an_address(a, o, n):
    tl.store(o, tl.load(a + 5 % n + tl.arange(0, 1), mask=n > 0, other=-5).sum())


@triton.jit
def of_a_wrapped_block(a, o, n):
    i = tl.arange(0, 16)
    tl.store(o, tl.sum(tl.load(a + (3 + i) % n, mask=i < n, other=0)) - 5)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("kernel", [of_an_argument, under_a_mask, in_a_loop, of_an_address, of_a_wrapped_block])
def test_a_division_by_zero_whose_result_is_not_used(kernel: object, schedule: str) -> None:
    a, o = torch.zeros(32, dtype=torch.int32), torch.full((1,), -5, dtype=torch.int32)
    kernel[(1,)](a, o, 0, schedule=schedule)  # pyright: ignore
    assert o.item() == -5


@triton.jit
def divide(a, b):
    return b // a


@triton.jit
def combined(a, o, n):
    i = tl.arange(0, 16)
    tl.store(o, tl.reduce(tl.load(a + i), 0, divide))
    tl.store(o + 1 + i, tl.associative_scan(tl.load(a + i), 0, divide))


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_combine_functions_that_divide(schedule: str) -> None:
    """The accumulators of a reduction hold 0 before they hold a number."""
    a, o = torch.ones(16, dtype=torch.int32), torch.zeros(17, dtype=torch.int32)
    combined[(1,)](a, o, 0, schedule=schedule)
    assert o.tolist() == [1] * 17


# ---- loops


@triton.jit
def counted(o, low, high, step):
    turns, last = 0, -1
    pointer = o + 2
    for i in range(low, high, step):
        turns += 1
        last = i
        pointer += 1
    tl.store(o, turns)
    tl.store(o + 1, last)
    tl.store(pointer, 7)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize(
    "bounds", [(0, 10, 3), (0, 10, 0), (0, 10, -1), (10, 0, 0), (0, 1, -(2**31)), (5, 5, 0)], ids=str
)
def test_a_loop_whose_step_is_not_positive_is_not_run(bounds: tuple[int, int, int], schedule: str) -> None:
    turns = list(range(*bounds)) if bounds[2] > 0 else []
    o = torch.zeros(8, dtype=torch.int32)
    counted[(1,)](o, *bounds, schedule=schedule)
    assert o[:2].tolist() == [len(turns), [-1, *turns][-1]]
    assert o[2 + len(turns)] == 7
