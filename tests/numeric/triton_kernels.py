"""Kernels as a Triton user writes them; `test_triton_kernels.py` compares each with NumPy or torch."""

from __future__ import annotations

import triton
import triton.language as tl
from triton.language.extra import libdevice

# ---- elementwise


@triton.jit
def cast_float(x, f64, f32, f16, b16, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m = i < n
    v = tl.load(x + i, mask=m)
    tl.store(f64 + i, v.to(tl.float64), mask=m)
    tl.store(f32 + i, v.to(tl.float32), mask=m)
    tl.store(f16 + i, v.to(tl.float16), mask=m)
    tl.store(b16 + i, v.to(tl.bfloat16), mask=m)


@triton.jit
def cast_int(x, i8, i16, i32, i64, u8, u16, u32, u64, i1, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m = i < n
    v = tl.load(x + i, mask=m)
    tl.store(i8 + i, v.to(tl.int8), mask=m)
    tl.store(i16 + i, v.to(tl.int16), mask=m)
    tl.store(i32 + i, v.to(tl.int32), mask=m)
    tl.store(i64 + i, v.to(tl.int64), mask=m)
    tl.store(u8 + i, v.to(tl.uint8), mask=m)
    tl.store(u16 + i, v.to(tl.uint16), mask=m)
    tl.store(u32 + i, v.to(tl.uint32), mask=m)
    tl.store(u64 + i, v.to(tl.uint64), mask=m)
    tl.store(i1 + i, v.to(tl.int1), mask=m)


@triton.jit
def int_ops(x, y, o, b, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m = i < n
    p = tl.load(x + i, mask=m)
    q = tl.load(y + i, mask=m, other=1)
    s = q & 3
    tl.store(o + i, p + q, mask=m)
    tl.store(o + n + i, p - q, mask=m)
    tl.store(o + 2 * n + i, p * q, mask=m)
    tl.store(o + 3 * n + i, p // q, mask=m)
    tl.store(o + 4 * n + i, p % q, mask=m)
    tl.store(o + 5 * n + i, (p & q) | (p ^ 5), mask=m)
    tl.store(o + 6 * n + i, p << s, mask=m)
    tl.store(o + 7 * n + i, p >> s, mask=m)
    tl.store(o + 8 * n + i, ~p, mask=m)
    tl.store(o + 9 * n + i, tl.minimum(p, q), mask=m)
    tl.store(o + 10 * n + i, tl.maximum(p, q), mask=m)
    tl.store(o + 11 * n + i, tl.where(p > q, p, q + 1), mask=m)
    tl.store(b + i, p < q, mask=m)
    tl.store(b + n + i, (p == q) | (p >= 3), mask=m)


@triton.jit
def float_ops(x, y, o, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m = i < n
    p = tl.load(x + i, mask=m)
    q = tl.load(y + i, mask=m, other=1.0)
    a = tl.abs(p)
    tl.store(o + i, p + q, mask=m)
    tl.store(o + n + i, p * q - p, mask=m)
    tl.store(o + 2 * n + i, p / q, mask=m)
    tl.store(o + 3 * n + i, -a, mask=m)
    tl.store(o + 4 * n + i, tl.where(p > q, tl.where(p > 0, 1.0, 2.0), tl.where(q > 0, 3.0, 4.0)), mask=m)
    tl.store(o + 5 * n + i, tl.maximum(p, q), mask=m)
    tl.store(o + 6 * n + i, tl.minimum(p, q), mask=m)
    tl.store(o + 7 * n + i, tl.clamp(p, -0.5, 0.5), mask=m)


@triton.jit
def math_ops(x, y, o, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m = i < n
    p = tl.load(x + i, mask=m)
    q = tl.load(y + i, mask=m, other=1.0)
    a = tl.abs(p) + 0.25
    tl.store(o + i, tl.exp(p), mask=m)
    tl.store(o + n + i, tl.log(a), mask=m)
    tl.store(o + 2 * n + i, tl.sqrt(a), mask=m)
    tl.store(o + 3 * n + i, tl.sin(p) + tl.cos(q), mask=m)
    tl.store(o + 4 * n + i, tl.floor(p) - tl.ceil(q), mask=m)
    tl.store(o + 5 * n + i, tl.exp2(p) + tl.log2(a), mask=m)
    tl.store(o + 6 * n + i, tl.rsqrt(a) + tl.erf(q), mask=m)
    tl.store(o + 7 * n + i, tl.fma(p, q, a), mask=m)
    tl.store(o + 8 * n + i, libdevice.tanh(p) + libdevice.atan2(p, q) + libdevice.expm1(q), mask=m)
    tl.store(o + 9 * n + i, libdevice.pow(a, q) + libdevice.log1p(a) + libdevice.rint(p), mask=m)


@triton.jit
def nan_ops(x, y, o, b, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    m = i < n
    p = tl.load(x + i, mask=m)
    q = tl.load(y + i, mask=m)
    tl.store(o + i, tl.maximum(p, q, propagate_nan=tl.PropagateNan.ALL), mask=m)
    tl.store(o + n + i, tl.maximum(p, q, propagate_nan=tl.PropagateNan.NONE), mask=m)
    tl.store(o + 2 * n + i, tl.minimum(p, q, propagate_nan=tl.PropagateNan.ALL), mask=m)
    tl.store(o + 3 * n + i, tl.minimum(p, q, propagate_nan=tl.PropagateNan.NONE), mask=m)
    tl.store(o + 4 * n + i, tl.clamp(p, -1.0, 1.0, propagate_nan=tl.PropagateNan.ALL), mask=m)
    tl.store(b + i, p < q, mask=m)
    tl.store(b + n + i, p == q, mask=m)
    tl.store(b + 2 * n + i, p != q, mask=m)
    tl.store(b + 3 * n + i, ~(p >= q), mask=m)
    tl.store(b + 4 * n + i, libdevice.isnan(p), mask=m)
    tl.store(b + 5 * n + i, libdevice.isinf(q), mask=m)


@triton.jit
def bit_ops(x, y, oi, of, ol, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    p = tl.load(x + i)
    bits = p.to(tl.int32, bitcast=True)
    u = tl.load(y + i)
    tl.store(oi + i, bits ^ 1)
    tl.store(of + i, (bits & 0x7FFFFFFF).to(tl.float32, bitcast=True))
    tl.store(oi + BLOCK + i, tl.umulhi(u, 0x9E3779B1).to(tl.int32, bitcast=True))
    tl.store(oi + 2 * BLOCK + i, (u >> 3).to(tl.int32, bitcast=True))
    tl.store(oi + 3 * BLOCK + i, (u // 7 + u % 11).to(tl.int32, bitcast=True))
    tl.store(ol + i, u.to(tl.int64) * 3 - bits)


@triton.jit
def random_numbers(o, oi, seed, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(o + i, tl.rand(seed, i))
    tl.store(oi + i, tl.randint(seed, i).to(tl.int32))


@triton.jit
def scalar_kinds(o, ol, a, b, c, d, flag, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    v = i.to(tl.float32) * c + d.to(tl.float32)
    if flag:
        v = v + 1
    tl.store(o + i, v + a)
    tl.store(ol + i, i.to(tl.int64) * b)


# ---- masks


@triton.jit
def mask_residual(x, o, n, lo, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    third = i % 3 == 0
    a = tl.load(x + i, mask=third & (i < n), other=-1.0)
    b = tl.load(x + i, mask=(i >= lo) & (i < n), other=2.0)
    c = tl.load(x + i, mask=(i < n) & (i != 5), other=0.5)
    d = tl.load(x + i, mask=n > i, other=a)
    tl.store(o + i, a + 10 * b + 100 * c + 1000 * d)


@triton.jit
def mask_stores(x, o, n, lo, flag, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    v = tl.load(x + i)
    tl.store(o + i, v, mask=i % 3 == 0)
    tl.store(o + BLOCK + i, v * 2, mask=(i >= lo) & (i < n))
    tl.store(o + 2 * BLOCK + i, v * 3, mask=(i < lo) | (i >= n))
    tl.store(o + 3 * BLOCK + i, v * 4, mask=(i <= n) & (i > lo))
    tl.store(o + 4 * BLOCK + i, v * 5, mask=flag > 0)
    tl.store(o + 5 * BLOCK + i, v * 6, mask=(flag > 0) & (i < n))
    tl.store(o + 6 * BLOCK + i, v * 7, mask=v > 0)
    tl.store(o + 7 * BLOCK + i, v * 8, mask=False)


@triton.jit
def mask_shared(x, a, b, c, n, BLOCK: tl.constexpr):
    """Stores under one residual mask to several arguments, of values that share a part."""
    i = tl.arange(0, BLOCK)
    m = (i < n) & (i % 3 != 1)
    k = tl.load(x + i, mask=m, other=0)
    shared = tl.load(a + k * 2 + 1, mask=m, other=0) * 3
    tl.store(b + i, shared + k, mask=m)
    tl.store(c + i, shared - k, mask=m)


@triton.jit
def mask_two_dimensions(x, o, s, m, n, k, BM: tl.constexpr, BN: tl.constexpr):
    i = tl.program_id(0) * BM + tl.arange(0, BM)[:, None]
    j = tl.program_id(1) * BN + tl.arange(0, BN)[None, :]
    inside = (i < m) & (j < n)
    v = tl.load(x + i * k + j, mask=inside, other=7.0)
    w = tl.load(x + i * k + j, mask=(j < n) & (i < m) & (j <= i), other=-1.0)
    r = tl.load(x + i * k, mask=i < m, other=3.0)
    tl.store(o + i * k + j, v + 2 * w + r, mask=inside)
    tl.store(s + i * 64 + j, v)
    tl.store(s + 64 * 64 + i * 64 + j, w + r)


@triton.jit
def mask_nested_bounds(x, y, o, n, p, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    a = tl.load(x + i, mask=i < n, other=1.0)
    b = tl.load(y + i, mask=i < p, other=2.0)
    c = tl.where(i < n, a, 5.0) + tl.where(i < p, b, 6.0)
    tl.store(o + i, c, mask=i < 50)
    tl.store(o + 64 + i, tl.where((i < n) & (i < p), a * b, -c))


@triton.jit
def masked_division(x, y, o, t, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    m = (i < n) & (i % 7 != 3)
    q = tl.load(x + i, mask=i < n) // tl.load(y + i, mask=i < n)
    r = tl.load(x + i, mask=i < n) % tl.load(y + i, mask=i < n)
    tl.store(o + i, q, mask=m)
    tl.store(t, tl.sum(tl.where(m, q + r, 0), 0))


# ---- layouts


@triton.jit
def transposed(x, a, b, c, m, n, BM: tl.constexpr, BN: tl.constexpr):
    i = tl.arange(0, BM)[:, None]
    j = tl.arange(0, BN)[None, :]
    inside = (i < m) & (j < n)
    v = tl.load(x + i * n + j, mask=inside, other=0.0)
    tl.store(a + j * m + i, v + 1, mask=inside)
    t = tl.trans(v)
    jj = tl.arange(0, BN)[:, None]
    ii = tl.arange(0, BM)[None, :]
    tl.store(b + jj * m + ii, t * 2, mask=(jj < n) & (ii < m))
    w = tl.load(x + ii * n + jj, mask=(jj < n) & (ii < m), other=0.0)
    tl.store(c + jj * m + ii, w + t, mask=(jj < n) & (ii < m))


@triton.jit
def three_dimensions(x, row, o, t, A: tl.constexpr, B: tl.constexpr, C: tl.constexpr, c):
    i = tl.arange(0, A)[:, None, None]
    j = tl.arange(0, B)[None, :, None]
    k = tl.arange(0, C)[None, None, :]
    v = tl.load(x + i * B * c + j * c + k, mask=k < c, other=0.0)
    r = tl.load(row + k, mask=k < c, other=0.0)
    tl.store(o + i * B * c + j * c + k, v * 2 + r + i, mask=k < c)
    p = tl.permute(v, (2, 0, 1))
    kk = tl.arange(0, C)[:, None, None]
    ii = tl.arange(0, A)[None, :, None]
    jj = tl.arange(0, B)[None, None, :]
    tl.store(t + kk * A * B + ii * B + jj, p, mask=kk < c)


@triton.jit
def broadcasting(x, y, o, BM: tl.constexpr, BN: tl.constexpr):
    i = tl.arange(0, BM)
    j = tl.arange(0, BN)
    rows = tl.load(x + i)[:, None]
    columns = tl.load(y + j)[None, :]
    full = tl.broadcast_to(columns, (BM, BN))
    tl.store(o + i[:, None] * BN + j[None, :], rows * columns + full + tl.exp(rows) + i[:, None])


@triton.jit
def strides(x, o, sx, so, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    v = tl.load(x + i * sx, mask=i < n, other=0.0)
    w = tl.load(x + (n - 1 - i) * sx, mask=i < n, other=0.0)
    tl.store(o + i * so, v * 2 + w, mask=i < n)


@triton.jit
def negative_stride(x, o, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    v = tl.load(x + BLOCK - 1 - i)
    tl.store(o + i, v)
    w = tl.load(x + n - 1 - i, mask=i < n)
    tl.store(o + BLOCK + n - 1 - i, w + 1, mask=i < n)


@triton.jit
def wrap_around(x, o, M, shift, BLOCK: tl.constexpr):
    i = (tl.program_id(0) * BLOCK + shift + tl.arange(0, BLOCK)) % M
    j = tl.arange(0, 4)
    v = tl.load(x + i[:, None] * 4 + j[None, :])
    k = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(o + k[:, None] * 4 + j[None, :], v * 2)


@triton.jit
def wrap_guarded(x, o, n, rows, MODULUS: tl.constexpr, X: tl.constexpr, R: tl.constexpr):
    i = tl.program_id(0) * X + tl.arange(0, X)[:, None]
    group, column = i // MODULUS, i % MODULUS
    found = tl.full([X, R], 0, tl.float32)
    for start in tl.range(0, rows, R):
        row = start + tl.arange(0, R)[None, :]
        m = (row < rows) & (row + 3 * group < rows) & (i < n)
        found += tl.load(x + tl.broadcast_to(column, [X, R]), mask=m, other=0.0)
    tl.store(o + i, tl.sum(found, 1)[:, None], mask=i < n)


@triton.jit
def wrap_both(x, y, o, M, N, BM: tl.constexpr, BN: tl.constexpr):
    i = (tl.program_id(0) * BM + tl.arange(0, BM)) % M
    j = (tl.program_id(1) * BN + tl.arange(0, BN)) % N
    v = tl.load(x + i[:, None] * N + j[None, :]) + tl.load(y + i)[:, None]
    a = tl.program_id(0) * BM + tl.arange(0, BM)
    b = tl.program_id(1) * BN + tl.arange(0, BN)
    tl.store(o + a[:, None] * N + b[None, :], v, mask=(a[:, None] < M) & (b[None, :] < N))


@triton.jit
def runs(x, table, o, q, r, first, n, N: tl.constexpr, M: tl.constexpr, BLOCK: tl.constexpr):
    """Coordinates from one number per element, in memory of [inner N, outer] and as values."""
    i = first + tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inner, outer = i % N, i // N
    mask = (i < n) & (inner < N - 1)
    v = tl.load(x + inner * 3 + outer, mask=mask & (i >= 0), other=-1.0)
    w = tl.load(table + outer % M, mask=i >= 0, other=0.0)
    tl.store(o + i - first, v * w + (i // (2 * N)), mask=i < n)
    tl.store(q + i - first, outer, mask=i < n)
    tl.store(r + i - first, tl.where(inner > 3, inner, -inner))


@triton.jit
def runs_of_two(x, o, s, N: tl.constexpr, M: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):
    """Of both dimensions of a block, read transposed, summed over one of them."""
    i = tl.program_id(0) * BM + tl.arange(0, BM)[:, None]
    j = tl.arange(0, BN)[None, :]
    v = tl.load(x + (j // M) * 4096 + (i // N) * 1024 + (j % M) * 32 + i % N)
    tl.store(o + i * BN + j, v + j // M)
    tl.store(s + tl.program_id(0) * BM + tl.arange(0, BM), tl.sum(v, 1))


@triton.jit
def either_argument(a, b, x, o, t, n, BLOCK: tl.constexpr, ROWS: tl.constexpr):
    """Blocks of pointers whose elements belong to one argument or the other."""
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
    tl.store(o + i, tl.load(tl.where(i % 3 == 0, a + i, b + 2 * i) + 1, mask=mask, other=-1.0), mask=mask)
    tl.store(tl.where(i % 2 == 0, a + i, b + i), tl.load(x + i, mask=mask), mask=mask)
    tl.store(x + i, tl.load(tl.where(i % 2 == 0, a + i, b + i), mask=mask) * 2, mask=mask)
    r, j = tl.arange(0, ROWS)[:, None], tl.arange(0, 16)[None, :]
    row = tl.where(r < ROWS // 2, t + r * 16, x + r * 16)
    tl.store(t + (ROWS + r) * 16 + j, tl.load(row + j))


@triton.jit
def runs_across(x, o, first, N: tl.constexpr, BLOCK: tl.constexpr):
    """One quotient and one remainder along both dimensions of a block."""
    j = tl.arange(0, BLOCK)
    i = first + j
    outer, inner = i // N, i % N
    v = tl.load(x + outer[:, None] * 64 + outer[None, :] * 8 + inner[None, :])
    tl.store(o + j[:, None] * BLOCK + j[None, :], tl.trans(v) + inner[:, None])


@triton.jit
def runs_that_meet(x, o, N: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):
    """Several elements of a block have one place, in several rows: the last is what stays."""
    i, j = tl.arange(0, BM)[:, None], tl.arange(0, BN)[None, :]
    tl.store(o + i + j // N, tl.load(x + i * BN + j))


@triton.jit
def gather_scatter(x, idx, o, s, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m = i < n
    k = tl.load(idx + i, mask=m, other=0)
    v = tl.load(x + k, mask=m & (k % 2 == 0), other=-3.0)
    tl.store(o + i, v + k * 2 + tl.load(x + k * 2 // 3, mask=m, other=0.0), mask=m)
    tl.store(s + k, tl.load(x + i, mask=m, other=0.0), mask=m)
    tl.store(s + n + k, v + k * 2, mask=m & (k > 3))


@triton.jit
def gather_rows(x, idx, o, n, BM: tl.constexpr, BN: tl.constexpr):
    rows = tl.load(idx + tl.arange(0, BM)).to(tl.int64)
    j = tl.arange(0, BN)
    v = tl.load(x + rows[:, None] * n + j[None, :], mask=j[None, :] < n, other=0.0)
    tl.store(o + tl.arange(0, BM)[:, None] * n + j[None, :], v, mask=j[None, :] < n)


@triton.jit
def narrow_index(x, o, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    small = i.to(tl.int8)
    small = small + small + small
    index = small.to(tl.int32) + 128
    tl.store(o + i, tl.load(x + index))
    unsigned = (i * 3).to(tl.uint8)
    tl.store(o + BLOCK + i, tl.load(x + unsigned.to(tl.int32)))


@triton.jit
def grid_three(o, X: tl.constexpr, Y: tl.constexpr, Z: tl.constexpr, BLOCK: tl.constexpr):
    x = tl.program_id(0)
    y = tl.program_id(1)
    z = tl.program_id(2)
    i = tl.arange(0, BLOCK)
    shape = tl.num_programs(0) * 100 + tl.num_programs(1) * 10 + tl.num_programs(2)
    tl.store(o + ((z * Y + y) * X + x) * BLOCK + i, shape * 1000 + x + 2 * y + 3 * z + i)


@triton.jit
def persistent(x, o, n, BLOCK: tl.constexpr):
    for tile in tl.range(tl.program_id(0), tl.cdiv(n, BLOCK), tl.num_programs(0)):
        i = tile * BLOCK + tl.arange(0, BLOCK)
        tl.store(o + i, tl.load(x + i, mask=i < n) + tile, mask=i < n)


@triton.jit
def hints(x, o, n, s, BLOCK: tl.constexpr):
    tl.assume(n > 0)
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    i = tl.max_contiguous(tl.multiple_of(i, BLOCK), BLOCK)
    far = i.to(tl.int64) * s
    v = tl.load(x + far, mask=i < n, other=0.0)
    tl.store(o + i, tl.where(i % 2 == 0, v, -v), mask=i < n)


# ---- reductions and scans


@triton.jit
def reduce_rows(x, o, n, BM: tl.constexpr, BN: tl.constexpr):
    i = tl.arange(0, BM)
    j = tl.arange(0, BN)
    v = tl.load(x + i[:, None] * n + j[None, :], mask=j[None, :] < n, other=0.0)
    low = tl.where(j[None, :] < n, v, float("inf"))
    tl.store(o + i, tl.sum(v, 1))
    tl.store(o + BM + i, tl.max(v, 1))
    tl.store(o + 2 * BM + i, tl.min(low, 1))
    tl.store(o + 3 * BM + i, tl.sum(tl.exp(v - tl.max(v, 1)[:, None]), 1))


@triton.jit
def reduce_columns(x, o, m, BM: tl.constexpr, BN: tl.constexpr):
    i = tl.arange(0, BM)
    j = tl.arange(0, BN)
    v = tl.load(x + i[:, None] * BN + j[None, :], mask=i[:, None] < m, other=0.0)
    tl.store(o + j, tl.sum(v, 0))
    tl.store(o + BN + j, tl.max(v, 0))
    tl.store(o + 2 * BN + j, tl.sum(v * v, axis=0) / m)
    tl.store(o + 3 * BN + j, tl.sum(v, 0) + tl.sum(tl.sum(v, 1), 0))
    tl.store(o + 4 * BN, tl.sum(v))
    tl.store(o + 4 * BN + 1, tl.max(v))


@triton.jit
def column_state(x, s, r, t, c, a, d, m, n, stride, BM: tl.constexpr, BN: tl.constexpr):
    """What follows a loop whose state lies in scratch as memory runs, along dimension 0."""
    i, k = tl.arange(0, BM), tl.arange(0, BN)
    state = tl.zeros((BM, BN), tl.float32)
    for start in range(0, n, BN):
        j = start + k
        mask = (i[:, None] < m) & (j[None, :] < n)
        v = tl.load(x + i[:, None] + stride * j[None, :], mask=mask, other=0.0)
        state = tl.where(mask, state + v, state)
    tl.store(s + i, tl.sum(state, 1))
    tl.store(r + tl.arange(0, BM * BN), tl.reshape(state, (BM * BN,)))
    tl.store(t + k[:, None] * BM + i[None, :], tl.trans(state))
    tl.store(c + i[:, None] * BN + k[None, :], tl.cumsum(state, 1) + tl.cumsum(state, 0, reverse=True))
    tl.store(a + k, tl.argmax(state, 0))
    tl.store(d + i[:, None] * BM + i[None, :], tl.dot(state, tl.trans(state), input_precision="ieee"))


@triton.jit
def running_moments(x, k, o, q, n, d, BLOCK: tl.constexpr):
    """Welford's mean and sum of squares, begun by the first iteration; a quotient that a branch guards."""
    i = tl.arange(0, BLOCK)
    mean, m2, weight = tl.zeros((BLOCK,), tl.float32), tl.zeros((BLOCK,), tl.float32), tl.zeros((BLOCK,), tl.float32)
    for t in range(n):
        v = tl.load(x + t * BLOCK + i)
        if t == 0:
            mean, m2, weight = v, tl.zeros_like(v), tl.full((BLOCK,), 1.0, tl.float32)
        else:
            delta = v - mean
            weight += 1
            mean += delta / weight
            m2 += delta * (v - mean)
    tl.store(o + i, mean)
    tl.store(o + BLOCK + i, m2)
    c = tl.load(k + i)
    if d != 0:
        c = c // d
    tl.store(q + i, c)


@triton.jit
def middle_state(x, s, g, idx, n, A: tl.constexpr, B: tl.constexpr, C: tl.constexpr):
    """The same along the middle one of three, of blocks that a branch and a while loop carry."""
    i, j, k = tl.arange(0, A)[:, None, None], tl.arange(0, B)[None, :, None], tl.arange(0, C)[None, None, :]
    at = i * (B * C) + k * B + j
    state = tl.load(x + at)
    step = 0
    while step < n:
        v = tl.load(x + at + step)
        if step % 2 == 0:
            state = tl.where(v > 0, state * 2 + v, state)
        else:
            state += v
        step += 1
    tl.store(s + tl.arange(0, A)[:, None] * C + tl.arange(0, C)[None, :], tl.max(state, 1))
    chosen = tl.load(idx + at)
    tl.store(g + i * (B * C) + j * C + k, tl.gather(state, chosen, 2))


@triton.jit
def reduce_three(x, a, b, c, A: tl.constexpr, B: tl.constexpr, C: tl.constexpr):
    i = tl.arange(0, A)
    j = tl.arange(0, B)
    k = tl.arange(0, C)
    v = tl.load(x + i[:, None, None] * B * C + j[None, :, None] * C + k[None, None, :])
    tl.store(a + j[:, None] * C + k[None, :], tl.sum(v, 0))
    tl.store(b + i[:, None] * C + k[None, :], tl.max(v, 1))
    tl.store(c + i[:, None] * B + j[None, :], tl.sum(v, 2, keep_dims=False))
    tl.store(c + A * B + i, tl.sum(tl.sum(v, 2), 1))


@triton.jit
def arg_reductions(x, oi, of, n, BM: tl.constexpr, BN: tl.constexpr):
    i = tl.arange(0, BM)
    j = tl.arange(0, BN)
    v = tl.load(x + i[:, None] * n + j[None, :], mask=j[None, :] < n, other=-float("inf"))
    w = tl.where(j[None, :] < n, v, float("inf"))
    tl.store(oi + i, tl.argmax(v, 1))
    tl.store(oi + BM + i, tl.argmin(w, 1))
    tl.store(oi + 2 * BM + i, tl.argmax(v, 1, tie_break_left=False))
    value, index = tl.min(w, 1, return_indices=True)
    tl.store(of + i, value)
    tl.store(oi + 3 * BM + i, index)


@triton.jit
def multiply(a, b):
    return a * b


@triton.jit
def longer(a, b):
    return tl.where(tl.abs(a) >= tl.abs(b), a, b)


@triton.jit
def welford(mean_a, m2_a, n_a, mean_b, m2_b, n_b):
    n = n_a + n_b
    safe = tl.where(n == 0, 1.0, n)
    delta = mean_b - mean_a
    return mean_a + delta * (n_b / safe), m2_a + m2_b + delta * delta * (n_a * n_b / safe), n


@triton.jit
def either(a, b):
    return a | b


@triton.jit
def both(a, b):
    return a & b


@triton.jit
def custom_reductions(x, o, n, BM: tl.constexpr, BN: tl.constexpr):
    i = tl.arange(0, BM)
    j = tl.arange(0, BN)
    inside = j[None, :] < n
    v = tl.load(x + i[:, None] * n + j[None, :], mask=inside, other=0.0)
    tl.store(o + i, tl.reduce(tl.where(inside, v, 1.0), 1, multiply))
    tl.store(o + BM + i, tl.reduce(v, 1, longer))
    weight = tl.broadcast_to(tl.where(inside, 1.0, 0.0), (BM, BN))
    mean, m2, count = tl.reduce((v, tl.zeros_like(v), weight), 1, welford)
    tl.store(o + 2 * BM + i, mean)
    tl.store(o + 3 * BM + i, m2 / count)


@triton.jit
def integer_reductions(x, o, ol, BM: tl.constexpr, BN: tl.constexpr):
    i = tl.arange(0, BM)
    j = tl.arange(0, BN)
    v = tl.load(x + i[:, None] * BN + j[None, :])
    tl.store(o + i, tl.xor_sum(v, 1))
    tl.store(o + BM + i, tl.sum(v, 1))
    tl.store(o + 2 * BM + i, tl.max(v, 1))
    tl.store(o + 3 * BM + i, tl.min(v, 1))
    tl.store(o + 4 * BM + i, tl.reduce(v > 95, 1, either).to(tl.int32))
    tl.store(o + 5 * BM + i, tl.reduce(v > -95, 1, both).to(tl.int32))
    tl.store(o + 6 * BM + i, tl.sum((v > 0).to(tl.int32), 1))
    tl.store(ol + i, tl.sum(v.to(tl.int64) * 1000000007, 1))


@triton.jit
def narrow_reductions(x, o, h, BN: tl.constexpr):
    j = tl.arange(0, BN)
    v = tl.load(x + j)
    tl.store(o, tl.sum(v, 0))
    tl.store(o + 1, tl.max(v, 0))
    f = tl.load(h + j)
    tl.store(h + BN, tl.sum(f, 0))
    tl.store(h + BN + 1, tl.max(f, 0))


@triton.jit
def nan_maximum(a, b):
    return tl.maximum(a, b, propagate_nan=tl.PropagateNan.ALL)


@triton.jit
def nan_reductions(x, o, n, BM: tl.constexpr, BN: tl.constexpr):
    i = tl.arange(0, BM)
    j = tl.arange(0, BN)
    v = tl.load(x + i[:, None] * BN + j[None, :])
    tl.store(o + i, tl.max(v, 1))
    tl.store(o + BM + i, tl.min(v, 1))
    tl.store(o + 2 * BM + i, tl.reduce(v, 1, nan_maximum))
    tl.store(o + 3 * BM + i, tl.sum(v, 1))


@triton.jit
def linear(a1, b1, a2, b2):
    return a1 * a2, b1 * a2 + b2


@triton.jit
def scans(x, y, o, oi, BM: tl.constexpr, BN: tl.constexpr):
    i = tl.arange(0, BM)[:, None]
    j = tl.arange(0, BN)[None, :]
    size: tl.constexpr = BM * BN
    at = i * BN + j
    v = tl.load(x + at)
    w = tl.load(y + at)
    tl.store(o + at, tl.cumsum(v, 1))
    tl.store(o + size + at, tl.cumsum(v, 1, reverse=True))
    tl.store(o + 2 * size + at, tl.cumsum(v, 0))
    tl.store(o + 3 * size + at, tl.cumprod(w, 1) + v)
    a, b = tl.associative_scan((w, v), 1, linear)
    tl.store(o + 4 * size + at, a)
    tl.store(o + 5 * size + at, b)
    a, b = tl.associative_scan((w, v), 0, linear, reverse=True)
    tl.store(o + 6 * size + at, b)
    tl.store(oi + at, tl.cumsum((v > 0).to(tl.int32), 1))


# ---- contractions


@triton.jit
def dot_tile(a, b, c, M: tl.constexpr, N: tl.constexpr, K: tl.constexpr):
    m = tl.arange(0, M)
    n = tl.arange(0, N)
    k = tl.arange(0, K)
    x = tl.load(a + m[:, None] * K + k[None, :])
    y = tl.load(b + k[:, None] * N + n[None, :])
    tl.store(c + m[:, None] * N + n[None, :], tl.dot(x, y))


@triton.jit
def dot_bytes(a, b, c, M, N, K, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    """C = A B of int8, summed in int32."""
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    cols = tl.program_id(1) * BN + tl.arange(0, BN)
    total = tl.zeros((BM, BN), tl.int32)
    for start in range(0, K, BK):
        inner = start + tl.arange(0, BK)
        x = tl.load(a + rows[:, None] * K + inner[None, :], mask=(rows[:, None] < M) & (inner[None, :] < K), other=0)
        y = tl.load(b + inner[:, None] * N + cols[None, :], mask=(inner[:, None] < K) & (cols[None, :] < N), other=0)
        total = tl.dot(x, y, acc=total, out_dtype=tl.int32)
    tl.store(c + rows[:, None] * N + cols[None, :], total, mask=(rows[:, None] < M) & (cols[None, :] < N))


@triton.jit
def dot_halves(a, b, c, M, N, K, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    """C = A B of f16 or bf16, summed in f32."""
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    cols = tl.program_id(1) * BN + tl.arange(0, BN)
    total = tl.zeros((BM, BN), tl.float32)
    for start in range(0, K, BK):
        inner = start + tl.arange(0, BK)
        x = tl.load(a + rows[:, None] * K + inner[None, :], mask=(rows[:, None] < M) & (inner[None, :] < K), other=0)
        y = tl.load(b + inner[:, None] * N + cols[None, :], mask=(inner[:, None] < K) & (cols[None, :] < N), other=0)
        total = tl.dot(x, y, acc=total)
    tl.store(c + rows[:, None] * N + cols[None, :], total, mask=(rows[:, None] < M) & (cols[None, :] < N))


@triton.jit
def dot_transposed(a, b, c, d, M: tl.constexpr, N: tl.constexpr, K: tl.constexpr):
    m = tl.arange(0, M)
    n = tl.arange(0, N)
    k = tl.arange(0, K)
    x = tl.load(a + k[:, None] * M + m[None, :])
    y = tl.load(b + n[:, None] * K + k[None, :])
    bias = tl.load(d + n)
    acc = tl.dot(x.T, tl.trans(y), tl.broadcast_to(bias[None, :], (M, N)))
    acc += tl.dot(tl.trans(x) * 2, y.T)
    tl.store(c + m[:, None] * N + n[None, :], acc)
    e = tl.dot(tl.exp(acc * 0.01), tl.trans(acc))
    tl.store(c + M * N + m[:, None] * M + m[None, :], e)


@triton.jit
def dot_loop(a, b, c, M, N, K, sa, sb, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    m = tl.program_id(0) * BM + tl.arange(0, BM)
    n = tl.program_id(1) * BN + tl.arange(0, BN)
    k = tl.arange(0, BK)
    pa = a + m[:, None] * sa + k[None, :]
    pb = b + k[:, None] * sb + n[None, :]
    acc = tl.zeros((BM, BN), tl.float32)
    for start in range(0, K, BK):
        x = tl.load(pa, mask=(m[:, None] < M) & (k[None, :] < K - start), other=0.0)
        y = tl.load(pb, mask=(k[:, None] < K - start) & (n[None, :] < N), other=0.0)
        acc = tl.dot(x, y, acc)
        pa += BK
        pb += BK * sb
    inside = (m[:, None] < M) & (n[None, :] < N)
    tl.store(c + m[:, None] * N + n[None, :], acc.to(c.dtype.element_ty), mask=inside)


@triton.jit
def dot_wrapped(a, b, c, M, N, K, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    m = (tl.program_id(0) * BM + tl.arange(0, BM)) % M
    n = (tl.program_id(1) * BN + tl.arange(0, BN)) % N
    k = tl.arange(0, BK)
    pa = a + m[:, None] * K + k[None, :]
    pb = b + k[:, None] * N + n[None, :]
    acc = tl.zeros((BM, BN), tl.float32)
    for start in range(tl.cdiv(K, BK)):
        x = tl.load(pa, mask=k[None, :] < K - start * BK, other=0.0)
        y = tl.load(pb, mask=k[:, None] < K - start * BK, other=0.0)
        acc += tl.dot(x, y)
        pa += BK
        pb += BK * N
    cm = tl.program_id(0) * BM + tl.arange(0, BM)
    cn = tl.program_id(1) * BN + tl.arange(0, BN)
    tl.store(c + cm[:, None] * N + cn[None, :], acc, mask=(cm[:, None] < M) & (cn[None, :] < N))


@triton.jit
def dot_outer_scale(a, b, c, steps, M: tl.constexpr, N: tl.constexpr, K: tl.constexpr):
    """The accumulator is scaled in the loop (as flash attention does), and an older one is still read."""
    m = tl.arange(0, M)
    n = tl.arange(0, N)
    k = tl.arange(0, K)
    acc = tl.zeros((M, N), tl.float32)
    last = tl.zeros((M, N), tl.float32)
    for s in range(steps):
        x = tl.load(a + s * M * K + m[:, None] * K + k[None, :])
        y = tl.load(b + s * K * N + k[:, None] * N + n[None, :])
        new = tl.dot(x, y, acc * 0.5)
        last = last + acc
        acc = new
    tl.store(c + m[:, None] * N + n[None, :], acc)
    tl.store(c + M * N + m[:, None] * N + n[None, :], last)


# ---- shapes


@triton.jit
def reshapes(x, o, N: tl.constexpr):
    i = tl.arange(0, N)
    size: tl.constexpr = N
    v = tl.load(x + i)
    r = tl.reshape(v * 2, (N // 4, 4))
    tl.store(o + i, tl.reshape(tl.trans(r), (N,)))
    tl.store(o + size + i, tl.reshape(tl.permute(tl.reshape(v, (2, N // 8, 4)), (2, 1, 0)), (N,)))
    a, b = tl.split(tl.reshape(v, (N // 2, 2)))
    tl.store(o + 2 * size + i, tl.reshape(tl.join(b, a), (N,)))
    tl.store(o + 3 * size + i, tl.interleave(b * 3, a))
    half = tl.arange(0, N // 2)
    lo = tl.load(x + half)
    hi = tl.load(x + N // 2 + half)
    tl.store(o + 4 * size + i, tl.cat(hi, lo + 1, can_reorder=True))
    tl.store(o + 5 * size + i, tl.flip(v, 0))
    s = tl.sum(tl.reshape(v, (N // 8, 8)), 1)
    tl.store(o + 6 * size + tl.arange(0, N // 8), s)
    e = tl.expand_dims(v, 0)
    tl.store(o + 7 * size + i, tl.reshape(e, (N,)) + tl.view(tl.reshape(v, (1, N, 1)), (N,)))


@triton.jit
def sorting(x, o, N: tl.constexpr):
    i = tl.arange(0, N)
    v = tl.load(x + i)
    tl.store(o + i, tl.sort(v))
    tl.store(o + N + i, tl.sort(v, descending=True))
    tl.store(o + 2 * N + tl.arange(0, 4), tl.topk(v, 4))


@triton.jit
def gather_block(x, idx, o, p, M: tl.constexpr, N: tl.constexpr):
    i = tl.arange(0, M)[:, None]
    j = tl.arange(0, N)[None, :]
    v = tl.load(x + i * N + j)
    k = tl.load(idx + i * N + j)
    tl.store(o + i * N + j, tl.gather(v * 2, k, 1))
    tl.store(p + i * N + j, tl.gather(v, k % M, 0) + v)


@triton.jit
def histograms(x, o, n, N: tl.constexpr, BINS: tl.constexpr):
    i = tl.arange(0, N)
    v = tl.load(x + i, mask=i < n, other=0)
    tl.store(o + tl.arange(0, BINS), tl.histogram(v, BINS, mask=i < n))
    tl.store(o + BINS + tl.arange(0, BINS), tl.histogram(v, BINS))


# ---- control flow


@triton.jit
def carried_scalars(x, o, oi, n, BLOCK: tl.constexpr):
    """Fibonacci, a float recurrence, a running maximum of loaded scalars, and integers in closed form."""
    a = 0
    b = 1
    f = 1.0
    top = -float("inf")
    step = 3
    total = 0
    for k in range(n):
        v = tl.load(x + k)
        f = f * 0.5 + v
        top = max(top, v)
        a, b = b, a + b
        total += step
        step += 2
    tl.store(oi, a)
    tl.store(oi + 1, b)
    tl.store(oi + 2, total)
    tl.store(oi + 3, step)
    tl.store(o, f)
    tl.store(o + 1, top)


@triton.jit
def carried_blocks(x, o, oi, n, BLOCK: tl.constexpr):
    """Swapped blocks, Fibonacci on blocks, integers in closed form, a block that is reversed every turn."""
    i = tl.arange(0, BLOCK)
    a = tl.load(x + i)
    b = a * 0 + i
    p = a
    q = a + 1
    count = tl.zeros((BLOCK,), tl.int32)
    moving = i
    small = tl.zeros((BLOCK,), tl.int8)
    r = a
    for k in range(n):
        a, b = b, a
        p, q = q, p + q
        count += 2
        moving += count
        small += 100
        r = tl.flip(r, 0) + k
    tl.store(o + i, a)
    tl.store(o + BLOCK + i, b)
    tl.store(o + 2 * BLOCK + i, p)
    tl.store(o + 3 * BLOCK + i, q)
    tl.store(o + 4 * BLOCK + i, r)
    tl.store(oi + i, count)
    tl.store(oi + BLOCK + i, moving)
    tl.store(oi + 2 * BLOCK + i, small.to(tl.int32))


@triton.jit
def carried_pointers(x, steps, o, n, BLOCK: tl.constexpr):
    """Closed form; increments from memory, of a scalar pointer and of a block; increments that change."""
    i = tl.arange(0, BLOCK)
    closed = x + i
    loaded = x
    moving = x + i
    growing = x + i
    step = i * 0
    single = x
    acc = tl.zeros((BLOCK,), tl.float32)
    for k in range(n):
        acc += tl.load(closed)
        closed += 4
        acc += 10 * tl.load(loaded + i)
        loaded += tl.load(steps + k)
        acc += 100 * tl.load(moving)
        moving += tl.load(steps + i % 2)
        acc += 1000 * tl.load(growing)
        growing += step
        step += i % 3
        acc += tl.load(single)
        single += 1
    tl.store(o + i, acc)
    tl.store(o + BLOCK + i, tl.load(closed) + tl.load(loaded + i) + tl.load(moving) + tl.load(growing))


@triton.jit
def nested_loops(x, o, m, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    acc = tl.zeros((BLOCK,), tl.float32)
    for a in range(m):
        inner = tl.load(x + i) * 0 + a
        p = x + i + a
        for b in range(a, n, 2):
            inner += tl.load(p) * b
            p += 1
        acc = acc * 0.5 + inner
    for c in range(5, 0, -2):
        acc += c
    for d in tl.static_range(3):
        acc += d * tl.load(x + d)
    tl.store(o + i, acc)


@triton.jit
def while_loops(x, o, oi, limit, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    v = tl.load(x + i)
    k = 0
    while k < limit:
        v = v * 0.5 + k
        k += 1
    tl.store(o + i, v)
    total = 0.0
    w = tl.load(x + i)
    p = x
    turns = 0
    while tl.sum(w) < 1000.0 and turns < 20:
        w = w + tl.abs(w) + 1
        total += tl.load(p)
        p += 2
        turns += 1
    tl.store(o + BLOCK + i, w + total)
    tl.store(oi, turns)


@triton.jit
def branches(x, y, o, flag, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    v = tl.load(x + i)
    if flag > 2:
        w = tl.exp(v)
        s = 3
        p = x + 8
    elif flag > 0:
        w = tl.flip(v, 0)
        s = 5
        p = x + 16
    else:
        w = v
        s = n
        p = x
    tl.store(o + i, w + s + tl.load(p + i))
    u = v
    if flag == 1:
        u = u + tl.sum(v, 0)
    q = y + i
    if flag != 0:
        q = y + i * 2
    tl.store(o + BLOCK + i, u * tl.load(q))
    tl.store(o + 2 * BLOCK + i, v if flag == 0 else v * 2)


@triton.jit
def branch_in_loop(x, o, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    acc = tl.zeros((BLOCK,), tl.float32)
    best = 0
    for k in range(n):
        v = tl.load(x + k * BLOCK + i)
        s = tl.sum(v, 0)
        if s > 0:
            acc += v
            best = k
        elif k % 2 == 0:
            acc = acc * 2
        else:
            tl.store(o + BLOCK + i, v)
    tl.store(o + i, acc + best)


@triton.jit
def kept_in_branch(x, y, o, flag, n, M: tl.constexpr):
    """What a contraction in a branch, or in a loop without trips, needs is needed again behind it."""
    m = tl.arange(0, M)
    ramp = (m[:, None] * 2 + m[None, :]).to(tl.float32)
    at = m[:, None] * M + m[None, :]
    b = tl.load(y + at)
    acc = b
    if flag > 0:
        acc = tl.dot(ramp, b)
    tl.store(o + at, acc + ramp)
    for _ in range(n):
        acc = tl.dot(ramp + 1, acc)
    tl.store(o + M * M + at, acc + (ramp + 1) * tl.trans(ramp + 1))


@triton.jit
def early_return(x, o, n, flag, BLOCK: tl.constexpr):
    pid = tl.program_id(0)
    i = pid * BLOCK + tl.arange(0, BLOCK)
    v = tl.load(x + i)
    if pid * BLOCK >= n:
        return
    tl.store(x + i, v * 0 + 9)
    if flag > 0:
        tl.store(o + i, v * 2)
        return
    tl.store(o + i, v + 1, mask=i < n)


@triton.jit
def signed_root(v):
    if tl.sum(v, 0) < 0:
        return v - 1
    if tl.max(v, 0) > 100:
        return v * 0
    return tl.sqrt(tl.abs(v))


@triton.jit
def returns_inside(x, o, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    r = signed_root(tl.load(x + i))
    e = tl.exp(r * 0.01)
    tl.store(o + i, e / tl.sum(e, 0) + tl.flip(r, 0))


@triton.jit(noinline=True)
def shifted_load(x, start, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    return tl.load(x + start + i) + tl.sum(tl.exp(tl.load(x + start + i)), 0), start + 1


@triton.jit
def calls(x, o, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    a, s = shifted_load(x, 0, BLOCK)
    b, s = shifted_load(x, s + 4, BLOCK)
    for _ in range(n):
        c, s = shifted_load(x, s, BLOCK)
        b += c
    tl.store(o + i, a)
    tl.store(o + BLOCK + i, b + s)


# ---- atomics


@triton.jit
def atomics(x, idx, o, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m = i < n
    v = tl.load(x + i, mask=m, other=0)
    k = tl.load(idx + i, mask=m, other=0)
    tl.atomic_add(o + k, v, mask=m)
    tl.atomic_max(o + 8 + k, v, mask=m)
    tl.atomic_min(o + 16 + k, v, mask=m)
    tl.atomic_and(o + 24 + k, v, mask=m)
    tl.atomic_or(o + 32 + k, v, mask=m)
    tl.atomic_xor(o + 40 + k, v, mask=m)
    tl.atomic_add(o + 48, tl.sum(v, 0))
    tl.atomic_max(o + 49, tl.max(v, 0))
    tl.atomic_add(o + 50 + i * 0, v, mask=m & (v > 0))


@triton.jit
def atomic_results(x, o, r, lock, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    old = tl.atomic_add(o + i, tl.load(x + i))
    tl.store(r + i, old)
    tl.store(r + BLOCK + i, tl.atomic_xchg(o + BLOCK + i, i))
    expected = tl.load(o + 2 * BLOCK + i)
    tl.store(r + 2 * BLOCK + i, tl.atomic_cas(o + 2 * BLOCK + i, tl.where(i % 2 == 0, expected, -1), i * 3))
    first = tl.atomic_add(lock, 5)
    second = tl.atomic_cas(lock, first + 5, 77)
    third = tl.atomic_xchg(lock, 78)
    tl.store(r + 3 * BLOCK + i, first + 10 * second + 100 * third)


@triton.jit
def atomic_float(x, o, r, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    v = tl.load(x + i, mask=i < n, other=0.0)
    tl.atomic_add(o + i % 4, v, mask=i < n)
    tl.atomic_max(o + 4, tl.max(v, 0))
    tl.atomic_min(o + 5, tl.min(v, 0))
    before = tl.load(o + 8 + i, mask=i < n, other=0.0)
    tl.atomic_add(o + 8 + i, 1.0, mask=i < n)
    tl.store(r + i, before + 10 * tl.load(o + 8 + i, mask=i < n, other=0.0), mask=i < n)


# ---- order of memory accesses


@triton.jit
def in_place(x, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    v = tl.load(x + i, mask=i < n)
    tl.store(x + i, tl.exp(-v * v) + v, mask=i < n)


@triton.jit
def in_place_symmetric(x, M: tl.constexpr):
    m = tl.arange(0, M)
    at = m[:, None] * M + m[None, :]
    v = tl.load(x + at)
    tl.store(x + at, v + tl.trans(v))


@triton.jit
def in_place_broadcast(x, o, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    v = tl.load(x + i * 0)
    tl.store(x + i * 0, v + 1)
    w = tl.load(x + 8 + i)
    tl.store(x + 8 + i, w - tl.max(w, 0))
    tl.store(o + i, w)


@triton.jit
def shifted(x, o, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(x + i, tl.load(x + i + 1))
    tl.store(x + i + 100, tl.load(x + 99 + i))
    tl.store(x + BLOCK + 200 - i, tl.load(x + 200 + i))
    a = tl.load(x + i)
    tl.store(x + i, a + 1)
    b = tl.load(x + i)
    tl.store(x + i, b * 2)
    tl.store(x + i + 1, b * 3)
    tl.store(o + i, a + 10 * b + 100 * tl.load(x + i))


@triton.jit
def load_then_loop_stores(x, y, o, n, flag, BLOCK: tl.constexpr):
    """Loads whose memory is overwritten in a loop or in a branch, and that are used behind it."""
    i = tl.arange(0, BLOCK)
    a = tl.load(x + i)
    for k in range(n):
        tl.store(x + i, tl.load(y + i) + k)
    tl.store(o + i, a)
    b = tl.load(x + BLOCK + i)
    if flag > 0:
        tl.store(x + BLOCK + i, b * 0)
    tl.store(o + BLOCK + i, b)
    c = tl.load(x + 2 * BLOCK + i)
    for k in range(n):
        tl.store(x + 2 * BLOCK + k, -1.0)
    tl.store(o + 2 * BLOCK + i, c)
    d = tl.load(x + 3 * BLOCK + i)
    for _ in range(n):
        tl.atomic_add(x + 3 * BLOCK + i, 1.0)
    tl.store(o + 3 * BLOCK + i, d)
    p = x + 4 * BLOCK + i
    e = tl.load(p)
    for k in range(n):
        tl.store(p, e + k)
        p += 1
    tl.store(o + 4 * BLOCK + i, e)


@triton.jit
def rotate_in_loop(x, n, BLOCK: tl.constexpr):
    """Every turn reads what the last turn wrote elsewhere."""
    i = tl.arange(0, BLOCK)
    for _ in range(n):
        v = tl.load(x + (i + 1) % BLOCK)
        w = tl.load(x + i)
        tl.store(x + i, v + w * 0.5)


@triton.jit
def aliased_pair(x, y, o, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    a = tl.load(x + i)
    b = tl.load(y + i)
    tl.store(o + i, a + b)
    tl.store(x + i, a - b)


@triton.jit
def scalar_memory(x, o, n):
    """Scalar loads and stores through the same memory, with masks."""
    t = 0.0
    for k in range(n):
        v = tl.load(x + k, mask=k != 2, other=4.0)
        t += v
        tl.store(x + k + 1, t, mask=k % 2 == 0)
    tl.store(o, t)
    tl.store(o + 1, tl.load(x + 1) * 2)


@triton.jit
def block_pointers(x, o, m, n, BM: tl.constexpr, BN: tl.constexpr):
    a = tl.make_block_ptr(x, (m, n), (n, 1), (tl.program_id(0) * BM, 0), (BM, BN), (1, 0))
    b = tl.make_block_ptr(o, (n, m), (1, n), (0, tl.program_id(0) * BM), (BN, BM), (0, 1))
    for _ in range(0, n, BN):
        v = tl.load(a, boundary_check=(0, 1), padding_option="zero")
        tl.store(b, tl.trans(v) * 2, boundary_check=(0, 1))
        a = tl.advance(a, (0, BN))
        b = tl.advance(b, (BN, 0))


@triton.jit
def descriptors(x, o, m, n, BM: tl.constexpr, BN: tl.constexpr):
    a = tl.make_tensor_descriptor(x, [m, n], [n, 1], [BM, BN])
    b = tl.make_tensor_descriptor(o, [m, n], [n, 1], [BM, BN])
    row = tl.program_id(0) * BM
    for column in range(0, n, BN):
        b.store([row, column], a.load([row, column]) + 1)


# ---- combinations


@triton.jit
def ping_pong(x, o, n, BLOCK: tl.constexpr):
    """Pointers into one argument that change places, scalars and blocks."""
    i = tl.arange(0, BLOCK)
    p = x
    q = x + 64
    a = x + i
    b = x + 32 + i * 2
    acc = tl.zeros((BLOCK,), tl.float32)
    for k in range(n):
        acc = acc * 2 + tl.load(p + i + k) + 10 * tl.load(a)
        p, q = q, p
        a, b = b, a + 1
    tl.store(o + i, acc)


@triton.jit
def carried_kinds(x, o, oi, n, BLOCK: tl.constexpr):
    """Carried i1 and f16, a block that never changes, one that takes what another has, scalars of type i1."""
    i = tl.arange(0, BLOCK)
    v = tl.load(x + i)
    seen = v > 10
    half = v.to(tl.float16)
    fixed = v
    late = v * 3
    every = tl.load(x) > -100
    for k in range(n):
        seen = seen | (v > k)
        half = half * 0.5
        every = every & (tl.load(x + k) < 1)
        fixed = fixed
        late = v
    tl.store(oi + i, seen)
    tl.store(oi + BLOCK + i, every)
    tl.store(o + i, half.to(tl.float32))
    tl.store(o + BLOCK + i, fixed + late)


@triton.jit
def wide_range(x, o, start, stop, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    acc = tl.zeros((BLOCK,), tl.float32)
    last = start * 0
    for k in tl.range(start, stop, 3):
        acc += tl.load(x + k + i)
        last = k
    for k in range(4):
        acc += tl.load(x + 63 - k - i)
    tl.store(o + i, acc + last)


@triton.jit
def dot_in_branch(a, b, c, steps, M: tl.constexpr):
    m = tl.arange(0, M)
    at = m[:, None] * M + m[None, :]
    acc = tl.zeros((M, M), tl.float32)
    top = tl.zeros((M,), tl.float32)
    for s in range(steps):
        x = tl.load(a + s * M * M + at)
        if s % 2 == 0:
            acc = tl.dot(x, tl.load(b + at), acc)
            top = tl.maximum(top, tl.max(acc, 1))
        else:
            acc = acc * 0.5 - tl.trans(acc)
    tl.store(c + at, acc + top[:, None])
    half = tl.dot(acc.to(tl.float16), tl.load(b + at).to(tl.float16), out_dtype=tl.float16)
    tl.store(c + M * M + at, half.to(tl.float32))


@triton.jit
def dot_powers(a, c, n, M: tl.constexpr):
    """The carried block is an operand of the contraction that replaces it."""
    m = tl.arange(0, M)
    at = m[:, None] * M + m[None, :]
    x = tl.load(a + at)
    acc = x
    other = tl.zeros((M, M), tl.float32)
    for _ in range(n):
        acc = tl.dot(acc, x)
        other = tl.dot(x, other, tl.trans(other) + acc)
    tl.store(c + at, acc)
    tl.store(c + M * M + at, other)


@triton.jit
def small_floats(x, b, o, s, oi, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    h = tl.load(x + i)
    f = tl.load(b + i)
    tl.store(o + i, tl.cumsum(h, 0))
    tl.store(oi, tl.argmax(h, 0))
    tl.store(oi + 1, tl.argmin(f, 0))
    tl.store(s, tl.sum(f, 0))
    tl.store(s + 1, tl.max(f, 0))
    tl.store(s + 2, tl.load(b + 3) * 2)
    tl.atomic_add(s + 3, tl.load(b + 5))


@triton.jit
def booleans(x, m, o, b, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = i < n
    keep = tl.load(m + i, mask=inside, other=0)
    first = tl.load(m)
    v = tl.load(x + i, mask=keep & inside, other=5.0)
    if first:
        v = v + 1
    tl.store(o + i, tl.where(first, v, -v), mask=inside)
    tl.store(b + i, ~keep & (v > 0), mask=inside)
    tl.store(b + n + tl.program_id(0), first)


@triton.jit
def selected_pointers(x, o, flag, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    p = tl.where(flag > 0, x + 8, x)
    q = tl.where(i % 2 == 0, x + i, x + 2 * i + 1)
    v = tl.load(p + i) + 10 * tl.load(q)
    tl.store(tl.where(i < n, o + i, o + BLOCK + i), v)


@triton.jit
def two_loops(x, o, n, BLOCK: tl.constexpr):
    """The second loop starts from what the first left; a reduction of one turn is used in the next."""
    i = tl.arange(0, BLOCK)
    v = tl.load(x + i)
    scale = 1.0
    for k in range(n):
        v = v * scale + k
        scale = 1.0 / (1.0 + tl.max(tl.abs(v), 0))
        tl.store(o + k * BLOCK + i, v)
    w = v
    for k in range(n):
        if k % 2 == 1:
            s = tl.sum(w, 0)
            w = w - s / BLOCK
        v += w
    tl.store(o + n * BLOCK + i, v + w)


@triton.jit
def sort_rows(x, o, M: tl.constexpr, N: tl.constexpr):
    i = tl.arange(0, M)[:, None]
    j = tl.arange(0, N)[None, :]
    v = tl.load(x + i * N + j)
    tl.store(o + i * N + j, tl.sort(v, 1) + tl.flip(v, 1))


@triton.jit
def some_places(x, places, y, n, BLOCK: tl.constexpr):
    """y[i] = x[places[i]], and -1 where that place is not a multiple of 4."""
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    place = tl.load(places + i, mask=i < n, other=0)
    tl.store(y + i, tl.load(x + place, mask=(i < n) & (place & 3 == 0), other=-1.0), mask=i < n)


@triton.jit
def to_places(x, places, y, n, BLOCK: tl.constexpr):
    """y[places[i]] = x[i]"""
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    place = tl.load(places + i, mask=i < n, other=0)
    tl.store(y + place, tl.load(x + i, mask=i < n), mask=i < n)


@triton.jit
def to_type(x, o, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(o + i, tl.load(x + i, mask=i < n).to(o.dtype.element_ty), mask=i < n)
