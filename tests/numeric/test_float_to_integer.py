"""Floats become integers as in torch, in and out of range, wherever in a block they stand."""

from __future__ import annotations

import pytest
import torch
import triton
import triton.language as tl

SCHEDULES = ["threads=1", "vectorize=off threads=1"]
FLOATS = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
INTEGERS = [torch.int8, torch.int16, torch.int32, torch.int64, torch.uint8, torch.uint16, torch.uint32, torch.uint64]


def edges(dtype: torch.dtype) -> torch.Tensor:
    """What is next to the ends of every integer's range, in between and far beyond; infinities and NaN."""
    found = [0.0, 0.5, 0.99, 1.5, 1e-30, 166.0, 300.0, 3e9 + 1, 1e20, 3e38, float("inf"), float("nan")]
    for p in (7, 8, 15, 16, 31, 32, 53, 63, 64, 65):
        found += [2.0**p + d for d in (-2, -1, -0.5, 0, 0.5, 1, 2)]
        found += [2.0**p * f for f in (1.5, 1 - 2**-24, 1 - 2**-11)]
    return torch.tensor([*found, *(-x for x in found)], dtype=torch.float64).to(dtype)


def answers(x: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """torch's, of its vector code and of its code for single numbers: few do not agree, and of those any is right."""
    strided = torch.stack([x, x], 1)[:, 0]
    assert not strided.is_contiguous()
    single = torch.stack([e.reshape(1).to(dtype)[0] for e in x])
    return torch.stack([x.to(dtype), strided.to(dtype), single])


@triton.jit
def of_blocks(x, o, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(o + i, tl.load(x + i, mask=i < n).to(o.dtype.element_ty), mask=i < n)


@triton.jit
def of_numbers(x, o, n, BLOCK: tl.constexpr):
    for k in range(BLOCK):
        i = tl.program_id(0) * BLOCK + k
        if i < n:
            tl.store(o + i, tl.load(x + i).to(o.dtype.element_ty))


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("target", INTEGERS, ids=str)
@pytest.mark.parametrize("source", FLOATS, ids=str)
def test_as_torch(source: torch.dtype, target: torch.dtype, schedule: str) -> None:
    x = edges(source)
    right = answers(x, target).tolist()
    for kernel in (of_blocks, of_numbers):
        found = torch.zeros(len(x), dtype=target)
        kernel[(triton.cdiv(len(x), 64),)](x, found, len(x), BLOCK=64, schedule=schedule)
        wrong = [k for k, y in enumerate(found.tolist()) if all(y != a[k] for a in right)]
        assert not wrong, (kernel.__name__, [(x[k].item(), found[k].item(), right[0][k]) for k in wrong[:5]])


def test_torch_agrees_with_itself_but_on_u32() -> None:
    """Otherwise `answers` would let wrong results pass."""
    for source in FLOATS:
        for target in INTEGERS:
            a = answers(edges(source), target).tolist()
            assert target == torch.uint32 or a[0] == a[1] == a[2], (source, target)


@triton.jit
def put(o, VALUE: tl.constexpr, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    dtype: tl.constexpr = o.dtype.element_ty
    tl.store(o + i, tl.full((BLOCK,), VALUE, tl.float32).to(dtype), mask=i < BLOCK - 3)
    tl.store(o + BLOCK - 3, tl.full((), VALUE, tl.float32).to(dtype))
    tl.store(o + BLOCK - 2, (tl.full((), VALUE, tl.float32) * 2.0 / 2.0).to(dtype))
    tl.store(o + BLOCK - 1, tl.math.fma(tl.full((), VALUE, tl.float32), 1.0, 0.0).to(dtype))


@triton.jit
def of_constants(o, BLOCK: tl.constexpr):
    put(o, 300.0, BLOCK)
    put(o + BLOCK, -300.0, BLOCK)
    put(o + 2 * BLOCK, 3e9, BLOCK)
    put(o + 3 * BLOCK, -3e9, BLOCK)
    put(o + 4 * BLOCK, 1e20, BLOCK)
    put(o + 5 * BLOCK, -float("inf"), BLOCK)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("target", INTEGERS, ids=str)
def test_constants(target: torch.dtype, schedule: str) -> None:
    """The compiler computes with constants itself: where they are out of range, too."""
    x = torch.tensor([300.0, -300.0, 3e9, -3e9, 1e20, -float("inf")])
    found = torch.zeros(len(x), 32, dtype=target)
    of_constants[(1,)](found, 32, schedule=schedule)
    right = answers(x, target).tolist()
    for k, row in enumerate(found.tolist()):
        assert set(row) <= {a[k] for a in right}, (x[k].item(), set(row))
