"""Mixture of experts: the router, tokens put in order of their experts, the experts' products, the weighted sum."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
import triton
import triton.language as tl
from checking import check


@triton.jit
def route(
    logits_ptr, ids_ptr, weights_ptr, tokens, experts, TOP_K: tl.constexpr, BLOCK: tl.constexpr, ROWS: tl.constexpr
):
    """The TOP_K most probable experts of each token, weights that sum to 1."""
    rows = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    cols = tl.arange(0, BLOCK)
    inside = (rows[:, None] < tokens) & (cols[None, :] < experts)
    logits = tl.load(logits_ptr + rows[:, None] * experts + cols[None, :], mask=inside, other=-float("inf"))
    logits = tl.where(rows[:, None] < tokens, logits, 0.0)
    e = tl.exp(logits - tl.max(logits, 1)[:, None])
    left = tl.where(cols[None, :] < experts, e, -1.0)
    total = tl.zeros((ROWS,), tl.float32)
    for k in tl.static_range(TOP_K):
        best, which = tl.max(left, axis=1, return_indices=True)
        tl.store(ids_ptr + rows * TOP_K + k, which, mask=rows < tokens)
        tl.store(weights_ptr + rows * TOP_K + k, best, mask=rows < tokens)
        left = tl.where(cols[None, :] == which[:, None], -1.0, left)
        total += best
    tl.debug_barrier()
    for k in tl.static_range(TOP_K):
        w = tl.load(weights_ptr + rows * TOP_K + k, mask=rows < tokens)
        tl.store(weights_ptr + rows * TOP_K + k, w / total, mask=rows < tokens)


@triton.jit
def count_experts(ids_ptr, counts_ptr, n, EXPERTS: tl.constexpr, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    ids = tl.load(ids_ptr + i, mask=i < n, other=0)
    counts = tl.histogram(ids, EXPERTS, mask=i < n)
    tl.atomic_add(counts_ptr + tl.arange(0, EXPERTS), counts)


@triton.jit
def align_blocks(counts_ptr, starts_ptr, cursor_ptr, block_expert_ptr, EXPERTS: tl.constexpr, BM: tl.constexpr):
    """Where each expert's rows begin, in whole blocks, and the expert of every block."""
    e = tl.arange(0, EXPERTS)
    padded = tl.cdiv(tl.load(counts_ptr + e), BM) * BM
    ends = tl.cumsum(padded, 0)
    tl.store(starts_ptr + e, ends - padded)
    tl.store(cursor_ptr + e, ends - padded)
    for x in range(EXPERTS):
        first = tl.sum(tl.where(e == x, ends - padded, 0)) // BM
        last = tl.sum(tl.where(e == x, ends, 0)) // BM
        for block in range(first, last):
            tl.store(block_expert_ptr + block, x)


@triton.jit
def place_tokens(ids_ptr, cursor_ptr, sorted_ptr, n, BLOCK: tl.constexpr):
    """Each pair (token, choice) takes the next place of its expert."""
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    ids = tl.load(ids_ptr + i, mask=i < n, other=0)
    at = tl.atomic_add(cursor_ptr + ids, 1, mask=i < n)
    tl.store(sorted_ptr + at, i, mask=i < n)


@triton.jit
def expert_products(
    x_ptr, w_ptr, out_ptr, sorted_ptr, block_expert_ptr, weights_ptr, n, N, K, stride_we, stride_wk,
    DIVIDE: tl.constexpr, WEIGHTED: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr,
):  # fmt: skip
    """A block of rows of one expert, gathered from the tokens and scattered to (token, choice)."""
    block, pid_n = tl.program_id(0), tl.program_id(1)
    expert = tl.load(block_expert_ptr + block)
    if expert < 0:
        return
    pairs = tl.load(sorted_ptr + block * BM + tl.arange(0, BM))
    live = pairs < n
    offs_n = pid_n * BN + tl.arange(0, BN)
    offs_k = tl.arange(0, BK)
    x_ptrs = x_ptr + pairs[:, None] // DIVIDE * K + offs_k[None, :]
    w_ptrs = w_ptr + expert.to(tl.int64) * stride_we + offs_k[:, None] * stride_wk + offs_n[None, :]
    acc = tl.zeros((BM, BN), tl.float32)
    for k in range(0, K, BK):
        x = tl.load(x_ptrs, mask=live[:, None] & (offs_k[None, :] < K - k), other=0.0)
        w = tl.load(w_ptrs, mask=(offs_k[:, None] < K - k) & (offs_n[None, :] < N), other=0.0)
        acc += tl.dot(x, w)
        x_ptrs += BK
        w_ptrs += BK * stride_wk
    if WEIGHTED:
        acc = acc * tl.load(weights_ptr + pairs, mask=live, other=0.0)[:, None]
    mask = live[:, None] & (offs_n[None, :] < N)
    tl.store(out_ptr + pairs[:, None] * N + offs_n[None, :], acc.to(out_ptr.dtype.element_ty), mask=mask)


@triton.jit
def sum_choices(parts_ptr, out_ptr, N, TOP_K: tl.constexpr, BLOCK: tl.constexpr):
    token, cols = tl.program_id(0), tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    k = tl.arange(0, TOP_K)
    parts = tl.load(parts_ptr + (token * TOP_K + k[:, None]) * N + cols[None, :], mask=cols[None, :] < N, other=0.0)
    tl.store(out_ptr + token * N + cols, tl.sum(parts.to(tl.float32), 0), mask=cols < N)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize(("tokens", "hidden", "inner"), [(32, 64, 64), (45, 50, 70)])
def test_experts(dtype: torch.dtype, tokens: int, hidden: int, inner: int) -> None:
    experts, top_k, BM = 8, 2, 16
    x, logits = torch.randn(tokens, hidden).to(dtype), torch.randn(tokens, experts)
    up = (0.2 * torch.randn(experts, hidden, inner)).to(dtype)
    down = (0.2 * torch.randn(experts, inner, hidden)).to(dtype)
    n = tokens * top_k

    ids, weights = torch.empty(tokens, top_k, dtype=torch.int32), torch.empty(tokens, top_k)
    route[(triton.cdiv(tokens, 8),)](logits, ids, weights, tokens, experts, TOP_K=top_k, BLOCK=8, ROWS=8)
    best = logits.double().topk(top_k, 1)
    assert torch.equal(ids.long(), best.indices)
    check(weights, best.values.softmax(1))

    counts, starts, cursor = (torch.zeros(experts, dtype=torch.int32) for _ in range(3))
    blocks = triton.cdiv(n, BM) + experts
    order, block_expert = torch.full((blocks * BM,), n).int(), torch.full((blocks,), -1).int()
    count_experts[(triton.cdiv(n, 32),)](ids, counts, n, EXPERTS=experts, BLOCK=32)
    assert torch.equal(counts.long(), torch.bincount(ids.flatten().long(), minlength=experts))
    align_blocks[(1,)](counts, starts, cursor, block_expert, EXPERTS=experts, BM=BM)
    place_tokens[(triton.cdiv(n, 32),)](ids, cursor, order, n, BLOCK=32)
    assert torch.equal(cursor, starts + counts)

    mid, parts, out = torch.empty(n, inner, dtype=dtype), torch.empty(n, hidden, dtype=dtype), torch.empty_like(x)
    tiles = {"BM": BM, "BN": 32, "BK": 32}
    expert_products[(blocks, triton.cdiv(inner, 32))](
        x,
        up,
        mid,
        order,
        block_expert,
        weights,
        n,
        inner,
        hidden,
        *up.stride()[:2],
        DIVIDE=top_k,
        WEIGHTED=False,
        **tiles,
    )
    mid = F.silu(mid)
    expert_products[(blocks, triton.cdiv(hidden, 32))](
        mid, down, parts, order, block_expert, weights, n, hidden, inner, *down.stride()[:2], DIVIDE=1, WEIGHTED=True,
        **tiles,
    )  # fmt: skip
    sum_choices[(tokens, triton.cdiv(hidden, 32))](parts, out, hidden, TOP_K=top_k, BLOCK=32)

    reference = torch.zeros(tokens, hidden, dtype=torch.float64)
    for token in range(tokens):
        for choice, weight in zip(best.indices[token], best.values[token].softmax(0), strict=True):
            reference[token] += weight * (F.silu(x[token].double() @ up[choice].double()) @ down[choice].double())
    check(out, reference, 1e-5 if dtype == torch.float32 else 4e-3)
