"""Codes of floats of eight bits, the kernel that casts them, and how results are compared.

Golden values are torch's, which does not saturate where Triton does: numbers are clamped before torch rounds them.
"""

from __future__ import annotations

from math import nan

import torch
import triton
import triton.language as tl

FORMATS = [torch.float8_e5m2, torch.float8_e4m3fn, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz]
FLOATS = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
CODES = torch.arange(256, dtype=torch.uint8)
BITS_OF_16 = torch.arange(65536, dtype=torch.int32).to(torch.int16)
E4B15 = ((CODES.to(torch.int16) & 0x7F) << 7 | (CODES.to(torch.int16) & 0x80) << 8).view(torch.float16)
"""What the codes of e4b15 mean: the lower half of an f16's exponents, seven bits less of significand."""


@triton.jit
def cast(x, o, n, ROUNDING: tl.constexpr, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    y = tl.load(x + i, mask=i < n).to(o.dtype.element_ty, fp_downcast_rounding=ROUNDING)
    tl.store(o + i, y, mask=i < n)


@triton.jit
def cast_numbers(x, o, n, ROUNDING: tl.constexpr, BLOCK: tl.constexpr):
    for k in range(BLOCK):
        i = tl.program_id(0) * BLOCK + k
        if i < n:
            tl.store(o + i, tl.load(x + i).to(o.dtype.element_ty, fp_downcast_rounding=ROUNDING))


def converted(x, target, schedule: str = "", rounding: str | None = None, kernel=cast):
    """target: a type of torch's, or of Triton's for what torch has no type for: then codes."""
    known = isinstance(target, torch.dtype)
    out = torch.zeros(len(x.base if hasattr(x, "base") else x), dtype=target if known else torch.uint8)
    n = len(out)
    kernel[(triton.cdiv(n, 256),)](
        x, out if known else triton.reinterpret(out, target), n, rounding, BLOCK=256, schedule=schedule
    )
    return out


def bits(x: torch.Tensor) -> torch.Tensor:
    """With one NaN for all."""
    kinds = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
    return torch.where(
        x.isnan(), torch.tensor(nan).to(x.dtype).view(kinds[x.element_size()]), x.view(kinds[x.element_size()])
    )


def same(found: torch.Tensor, right: torch.Tensor) -> None:
    wrong = (bits(found) != bits(right)).nonzero().flatten().tolist()
    assert not wrong, [(k, found[k].item(), right[k].item()) for k in wrong[:5]]


def saturated(x: torch.Tensor, target: torch.dtype) -> torch.Tensor:
    """torch's rounding of what does not overflow; a NaN stays one."""
    most = torch.finfo(target).max
    return torch.where(x.isnan(), x, x.clamp(-most, most)).to(target)


def numbers(target: torch.dtype) -> torch.Tensor:
    """The finite numbers from 0 on, by their codes."""
    found = CODES[:128].view(target).double()
    return found[found.isfinite()]
