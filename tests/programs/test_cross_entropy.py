"""Cross-entropy over large vocabularies: fused over logits, and with the linear layer before it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
import triton
import triton.language as tl
from checking import check, gradients, leaves


@triton.jit
def cross_entropy_kernel(
    X_ptr, X_stride, Y_ptr, loss_ptr, z_loss_ptr, n_cols, n_non_ignore, ignore_index, softcap,
    label_smoothing: tl.constexpr, lse_square_scale: tl.constexpr, HAS_SOFTCAP: tl.constexpr, BLOCK_SIZE: tl.constexpr,
):  # fmt: skip
    """The loss of a row; its gradient replaces the logits."""
    row = tl.program_id(0).to(tl.int64)
    y = tl.load(Y_ptr + row)
    X_ptr += row * X_stride
    if y == ignore_index:
        for i in range(0, n_cols, BLOCK_SIZE):
            cols = i + tl.arange(0, BLOCK_SIZE)
            tl.store(X_ptr + cols, 0.0, mask=cols < n_cols)
        tl.store(loss_ptr + row, 0.0)
        return
    m, d = float("-inf"), 0.0
    ori_y = tl.load(X_ptr + y).cast(tl.float32)
    if HAS_SOFTCAP:
        ori_y = softcap * (2 * tl.sigmoid(2 * ori_y / softcap) - 1)
    scaled_sum = 0.0
    eps = label_smoothing / n_cols
    for i in range(0, n_cols, BLOCK_SIZE):
        cols = i + tl.arange(0, BLOCK_SIZE)
        x = tl.load(X_ptr + cols, mask=cols < n_cols, other=float("-inf")).cast(tl.float32)
        if HAS_SOFTCAP:
            x = tl.where(cols < n_cols, softcap * (2 * tl.sigmoid(2 * x / softcap) - 1), float("-inf"))
        if label_smoothing > 0:
            scaled_sum += tl.sum(tl.where(cols < n_cols, -eps * x, 0.0))
        m_new = tl.maximum(m, tl.max(x))
        d = d * tl.exp(m - m_new) + tl.sum(tl.exp(x - m_new))
        m = m_new
    lse = m + tl.log(d)
    for i in range(0, n_cols, BLOCK_SIZE):
        cols = i + tl.arange(0, BLOCK_SIZE)
        raw = tl.load(X_ptr + cols, mask=cols < n_cols, other=float("-inf")).cast(tl.float32)
        slope = 1.0
        x = raw
        if HAS_SOFTCAP:
            t = 2 * tl.sigmoid(2 * raw / softcap) - 1
            x = softcap * t
            slope = 1 - t * t
        p = tl.exp(x - m) / d
        g = p * (1 + 2 * lse_square_scale * lse) - eps
        g = tl.where(cols != y, g, g - (1 - label_smoothing))
        tl.store(X_ptr + cols, g * slope / n_non_ignore, mask=cols < n_cols)
    tl.debug_barrier()
    loss = lse - ori_y
    if label_smoothing > 0:
        loss = loss * (1 - label_smoothing) + scaled_sum + label_smoothing * lse
    z_loss = lse_square_scale * lse * lse
    tl.store(loss_ptr + row, (loss + z_loss) / n_non_ignore)
    tl.store(z_loss_ptr + row, z_loss / n_non_ignore)


def reference_loss(logits: torch.Tensor, target: torch.Tensor, smoothing: float, z: float, softcap: float) -> Any:
    capped = softcap * torch.tanh(logits / softcap) if softcap else logits
    live = target != -100
    loss = F.cross_entropy(capped, target, ignore_index=-100, label_smoothing=smoothing, reduction="none")
    return (loss + z * torch.logsumexp(capped, 1).square() * live) / live.sum()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("vocabulary", [128 * 1024, 128256 + 7])
@pytest.mark.parametrize(("smoothing", "z", "softcap"), [(0.0, 0.0, 0.0), (0.1, 1e-3, 30.0)])
def test_fused(dtype: torch.dtype, vocabulary: int, smoothing: float, z: float, softcap: float) -> None:
    logits = (2 * torch.randn(4, vocabulary)).to(dtype)
    target = torch.tensor([5, vocabulary - 1, -100, 70000])
    (x64,) = leaves(logits)
    reference = reference_loss(x64, target, smoothing, z, softcap)
    loss, z_loss = torch.empty(4), torch.zeros(4)
    cross_entropy_kernel[(4,)](
        logits, logits.stride(0), target, loss, z_loss, vocabulary, 3, -100, softcap, label_smoothing=smoothing,
        lse_square_scale=z, HAS_SOFTCAP=softcap > 0, BLOCK_SIZE=32768 // 4, num_warps=32,
    )  # fmt: skip
    check(loss, reference)
    check(logits, *gradients(reference.sum(), torch.ones(()), x64))


@triton.jit
def linear_cross_entropy_forward(
    x_ptr, w_ptr, y_ptr, loss_ptr, lse_ptr, N, V, H, BN: tl.constexpr, BV: tl.constexpr, BH: tl.constexpr
):
    """Logits are never stored: a strip of the vocabulary at a time, with an online logarithm of the sum."""
    rows = tl.program_id(0) * BN + tl.arange(0, BN)
    y = tl.load(y_ptr + rows, mask=rows < N, other=0)
    m = tl.full((BN,), -float("inf"), tl.float32)
    s = tl.zeros((BN,), tl.float32)
    own = tl.zeros((BN,), tl.float32)
    for v in range(0, V, BV):
        words = v + tl.arange(0, BV)
        logits = tl.zeros((BN, BV), tl.float32)
        for h in range(0, H, BH):
            k = h + tl.arange(0, BH)
            x = tl.load(x_ptr + rows[:, None] * H + k[None, :], mask=(rows[:, None] < N) & (k[None, :] < H), other=0.0)
            w = tl.load(
                w_ptr + words[None, :] * H + k[:, None], mask=(words[None, :] < V) & (k[:, None] < H), other=0.0
            )
            logits = tl.dot(x, w, logits)
        logits = tl.where(words[None, :] < V, logits, -float("inf"))
        own += tl.sum(tl.where(words[None, :] == y[:, None], logits, 0.0), axis=1)
        m_new = tl.maximum(m, tl.max(logits, axis=1))
        s = s * tl.exp(m - m_new) + tl.sum(tl.exp(logits - m_new[:, None]), axis=1)
        m = m_new
    lse = m + tl.log(s)
    tl.store(lse_ptr + rows, lse, mask=rows < N)
    tl.store(loss_ptr + rows, lse - own, mask=rows < N)


@triton.jit
def linear_cross_entropy_backward(
    x_ptr,
    w_ptr,
    y_ptr,
    lse_ptr,
    dloss_ptr,
    dx_ptr,
    dw_ptr,
    N,
    V,
    H,
    BN: tl.constexpr,
    BV: tl.constexpr,
    BH: tl.constexpr,
):
    """A tile of logits again, and its part of both gradients, added atomically."""
    rows = tl.program_id(0) * BN + tl.arange(0, BN)
    words = tl.program_id(1) * BV + tl.arange(0, BV)
    in_rows, in_words = rows < N, words < V
    logits = tl.zeros((BN, BV), tl.float32)
    for h in range(0, H, BH):
        k = h + tl.arange(0, BH)
        x = tl.load(x_ptr + rows[:, None] * H + k[None, :], mask=in_rows[:, None] & (k[None, :] < H), other=0.0)
        w = tl.load(w_ptr + words[:, None] * H + k[None, :], mask=in_words[:, None] & (k[None, :] < H), other=0.0)
        logits = tl.dot(x, w.T, logits)
    y = tl.load(y_ptr + rows, mask=in_rows, other=-1)
    lse = tl.load(lse_ptr + rows, mask=in_rows, other=0.0)
    dloss = tl.load(dloss_ptr + rows, mask=in_rows, other=0.0)
    d = (tl.exp(logits - lse[:, None]) - (words[None, :] == y[:, None])) * dloss[:, None]
    d = tl.where(in_rows[:, None] & in_words[None, :], d, 0.0).to(x_ptr.dtype.element_ty)
    for h in range(0, H, BH):
        k = h + tl.arange(0, BH)
        x = tl.load(x_ptr + rows[:, None] * H + k[None, :], mask=in_rows[:, None] & (k[None, :] < H), other=0.0)
        w = tl.load(w_ptr + words[:, None] * H + k[None, :], mask=in_words[:, None] & (k[None, :] < H), other=0.0)
        tl.atomic_add(dx_ptr + rows[:, None] * H + k[None, :], tl.dot(d, w), mask=in_rows[:, None] & (k[None, :] < H))
        tl.atomic_add(
            dw_ptr + words[:, None] * H + k[None, :], tl.dot(d.T, x), mask=in_words[:, None] & (k[None, :] < H)
        )


@pytest.mark.parametrize(("n", "v", "h"), [(32, 512, 64), (45, 333, 50)])
def test_with_the_linear_layer(n: int, v: int, h: int) -> None:
    x, w, y, dloss = torch.randn(n, h), 0.3 * torch.randn(v, h), torch.randint(0, v, (n,)), torch.rand(n)
    loss, lse, dx, dw = torch.empty(n), torch.empty(n), torch.zeros(n, h), torch.zeros(v, h)
    blocks = {"BN": 16, "BV": 64, "BH": 32}
    linear_cross_entropy_forward[(triton.cdiv(n, 16),)](x, w, y, loss, lse, n, v, h, **blocks)
    x64, w64 = leaves(x, w)
    reference = F.cross_entropy(x64 @ w64.T, y, reduction="none")
    check(loss, reference)
    grid = (triton.cdiv(n, 16), triton.cdiv(v, 64))
    linear_cross_entropy_backward[grid](x, w, y, lse, dloss, dx, dw, n, v, h, **blocks)
    for found, wanted in zip((dx, dw), gradients(reference, dloss, x64, w64), strict=True):
        check(found, wanted)
