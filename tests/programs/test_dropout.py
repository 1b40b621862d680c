"""Dropout whose mask is a seed: Philox gives the same numbers in the forward and the backward pass."""

from __future__ import annotations

import pytest
import torch
import triton
import triton.language as tl

PHILOX = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)


def philox(seed: int, counters: torch.Tensor, rounds: int = 10) -> list[torch.Tensor]:
    """Philox-4x32 (Salmon et al., SC 2011) of the counters (c, 0, 0, 0), as 64-bit integers."""
    low = 0xFFFFFFFF
    c = [counters.long(), *(torch.zeros_like(counters, dtype=torch.int64) for _ in range(3))]
    k0, k1 = seed & low, seed >> 32
    for _ in range(rounds):
        # Products of 32 x 32 bits in halves: torch has no unsigned 64.
        (h0, l0), (h1, l1) = (_wide(PHILOX[0], c[0])), (_wide(PHILOX[1], c[2]))
        c = [h1 ^ c[1] ^ k0, l1, h0 ^ c[3] ^ k1, l0]
        k0, k1 = (k0 + WEYL[0]) & low, (k1 + WEYL[1]) & low
    return c


def _wide(a: int, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(high, low) 32 bits of a * b."""
    lower, upper = a * (b & 0xFFFF), a * (b >> 16)
    total = (upper & 0xFFFF) * 65536 + lower
    return (upper >> 16) + (total >> 32), total & 0xFFFFFFFF


def uniform(bits: torch.Tensor) -> torch.Tensor:
    """As Triton makes [0, 1) of 32 bits: folded to the positive half, scaled."""
    signed = bits.to(torch.int32)
    folded = torch.where(signed < 0, -signed - 1, signed)
    return folded.float() * 4.6566127342e-10


@triton.jit
def seeded_dropout(x_ptr, output_ptr, n_elements, p, seed, BLOCK_SIZE: tl.constexpr):
    offsets = tl.program_id(axis=0) * BLOCK_SIZE + tl.arange(0, BLOCK_SIZE)
    mask = offsets < n_elements
    x = tl.load(x_ptr + offsets, mask=mask)
    random = tl.rand(seed, offsets)
    keep = random > p
    tl.store(output_ptr + offsets, tl.where(keep, x / (1 - p), 0.0), mask=mask)


@pytest.mark.parametrize("n", [1024, 10007])
@pytest.mark.parametrize("seed", [123, 2**31 - 1])
def test_seeded_dropout(n: int, seed: int) -> None:
    x, gradient = torch.randn(n), torch.randn(n)
    y, dx = torch.empty_like(x), torch.empty_like(x)
    grid = (triton.cdiv(n, 512),)
    seeded_dropout[grid](x, y, n, 0.3, seed, BLOCK_SIZE=512)
    seeded_dropout[grid](gradient, dx, n, 0.3, seed, BLOCK_SIZE=512)
    keep = uniform(philox(seed, torch.arange(n))[0]) > 0.3
    assert 0.65 < keep.double().mean() < 0.75
    torch.testing.assert_close(y, torch.where(keep, x / (1 - 0.3), 0.0))
    torch.testing.assert_close(dx, torch.where(keep, gradient / (1 - 0.3), 0.0))


@triton.jit
def dropout_of_rows(x_ptr, y_ptr, seeds_ptr, n_cols, p, BLOCK: tl.constexpr):
    """A seed for each row, four numbers of one counter: what a fused residual block does."""
    row = tl.program_id(0)
    seed = tl.load(seeds_ptr + row)
    quads = tl.arange(0, BLOCK // 4)
    r0, r1, r2, r3 = tl.rand4x(seed, quads)
    random = tl.interleave(tl.interleave(r0, r2), tl.interleave(r1, r3))
    cols = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + row * n_cols + cols, mask=cols < n_cols)
    tl.store(y_ptr + row * n_cols + cols, x * (random > p) / (1 - p), mask=cols < n_cols)


@pytest.mark.parametrize("cols", [64, 100])
def test_four_numbers_of_one_counter(cols: int) -> None:
    x, seeds = torch.randn(9, cols), torch.randint(0, 2**62, (9,))
    y = torch.empty_like(x)
    dropout_of_rows[(9,)](x, y, seeds, cols, 0.5, BLOCK=128)
    counters = torch.arange(32)
    for row in range(9):
        four = [uniform(c) for c in philox(int(seeds[row]), counters)]
        keep = torch.stack(four, 1).reshape(-1)[:cols] > 0.5
        torch.testing.assert_close(y[row], x[row] * keep / 0.5)
