"""Kernels in which numbers count that nobody may rely on, and kernels in which they do not. `# here`: where it counts;
`# of`: where it comes from."""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def stored(x, y, out, n, m, B: tl.constexpr):
    i = tl.arange(0, B)
    v = tl.load(x + i, mask=i < n)  # of
    tl.store(out + i, v + 1, mask=i < m)  # here


@triton.jit
def reduced(x, y, out, n, m, B: tl.constexpr):
    v = tl.load(x + tl.arange(0, B), mask=tl.arange(0, B) < n)  # of
    total = tl.sum(v, 0)  # here
    tl.store(out, total)


@triton.jit
def reduced_rows(x, y, out, n, m, B: tl.constexpr):
    r, c = tl.arange(0, 4), tl.arange(0, B)
    v = tl.load(x + r[:, None] * n + c[None, :], mask=(c[None, :] < n))  # of
    total = tl.max(v, 1)  # here
    tl.store(out + r, total)


@triton.jit
def address(x, y, out, n, m, B: tl.constexpr):
    i = tl.arange(0, B)
    k = tl.load(y + i, mask=i < n)  # of
    v = tl.load(x + k, mask=i < m)  # here
    tl.store(out + i, v, mask=i < m)


@triton.jit
def divided(x, y, out, n, m, B: tl.constexpr):
    i = tl.arange(0, B)
    a, b = tl.load(x + i, mask=i < n), tl.load(y + i, mask=i < n)
    q = a // b  # of
    tl.store(out + i, q, mask=i < n)  # here


@triton.jit
def divided_scalar(x, y, out, n, m, B: tl.constexpr):
    q = tl.load(x + 1) % tl.load(y)  # of
    tl.store(out, q)  # here


@triton.jit
def shifted(x, y, out, n, m, B: tl.constexpr):
    i = tl.arange(0, B)
    a, b = tl.load(x + i, mask=i < n), tl.load(y + i, mask=i < n)
    q = a << b  # of
    tl.store(out + i, q, mask=i < n)  # here


@triton.jit
def overflowing(x, y, out, n, m, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    k = i * m  # of
    v = tl.load(x + k % 64 % n, mask=i < n)  # here
    tl.store(out + i, v, mask=i < n)


@triton.jit
def infinite(x, y, out, n, m, B: tl.constexpr):
    i = tl.arange(0, B)
    v = tl.load(x + i, mask=i < n)
    e = tl.exp(v)  # of
    tl.store(out + i, e, mask=i < n)  # here


@triton.jit
def not_a_number(x, y, out, n, m, B: tl.constexpr):
    i = tl.arange(0, B)
    v = tl.load(x + i, mask=i < n)
    e = v / v  # of
    tl.store(out + i, e, mask=i < n)  # here


# ---- nothing to be found


@triton.jit
def same_mask(x, y, out, n, m, B: tl.constexpr):
    i = tl.arange(0, B)
    tl.store(out + i, tl.load(x + i, mask=i < n) * 2, mask=i < n)


@triton.jit
def chosen(x, y, out, n, m, B: tl.constexpr):
    i = tl.arange(0, B)
    v = tl.load(x + i, mask=i < n)
    tl.store(out, tl.sum(tl.where(i < n, v, 0), 0))


@triton.jit
def narrower_mask(x, y, out, n, m, B: tl.constexpr):
    i = tl.arange(0, B)
    v = tl.load(x + i, mask=i < n)
    tl.store(out + i, v, mask=(i < n) & (i % 2 == 0))


@triton.jit
def smaller_at_run_time(x, y, out, n, m, B: tl.constexpr):
    i = tl.arange(0, B)
    tl.store(out + i, tl.load(x + i, mask=i < m), mask=i < n)


@triton.jit
def divided_where_not_zero(x, y, out, n, m, B: tl.constexpr):
    i = tl.arange(0, B)
    a, b = tl.load(x + i, mask=i < n, other=0), tl.load(y + i, mask=i < n, other=0)
    tl.store(out + i, tl.where(b != 0, a // b, 0), mask=i < n)


@triton.jit
def left_out_of_two_dimensions(x, y, out, n, m, B: tl.constexpr):
    r, c = tl.arange(0, 4)[:, None], tl.arange(0, B)[None, :]
    inside = (r < 3) & (c < n)
    v = tl.load(x + r * 0 + c, mask=inside)
    tl.store(
        out + r * 0 + c, tl.broadcast_to(tl.max(tl.where(inside, v, 0), 0)[None, :], (4, B)), mask=(r < 1) & (c < n)
    )
