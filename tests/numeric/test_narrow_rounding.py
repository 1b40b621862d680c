"""Arithmetic on f16 and bf16 is rounded after each operation, as torch's is: nothing keeps more digits in between."""

from __future__ import annotations

import pytest
import torch
import triton
import triton.language as tl

N = 500


@triton.jit
def chains(x, y, k, out, n, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    m = i < n
    a = tl.load(x + i, mask=m)
    b = tl.load(y + i, mask=m)
    whole = tl.load(k + i, mask=m).to(x.dtype.element_ty)
    tl.store(out + i, a * b * a, mask=m)
    tl.store(out + n + i, a + b + a, mask=m)
    tl.store(out + 2 * n + i, (a * b) - a, mask=m)
    tl.store(out + 3 * n + i, tl.maximum(a * b, -a, propagate_nan=tl.PropagateNan.ALL) + b, mask=m)
    tl.store(out + 4 * n + i, whole + b, mask=m)
    tl.store(out + 5 * n + i, tl.where(whole - a == a * b + a, a, whole * b), mask=m)
    tl.store(out + 6 * n + i, tl.where(whole > 2048, a, b), mask=m)


@triton.jit
def chain_of_numbers(x, y, k, out, n, B: tl.constexpr):
    i = tl.program_id(0)
    a = tl.load(x + i)
    b = tl.load(y + i)
    whole = tl.load(k + i).to(x.dtype.element_ty)
    tl.store(out + i, a * b * a)
    tl.store(out + n + i, a + b + a)
    tl.store(out + 2 * n + i, (a * b) - a)
    tl.store(out + 3 * n + i, tl.maximum(a * b, -a, propagate_nan=tl.PropagateNan.ALL) + b)
    tl.store(out + 4 * n + i, whole + b)
    tl.store(out + 5 * n + i, tl.where(whole - a == a * b + a, a, whole * b))
    tl.store(out + 6 * n + i, tl.where(whole > 2048, a, b))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("schedule", ["", "vectorize=off"])
@pytest.mark.parametrize("kernel", [chains, chain_of_numbers])
def test_each_operation_rounds(kernel: triton.JITFunction, schedule: str, dtype: torch.dtype) -> None:
    """Without fusion, which may leave one rounding out."""
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(N, generator=generator).to(dtype) for _ in range(2))
    k = torch.randint(-5000, 5000, (N,), generator=generator, dtype=torch.int32)
    k[0] = 2049  # which becomes 2048
    out = torch.empty(7, N, dtype=dtype)
    grid = (N,) if kernel is chain_of_numbers else (triton.cdiv(N, 128),)
    kernel[grid](a, b, k, out, N, B=128, enable_fp_fusion=False, schedule=schedule)
    whole = k.to(dtype)
    chosen = torch.where(whole - a == a * b + a, a, whole * b)
    expected = [a * b * a, a + b + a, a * b - a, torch.maximum(a * b, -a) + b, whole + b, chosen]
    expected.append(torch.where(whole > 2048, a, b))
    for got, want in zip(out, expected, strict=True):
        assert torch.equal(got, want)
