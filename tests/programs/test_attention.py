"""Fused attention, forward and backward: online softmax, and its recomputation from the logarithm of the sum."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import triton
import triton.language as tl
from checking import check, gradients, leaves


@triton.jit
def _forward_range(
    acc, l_i, m_i, q, k_base, v_base, stride, qk_scale, offs_m, lo, hi, N_CTX,
    BLOCK_N: tl.constexpr, HEAD_DIM: tl.constexpr, DIAGONAL: tl.constexpr,
):  # fmt: skip
    offs_d = tl.arange(0, HEAD_DIM)
    for start_n in range(lo, hi, BLOCK_N):
        start_n = tl.multiple_of(start_n, BLOCK_N)
        offs_n = start_n + tl.arange(0, BLOCK_N)
        k = tl.load(k_base + offs_n[None, :] * stride + offs_d[:, None], mask=offs_n[None, :] < N_CTX, other=0.0)
        qk = tl.dot(q, k) * qk_scale
        valid = offs_n[None, :] < N_CTX
        if DIAGONAL:
            valid = valid & (offs_m[:, None] >= offs_n[None, :])
        qk = tl.where(valid, qk, -1.0e6)
        m_ij = tl.maximum(m_i, tl.max(qk, 1))
        p = tl.math.exp2(qk - m_ij[:, None])
        alpha = tl.math.exp2(m_i - m_ij)
        l_i = l_i * alpha + tl.sum(p, 1)
        acc = acc * alpha[:, None]
        v = tl.load(v_base + offs_n[:, None] * stride + offs_d[None, :], mask=offs_n[:, None] < N_CTX, other=0.0)
        acc = tl.dot(p.to(v.dtype), v, acc)
        m_i = m_ij
    return acc, l_i, m_i


@triton.jit
def attention_forward(
    Q, K, V, O, L, sm_scale, stride_h, stride_n, N_CTX,
    HEAD_DIM: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, CAUSAL: tl.constexpr,
):  # fmt: skip
    start_m, off_h = tl.program_id(0), tl.program_id(1)
    base = off_h.to(tl.int64) * stride_h
    offs_m = start_m * BLOCK_M + tl.arange(0, BLOCK_M)
    tile = offs_m[:, None] * stride_n + tl.arange(0, HEAD_DIM)[None, :]
    q = tl.load(Q + base + tile, mask=offs_m[:, None] < N_CTX, other=0.0)
    m_i = tl.zeros([BLOCK_M], dtype=tl.float32) - float("inf")
    l_i = tl.zeros([BLOCK_M], dtype=tl.float32) + 1.0
    acc = tl.zeros([BLOCK_M, HEAD_DIM], dtype=tl.float32)
    qk_scale = sm_scale * 1.44269504
    lo = start_m * BLOCK_M if CAUSAL else N_CTX
    acc, l_i, m_i = _forward_range(
        acc, l_i, m_i, q, K + base, V + base, stride_n, qk_scale, offs_m, 0, lo, N_CTX, BLOCK_N, HEAD_DIM, False
    )
    if CAUSAL:
        hi = tl.minimum((start_m + 1) * BLOCK_M, N_CTX)
        acc, l_i, m_i = _forward_range(
            acc, l_i, m_i, q, K + base, V + base, stride_n, qk_scale, offs_m, lo, hi, N_CTX, BLOCK_N, HEAD_DIM, True
        )
    m_i += tl.math.log2(l_i)
    acc = acc / l_i[:, None]
    tl.store(L + off_h * N_CTX + offs_m, m_i, mask=offs_m < N_CTX)
    tl.store(O + base + tile, acc.to(O.dtype.element_ty), mask=offs_m[:, None] < N_CTX)


@triton.jit
def attention_delta(O, DO, Delta, stride_h, stride_n, N_CTX, BLOCK_M: tl.constexpr, HEAD_DIM: tl.constexpr):
    offs_m = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)
    off_h = tl.program_id(1)
    tile = off_h * stride_h + offs_m[:, None] * stride_n + tl.arange(0, HEAD_DIM)[None, :]
    o = tl.load(O + tile, mask=offs_m[:, None] < N_CTX, other=0.0)
    do = tl.load(DO + tile, mask=offs_m[:, None] < N_CTX, other=0.0).to(tl.float32)
    tl.store(Delta + off_h * N_CTX + offs_m, tl.sum(o * do, axis=1), mask=offs_m < N_CTX)


@triton.jit
def attention_dkdv(
    Q, K, V, DO, DK, DV, L, Delta, sm_scale, stride_h, stride_n, N_CTX,
    HEAD_DIM: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, CAUSAL: tl.constexpr,
):  # fmt: skip
    start_n, off_h = tl.program_id(0) * BLOCK_N, tl.program_id(1)
    base = off_h.to(tl.int64) * stride_h
    offs_n, offs_d = start_n + tl.arange(0, BLOCK_N), tl.arange(0, HEAD_DIM)
    tile = base + offs_n[:, None] * stride_n + offs_d[None, :]
    inside = offs_n[:, None] < N_CTX
    k, v = tl.load(K + tile, mask=inside, other=0.0), tl.load(V + tile, mask=inside, other=0.0)
    dk, dv = tl.zeros([BLOCK_N, HEAD_DIM], tl.float32), tl.zeros([BLOCK_N, HEAD_DIM], tl.float32)
    first = start_n // BLOCK_M * BLOCK_M if CAUSAL else 0
    for start_m in range(first, N_CTX, BLOCK_M):
        offs_m = start_m + tl.arange(0, BLOCK_M)
        rows = base + offs_m[:, None] * stride_n + offs_d[None, :]
        q = tl.load(Q + rows, mask=offs_m[:, None] < N_CTX, other=0.0)
        do = tl.load(DO + rows, mask=offs_m[:, None] < N_CTX, other=0.0)
        m = tl.load(L + off_h * N_CTX + offs_m, mask=offs_m < N_CTX, other=0.0)
        delta = tl.load(Delta + off_h * N_CTX + offs_m, mask=offs_m < N_CTX, other=0.0)
        pT = tl.math.exp2(tl.dot(k, tl.trans(q)) * (sm_scale * 1.44269504) - m[None, :])
        if CAUSAL:
            pT = tl.where(offs_m[None, :] >= offs_n[:, None], pT, 0.0)
        dv = tl.dot(pT.to(do.dtype), do, dv)
        dpT = tl.dot(v, tl.trans(do)).to(tl.float32)
        dsT = pT * (dpT - delta[None, :])
        dk = tl.dot(dsT.to(q.dtype), q, dk)
    tl.store(DV + tile, dv.to(DV.dtype.element_ty), mask=inside)
    tl.store(DK + tile, (dk * sm_scale).to(DK.dtype.element_ty), mask=inside)


@triton.jit
def attention_dq(
    Q, K, V, DO, DQ, L, Delta, sm_scale, stride_h, stride_n, N_CTX,
    HEAD_DIM: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, CAUSAL: tl.constexpr,
):  # fmt: skip
    start_m, off_h = tl.program_id(0) * BLOCK_M, tl.program_id(1)
    base = off_h.to(tl.int64) * stride_h
    offs_m, offs_d = start_m + tl.arange(0, BLOCK_M), tl.arange(0, HEAD_DIM)
    tile = base + offs_m[:, None] * stride_n + offs_d[None, :]
    inside = offs_m[:, None] < N_CTX
    q, do = tl.load(Q + tile, mask=inside, other=0.0), tl.load(DO + tile, mask=inside, other=0.0)
    m = tl.load(L + off_h * N_CTX + offs_m, mask=offs_m < N_CTX, other=0.0)[:, None]
    delta = tl.load(Delta + off_h * N_CTX + offs_m, mask=offs_m < N_CTX, other=0.0)
    dq = tl.zeros([BLOCK_M, HEAD_DIM], dtype=tl.float32)
    offs_n = tl.arange(0, BLOCK_N)
    kT_ptrs = K + base + offs_n[None, :] * stride_n + offs_d[:, None]
    vT_ptrs = V + base + offs_n[None, :] * stride_n + offs_d[:, None]
    end = tl.minimum(start_m + BLOCK_M, N_CTX) if CAUSAL else N_CTX
    for _ in range(tl.cdiv(end, BLOCK_N)):
        kT = tl.load(kT_ptrs, mask=offs_n[None, :] < N_CTX, other=0.0)
        vT = tl.load(vT_ptrs, mask=offs_n[None, :] < N_CTX, other=0.0)
        p = tl.math.exp2(tl.dot(q, kT) * (sm_scale * 1.44269504) - m)
        valid = offs_n[None, :] < N_CTX
        if CAUSAL:
            valid = valid & (offs_m[:, None] >= offs_n[None, :])
        p = tl.where(valid, p, 0.0)
        ds = p * (tl.dot(do, vT).to(tl.float32) - delta[:, None])
        dq = tl.dot(ds.to(kT.dtype), tl.trans(kT), dq)
        kT_ptrs += BLOCK_N * stride_n
        vT_ptrs += BLOCK_N * stride_n
        offs_n += BLOCK_N
    tl.store(DQ + tile, (dq * sm_scale).to(DQ.dtype.element_ty), mask=inside)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(("dtype", "n"), [(torch.float32, 128), (torch.float32, 93), (torch.float16, 93)])
def test_attention(dtype: torch.dtype, n: int, causal: bool) -> None:
    heads, dim = 3, 32
    q, k, v, do = (torch.randn(heads, n, dim).to(dtype) for _ in range(4))
    o, dq, dk, dv = (torch.empty_like(q) for _ in range(4))
    lse, delta = torch.empty(heads, n), torch.empty(heads, n)
    scale = 0.5
    options: dict[str, Any] = {"HEAD_DIM": dim, "BLOCK_M": 32, "BLOCK_N": 32, "CAUSAL": causal}
    grid = (triton.cdiv(n, 32), heads)
    attention_forward[grid](
        q, k, v, o, lse, scale, *q.stride()[:2], n, **{**options, "BLOCK_N": 16} if causal else options
    )

    q64, k64, v64 = leaves(q, k, v)
    scores = q64 @ k64.mT * scale
    if causal:
        scores = scores.masked_fill(torch.ones(n, n).triu(1).bool(), -math.inf)
    reference = scores.softmax(-1) @ v64
    check(o, reference)
    check(lse, scores.logsumexp(-1).detach() / math.log(2))

    attention_delta[grid](o, do, delta, *q.stride()[:2], n, BLOCK_M=32, HEAD_DIM=dim)
    attention_dkdv[grid](q, k, v, do, dk, dv, lse, delta, scale, *q.stride()[:2], n, **options)
    attention_dq[grid](q, k, v, do, dq, lse, delta, scale, *q.stride()[:2], n, **options)
    for found, wanted in zip((dq, dk, dv), gradients(reference, do, q64, k64, v64), strict=True):
        check(found, wanted, 1e-5 if dtype == torch.float32 else 4e-3)
