"""Products of sparse matrices: blocks (BSR) times dense, dense times dense where it is asked for, and rows (CSR)."""

from __future__ import annotations

import pytest
import torch
import triton
import triton.language as tl
from checking import check


@triton.jit
def bsr_dense_product(
    values_ptr, row_starts_ptr, columns_ptr, dense_ptr, out_ptr, alpha, beta, N, stride_vb, stride_vr, stride_vc,
    stride_dk, stride_dn, BLOCK_ROW: tl.constexpr, BLOCK_COL: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """out = beta out + alpha (A B); a row of blocks and a strip of B per program."""
    block_row = tl.program_id(0)
    offs_n = tl.program_id(1) * BLOCK_N + tl.arange(0, BLOCK_N)
    r, c = tl.arange(0, BLOCK_ROW), tl.arange(0, BLOCK_COL)
    start = tl.load(row_starts_ptr + block_row)
    row_nnz = tl.load(row_starts_ptr + block_row + 1) - start
    block_ptrs = values_ptr + start * stride_vb + r[:, None] * stride_vr + c[None, :] * stride_vc
    column_ptr = columns_ptr + start
    acc = tl.zeros((BLOCK_ROW, BLOCK_N), tl.float32)
    for _ in range(row_nnz):
        block = tl.load(block_ptrs)
        column = tl.load(column_ptr)
        rows = column * BLOCK_COL + c
        dense = tl.load(
            dense_ptr + rows[:, None] * stride_dk + offs_n[None, :] * stride_dn, mask=offs_n[None, :] < N, other=0.0
        )
        acc += tl.dot(block, dense, allow_tf32=False)
        block_ptrs += stride_vb
        column_ptr += 1
    out_ptrs = out_ptr + (block_row * BLOCK_ROW + r)[:, None] * N + offs_n[None, :]
    result = alpha * acc
    if beta != 0.0:
        result += beta * tl.load(out_ptrs, mask=offs_n[None, :] < N, other=0.0)
    tl.store(out_ptrs, result.to(out_ptr.dtype.element_ty), mask=offs_n[None, :] < N)


def blocks_of(rows: int, cols: int, block: tuple[int, int], kept: float) -> tuple[torch.Tensor, torch.Tensor]:
    """(a matrix with whole blocks of zeros, the same in BSR)"""
    keep = torch.rand(rows // block[0], cols // block[1]) < kept
    keep[1] = False
    dense = torch.randn(rows, cols) * keep.repeat_interleave(block[0], 0).repeat_interleave(block[1], 1)
    return dense, dense.to_sparse_bsr(block)


@pytest.mark.filterwarnings("ignore:Sparse")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize("beta", [0.0, 0.5])
@pytest.mark.parametrize(("block", "N"), [((16, 16), 64), ((16, 32), 45)])
def test_sparse_times_dense(dtype: torch.dtype, block: tuple[int, int], N: int, beta: float) -> None:
    dense, bsr = blocks_of(64, 96, block, 0.4)
    values = bsr.values().to(dtype)
    b, out = torch.randn(N, 96).to(dtype).T, torch.randn(64, N).to(dtype)
    reference = beta * out.double() + 0.7 * (dense.to(dtype).double() @ b.double())
    bsr_dense_product[(4, triton.cdiv(N, 32))](
        values, bsr.crow_indices(), bsr.col_indices(), b, out, 0.7, beta, N, *values.stride(), *b.stride(),
        BLOCK_ROW=block[0], BLOCK_COL=block[1], BLOCK_N=32,
    )  # fmt: skip
    check(out, reference)


@triton.jit
def sampled_product(
    a_ptr, b_ptr, rows_ptr, columns_ptr, values_ptr, K, N, BLOCK_ROW: tl.constexpr, BLOCK_COL: tl.constexpr,
    BLOCK_K: tl.constexpr,
):  # fmt: skip
    """(A B) at the blocks that are listed only: the gradient of a sparse matrix."""
    block = tl.program_id(0)
    m = tl.load(rows_ptr + block) * BLOCK_ROW + tl.arange(0, BLOCK_ROW)
    n = tl.load(columns_ptr + block) * BLOCK_COL + tl.arange(0, BLOCK_COL)
    acc = tl.zeros((BLOCK_ROW, BLOCK_COL), tl.float32)
    for k in range(0, K, BLOCK_K):
        ks = k + tl.arange(0, BLOCK_K)
        a = tl.load(a_ptr + m[:, None] * K + ks[None, :], mask=ks[None, :] < K, other=0.0)
        b = tl.load(b_ptr + ks[:, None] * N + n[None, :], mask=ks[:, None] < K, other=0.0)
        acc += tl.dot(a, b)
    inside = tl.arange(0, BLOCK_ROW)[:, None] * BLOCK_COL + tl.arange(0, BLOCK_COL)[None, :]
    tl.store(values_ptr + block * BLOCK_ROW * BLOCK_COL + inside, acc)


@pytest.mark.filterwarnings("ignore:Sparse")
@pytest.mark.parametrize("K", [64, 50])
def test_where_it_is_asked_for(K: int) -> None:
    _, bsr = blocks_of(64, 96, (16, 32), 0.5)
    columns = bsr.col_indices()
    rows = torch.repeat_interleave(torch.arange(4), bsr.crow_indices().diff())
    a, b, values = torch.randn(64, K), torch.randn(K, 96), torch.empty(len(columns), 16, 32)
    sampled_product[(len(columns),)](a, b, rows, columns, values, K, 96, BLOCK_ROW=16, BLOCK_COL=32, BLOCK_K=16)
    product = (a.double() @ b.double()).reshape(4, 16, 3, 32).transpose(1, 2)
    check(values, product[rows, columns])


@triton.jit
def csr_product(values_ptr, columns_ptr, starts_ptr, x_ptr, y_ptr, rows, BLOCK: tl.constexpr, ROWS: tl.constexpr):
    """A sparse matrix times a vector: rows together, as long as one of them has elements."""
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    start = tl.load(starts_ptr + row, mask=row < rows, other=0)
    end = tl.load(starts_ptr + row + 1, mask=row < rows, other=0)
    acc = tl.zeros((ROWS,), tl.float32)
    at = start
    while tl.max(end - at, axis=0) > 0:
        i = at[:, None] + tl.arange(0, BLOCK)[None, :]
        live = i < end[:, None]
        column = tl.load(columns_ptr + i, mask=live, other=0)
        value = tl.load(values_ptr + i, mask=live, other=0.0)
        acc += tl.sum(value * tl.load(x_ptr + column, mask=live, other=0.0), axis=1)
        at += BLOCK
    tl.store(y_ptr + row, acc, mask=row < rows)


@pytest.mark.filterwarnings("ignore:Sparse")
@pytest.mark.parametrize("rows", [32, 45])
def test_rows_times_vector(rows: int) -> None:
    dense = torch.randn(rows, 70) * (torch.rand(rows, 70) < torch.rand(rows, 1))
    csr, x, y = dense.to_sparse_csr(), torch.randn(70), torch.empty(rows)
    csr_product[(triton.cdiv(rows, 8),)](
        csr.values(), csr.col_indices(), csr.crow_indices(), x, y, rows, BLOCK=16, ROWS=8
    )
    check(y, dense.double() @ x.double())
