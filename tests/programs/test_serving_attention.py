"""Attention as servers run it: a cache in pages, sequences of any lengths in one batch."""

from __future__ import annotations

import math

import pytest
import torch
import triton
import triton.language as tl
from checking import check


@triton.jit
def paged_decode_split(
    q_ptr, k_cache_ptr, v_cache_ptr, block_table_ptr, lengths_ptr, part_ptr, lse_ptr, scale,
    stride_qb, stride_qh, stride_cb, stride_cs, stride_ch, stride_table,
    GROUP: tl.constexpr, GROUP_PADDED: tl.constexpr, DIM: tl.constexpr, DIM_PADDED: tl.constexpr,
    PAGE: tl.constexpr, BLOCK_N: tl.constexpr, SPLITS: tl.constexpr,
):  # fmt: skip
    """One split of one sequence, for the group of query heads that share a head of the cache."""
    seq, kv_head, split = tl.program_id(0), tl.program_id(1), tl.program_id(2)
    kv_heads = tl.num_programs(1)
    length = tl.load(lengths_ptr + seq)
    per_split = tl.cdiv(tl.cdiv(length, SPLITS), BLOCK_N) * BLOCK_N
    start = split * per_split
    end = tl.minimum(start + per_split, length)
    offs_d = tl.arange(0, DIM_PADDED)
    offs_h = tl.arange(0, GROUP_PADDED)
    heads = kv_head * GROUP + offs_h
    in_q = (offs_h[:, None] < GROUP) & (offs_d[None, :] < DIM)
    q = tl.load(q_ptr + seq * stride_qb + heads[:, None] * stride_qh + offs_d[None, :], mask=in_q, other=0.0)
    e_max = tl.full([GROUP_PADDED], -float("inf"), tl.float32)
    e_sum = tl.zeros([GROUP_PADDED], tl.float32)
    acc = tl.zeros([GROUP_PADDED, DIM_PADDED], tl.float32)
    for n in range(start, end, BLOCK_N):
        offs_n = n + tl.arange(0, BLOCK_N)
        live = offs_n < end
        page = tl.load(block_table_ptr + seq * stride_table + offs_n // PAGE, mask=live, other=0).to(tl.int64)
        slot = page * stride_cb + (offs_n % PAGE) * stride_cs + kv_head * stride_ch
        in_k = live[None, :] & (offs_d[:, None] < DIM)
        k = tl.load(k_cache_ptr + slot[None, :] + offs_d[:, None], mask=in_k, other=0.0)
        qk = tl.where(live[None, :] & (offs_h[:, None] < GROUP), tl.dot(q, k.to(q.dtype)) * scale, -float("inf"))
        in_v = live[:, None] & (offs_d[None, :] < DIM)
        v = tl.load(v_cache_ptr + slot[:, None] + offs_d[None, :], mask=in_v, other=0.0)
        n_max = tl.maximum(tl.max(qk, 1), e_max)
        n_max = tl.where(n_max == -float("inf"), 0.0, n_max)
        re_scale = tl.exp(e_max - n_max)
        p = tl.exp(qk - n_max[:, None])
        acc = acc * re_scale[:, None] + tl.dot(p.to(v.dtype), v)
        e_sum = e_sum * re_scale + tl.sum(p, 1)
        e_max = n_max
    if end > start:
        at = (seq * kv_heads * GROUP + heads) * SPLITS + split
        tl.store(part_ptr + at[:, None] * DIM + offs_d[None, :], acc / e_sum[:, None], mask=in_q)
        tl.store(lse_ptr + at, e_max + tl.log(e_sum), mask=offs_h < GROUP)


@triton.jit
def paged_decode_merge(
    part_ptr, lse_ptr, lengths_ptr, out_ptr,
    DIM: tl.constexpr, DIM_PADDED: tl.constexpr, BLOCK_N: tl.constexpr, SPLITS: tl.constexpr,
):  # fmt: skip
    seq, head = tl.program_id(0), tl.program_id(1)
    length = tl.load(lengths_ptr + seq)
    per_split = tl.cdiv(tl.cdiv(length, SPLITS), BLOCK_N) * BLOCK_N
    offs_d = tl.arange(0, DIM_PADDED)
    row = seq * tl.num_programs(1) + head
    e_sum, e_max = 0.0, -float("inf")
    acc = tl.zeros([DIM_PADDED], tl.float32)
    for split in range(SPLITS):
        if split * per_split < length:
            lse = tl.load(lse_ptr + row * SPLITS + split)
            part = tl.load(part_ptr + (row * SPLITS + split) * DIM + offs_d, mask=offs_d < DIM, other=0.0)
            n_max = tl.maximum(lse, e_max)
            old, new = tl.exp(e_max - n_max), tl.exp(lse - n_max)
            acc = acc * old + new * part
            e_sum = e_sum * old + new
            e_max = n_max
    tl.store(out_ptr + row * DIM + offs_d, acc / e_sum, mask=offs_d < DIM)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("dim", "page", "kv_heads", "group"), [(64, 16, 2, 4), (80, 8, 1, 3)])
def test_paged_decode(dtype: torch.dtype, dim: int, page: int, kv_heads: int, group: int) -> None:
    lengths = torch.tensor([1, 37, 128, 200], dtype=torch.int32)
    seqs, heads, pages = len(lengths), kv_heads * group, triton.cdiv(int(lengths.max()), page)
    q = torch.randn(seqs, heads, dim).to(dtype)
    k_cache, v_cache = (torch.randn(seqs * pages, page, kv_heads, dim).to(dtype) for _ in range(2))
    table = torch.randperm(seqs * pages).reshape(seqs, pages).int()
    splits, block, padded = 4, 32, triton.next_power_of_2(dim)
    part, lse = torch.full((seqs, heads, splits, dim), math.nan), torch.full((seqs, heads, splits), math.nan)
    out = torch.empty_like(q)
    scale = dim**-0.5
    paged_decode_split[(seqs, kv_heads, splits)](
        q, k_cache, v_cache, table, lengths, part, lse, scale, *q.stride()[:2], *k_cache.stride()[:3], table.stride(0),
        GROUP=group, GROUP_PADDED=16, DIM=dim, DIM_PADDED=padded, PAGE=page, BLOCK_N=block, SPLITS=splits,
    )  # fmt: skip
    paged_decode_merge[(seqs, heads)](part, lse, lengths, out, DIM=dim, DIM_PADDED=padded, BLOCK_N=block, SPLITS=splits)
    for seq in range(seqs):
        n = int(lengths[seq])
        k, v = (
            cache[table[seq].long()].reshape(-1, kv_heads, dim)[:n].repeat_interleave(group, 1).double()
            for cache in (k_cache, v_cache)
        )
        p = (torch.einsum("hd,nhd->hn", q[seq].double(), k) * scale).softmax(1)
        check(out[seq], torch.einsum("hn,nhd->hd", p, v))


@triton.jit
def varlen_attention(
    q_ptr, k_ptr, v_ptr, o_ptr, starts_q_ptr, starts_k_ptr, scale, stride_n, stride_h, WINDOW,
    GROUP: tl.constexpr, DIM: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """Causal, aligned to the end of the keys, over a sliding window; no program for the tiles that a sequence lacks."""
    start_m, head, seq = tl.program_id(0), tl.program_id(1), tl.program_id(2)
    q_start = tl.load(starts_q_ptr + seq)
    q_len = tl.load(starts_q_ptr + seq + 1) - q_start
    if start_m * BLOCK_M >= q_len:
        return
    k_start = tl.load(starts_k_ptr + seq)
    k_len = tl.load(starts_k_ptr + seq + 1) - k_start
    offs_m = start_m * BLOCK_M + tl.arange(0, BLOCK_M)
    offs_d = tl.arange(0, DIM)
    q_ptrs = q_ptr + (q_start + offs_m[:, None]) * stride_n + head * stride_h + offs_d[None, :]
    q = tl.load(q_ptrs, mask=offs_m[:, None] < q_len, other=0.0)
    kv_head = head // GROUP
    at = offs_m + k_len - q_len  # where each query stands among the keys
    first = tl.maximum(start_m * BLOCK_M + k_len - q_len - WINDOW + 1, 0) // BLOCK_N * BLOCK_N
    last = tl.minimum((start_m + 1) * BLOCK_M + k_len - q_len, k_len)
    m_i = tl.full([BLOCK_M], -float("inf"), tl.float32)
    l_i = tl.zeros([BLOCK_M], tl.float32)
    acc = tl.zeros([BLOCK_M, DIM], tl.float32)
    for n in tl.range(first, last, BLOCK_N):
        offs_n = n + tl.arange(0, BLOCK_N)
        rows = (k_start + offs_n) * stride_n + kv_head * stride_h
        k = tl.load(k_ptr + rows[None, :] + offs_d[:, None], mask=offs_n[None, :] < k_len, other=0.0)
        v = tl.load(v_ptr + rows[:, None] + offs_d[None, :], mask=offs_n[:, None] < k_len, other=0.0)
        seen = (offs_n[None, :] <= at[:, None]) & (at[:, None] - offs_n[None, :] < WINDOW)
        qk = tl.where(seen, tl.dot(q, k) * scale, -1.0e30)
        m_new = tl.maximum(m_i, tl.max(qk, 1))
        p = tl.where(seen, tl.exp(qk - m_new[:, None]), 0.0)
        alpha = tl.exp(m_i - m_new)
        l_i = l_i * alpha + tl.sum(p, 1)
        acc = acc * alpha[:, None] + tl.dot(p.to(v.dtype), v)
        m_i = m_new
    o_ptrs = o_ptr + (q_start + offs_m[:, None]) * stride_n + head * stride_h + offs_d[None, :]
    tl.store(o_ptrs, acc / l_i[:, None], mask=offs_m[:, None] < q_len)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize("window", [1 << 20, 24])
def test_sequences_of_any_lengths(dtype: torch.dtype, window: int) -> None:
    heads, dim, group = 4, 32, 2
    q_lens, k_lens = [1, 64, 0, 45, 7], [50, 64, 3, 90, 7]
    starts_q, starts_k = (torch.tensor([0, *lens]).cumsum(0).int() for lens in (q_lens, k_lens))
    q = torch.randn(sum(q_lens), heads, dim).to(dtype)
    k, v = (torch.randn(sum(k_lens), heads, dim).to(dtype) for _ in range(2))
    o = torch.full_like(q, math.nan)
    varlen_attention[(triton.cdiv(max(q_lens), 32), heads, len(q_lens))](
        q, k, v, o, starts_q, starts_k, dim**-0.5, *q.stride()[:2], window, GROUP=group, DIM=dim, BLOCK_M=32, BLOCK_N=32
    )
    for seq, (nq, nk) in enumerate(zip(q_lens, k_lens, strict=True)):
        if nq == 0:
            continue
        rows, cols = slice(*starts_q[seq : seq + 2].tolist()), slice(*starts_k[seq : seq + 2].tolist())
        kv_heads = torch.arange(heads) // group
        scores = torch.einsum("mhd,nhd->hmn", q[rows].double(), k[cols][:, kv_heads].double()) * dim**-0.5
        distance = (torch.arange(nq)[:, None] + nk - nq) - torch.arange(nk)[None, :]
        scores = scores.masked_fill((distance < 0) | (distance >= window), -math.inf)
        check(o[rows], torch.einsum("hmn,nhd->mhd", scores.softmax(-1), v[cols][:, kv_heads].double()))
