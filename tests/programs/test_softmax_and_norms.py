"""Row-wise programs: fused softmax by persistent programs, layer norm with partial sums behind locks, RMS norm."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
import triton
import triton.language as tl
from checking import WAITS, check, gradients, leaves


@triton.jit
def softmax_kernel(
    output_ptr, input_ptr, input_row_stride, output_row_stride, n_rows, n_cols,
    BLOCK_SIZE: tl.constexpr, num_stages: tl.constexpr,
):  # fmt: skip
    row_start = tl.program_id(0)
    row_step = tl.num_programs(0)
    for row_idx in tl.range(row_start, n_rows, row_step, num_stages=num_stages):
        row_start_ptr = input_ptr + row_idx * input_row_stride
        col_offsets = tl.arange(0, BLOCK_SIZE)
        mask = col_offsets < n_cols
        row = tl.load(row_start_ptr + col_offsets, mask=mask, other=-float("inf"))
        numerator = tl.exp(row - tl.max(row, axis=0))
        softmax_output = numerator / tl.sum(numerator, axis=0)
        tl.store(output_ptr + row_idx * output_row_stride + col_offsets, softmax_output, mask=mask)


@triton.jit
def softmax_backward(dx_ptr, dy_ptr, y_ptr, n_cols, BLOCK_SIZE: tl.constexpr):
    row = tl.program_id(0)
    cols = tl.arange(0, BLOCK_SIZE)
    mask = cols < n_cols
    dy = tl.load(dy_ptr + row * n_cols + cols, mask=mask, other=0.0)
    y = tl.load(y_ptr + row * n_cols + cols, mask=mask, other=0.0)
    tl.store(dx_ptr + row * n_cols + cols, y * (dy - tl.sum(dy * y, axis=0)), mask=mask)


@pytest.mark.parametrize(("rows", "cols"), [(64, 128), (183, 781), (3, 1)])
def test_fused_softmax(rows: int, cols: int) -> None:
    x, dy = torch.randn(rows, cols + 3)[:, :cols], torch.randn(rows, cols)
    y, dx = torch.empty(rows, cols), torch.empty(rows, cols)
    block = triton.next_power_of_2(cols)
    softmax_kernel[(min(8, rows),)](y, x, x.stride(0), y.stride(0), rows, cols, BLOCK_SIZE=block, num_stages=4)
    (x64,) = leaves(x)
    reference = torch.softmax(x64, 1)
    check(y, reference)
    softmax_backward[(rows,)](dx, dy, y, cols, BLOCK_SIZE=block)
    check(dx, *gradients(reference, dy, x64))


@triton.jit
def layer_norm_forward(X, Y, W, B, Mean, Rstd, stride, N, eps, BLOCK_SIZE: tl.constexpr):
    row = tl.program_id(0)
    Y += row * stride
    X += row * stride
    _mean = tl.zeros([BLOCK_SIZE], dtype=tl.float32)
    for off in range(0, N, BLOCK_SIZE):
        cols = off + tl.arange(0, BLOCK_SIZE)
        _mean += tl.load(X + cols, mask=cols < N, other=0.0).to(tl.float32)
    mean = tl.sum(_mean, axis=0) / N
    _var = tl.zeros([BLOCK_SIZE], dtype=tl.float32)
    for off in range(0, N, BLOCK_SIZE):
        cols = off + tl.arange(0, BLOCK_SIZE)
        x = tl.load(X + cols, mask=cols < N, other=0.0).to(tl.float32)
        x = tl.where(cols < N, x - mean, 0.0)
        _var += x * x
    rstd = 1 / tl.sqrt(tl.sum(_var, axis=0) / N + eps)
    tl.store(Mean + row, mean)
    tl.store(Rstd + row, rstd)
    for off in range(0, N, BLOCK_SIZE):
        cols = off + tl.arange(0, BLOCK_SIZE)
        mask = cols < N
        w = tl.load(W + cols, mask=mask)
        b = tl.load(B + cols, mask=mask)
        x = tl.load(X + cols, mask=mask, other=0.0).to(tl.float32)
        tl.store(Y + cols, (x - mean) * rstd * w + b, mask=mask)


@triton.jit
def layer_norm_dx(
    DX, DY, DW, DB, X, W, Mean, Rstd, Lock, stride, N, GROUP_SIZE_M: tl.constexpr, BLOCK_SIZE_N: tl.constexpr
):
    """dx, and sums of dw and db over the rows of a group, which its programs add to in turn."""
    row = tl.program_id(0)
    cols = tl.arange(0, BLOCK_SIZE_N)
    mask = cols < N
    X += row * stride
    DY += row * stride
    DX += row * stride
    lock_id = row % GROUP_SIZE_M
    Lock += lock_id
    Count = Lock + GROUP_SIZE_M
    DW = DW + lock_id * N + cols
    DB = DB + lock_id * N + cols
    x = tl.load(X + cols, mask=mask, other=0).to(tl.float32)
    dy = tl.load(DY + cols, mask=mask, other=0).to(tl.float32)
    w = tl.load(W + cols, mask=mask).to(tl.float32)
    mean = tl.load(Mean + row)
    rstd = tl.load(Rstd + row)
    xhat = tl.where(mask, (x - mean) * rstd, 0.0)
    wdy = tl.where(mask, w * dy, 0.0)
    c1 = tl.sum(xhat * wdy, axis=0) / N
    c2 = tl.sum(wdy, axis=0) / N
    tl.store(DX + cols, (wdy - (xhat * c1 + c2)) * rstd, mask=mask)
    partial_dw = (dy * xhat).to(w.dtype)
    partial_db = dy.to(w.dtype)
    while tl.atomic_cas(Lock, 0, 1) == 1:
        pass
    count = tl.load(Count)
    if count == 0:
        tl.atomic_xchg(Count, 1)
    else:
        partial_dw += tl.load(DW, mask=mask)
        partial_db += tl.load(DB, mask=mask)
    tl.store(DW, partial_dw, mask=mask)
    tl.store(DB, partial_db, mask=mask)
    tl.debug_barrier()
    tl.atomic_xchg(Lock, 0)


@triton.jit
def layer_norm_dwdb(DW, DB, FINAL_DW, FINAL_DB, M, N, BLOCK_SIZE_M: tl.constexpr, BLOCK_SIZE_N: tl.constexpr):
    cols = tl.program_id(0) * BLOCK_SIZE_N + tl.arange(0, BLOCK_SIZE_N)
    dw = tl.zeros((BLOCK_SIZE_M, BLOCK_SIZE_N), dtype=tl.float32)
    db = tl.zeros((BLOCK_SIZE_M, BLOCK_SIZE_N), dtype=tl.float32)
    for i in range(0, M, BLOCK_SIZE_M):
        rows = i + tl.arange(0, BLOCK_SIZE_M)
        mask = (rows[:, None] < M) & (cols[None, :] < N)
        offs = rows[:, None] * N + cols[None, :]
        dw += tl.load(DW + offs, mask=mask, other=0.0)
        db += tl.load(DB + offs, mask=mask, other=0.0)
    tl.store(FINAL_DW + cols, tl.sum(dw, axis=0), mask=cols < N)
    tl.store(FINAL_DB + cols, tl.sum(db, axis=0), mask=cols < N)


@pytest.mark.parametrize("schedule", WAITS)
@pytest.mark.parametrize(
    ("dtype", "M", "N"), [(torch.float32, 64, 256), (torch.float32, 51, 199), (torch.float16, 33, 70)]
)
def test_layer_norm(dtype: torch.dtype, M: int, N: int, schedule: str) -> None:
    x, dy = (-2.3 + 0.5 * torch.randn(M, N)).to(dtype), (0.1 * torch.randn(M, N)).to(dtype)
    w, b = torch.rand(N).to(dtype), torch.rand(N).to(dtype)
    y, dx, mean, rstd = torch.empty_like(x), torch.empty_like(x), torch.empty(M), torch.empty(M)
    layer_norm_forward[(M,)](x, y, w, b, mean, rstd, N, N, 1e-5, BLOCK_SIZE=128)
    x64, w64, b64 = leaves(x, w, b)
    reference = F.layer_norm(x64, (N,), w64, b64, 1e-5)
    check(y, reference)

    group, block = 8, triton.next_power_of_2(N)
    locks = torch.zeros(2 * group, dtype=torch.int32)
    partial_w, partial_b = torch.zeros(group, N), torch.zeros(group, N)
    layer_norm_dx[(M,)](
        dx, dy, partial_w, partial_b, x, w, mean, rstd, locks, N, N,
        BLOCK_SIZE_N=block, GROUP_SIZE_M=group, num_ctas=1, schedule=schedule,
    )  # fmt: skip
    dw, db = torch.empty_like(w), torch.empty_like(b)
    grid = (triton.cdiv(N, 128),)
    layer_norm_dwdb[grid](partial_w, partial_b, dw, db, min(group, M), N, BLOCK_SIZE_M=32, BLOCK_SIZE_N=128)
    for found, wanted in zip((dx, dw, db), gradients(reference, dy, x64, w64, b64), strict=True):
        check(found, wanted, 1e-4 if dtype == torch.float32 else 4e-3)
    assert locks[:group].eq(0).all()


@triton.jit
def rms_norm_add(x_ptr, residual_ptr, w_ptr, y_ptr, stride, n_cols, eps, BLOCK: tl.constexpr):
    """The sum with the residual is kept for the next layer, and normalised."""
    row = tl.program_id(0)
    cols = tl.arange(0, BLOCK)
    mask = cols < n_cols
    x = tl.load(x_ptr + row * stride + cols, mask=mask, other=0).to(tl.float32)
    x += tl.load(residual_ptr + row * stride + cols, mask=mask, other=0).to(tl.float32)
    tl.store(residual_ptr + row * stride + cols, x, mask=mask)
    inv = tl.rsqrt(tl.sum(x * x, axis=0) / n_cols + eps)
    w = tl.load(w_ptr + cols, mask=mask)
    tl.store(y_ptr + row * stride + cols, x * inv * w, mask=mask)


@pytest.mark.parametrize("cols", [256, 300])
def test_rms_norm_of_a_sum(cols: int) -> None:
    x, residual, w = torch.randn(20, cols), torch.randn(20, cols), torch.randn(cols)
    total = x.double() + residual.double()
    y = torch.empty_like(x)
    rms_norm_add[(20,)](x, residual, w, y, cols, cols, 1e-6, BLOCK=512)
    check(residual, total)
    check(y, F.rms_norm(total, (cols,), w.double(), 1e-6))
