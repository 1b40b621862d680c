"""Triton kernels whose loops and views differ, for the scratchpad passes."""

import triton
import triton.language as tl


@triton.jit
def persistent_softmax(o_ptr, x_ptr, stride, rows, n, BLOCK: tl.constexpr):
    for row in tl.range(tl.program_id(0), rows, tl.num_programs(0)):
        i = tl.arange(0, BLOCK)
        x = tl.load(x_ptr + row * stride + i, mask=i < n, other=-float("inf"))
        e = tl.exp(x - tl.max(x, axis=0))
        tl.store(o_ptr + row * stride + i, e / tl.sum(e, axis=0), mask=i < n)


@triton.jit
def rope(q_ptr, cos_ptr, sin_ptr, n_heads, HD: tl.constexpr):
    row = tl.program_id(0)
    head = tl.program_id(1)
    base = (row * n_heads + head) * HD
    i = tl.arange(0, HD // 2)
    c = tl.load(cos_ptr + row * (HD // 2) + i)
    s = tl.load(sin_ptr + row * (HD // 2) + i)
    a = tl.load(q_ptr + base + i)
    b = tl.load(q_ptr + base + HD // 2 + i)
    tl.store(q_ptr + base + i, a * c - b * s)
    tl.store(q_ptr + base + HD // 2 + i, b * c + a * s)


@triton.jit
def attention(
    q_ptr,
    k_ptr,
    v_ptr,
    o_ptr,
    S,
    scale,
    BM: tl.constexpr,
    BN: tl.constexpr,
    D: tl.constexpr,
    CAUSAL: tl.constexpr,
):
    pid = tl.program_id(0)
    bh = tl.program_id(1)
    base = bh * S * D
    m = pid * BM + tl.arange(0, BM)
    d = tl.arange(0, D)
    nn = tl.arange(0, BN)
    q = tl.load(q_ptr + base + m[:, None] * D + d[None, :], mask=m[:, None] < S, other=0.0)
    mi = tl.full((BM,), -float("inf"), tl.float32)
    li = tl.zeros((BM,), tl.float32)
    acc = tl.zeros((BM, D), tl.float32)
    hi = tl.minimum((pid + 1) * BM, S) if CAUSAL else S
    for start in range(0, hi, BN):
        n = start + nn
        k = tl.load(k_ptr + base + n[:, None] * D + d[None, :], mask=n[:, None] < S, other=0.0)
        qk = tl.dot(q, tl.trans(k), input_precision="ieee") * scale
        ok = n[None, :] < S
        if CAUSAL:
            ok = ok & (m[:, None] >= n[None, :])
        qk = tl.where(ok, qk, -float("inf"))
        mn = tl.maximum(mi, tl.max(qk, 1))
        p = tl.exp(qk - mn[:, None])
        alpha = tl.exp(mi - mn)
        li = li * alpha + tl.sum(p, 1)
        acc = acc * alpha[:, None]
        v = tl.load(v_ptr + base + n[:, None] * D + d[None, :], mask=n[:, None] < S, other=0.0)
        acc = tl.dot(p, v, acc, input_precision="ieee")
        mi = mn
    acc = acc / li[:, None]
    tl.store(o_ptr + base + m[:, None] * D + d[None, :], acc, mask=m[:, None] < S)


@triton.jit
def two_pass_norm(x_ptr, w_ptr, o_ptr, n, eps, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    acc = tl.zeros((BLOCK,), tl.float32)
    for off in range(0, n, BLOCK):
        i = off + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + row * n + i, mask=i < n, other=0.0)
        acc += x * x
    r = 1.0 / tl.sqrt(tl.sum(acc, 0) / n + eps)
    for off in range(0, n, BLOCK):
        i = off + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + row * n + i, mask=i < n, other=0.0)
        w = tl.load(w_ptr + i, mask=i < n)
        tl.store(o_ptr + row * n + i, x * r * w, mask=i < n)


@triton.jit
def transpose(x_ptr, o_ptr, M, N, BM: tl.constexpr, BN: tl.constexpr):
    m = tl.program_id(0) * BM + tl.arange(0, BM)
    n = tl.program_id(1) * BN + tl.arange(0, BN)
    mask = (m[:, None] < M) & (n[None, :] < N)
    x = tl.load(x_ptr + m[:, None] * N + n[None, :], mask=mask)
    tl.store(o_ptr + n[None, :] * M + m[:, None], x, mask=mask)


@triton.jit
def embed(w_ptr, i_ptr, o_ptr, D: tl.constexpr):
    r = tl.load(i_ptr + tl.program_id(0))
    d = tl.arange(0, D)
    tl.store(o_ptr + tl.program_id(0) * D + d, tl.load(w_ptr + r * D + d))


@triton.jit
def prefix_rows(x_ptr, n, rows, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    for r in range(1, rows):
        a = tl.load(x_ptr + (r - 1) * n + i, mask=i < n, other=0.0)
        b = tl.load(x_ptr + r * n + i, mask=i < n, other=0.0)
        tl.store(x_ptr + r * n + i, a + b, mask=i < n)


@triton.jit
def guarded(x_ptr, o_ptr, n, flag, BLOCK: tl.constexpr):
    pid = tl.program_id(0)
    if pid * BLOCK >= n:
        return
    i = pid * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < n)
    if flag > 0:
        x = x * 2
    tl.store(o_ptr + i, x, mask=i < n)
