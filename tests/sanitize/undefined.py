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


# ---- carried by loops and branches


@triton.jit
def summed_in_a_loop(x, y, out, n, m, B: tl.constexpr):
    i = tl.arange(0, B)
    total = tl.zeros((B,), x.dtype.element_ty)
    for k in range(3):
        total += tl.load(x + k * B + i, mask=i < n)  # of
    tl.store(out + i, total, mask=i < m)  # here


@triton.jit
def kept_from_the_turn_before(x, y, out, n, m, B: tl.constexpr):
    i = tl.arange(0, B)
    last = tl.load(x + i)
    for k in range(3):
        tl.store(out + i, last, mask=i < m)  # here
        last = tl.load(x + k * B + i, mask=i < n)  # of


@triton.jit
def in_inner_loops(x, y, out, n, m, B: tl.constexpr):
    i = tl.arange(0, B)
    total = tl.zeros((B,), x.dtype.element_ty)
    for k in range(3):
        part = tl.zeros((B,), x.dtype.element_ty)
        for j in range(2):
            part += tl.load(x + (k + j) * 32 + i, mask=i < n)  # of
        total += part
    tl.store(out + i, total, mask=i < m)  # here


@triton.jit
def while_it_lasts(x, y, out, n, m, B: tl.constexpr):
    i = tl.arange(0, B)
    total = tl.zeros((B,), x.dtype.element_ty)
    k = 0
    while k < 3:
        total = tl.maximum(total, tl.load(x + k * B + i, mask=i < n))  # of
        k += 1
    tl.store(out + i, total, mask=i < m)  # here


@triton.jit
def scalar_of_a_loop(x, y, out, n, m, B: tl.constexpr):
    total = tl.load(x) * 0
    for k in range(55):
        total += tl.load(x + k, mask=k < n)  # of
    tl.store(out, total)  # here


@triton.jit
def from_a_branch(x, y, out, n, m, B: tl.constexpr):
    i = tl.arange(0, B)
    v = tl.load(x + i)
    if tl.load(x + 1) == 1:
        v += tl.sum(tl.load(x + B + i), 0)
        v += tl.load(x + i, mask=i < n)  # of
    tl.store(out + i, v, mask=i < m)  # here


@triton.jit
def says_what_is_done(x, y, out, n, m, B: tl.constexpr):
    v = tl.load(x + 1, mask=n < m)
    v = tl.load(x + 1, mask=n > m)  # of
    if v > 0:  # here
        tl.store(out, 1)


@triton.jit
def says_what_is_stored(x, y, out, n, m, B: tl.constexpr):
    i = tl.arange(0, B)
    v = tl.load(x + i, mask=i < n)  # of
    tl.store(out + i, i.to(x.dtype.element_ty), mask=v < 70)  # here


@triton.jit
def says_how_often(x, y, out, n, m, B: tl.constexpr):
    often = tl.load(y + 1, mask=n > m)  # of
    for k in range(often):  # here
        tl.store(out, k)


@triton.jit
def overflowing_in_a_loop(x, y, out, n, m, B: tl.constexpr):
    i = tl.arange(0, B)
    k = i
    for _ in range(3):
        k += m  # of
    v = tl.load(x + k % 64 % n, mask=i < n)  # here
    tl.store(out + i, v, mask=i < n)


@triton.jit
def infinite_in_a_loop(x, y, out, n, m, B: tl.constexpr):
    i = tl.arange(0, B)
    v = tl.load(x + i, mask=i < n)
    for _ in range(5):
        v = v * v  # of
    tl.store(out + i, v, mask=i < n)  # here


@triton.jit
def infinite_sum(x, y, out, n, m, B: tl.constexpr):
    v = tl.load(x + tl.arange(0, B)) * 5e36
    total = tl.sum(v, 0)  # of
    tl.store(out, total)  # here


@triton.jit
def infinite_product(x, y, out, n, m, B: tl.constexpr):
    r, c = tl.arange(0, 16)[:, None], tl.arange(0, 16)[None, :]
    a = tl.load(x + c + r * 0) * 1e19
    p = tl.zeros((16, 16), tl.float32)
    for _ in range(2):
        p = tl.dot(a, tl.trans(a), p)  # of
    tl.store(out + r * 16 + c, p)  # here


@triton.jit
def infinite_scan(x, y, out, n, m, B: tl.constexpr):
    i = tl.arange(0, B)
    v = tl.load(x + i) * 5e36
    v = tl.cumsum(v, 0)  # of
    tl.store(out + i, v)  # here


@triton.jit
def without_a_number(x, y, out, n, m, B: tl.constexpr):
    i = tl.arange(0, B)
    v = tl.where(i < n - 50, tl.load(x + i), -float("inf"))
    e = tl.exp(v - tl.max(v, 0))  # of
    tl.store(out + i, e / tl.sum(e, 0))  # here


@triton.jit
def dropped_by_a_maximum(x, y, out, n, m, B: tl.constexpr):
    v = tl.load(x + tl.arange(0, B))
    v = v / v  # of
    tl.store(out, tl.max(v, 0))  # here


@triton.jit
def rows_beyond_the_last(x, y, out, n, m, B: tl.constexpr):
    r, c = tl.program_id(0) * 4 + tl.arange(0, 4)[:, None], tl.arange(0, 16)[None, :]
    inside = (r < 3) & (c < 16)
    v = tl.where(inside, tl.load(x + r * 16 + c, mask=inside), -float("inf"))
    e = tl.exp(v - tl.max(v, 1)[:, None])
    e = tl.dot(e, tl.full((16, 16), 1.0, tl.float32)) / tl.sum(e, 1)[:, None]
    tl.store(out + r * 16 + c, e, mask=inside)


# ---- moved, sorted, scanned


@triton.jit
def flipped(x, y, out, n, m, B: tl.constexpr):
    i = tl.arange(0, B)
    v = tl.load(x + i, mask=i < n)  # of
    tl.store(out + i, tl.flip(v, 0), mask=i >= B - m)  # here


@triton.jit
def scanned(x, y, out, n, m, B: tl.constexpr):
    i = tl.arange(0, B)
    v = tl.load(x + i, mask=i < n)  # of
    tl.store(out + i, tl.cumsum(v, 0), mask=i < m)  # here


@triton.jit
def scanned_backwards(x, y, out, n, m, B: tl.constexpr):
    i = tl.arange(0, B)
    v = tl.load(x + i, mask=i >= n)  # of
    tl.store(out + i, tl.cumsum(v, 0, reverse=True), mask=i >= n - 10)  # here


@triton.jit
def sorted_with_the_rest(x, y, out, n, m, B: tl.constexpr):
    i = tl.arange(0, B)
    v = tl.load(x + i, mask=i < n)  # of
    v = tl.sort(v)  # here
    tl.store(out + i, v, mask=i < n)


@triton.jit
def looked_up(x, y, out, n, m, B: tl.constexpr):
    i = tl.arange(0, B)
    v = tl.load(x + i, mask=i < n)  # of
    v = tl.gather(v, tl.flip(i, 0), 0)
    tl.store(out + i, v, mask=i >= B - m)  # here


@triton.jit
def taken_apart(x, y, out, n, m, B: tl.constexpr):
    i = tl.arange(0, B)
    a, b = tl.split(tl.join(tl.load(x + i), tl.load(x + i, mask=i < n)))  # of
    tl.store(out + i, b, mask=i < m)  # here
    tl.store(out + i, a)


@triton.jit
def counted(x, y, out, n, m, B: tl.constexpr):
    i = tl.arange(0, B)
    v = tl.load(y + i, mask=i < n)  # of
    h = tl.histogram(v, 64)  # here
    tl.store(out + i, h)


@triton.jit
def multiplied(x, y, out, n, m, B: tl.constexpr):
    r, c = tl.arange(0, 16)[:, None], tl.arange(0, 16)[None, :]
    a = tl.load(x + r * 0 + c, mask=c < n - 42)  # of
    p = tl.dot(a, a)  # here
    tl.store(out + r * 16 + c, p)


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


@triton.jit
def summed_in_a_loop_and_masked(x, y, out, n, m, B: tl.constexpr):
    i = tl.arange(0, B)
    total = tl.zeros((B,), x.dtype.element_ty)
    p = x + i
    for k in range(3):
        v = tl.load(p, mask=i < n)
        if k != 1:
            total += v
        p += B
    tl.store(out + i, total, mask=i < n)


@triton.jit
def replaced_in_the_last_turn(x, y, out, n, m, B: tl.constexpr):
    i = tl.arange(0, B)
    v = tl.load(x + i, mask=i < n)
    for k in range(3):
        v = tl.load(x + k * B + i)
    tl.store(out + i, v)


@triton.jit
def flipped_with_its_mask(x, y, out, n, m, B: tl.constexpr):
    i = tl.arange(0, B)
    v = tl.load(x + i, mask=i < n)
    tl.store(out + i, tl.flip(v, 0), mask=tl.flip(i < n, 0))
    tl.store(out + i, tl.flip(tl.flip(v, 0), 0), mask=i < n)


@triton.jit
def flipped_rows(x, y, out, n, m, B: tl.constexpr):
    r, c = tl.arange(0, 4)[:, None], tl.arange(0, 16)[None, :]
    v = tl.load(x + r * 16 + c, mask=(r < 3) & (c >= 6))
    tl.store(out + r * 16 + c, tl.flip(v, 1), mask=(r < 3) & (c < 10))
    tl.store(out + 64 + r * 16 + c, tl.flip(v, 0), mask=(r > 0) & (c >= 6))


@triton.jit
def scanned_with_its_mask(x, y, out, n, m, B: tl.constexpr):
    i = tl.arange(0, B)
    v = tl.load(x + i, mask=i < n)
    tl.store(out + i, tl.cumsum(v, 0), mask=i < n)
    v = tl.load(x + i, mask=i >= n)
    tl.store(out + i, tl.cumsum(v, 0, reverse=True), mask=i >= n)


@triton.jit
def rows_of_their_own(x, y, out, n, m, B: tl.constexpr):
    r, c = tl.arange(0, 4)[:, None], tl.arange(0, 16)[None, :]
    v = tl.load(x + r * 16 + c, mask=r < 3)
    r, c = tl.arange(0, 4), tl.arange(0, 16)
    tl.store(out + r, tl.sum(v, 1), mask=r < 3)
    w = tl.sort(v)
    tl.store(out + 16 + r[:, None] * 16 + c[None, :], w, mask=r[:, None] < 3)


@triton.jit
def rows_of_a_product(x, y, out, n, m, B: tl.constexpr):
    r, c = tl.arange(0, 16)[:, None], tl.arange(0, 16)[None, :]
    a, b = tl.load(x + r * 16 + c, mask=r < 10), tl.load(x + r * 16 + c, mask=c < 5)
    p = tl.zeros((16, 16), tl.int32)
    for _ in range(2):
        p += tl.dot(a.to(tl.int8), b.to(tl.int8))
    tl.store(out + r * 16 + c, p, mask=(r < 10) & (c < 5))


@triton.jit
def false_whatever_it_is(x, y, out, n, m, B: tl.constexpr):
    i = tl.arange(0, B)
    v = tl.load(x + i, mask=i < n)
    keep = (i < n) & (v % 2 == 0)
    tl.store(out, tl.sum(tl.where(keep, v, 0), 0))
    tl.store(out + i, v, mask=keep)
    tl.store(out + i, v, mask=not ((i >= n) | (v % 2 == 0)))


@triton.jit
def wraps_on_purpose(x, y, out, n, m, B: tl.constexpr):
    i = tl.arange(0, B)
    h = (i + 77) * 1640531527
    h = (h ^ (h >> 15)) * 0x2C1B3C6D
    k = (h ^ (h >> 12)) & 63
    tl.store(out + i, tl.load(x + k))
    tl.store(out + i, tl.load(x + tl.randint(m, i) % 64))


@triton.jit
def finite_again(x, y, out, n, m, B: tl.constexpr):
    i = tl.arange(0, B)
    v = 1 / (1 + tl.exp(tl.load(x + i).to(tl.float32) * 100))
    w = tl.exp(tl.load(x + i).to(tl.float32) * 100)
    tl.store(out + i, v.to(x.dtype.element_ty))
    tl.store(out + i, tl.where(w > 3e38, 5, w).to(x.dtype.element_ty))
    for _ in range(2):
        v = 1 / (1 + tl.exp(v * 1000))
    tl.store(out + i, (v * 0).to(x.dtype.element_ty))
