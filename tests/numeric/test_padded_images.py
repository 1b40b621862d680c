"""Images with a border of zeros, element by element: rows are runs, whose loads are masked at both ends."""
# pyright: basic

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
import triton
import triton.language as tl
from hypothesis import given, settings
from hypothesis import strategies as st


@triton.jit
def convolved(x, w, o, height, width, SIDE: tl.constexpr, BLOCK: tl.constexpr):
    plane, at = tl.program_id(1), tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    row, column = at // width, at % width
    total = tl.zeros((BLOCK,), tl.float32)
    for dy in tl.static_range(SIDE):
        for dx in tl.static_range(SIDE):
            r, c = row + dy - SIDE // 2, column + dx - SIDE // 2
            inside = (r >= 0) & (r < height) & (c >= 0) & (c < width)
            v = tl.load(x + plane * height * width + r * width + c, mask=inside, other=0.0).to(tl.float32)
            total += v * tl.load(w + dy * SIDE + dx)
    tl.store(o + plane * height * width + at, total, mask=at < height * width)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@given(st.integers(1, 40), st.integers(1, 90))
@settings(max_examples=6, deadline=None)
def test_a_convolution(dtype: torch.dtype, height: int, width: int) -> None:
    side, block = (3, 256) if dtype == torch.float32 else (2, 64)
    generator = torch.Generator().manual_seed(height * 100 + width)
    # What lies around an image must not be read, or it would be seen.
    memory = torch.full((2 * height * width + 2000,), float("nan"), dtype=dtype)
    x = memory[1000:-1000].view(2, 1, height, width).copy_(torch.randn(2, 1, height, width, generator=generator))
    w, o = torch.randn(side, side, generator=generator), torch.empty(2, 1, height, width)
    convolved[(triton.cdiv(height * width, block), 2)](x, w, o, height, width, side, block)
    padded = F.pad(x.float(), (side // 2, (side - 1) // 2) * 2)
    torch.testing.assert_close(o, F.conv2d(padded, w[None, None]), atol=1e-4, rtol=1e-4)
