"""Arrays, blocks of them, and kernels that move blocks."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import triton
import triton.language as tl


def numbers(shape: Sequence[int], dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Small whole numbers, which every type has."""
    generator = torch.Generator().manual_seed(sum(shape))
    return torch.randint(0, 50, tuple(shape), generator=generator).to(dtype)


def block_of(x: torch.Tensor, at: Sequence[int], block: Sequence[int], outside: float = 0) -> torch.Tensor:
    """The block at `at`, `outside` where there is no element."""
    result = torch.full(tuple(block), outside, dtype=x.dtype)
    ranges = [(max(a, 0), min(a + n, size)) for a, n, size in zip(at, block, x.shape, strict=True)]
    if all(low < high for low, high in ranges):
        inside = tuple(slice(low, high) for low, high in ranges)
        target = tuple(slice(low - a, high - a) for (low, high), a in zip(ranges, at, strict=True))
        result[target] = x[inside]
    return result


@triton.jit
def move_2d(source, target, M: tl.constexpr, N: tl.constexpr):
    at = [tl.program_id(0) * M, tl.program_id(1) * N]
    target.store(at, source.load(at) * 2)
