"""A kernel may be called anything that Python allows, also what its own code calls."""

from __future__ import annotations

import pytest
import torch
import triton
import triton.language as tl
from triton.language.extra import libdevice

from rung.frontends.triton.symbols import kernel_symbol


@triton.jit
def tan(x, y, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    v = tl.load(x + i, mask=i < n)
    tl.store(y + i, libdevice.tan(v) + libdevice.tgamma(v), mask=i < n)


@triton.jit
def tgamma(x, y, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    v = tl.load(x + i, mask=i < n)
    tl.store(y + i, libdevice.tan(v) + libdevice.tgamma(v), mask=i < n)


@triton.jit
def rung_erf_0(x, y, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(y + i, tl.math.erf(tl.load(x + i, mask=i < n)), mask=i < n)


@triton.jit
def rung_dma_start(x, y, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(y + i, tl.math.erf(tl.load(x + i, mask=i < n)), mask=i < n)


@pytest.mark.parametrize("schedule", ["", "vectorize=off threads=1", "double_buffer=on threads=2"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_names_that_the_code_uses(dtype: torch.dtype, schedule: str) -> None:
    x = torch.rand(300, dtype=dtype) + 2
    by_library = x.tan() + torch.lgamma(x).exp()
    for kernel in (tan, tgamma, rung_erf_0, rung_dma_start):
        y = torch.zeros_like(x)
        kernel[(3,)](x, y, 300, BLOCK=128, schedule=schedule)
        torch.testing.assert_close(y, torch.special.erf(x) if "rung" in kernel.__name__ else by_library)


def test_other_names_are_kept() -> None:
    assert kernel_symbol("softmax") == "softmax"
    assert kernel_symbol("expf") == "kernel_expf"
