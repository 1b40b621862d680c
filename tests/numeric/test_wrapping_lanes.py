"""Numbers of 32 bits that wrap inside a vector and are then read as wider ones: what is linear from lane to lane."""

from __future__ import annotations

import pytest
import torch
import triton
import triton.language as tl

SCHEDULES = ["threads=1 vectorize=off", "threads=1", "threads=1 scratchpad=on tile_elements=32", "threads=2"]


@triton.jit
def masked(x, o, BLOCK: tl.constexpr, FIRST: tl.constexpr):
    i = tl.arange(0, BLOCK)
    wrapped = (i + tl.full((), FIRST, tl.int32)).to(tl.int64) - FIRST
    v = tl.load(x + wrapped, mask=(wrapped >= 0) & (wrapped < BLOCK), other=-1)
    tl.store(o + i, v)


@triton.jit
def folded(x, o, BLOCK: tl.constexpr, FIRST: tl.constexpr):
    i = tl.arange(0, BLOCK)
    wrapped = (i + tl.full((), FIRST, tl.int32)).to(tl.int64) - FIRST
    v = tl.load(x + wrapped, mask=(wrapped >= 0) & (wrapped < BLOCK), other=-1)
    tl.store(o + i, tl.max(v, 0))


@triton.jit
def carried(x, o, n, BLOCK: tl.constexpr, FIRST: tl.constexpr):
    i = tl.arange(0, BLOCK)
    at = i + tl.full((), FIRST, tl.int32)
    for _ in range(n):
        tl.store(o + i, at.to(tl.int64) + tl.load(x + i))
        at += 3


@triton.jit
def widened(x, o, BLOCK: tl.constexpr, FIRST: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(o + i, ((i * 5 + tl.full((), FIRST, tl.int32)).to(tl.int64) >> 3) + tl.load(x + i))


def numbers(block: int, first: int, factor: int = 1) -> torch.Tensor:
    """`arange * factor + first` of 32 bits, as numbers of 64."""
    wide = torch.arange(block, dtype=torch.int64) * factor + first
    return (wide + 2**31) % 2**32 - 2**31


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("block", [2, 16, 64, 256])
@pytest.mark.parametrize("before", [0, 1, 7, 100, 1 << 20])
class TestWrapping:
    """The block wraps behind its element number `before`."""

    def test_in_a_mask(self, schedule, block, before):
        x, o = torch.arange(block) + 10, torch.zeros(block, dtype=torch.int64)
        masked[(1,)](x, o, BLOCK=block, FIRST=2**31 - 1 - before, schedule=schedule)
        place = numbers(block, 2**31 - 1 - before) - (2**31 - 1 - before)
        inside = (place >= 0) & (place < block)
        assert torch.equal(o, torch.where(inside, x[place.clamp(0, block - 1)], -1))

    def test_under_a_reduction(self, schedule, block, before):
        x, o = torch.arange(block) + 10, torch.zeros(block, dtype=torch.int64)
        folded[(1,)](x, o, BLOCK=block, FIRST=2**31 - 1 - before, schedule=schedule)
        assert torch.equal(o, torch.full((block,), 10 + min(before, block - 1)))

    def test_carried_by_a_loop(self, schedule, block, before):
        x, o = torch.arange(block) + 10, torch.zeros(block, dtype=torch.int64)
        carried[(1,)](x, o, 4, BLOCK=block, FIRST=2**31 - 1 - before, schedule=schedule)
        assert torch.equal(o, numbers(block, 2**31 - 1 - before + 9) + x)

    def test_as_a_value(self, schedule, block, before):
        x, o = torch.arange(block) + 10, torch.zeros(block, dtype=torch.int64)
        widened[(1,)](x, o, BLOCK=block, FIRST=2**31 - 1 - before, schedule=schedule)
        assert torch.equal(o, (numbers(block, 2**31 - 1 - before, 5) >> 3) + x)


@triton.jit
def far(x, o, n, BLOCK: tl.constexpr, BY: tl.constexpr, LEAST: tl.constexpr):
    i = tl.arange(0, BLOCK)
    number = i.to(tl.int64) + (n - 1) - tl.full((), BY, tl.int64)
    tl.store(o + i, tl.load(x + i), mask=number >= LEAST)


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("by", [2**63 - 1, -(2**63), -(2**62), 2**61 + 3, 5])
@pytest.mark.parametrize("least", [-(2**63), 2**63 - 1, 2**63 - 40, -(2**62), 0])
def test_numbers_of_64_bits_at_the_edge_of_their_range(n, by, least):
    """A constant offset is a number of 64 bits, too: 0 + 2^63 is -2^63."""
    x, o = torch.arange(64) + 10, torch.zeros(64, dtype=torch.int64)
    far[(1,)](x, o, n, BLOCK=64, BY=by, LEAST=least)
    number = torch.arange(64) + (n - 1) - torch.tensor(by)
    assert torch.equal(o, torch.where(number >= least, x, 0))


@triton.jit
def scaled(x, o, FACTOR: tl.constexpr, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK).to(o.dtype.element_ty)
    tl.store(o + tl.arange(0, BLOCK), i * FACTOR * FACTOR + tl.load(x + tl.arange(0, BLOCK)))


FACTORS = [
    *((torch.int64, 2**63 - 1), (torch.int64, 2**62 + 1), (torch.int64, -(2**63)), (torch.int32, 2**31 - 1)),
    *((torch.int16, 300), (torch.int8, 100), (torch.int8, 16)),
]


@pytest.mark.parametrize("schedule", [*SCHEDULES, "threads=1 unroll=4"])
@pytest.mark.parametrize("block", [16, 64, 256])
@pytest.mark.parametrize(("kind", "factor"), FACTORS)
def test_a_step_from_lane_to_lane_wraps_as_the_numbers_do(kind, factor, block, schedule):
    x, o = torch.arange(block, dtype=kind), torch.zeros(block, dtype=kind)
    scaled[(1,)](x, o, FACTOR=factor, BLOCK=block, schedule=schedule)
    width = torch.iinfo(kind).bits
    wide = [i * factor * factor + int(x[i]) for i in range(block)]
    expected = [(v + 2 ** (width - 1)) % 2**width - 2 ** (width - 1) for v in wide]
    assert o.tolist() == expected
