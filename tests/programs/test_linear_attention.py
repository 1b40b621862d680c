"""Linear attention in chunks, with a decay per head: states between chunks, products within; forward and backward."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import triton
import triton.language as tl
from checking import check, gradients, leaves


@triton.jit
def chunk_states(
    k_ptr,
    v_ptr,
    s_ptr,
    decay_ptr,
    T,
    H,
    chunks,
    K: tl.constexpr,
    V: tl.constexpr,
    C: tl.constexpr,
    REVERSE: tl.constexpr,
):
    """S before each chunk (after it, if REVERSE): S <- S decay^C + sum of k v^T, decayed to the chunk's end."""
    bh = tl.program_id(0)
    b, h = bh // H, bh % H
    log_decay = tl.load(decay_ptr + h)
    i = tl.arange(0, C)
    s = tl.zeros((K, V), tl.float32)
    for step in range(chunks):
        chunk = chunks - 1 - step if REVERSE else step
        s_block = tl.make_block_ptr(s_ptr + (bh * chunks + chunk) * K * V, (K, V), (V, 1), (0, 0), (K, V), (1, 0))
        tl.store(s_block, s)
        base_k, base_v = k_ptr + (b * T * H + h) * K, v_ptr + (b * T * H + h) * V
        k_block = tl.make_block_ptr(base_k, (K, T), (1, H * K), (0, chunk * C), (K, C), (0, 1))
        v_block = tl.make_block_ptr(base_v, (T, V), (H * V, 1), (chunk * C, 0), (C, V), (1, 0))
        k = tl.load(k_block, boundary_check=(0, 1), padding_option="zero")
        v = tl.load(v_block, boundary_check=(0, 1), padding_option="zero")
        size = tl.minimum(C, T - chunk * C)
        weight = tl.exp(log_decay * (i + 1 if REVERSE else size - 1 - i))
        weight = tl.where(i < size, weight, 0.0)
        s = s * tl.exp(log_decay * size) + tl.dot(k, (v * weight[:, None]).to(k.dtype))


@triton.jit
def chunk_outputs(
    q_ptr, k_ptr, v_ptr, s_ptr, o_ptr, decay_ptr, scale, T, H, chunks, K: tl.constexpr, V: tl.constexpr, C: tl.constexpr
):
    """o = (q S) decay^(i + 1) + (q k^T under the causal decay) v"""
    chunk, bh = tl.program_id(0), tl.program_id(1)
    b, h = bh // H, bh % H
    log_decay = tl.load(decay_ptr + h)
    i = tl.arange(0, C)
    base_k, base_v = (b * T * H + h) * K, (b * T * H + h) * V
    q_block = tl.make_block_ptr(q_ptr + base_k, (T, K), (H * K, 1), (chunk * C, 0), (C, K), (1, 0))
    k_block = tl.make_block_ptr(k_ptr + base_k, (K, T), (1, H * K), (0, chunk * C), (K, C), (0, 1))
    v_block = tl.make_block_ptr(v_ptr + base_v, (T, V), (H * V, 1), (chunk * C, 0), (C, V), (1, 0))
    o_block = tl.make_block_ptr(o_ptr + base_v, (T, V), (H * V, 1), (chunk * C, 0), (C, V), (1, 0))
    s_block = tl.make_block_ptr(s_ptr + (bh * chunks + chunk) * K * V, (K, V), (V, 1), (0, 0), (K, V), (1, 0))
    q = tl.load(q_block, boundary_check=(0, 1), padding_option="zero")
    k = tl.load(k_block, boundary_check=(0, 1), padding_option="zero")
    v, s = tl.load(v_block, boundary_check=(0, 1), padding_option="zero"), tl.load(s_block)
    o = tl.dot(q, s.to(q.dtype)) * tl.exp(log_decay * (i + 1))[:, None]
    distance = i[:, None] - i[None, :]
    a = tl.where(distance >= 0, tl.dot(q, k) * tl.exp(log_decay * distance), 0.0)
    o = (o + tl.dot(a.to(v.dtype), v)) * scale
    tl.store(o_block, o.to(o_ptr.dtype.element_ty), boundary_check=(0, 1))


@triton.jit
def chunk_gradients(
    q_ptr, k_ptr, v_ptr, do_ptr, s_ptr, ds_ptr, dq_ptr, dk_ptr, dv_ptr, decay_ptr, scale, T, H, chunks,
    K: tl.constexpr, V: tl.constexpr, C: tl.constexpr,
):  # fmt: skip
    """ds: what the chunks behind give to the state after this one."""
    chunk, bh = tl.program_id(0), tl.program_id(1)
    b, h = bh // H, bh % H
    log_decay = tl.load(decay_ptr + h)
    i = tl.arange(0, C)
    rows = chunk * C + i
    live = (rows < T)[:, None]
    at_k = ((b * T + rows) * H + h)[:, None] * K + tl.arange(0, K)[None, :]
    at_v = ((b * T + rows) * H + h)[:, None] * V + tl.arange(0, V)[None, :]
    q, k = tl.load(q_ptr + at_k, mask=live, other=0.0), tl.load(k_ptr + at_k, mask=live, other=0.0)
    v, do = tl.load(v_ptr + at_v, mask=live, other=0.0), tl.load(do_ptr + at_v, mask=live, other=0.0)
    state = (bh * chunks + chunk) * K * V + tl.arange(0, K)[:, None] * V + tl.arange(0, V)[None, :]
    s, ds = tl.load(s_ptr + state), tl.load(ds_ptr + state)
    size = tl.minimum(C, T - chunk * C)
    before = tl.exp(log_decay * (i + 1))[:, None]
    after = tl.exp(log_decay * (size - 1 - i))[:, None]
    distance = i[:, None] - i[None, :]
    causal = tl.where(distance >= 0, tl.exp(log_decay * distance), 0.0)
    a = tl.dot(q, tl.trans(k)) * causal
    da = tl.dot(do, tl.trans(v)) * causal
    dq = tl.dot(do, tl.trans(s)) * before + tl.dot(da, k)
    dk = tl.dot(v, tl.trans(ds)) * after + tl.dot(tl.trans(da), q)
    dv = tl.dot(k, ds) * after + tl.dot(tl.trans(a), do)
    tl.store(dq_ptr + at_k, dq * scale, mask=live)
    tl.store(dk_ptr + at_k, dk * scale, mask=live)
    tl.store(dv_ptr + at_v, dv * scale, mask=live)


def reference_attention(q: Any, k: Any, v: Any, log_decay: torch.Tensor, scale: float) -> torch.Tensor:
    distance = torch.arange(q.shape[1])[:, None] - torch.arange(q.shape[1])[None, :]
    weight = torch.where(distance >= 0, torch.exp(log_decay.double()[:, None, None] * distance), 0.0)
    return torch.einsum("bthk,bshk,hts,bshv->bthv", q, k, weight, v) * scale


@pytest.mark.parametrize(("dtype", "T"), [(torch.float32, 64), (torch.float32, 51), (torch.bfloat16, 51)])
def test_linear_attention(dtype: torch.dtype, T: int) -> None:
    B, H, K, V, C, scale = 2, 2, 32, 16, 16, 0.25
    q, k = (torch.randn(B, T, H, K).to(dtype) for _ in range(2))
    v, do = (torch.randn(B, T, H, V).to(dtype) for _ in range(2))
    decay = -torch.rand(H) * 0.2
    chunks = triton.cdiv(T, C)
    s, o = torch.empty(B * H, chunks, K, V), torch.empty_like(v)
    sizes = {"K": K, "V": V, "C": C}
    chunk_states[(B * H,)](k, v, s, decay, T, H, chunks, **sizes, REVERSE=False)
    chunk_outputs[(chunks, B * H)](q, k, v, s, o, decay, scale, T, H, chunks, **sizes)
    q64, k64, v64 = leaves(q, k, v)
    reference = reference_attention(q64, k64, v64, decay, scale)
    check(o, reference)
    if dtype != torch.float32:
        return
    ds, dq, dk, dv = torch.empty_like(s), torch.empty_like(q), torch.empty_like(k), torch.empty_like(v)
    chunk_states[(B * H,)](q, do, ds, decay, T, H, chunks, **sizes, REVERSE=True)
    chunk_gradients[(chunks, B * H)](q, k, v, do, s, ds, dq, dk, dv, decay, scale, T, H, chunks, **sizes)
    for found, wanted in zip((dq, dk, dv), gradients(reference, do, q64, k64, v64), strict=True):
        check(found, wanted)


@triton.jit
def delta_rule(q_ptr, k_ptr, v_ptr, beta_ptr, o_ptr, T, K: tl.constexpr, V: tl.constexpr, BV: tl.constexpr):
    """S <- S + beta k (v - k^T S): a recurrence over tokens, the state in registers."""
    bh, pv = tl.program_id(0), tl.program_id(1)
    ks, vs = tl.arange(0, K), pv * BV + tl.arange(0, BV)
    p_q, p_k = q_ptr + bh * T * K + ks, k_ptr + bh * T * K + ks
    p_v, p_o, p_beta = v_ptr + bh * T * V + vs, o_ptr + bh * T * V + vs, beta_ptr + bh * T
    state = tl.zeros((K, BV), tl.float32)
    for _ in range(T):
        k, v, q, beta = tl.load(p_k), tl.load(p_v), tl.load(p_q), tl.load(p_beta)
        v -= tl.sum(state * k[:, None], axis=0)
        state += k[:, None] * (beta * v)[None, :]
        tl.store(p_o, tl.sum(state * q[:, None], axis=0))
        p_q += K
        p_k += K
        p_v += V
        p_o += V
        p_beta += 1


@pytest.mark.parametrize("T", [16, 37])
def test_the_delta_rule(T: int) -> None:
    N, K, V = 3, 16, 32
    q, k = (torch.nn.functional.normalize(torch.randn(N, T, K), dim=-1) for _ in range(2))
    v, beta = torch.randn(N, T, V), torch.rand(N, T)
    o, reference = torch.empty_like(v), torch.empty(N, T, V, dtype=torch.float64)
    delta_rule[(N, V // 16)](q, k, v, beta, o, T, K=K, V=V, BV=16)
    state = torch.zeros(N, K, V, dtype=torch.float64)
    for t in range(T):
        kt = k[:, t].double()
        error = v[:, t].double() - torch.einsum("nk,nkv->nv", kt, state)
        state = state + torch.einsum("nk,nv->nkv", kt, beta[:, t, None].double() * error)
        reference[:, t] = torch.einsum("nk,nkv->nv", q[:, t].double(), state)
    check(o, reference)
