"""Rotary embeddings in their three layouts: halves, pairs, and only a part of each head; backward is the other way."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import triton
import triton.language as tl
from checking import check, gradients, leaves


@triton.jit
def rotary_halves(
    q_ptr, q_row, k_ptr, k_row, cos_ptr, sin_ptr, seq_len,
    HEADS_Q: tl.constexpr, HEADS_K: tl.constexpr, PAD_Q: tl.constexpr, PAD_K: tl.constexpr,
    HALF: tl.constexpr, PAD_HALF: tl.constexpr, BACKWARD: tl.constexpr,
):  # fmt: skip
    """All heads of one token in place: (x1, x2) -> (x1 cos - x2 sin, x2 cos + x1 sin), where x is [x1, x2]."""
    token = tl.program_id(0).to(tl.int64)
    d = tl.arange(0, PAD_HALF)
    at = token % seq_len * HALF + d
    cos = tl.load(cos_ptr + at, mask=d < HALF, other=0)
    sin = tl.load(sin_ptr + at, mask=d < HALF, other=0)
    if BACKWARD:
        sin = -sin
    for which in tl.static_range(2):
        if which == 0:
            base, heads, HEADS = q_ptr + token * q_row, tl.arange(0, PAD_Q), HEADS_Q
        else:
            base, heads, HEADS = k_ptr + token * k_row, tl.arange(0, PAD_K), HEADS_K
        first = base + heads[:, None] * (2 * HALF) + d[None, :]
        mask = (heads[:, None] < HEADS) & (d[None, :] < HALF)
        x1 = tl.load(first, mask=mask, other=0).to(sin.dtype)
        x2 = tl.load(first + HALF, mask=mask, other=0).to(sin.dtype)
        tl.store(first, x1 * cos - x2 * sin, mask=mask)
        tl.store(first + HALF, x2 * cos + x1 * sin, mask=mask)


@triton.jit
def rotary_pairs(
    x_ptr, out_ptr, cos_ptr, sin_ptr, positions_ptr, heads, seq, stride_x, DIM: tl.constexpr, ROTARY: tl.constexpr,
    PAD: tl.constexpr, BLOCK_S: tl.constexpr, CONJUGATE: tl.constexpr,
):  # fmt: skip
    """Neighbours are a pair; positions are read from memory; what is behind ROTARY passes."""
    rs = tl.program_id(0) * BLOCK_S + tl.arange(0, BLOCK_S)
    head = tl.program_id(1)
    live = rs < seq
    position = tl.load(positions_ptr + rs, mask=live, other=0)
    rk = tl.arange(0, PAD)
    swap = rk + ((rk + 1) % 2) * 2 - 1  # 1, 0, 3, 2, ...
    row = rs[:, None] * stride_x + head * DIM
    inside = live[:, None] & (rk[None, :] < ROTARY)
    x0 = tl.load(x_ptr + row + rk[None, :], mask=inside, other=0.0).to(tl.float32)
    x1 = tl.load(x_ptr + row + swap[None, :], mask=inside, other=0.0).to(tl.float32)
    at = position[:, None] * (ROTARY // 2) + (rk // 2)[None, :]
    cos = tl.load(cos_ptr + at, mask=inside, other=1.0).to(tl.float32)
    sin = tl.load(sin_ptr + at, mask=inside, other=0.0).to(tl.float32)
    if CONJUGATE:
        sin = -sin
    out = tl.where(rk[None, :] % 2 == 0, x0 * cos - x1 * sin, x0 * cos + x1 * sin)
    tl.store(out_ptr + row + rk[None, :], out, mask=inside)
    rest = live[:, None] & (rk[None, :] >= ROTARY) & (rk[None, :] < DIM)
    tl.store(out_ptr + row + rk[None, :], tl.load(x_ptr + row + rk[None, :], mask=rest), mask=rest)


@triton.jit
def rotary_split(x_ptr, out_ptr, cos_ptr, sin_ptr, seq, DIM: tl.constexpr, BLOCK_S: tl.constexpr):
    """Pairs again, taken apart and put together in registers."""
    rs = tl.program_id(0) * BLOCK_S + tl.arange(0, BLOCK_S)
    mask = (rs < seq)[:, None]
    tile = rs[:, None] * DIM + tl.arange(0, DIM)[None, :]
    half = rs[:, None] * (DIM // 2) + tl.arange(0, DIM // 2)[None, :]
    x = tl.load(x_ptr + tile, mask=mask, other=0.0)
    real, imaginary = tl.split(tl.reshape(x, (BLOCK_S, DIM // 2, 2)))
    cos, sin = tl.load(cos_ptr + half, mask=mask, other=0.0), tl.load(sin_ptr + half, mask=mask, other=0.0)
    out = tl.join(real * cos - imaginary * sin, imaginary * cos + real * sin)
    tl.store(out_ptr + tile, tl.reshape(out, (BLOCK_S, DIM)), mask=mask)


def angles(seq: int, rotary: int) -> tuple[torch.Tensor, torch.Tensor]:
    angle = torch.arange(seq)[:, None] / 10000 ** (torch.arange(0, rotary, 2) / rotary)
    return angle.cos(), angle.sin()


def rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, pairs: bool) -> torch.Tensor:
    """x: [tokens, heads, dim]; cos, sin: [tokens, dim / 2]"""
    x1, x2 = (x[..., ::2], x[..., 1::2]) if pairs else x.chunk(2, -1)
    cos, sin = cos[:, None].double(), sin[:, None].double()
    y1, y2 = x1 * cos - x2 * sin, x2 * cos + x1 * sin
    return torch.stack((y1, y2), -1).flatten(-2) if pairs else torch.cat((y1, y2), -1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("heads", "dim"), [((4, 2), 64), ((5, 3), 40)])
def test_halves(dtype: torch.dtype, heads: tuple[int, int], dim: int) -> None:
    batch, seq = 2, 7
    q, k = (torch.randn(batch * seq, h, dim).to(dtype) for h in heads)
    cos, sin = angles(seq, dim)
    options: dict[str, Any] = {
        "HEADS_Q": heads[0], "HEADS_K": heads[1], "PAD_Q": triton.next_power_of_2(heads[0]),
        "PAD_K": triton.next_power_of_2(heads[1]), "HALF": dim // 2, "PAD_HALF": triton.next_power_of_2(dim // 2),
    }  # fmt: skip
    wanted = [rotate(x.double(), cos.repeat(batch, 1), sin.repeat(batch, 1), pairs=False) for x in (q, k)]
    found = [q.clone(), k.clone()]
    for backward in (False, True):
        rotary_halves[(batch * seq,)](
            found[0], q.stride(0), found[1], k.stride(0), cos, sin, seq, **options, BACKWARD=backward
        )
        for x, reference in zip(found, [q.double(), k.double()] if backward else wanted, strict=True):
            check(x, reference)


@pytest.mark.parametrize(("dim", "rotary"), [(64, 64), (80, 32)])
def test_pairs_at_positions(dim: int, rotary: int) -> None:
    seq, heads = 50, 3
    x, dy = torch.randn(seq, heads, dim), torch.randn(seq, heads, dim)
    positions = torch.randint(0, 100, (seq,))
    cos, sin = angles(100, rotary)
    (x64,) = leaves(x)
    rotated = rotate(x64[..., :rotary], cos[positions], sin[positions], pairs=True)
    reference = torch.cat((rotated, x64[..., rotary:]), -1)
    for source, wanted, conjugate in ((x, reference, False), (dy, gradients(reference, dy, x64)[0], True)):
        out = torch.empty_like(x)
        rotary_pairs[(triton.cdiv(seq, 16), heads)](
            source, out, cos, sin, positions, heads, seq, x.stride(0), DIM=dim, ROTARY=rotary,
            PAD=triton.next_power_of_2(dim), BLOCK_S=16, CONJUGATE=conjugate,
        )  # fmt: skip
        check(out, wanted)


@pytest.mark.parametrize("seq", [32, 45])
def test_pairs_taken_apart(seq: int) -> None:
    x, (cos, sin) = torch.randn(seq, 1, 32), angles(seq, 32)
    out = torch.empty_like(x)
    rotary_split[(triton.cdiv(seq, 16),)](x, out, cos, sin, seq, DIM=32, BLOCK_S=16)
    check(out, rotate(x.double(), cos, sin, pairs=True))
