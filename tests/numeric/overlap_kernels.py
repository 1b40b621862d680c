"""Kernels with a loop to double-buffer: keys and values of attention, K of a matmul, rows, and a bias that is kept."""

import triton
import triton.language as tl


@triton.jit
def flash_attention(q_ptr, k_ptr, v_ptr, o_ptr, length, scale, ROWS: tl.constexpr, KEYS: tl.constexpr, D: tl.constexpr):
    rows = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    d = tl.arange(0, D)
    base = tl.program_id(1) * length * D
    inside = rows[:, None] < length
    q = tl.load(q_ptr + base + rows[:, None] * D + d[None, :], mask=inside, other=0.0)
    most = tl.full((ROWS,), -float("inf"), tl.float32)
    total = tl.zeros((ROWS,), tl.float32)
    out = tl.zeros((ROWS, D), tl.float32)
    for start in range(0, length, KEYS):
        keys = start + tl.arange(0, KEYS)
        there = keys[:, None] < length
        k = tl.load(k_ptr + base + keys[:, None] * D + d[None, :], mask=there, other=0.0)
        v = tl.load(v_ptr + base + keys[:, None] * D + d[None, :], mask=there, other=0.0)
        scores = tl.dot(q, tl.trans(k), input_precision="ieee") * scale
        scores = tl.where(keys[None, :] < length, scores, -float("inf"))
        new = tl.maximum(most, tl.max(scores, 1))
        p = tl.exp(scores - new[:, None])
        decay = tl.exp(most - new)
        total = total * decay + tl.sum(p, 1)
        out = tl.dot(p, v, out * decay[:, None], input_precision="ieee")
        most = new
    tl.store(o_ptr + base + rows[:, None] * D + d[None, :], out / total[:, None], mask=inside)


@triton.jit
def matmul(a_ptr, b_ptr, c_ptr, m, n, k, M: tl.constexpr, N: tl.constexpr, K: tl.constexpr):
    rows = tl.program_id(0) * M + tl.arange(0, M)
    cols = tl.program_id(1) * N + tl.arange(0, N)
    total = tl.zeros((M, N), tl.float32)
    for start in range(0, k, K):
        inner = start + tl.arange(0, K)
        a = tl.load(
            a_ptr + rows[:, None] * k + inner[None, :], mask=(rows[:, None] < m) & (inner[None, :] < k), other=0.0
        )
        b = tl.load(
            b_ptr + inner[:, None] * n + cols[None, :], mask=(inner[:, None] < k) & (cols[None, :] < n), other=0.0
        )
        total = tl.dot(a, b, total, input_precision="ieee")
    tl.store(c_ptr + rows[:, None] * n + cols[None, :], total, mask=(rows[:, None] < m) & (cols[None, :] < n))


@triton.jit
def softmax(x_ptr, o_ptr, n, BLOCK: tl.constexpr):
    at = tl.program_id(0) * n + tl.arange(0, BLOCK)
    inside = tl.arange(0, BLOCK) < n
    x = tl.load(x_ptr + at, mask=inside, other=-float("inf"))
    e = tl.exp(x - tl.max(x, 0))
    tl.store(o_ptr + at, e / tl.sum(e, 0), mask=inside)


@triton.jit
def rms_norm(x_ptr, w_ptr, o_ptr, n, eps, BLOCK: tl.constexpr):
    columns = tl.arange(0, BLOCK)
    at = tl.program_id(0) * n + columns
    x = tl.load(x_ptr + at, mask=columns < n, other=0.0)
    w = tl.load(w_ptr + columns, mask=columns < n, other=0.0)
    scale = 1.0 / tl.sqrt(tl.sum(x * x, 0) / n + eps)
    tl.store(o_ptr + at, x * scale * w, mask=columns < n)


@triton.jit
def planes(x_ptr, o_ptr, p, m, n, s, P: tl.constexpr, M: tl.constexpr, N: tl.constexpr):
    """Blocks of three dimensions, out of larger ones."""
    a = (tl.program_id(0) * P + tl.arange(0, P))[:, None, None]
    b = tl.arange(0, M)[None, :, None]
    c = tl.arange(0, N)[None, None, :]
    inside = (a < p) & (b < m) & (c < n)
    x = tl.load(x_ptr + (a * (m + 3) + b) * s + c, mask=inside)
    tl.store(o_ptr + (a * m + b) * n + c, x * 2, mask=inside)


@triton.jit
def add_rows(x_ptr, bias_ptr, o_ptr, rows, n, BLOCK: tl.constexpr):
    """The bias of a column block is used by all programs of the first axis."""
    columns = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    at = tl.program_id(0) * n + columns
    inside = columns < n
    tl.store(o_ptr + at, tl.load(x_ptr + at, mask=inside) + tl.load(bias_ptr + columns, mask=inside), mask=inside)


@triton.jit
def histogram(x_ptr, counts_ptr, sum_ptr, n, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + at, mask=at < n, other=0)
    tl.atomic_add(counts_ptr + x, 1, mask=at < n)
    tl.atomic_add(sum_ptr, tl.sum(tl.where(at < n, x, 0), 0))


@triton.jit
def scale_planes(x_ptr, scale_ptr, o_ptr, p, m, n, P: tl.constexpr, M: tl.constexpr, N: tl.constexpr):
    """Blocks of p planes that are cut into tiles of a few rows: all tiles of a plane use the scales of its columns."""
    plane = tl.arange(0, P)[:, None, None]
    a = tl.program_id(0) * p + plane
    b = tl.arange(0, M)[None, :, None]
    c = tl.arange(0, N)[None, None, :]
    inside = (plane < p) & (b < m) & (c < n)
    x = tl.load(x_ptr + (a * m + b) * n + c, mask=inside)
    scale = tl.load(scale_ptr + a * n + c, mask=(plane < p) & (c < n))
    tl.store(o_ptr + (a * m + b) * n + c, x * scale, mask=inside)


@triton.jit
def delayed(x_ptr, o_ptr, n, delay, BLOCK: tl.constexpr):
    """`o[i] = x[i - delay]`, and 7 where there is no such element."""
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + at - delay, mask=(at - delay >= 0) & (at - delay < n), other=7.0)
    tl.store(o_ptr + at, x, mask=at < n)
