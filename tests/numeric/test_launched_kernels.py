"""Kernels launched as Triton users launch them, through the plug-in, under every kind of schedule."""

from __future__ import annotations

import pytest
import torch
import triton
import triton.language as tl

from rung.errors import LaunchError

SCHEDULES = [
    "",
    "vectorize=off",
    "threads=1",
    "double_buffer=on",
    "scratchpad=on",
    "double_buffer=on depth=3 threads=3 distribution=block-cyclic",
]


@triton.jit
def sum_of_planes(x, out, A, B, C, BA: tl.constexpr, BB: tl.constexpr, BC: tl.constexpr):
    a = tl.arange(0, BA)[:, None, None]
    b = tl.arange(0, BB)[None, :, None]
    c = tl.arange(0, BC)[None, None, :]
    block = tl.load(x + (a * B + b) * C + c, mask=(a < A) & (b < B) & (c < C), other=0.0)
    rows, cols = tl.arange(0, BB)[:, None], tl.arange(0, BC)[None, :]
    tl.store(out + rows * C + cols, tl.sum(block, axis=0), mask=(rows < B) & (cols < C))


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_masked_reduction_over_the_first_of_three_axes(schedule: str) -> None:
    """The remainders of the mask reduce constants: loops that must stay with their task."""
    for shape in ((4, 8, 16), (3, 5, 11)):
        x, out = torch.randn(shape), torch.empty(shape[1:])
        for grid in (1, 2):
            sum_of_planes[(grid,)](x, out, *shape, 4, 8, 16, schedule=schedule)
            torch.testing.assert_close(out, x.sum(0), rtol=1e-5, atol=1e-5)


@triton.jit
def center(x, out, M, N, ROWS: tl.constexpr, COLS: tl.constexpr):
    r = (tl.program_id(0) * ROWS + tl.arange(0, ROWS))[:, None]
    c = tl.arange(0, COLS)[None, :]
    mask = (c < N) & (r < M)
    v = tl.load(x + r * N + c, mask).to(tl.float32)
    mean = tl.sum(tl.where(mask, v, 0), 1)[:, None] / N
    tl.store(out + r * N + c, v - mean, mask)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_narrow_rows(dtype: torch.dtype, schedule: str) -> None:
    for rows in (1, 4):
        x = torch.randn(77, 133).to(dtype)
        out = torch.empty_like(x)
        center[(triton.cdiv(77, rows),)](x, out, 77, 133, ROWS=rows, COLS=256, schedule=schedule)
        wide = x.float()
        torch.testing.assert_close(out.float(), wide - wide.mean(1, keepdim=True), rtol=1e-2, atol=1e-2)


@triton.jit
def triple_scalars(x, out, n):
    p = tl.program_id(0)
    tl.store(out + p, tl.load(x + p).to(tl.float32) * 3, mask=p < n)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_scalars_that_cross_a_branch(dtype: torch.dtype) -> None:
    """bf16 is rounded by a function of the runtime there; every rounding must be to nearest even."""
    x = torch.randn(1000).to(dtype)
    out = torch.zeros_like(x)
    triple_scalars[(1000,)](x, out, 999)
    expected = (x.float() * 3).to(dtype)
    assert torch.equal(out[:999], expected[:999])
    assert out[999] == 0


@pytest.mark.parametrize("size", [2**31, 2**33, 2**70, -1])
def test_a_grid_beyond_32_bits_is_refused(size: int) -> None:
    x = torch.zeros(1)
    with pytest.raises(LaunchError, match="grid dimension x is"):
        triple_scalars[(size,)](x, x, 0)


@triton.jit
def move_on(x, out, trips, BLOCK: tl.constexpr):
    i = tl.program_id(0) * 16 * BLOCK + tl.arange(0, BLOCK)
    for k in range(trips):
        tl.store(out + (k + 1) * BLOCK + i, tl.load(x + k * BLOCK + i) + 1)


@triton.jit
def count_up(x, out, trips, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    for _ in range(trips):
        tl.store(out + i, tl.load(x + i) + 1)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_one_array_under_two_names(schedule: str) -> None:
    """Loads that run ahead, and those that are done once before a loop, must not miss what a store brings."""
    chained = torch.arange(2 * 16 * 64) % 13
    expected = chained.reshape(2, 16, 64)[:, :1] + torch.arange(16)[:, None]
    move_on[(2,)](chained, chained, 15, BLOCK=64, schedule=schedule)
    assert torch.equal(chained.reshape(2, 16, 64), expected)
    counted = torch.arange(128)
    count_up[(2,)](counted, counted, 9, BLOCK=64, schedule=schedule)
    assert torch.equal(counted, torch.arange(128) + 9)


@triton.jit
def add_outer(x, y, n, SIZE: tl.constexpr):
    rows, cols = tl.arange(0, SIZE), tl.arange(0, SIZE)
    down = tl.load(y + rows, mask=rows < n, other=0.0)
    across = tl.load(y + cols, mask=cols < n, other=0.0)
    at = x + rows[:, None] * n + cols[None, :]
    mask = (rows[:, None] < n) & (cols[None, :] < n)
    tl.store(at, tl.load(at, mask=mask) + down[:, None] * across[None, :], mask=mask)
    tl.store(y + cols, across + 1, mask=cols < n)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_what_tiles_read_is_then_updated_by_their_program(schedule: str) -> None:
    """The view of `y` is used in the contexts of the tiles, and in that of the program."""
    for n in (1, 61, 256):
        x, y = torch.randn(n, n), torch.randn(n)
        expected = x + y[:, None] * y
        after = y + 1
        add_outer[(1,)](x, y, n, SIZE=256, schedule=f"{schedule} tile_elements=1000")
        torch.testing.assert_close(x, expected)
        torch.testing.assert_close(y, after)


@triton.jit
def stack_of_three(x, y, z, out, n, BLOCK: tl.constexpr):
    row = tl.program_id(1)
    if row == 0:
        source, factor = x, 1
    elif row == 1:
        source, factor = y + 3, 2
    else:
        source, factor = z, 3
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out + row * n + i, tl.load(source + i, mask=i < n) * factor, mask=i < n)


@triton.jit
def one_forward_one_back(x, y, out, BLOCK: tl.constexpr):
    row, i = tl.program_id(0), tl.arange(0, BLOCK)
    if row == 0:
        block = x + i
    else:
        block = y + (BLOCK - 1 - i)
    tl.store(tl.where(row == 0, out, y) + i, tl.load(block))


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int8, torch.int64])
def test_a_pointer_that_is_one_of_several_arguments(dtype: torch.dtype, schedule: str) -> None:
    x, y, z = torch.randint(-20, 20, (3, 1003)).to(dtype)
    out = torch.empty(3, 1000, dtype=dtype)
    stack_of_three[(4, 3)](x, y, z, out, 1000, BLOCK=256, schedule=schedule)
    assert torch.equal(out, torch.stack([x[:1000], 2 * y[3:], 3 * z[:1000]]))
    expected = y[:256].flip(0)
    one_forward_one_back[(2,)](x, y, out, BLOCK=256, schedule=schedule)
    assert torch.equal(out[0, :256], x[:256]) and torch.equal(y[:256], expected)


@triton.jit
def chain_by_choice(x, y, first, trips, BLOCK: tl.constexpr):
    source = y
    if first:
        source = x
    i = tl.arange(0, BLOCK)
    for k in range(trips):
        tl.store(x + (k + 1) * BLOCK + i, tl.load(source + k * BLOCK + i) + 1)


@triton.jit
def chain_by_address(x, address, trips, BLOCK: tl.constexpr):
    source = tl.load(address).to(tl.pointer_type(tl.float32))
    i = tl.arange(0, BLOCK)
    for k in range(trips):
        tl.store(x + (k + 1) * BLOCK + i, tl.load(source + k * BLOCK + i) + 1)


@triton.jit
def chain_by_type(x, trips, BLOCK: tl.constexpr):
    bits = x.to(tl.pointer_type(tl.int32))
    i = tl.arange(0, BLOCK)
    for k in range(trips):
        value = (tl.load(x + k * BLOCK + i) + 1).to(tl.int32, bitcast=True)
        tl.store(bits + (k + 1) * BLOCK + i, value)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_pointer_that_may_be_any_argument_keeps_its_order(schedule: str) -> None:
    """Loads that run ahead must not miss stores to the same array through a pointer that was computed."""
    expected = torch.arange(16.0).repeat_interleave(64)
    chained, other = torch.zeros(16 * 64), torch.full((16 * 64,), 7.0)
    chain_by_choice[(1,)](chained, other, 1, 15, BLOCK=64, schedule=schedule)
    assert torch.equal(chained, expected)
    chain_by_choice[(1,)](chained, other, 0, 15, BLOCK=64, schedule=schedule)
    assert torch.equal(chained[64:], other[64:] + 1)
    for chain in (chain_by_address, chain_by_type):
        chained = torch.zeros(16 * 64)
        address = () if chain is chain_by_type else (torch.tensor([chained.data_ptr()]),)
        chain[(1,)](chained, *address, 15, BLOCK=64, schedule=schedule)
        assert torch.equal(chained, expected), chain


@triton.jit
def sums_both_ways(x, whole, rows, cols, M: tl.constexpr, N: tl.constexpr):
    i, j = tl.arange(0, M), tl.arange(0, N)
    block = tl.load(x + i[:, None] * N + j[None, :])
    tl.store(whole, tl.sum(tl.reshape(block, (M * N,)), axis=0))
    tl.store(rows + i, tl.sum(block, axis=1))
    tl.store(cols + j, tl.sum(block, axis=0))


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_long_sums_of_narrow_floats(dtype: torch.dtype, schedule: str) -> None:
    """One accumulator that is rounded at every step stands still at 256, or at 2048."""
    for m, n in ((4, 4096), (4096, 4), (1, 16384)):
        x = torch.rand(m, n).to(dtype)
        whole, rows, cols = torch.empty(1, dtype=dtype), torch.empty(m, dtype=dtype), torch.empty(n, dtype=dtype)
        sums_both_ways[(1,)](x, whole, rows, cols, M=m, N=n, schedule=schedule)
        for out, expected in ((whole[0], x.double().sum()), (rows, x.double().sum(1)), (cols, x.double().sum(0))):
            torch.testing.assert_close(out, expected.to(dtype))
