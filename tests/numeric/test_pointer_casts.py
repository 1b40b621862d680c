"""Pointers seen as pointers to another type: offsets are in bytes, whatever was pointed at before."""

from __future__ import annotations

import pytest
import torch
import triton
import triton.language as tl

from rung.errors import UnsupportedError

SCHEDULES = ["", "vectorize=off threads=1", "double_buffer=on threads=2 tile_elements=16"]
N = 64


@pytest.fixture
def words() -> torch.Tensor:
    """Integers all of whose bytes matter."""
    return torch.randint(-(2**31), 2**31 - 1, (N,), generator=torch.manual_seed(0)).int()


@triton.jit
def both_halves(x, y, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    p = (x + i).to(tl.pointer_type(tl.int16))
    tl.store(y + i, tl.load(p) + tl.load(p + 1))


@triton.jit
def from_a_scalar(x, y, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    p = (x + tl.program_id(0) * BLOCK * 2).to(tl.pointer_type(tl.int32))
    tl.store(y + tl.program_id(0) * BLOCK + i, tl.load(p + i))


@triton.jit
def from_a_block(x, y, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(y + i, tl.load((x + i * 2).to(tl.pointer_type(tl.int32))))


@triton.jit
def rows(x, y, stride, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    p = x + tl.arange(0, 2)[:, None] * stride + i[None, :] * 2
    tl.store(y + i, tl.sum(tl.load(p.to(tl.pointer_type(tl.int32))), 0))


@triton.jit
def wrapped(x, y, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(y + i, tl.load((x + (i + 5) % n * 2).to(tl.pointer_type(tl.int32))))


@triton.jit
def gathered(x, index, y, scale, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(y + i, tl.load((x + tl.load(index + i) * scale).to(tl.pointer_type(tl.int32))))


@triton.jit
def chosen_by_branch(x, index, y, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    p = (x + 2 * tl.load(index + i)).to(tl.pointer_type(tl.int32))
    q = x.to(tl.pointer_type(tl.int32))
    if n > 3:
        p = (x + 2 * tl.load(index + i) + 2).to(tl.pointer_type(tl.int32))
        q = (x + 2).to(tl.pointer_type(tl.int32))
    tl.store(y + i, tl.load(p - 1) + tl.load(q - 1))


@triton.jit
def read_then_written_narrow(x, y, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    before = tl.load(x + i)
    tl.store(x.to(tl.pointer_type(tl.int16)) + i, i.to(tl.int16))
    tl.store(y + i, before)


@triton.jit
def unaligned(x, y, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(y + i, tl.load((x + i).to(tl.pointer_type(tl.int32))))


@triton.jit
def greatest(x, index, y, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    at = tl.load(index + i, mask=i < n, other=0)
    tl.atomic_max(y + at, tl.load(x + i, mask=i < n), mask=i < n)
    tl.atomic_min(y + 8 + at, tl.load(x + i, mask=i < n), mask=i < n)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_to_a_narrower_type(schedule: str, words: torch.Tensor) -> None:
    y, halves = torch.empty(N, dtype=torch.int16), words.view(torch.int16)
    both_halves[(4,)](words, y, BLOCK=16, schedule=schedule)
    assert torch.equal(y, halves[::2] + halves[1::2])


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_to_a_wider_type(schedule: str, words: torch.Tensor) -> None:
    halves, y = words.view(torch.int16), torch.empty_like(words)
    for kernel in (from_a_scalar, from_a_block):
        y.zero_()
        kernel[(4,)](halves, y, BLOCK=16, schedule=schedule)
        assert torch.equal(y, words)
    rows[(2,)](halves, y, N, BLOCK=16, schedule=schedule)
    assert torch.equal(y[:32], words[:32] + words[32:])
    wrapped[(4,)](halves, y, 50, BLOCK=16, schedule=schedule)
    assert torch.equal(y, words[(torch.arange(N) + 5) % 50])


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_of_pointers_with_loaded_offsets(schedule: str, words: torch.Tensor) -> None:
    index, y = torch.randperm(N).int(), torch.empty_like(words)
    for x, scale in ((words.view(torch.float32), 1), (words.view(torch.int16), 2)):
        y.zero_()
        gathered[(4,)](x, index, y, scale, BLOCK=16, schedule=schedule)
        assert torch.equal(y, words[index.long()])
    chosen_by_branch[(4,)](words.view(torch.int16), index, y, 4, BLOCK=16, schedule=schedule)
    assert torch.equal(y, words[index.long()] + words[0])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_greatest_and_least_floats_by_loaded_offsets(schedule: str, dtype: torch.dtype) -> None:
    """Triton makes them of atomics on the bits, through pointers to integers."""
    x, index = torch.randn(1000, dtype=dtype), torch.randint(0, 8, (1000,))
    y = torch.zeros(16, dtype=dtype)
    greatest[(8,)](x, index.int(), y, 1000, BLOCK=128, schedule=schedule)
    wanted = torch.zeros(8, dtype=dtype)
    assert torch.equal(y[:8], wanted.scatter_reduce(0, index, x, "amax"))
    assert torch.equal(y[8:], wanted.scatter_reduce(0, index, x, "amin"))


def test_elements_of_another_size_are_another_place(words: torch.Tensor) -> None:
    x, y = words.clone(), torch.empty_like(words)
    read_then_written_narrow[(1,)](x, y, BLOCK=N)
    assert torch.equal(y, words)


def test_a_cast_that_no_aligned_pointer_allows_is_refused(words: torch.Tensor) -> None:
    with pytest.raises(UnsupportedError, match="not a multiple of 4 bytes apart"):
        unaligned[(1,)](words.view(torch.int16), torch.empty(16, dtype=torch.int32), BLOCK=16)
