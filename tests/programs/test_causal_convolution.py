"""Causal 1-D convolution of each channel with an activation: forward, backward, and one token with a kept window."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
import triton
import triton.language as tl
from checking import check, gradients, leaves


@triton.jit
def _filter(x_ptr, w_ptr, bias_ptr, batch, t, d, T, D, W: tl.constexpr):
    live = d < D
    acc = tl.zeros((t.shape[0], d.shape[0]), tl.float32)
    for w in tl.static_range(W):
        at = t + (w - W + 1)
        mask = (at >= 0)[:, None] & (at < T)[:, None] & live[None, :]
        x = tl.load(x_ptr + (batch * T + at)[:, None] * D + d[None, :], mask=mask, other=0.0)
        acc += x * tl.load(w_ptr + d * W + w, mask=live, other=0.0)[None, :]
    return acc + tl.load(bias_ptr + d, mask=live, other=0.0)[None, :]


@triton.jit
def convolution_forward(x_ptr, w_ptr, bias_ptr, y_ptr, T, D, W: tl.constexpr, BT: tl.constexpr, BD: tl.constexpr):
    batch = tl.program_id(2)
    t, d = tl.program_id(0) * BT + tl.arange(0, BT), tl.program_id(1) * BD + tl.arange(0, BD)
    y = _filter(x_ptr, w_ptr, bias_ptr, batch, t, d, T, D, W)
    y = y * tl.sigmoid(y)
    tl.store(y_ptr + (batch * T + t)[:, None] * D + d[None, :], y, mask=(t < T)[:, None] & (d < D)[None, :])


@triton.jit
def convolution_backward(
    x_ptr, w_ptr, bias_ptr, dy_ptr, dx_ptr, dw_ptr, db_ptr, T, D, W: tl.constexpr, BT: tl.constexpr, BD: tl.constexpr
):
    """dx[t] = sum of w[W-1-i] g[t+i], where g is the gradient before the activation, computed again for each shift."""
    batch = tl.program_id(2)
    t, d = tl.program_id(0) * BT + tl.arange(0, BT), tl.program_id(1) * BD + tl.arange(0, BD)
    here = (t < T)[:, None] & (d < D)[None, :]
    x = tl.load(x_ptr + (batch * T + t)[:, None] * D + d[None, :], mask=here, other=0.0)
    dx = tl.zeros((BT, BD), tl.float32)
    for i in tl.static_range(W):
        y = _filter(x_ptr, w_ptr, bias_ptr, batch, t + i, d, T, D, W)
        mask = (t + i < T)[:, None] & (d < D)[None, :]
        dy = tl.load(dy_ptr + (batch * T + t + i)[:, None] * D + d[None, :], mask=mask, other=0.0)
        s = tl.sigmoid(y)
        g = dy * s * (1 + y * (1 - s))
        if i == 0:
            tl.atomic_add(db_ptr + d, tl.sum(g, axis=0), mask=d < D)
        dx += g * tl.load(w_ptr + d * W + W - 1 - i, mask=d < D, other=0.0)[None, :]
        tl.atomic_add(dw_ptr + d * W + W - 1 - i, tl.sum(g * x, axis=0), mask=d < D)
    tl.store(dx_ptr + (batch * T + t)[:, None] * D + d[None, :], dx, mask=here)


def reference_convolution(x: torch.Tensor, w: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """x: [batch, T, D]; w: [D, W]"""
    padded = F.pad(x.mT, (w.shape[1] - 1, 0))
    return F.silu(F.conv1d(padded, w[:, None], bias, groups=w.shape[0])).mT


@pytest.mark.parametrize("width", [2, 4])
@pytest.mark.parametrize(("T", "D"), [(64, 32), (45, 27)])
def test_causal_convolution(T: int, D: int, width: int) -> None:
    x, w, bias, dy = torch.randn(2, T, D), torch.randn(D, width), torch.randn(D), torch.randn(2, T, D)
    y, dx, dw, db = (torch.zeros_like(a) for a in (x, x, w, bias))
    grid, blocks = (triton.cdiv(T, 16), triton.cdiv(D, 16), 2), {"W": width, "BT": 16, "BD": 16}
    convolution_forward[grid](x, w, bias, y, T, D, **blocks)
    inputs = leaves(x, w, bias)
    reference = reference_convolution(*inputs)
    check(y, reference)
    convolution_backward[grid](x, w, bias, dy, dx, dw, db, T, D, **blocks)
    for found, wanted in zip((dx, dw, db), gradients(reference, dy, *inputs), strict=True):
        check(found, wanted)


@triton.jit
def convolution_step(x_ptr, window_ptr, w_ptr, bias_ptr, y_ptr, D, W: tl.constexpr, BD: tl.constexpr):
    """The window of the last W - 1 tokens moves on by one, in place."""
    seq, d = tl.program_id(0), tl.program_id(1) * BD + tl.arange(0, BD)
    live = d < D
    window_ptr += (seq * D + d) * (W - 1)
    x = tl.load(x_ptr + seq * D + d, mask=live, other=0.0)
    acc = tl.load(bias_ptr + d, mask=live, other=0.0) + x * tl.load(w_ptr + d * W + W - 1, mask=live, other=0.0)
    for i in tl.static_range(W - 1):
        old = tl.load(window_ptr + i, mask=live, other=0.0)
        acc += old * tl.load(w_ptr + d * W + i, mask=live, other=0.0)
        if i > 0:
            tl.store(window_ptr + i - 1, old, mask=live)
    tl.store(window_ptr + W - 2, x, mask=live)
    tl.store(y_ptr + seq * D + d, acc * tl.sigmoid(acc), mask=live)


@pytest.mark.parametrize("D", [32, 27])
def test_token_by_token(D: int) -> None:
    x, w, bias, window = torch.randn(3, 9, D), torch.randn(D, 4), torch.randn(D), torch.zeros(3, D, 3)
    rows = []
    for t in range(9):
        y = torch.empty(3, D)
        convolution_step[(3, triton.cdiv(D, 16))](x[:, t].contiguous(), window, w, bias, y, D, W=4, BD=16)
        rows.append(y)
    check(torch.stack(rows, 1), reference_convolution(x.double(), w.double(), bias.double()))
    assert torch.equal(window, x[:, -3:].mT)
