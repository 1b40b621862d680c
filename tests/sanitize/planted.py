"""Kernels with a fault each. `# here` marks the line that is to be named, `# there` the other side of a race."""

from __future__ import annotations

import triton
import triton.language as tl

# ---- one dimension


@triton.jit
def load_without_mask(x, out, n, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    v = tl.load(x + i)  # here
    tl.store(out + i, v, mask=i < n)


@triton.jit
def store_without_mask(x, out, n, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    v = tl.load(x + i, mask=i < n)
    tl.store(out + i, v)  # here


@triton.jit
def mask_of_another_size(x, out, n, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    v = tl.load(x + i, mask=i < n + 3)  # here
    tl.store(out + i, v, mask=i < n)


@triton.jit
def before_the_beginning(x, out, n, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    v = tl.load(x + i - 5, mask=i < n)  # here
    tl.store(out + i, v, mask=i < n)


@triton.jit
def stride_of_two(x, out, n, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    v = tl.load(x + 2 * i, mask=i < n)  # here
    tl.store(out + i, v, mask=i < n)


@triton.jit
def reversed_by_one(x, out, n, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    v = tl.load(x + n - i, mask=i < n)  # here
    tl.store(out + i, v, mask=i < n)


@triton.jit
def one_turn_too_many(x, out, n, B: tl.constexpr):
    p = x + tl.arange(0, B)
    total = tl.zeros((B,), tl.float32)
    for _ in range(tl.cdiv(n, B) + 1):
        total += tl.load(p).to(tl.float32)  # here
        p += B
    tl.store(out + tl.arange(0, B), total)


@triton.jit
def while_too_far(x, out, n, B: tl.constexpr):
    k = 0
    total = 0.0
    while k <= n:
        total += tl.load(x + k).to(tl.float32)  # here
        k += 1
    tl.store(out, total)


@triton.jit
def under_a_branch(x, out, n, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    if tl.program_id(0) == 1:
        tl.store(out + i + 2, tl.load(x + i, mask=i < n), mask=i < n)  # here


@triton.jit(noinline=True)
def _read(p, i):
    return tl.load(p + i + 1)  # here


@triton.jit
def in_a_function(x, out, n, B: tl.constexpr):
    i = tl.program_id(0)
    tl.store(out + i, _read(x, i))


@triton.jit
def chosen_pointer(x, y, out, n, B: tl.constexpr):
    i = tl.arange(0, B)
    p = tl.where(i % 2 == 0, x + i, y + i)
    tl.store(out + i, tl.load(p, mask=i < n), mask=i < n)  # here


@triton.jit
def pointer_that_changes_hands(x, y, out, n, B: tl.constexpr):
    i = tl.arange(0, B)
    p = x + i
    for k in range(3):
        v = tl.load(p)  # here
        tl.store(out + i + k * B, v)
        p = y + 32 * k + i


# ---- scalars


@triton.jit
def scalar_load(x, out, n, B: tl.constexpr):
    k = tl.program_id(0)
    tl.store(out + k, tl.load(x + k + 1))  # here


@triton.jit
def scalar_store(x, out, n, B: tl.constexpr):
    k = tl.program_id(0)
    v = tl.load(x + k)
    tl.store(out + 2 * k, v)  # here


@triton.jit
def scalar_atomic(x, out, n, B: tl.constexpr):
    tl.atomic_add(out + tl.program_id(0) + 1, 1)  # here


@triton.jit
def compare_and_swap(x, out, n, B: tl.constexpr):
    tl.atomic_cas(out - 1 - tl.program_id(0), 0, 1)  # here


# ---- two dimensions and more


@triton.jit
def columns_without_mask(x, out, M, N, BM: tl.constexpr, BN: tl.constexpr):
    r = tl.program_id(0) * BM + tl.arange(0, BM)[:, None]
    c = tl.program_id(1) * BN + tl.arange(0, BN)[None, :]
    v = tl.load(x + r * N + c, mask=r < M)  # here
    tl.store(out + r * N + c, v, mask=(r < M) & (c < N))


@triton.jit
def rows_without_mask(x, out, M, N, BM: tl.constexpr, BN: tl.constexpr):
    r = tl.program_id(0) * BM + tl.arange(0, BM)[:, None]
    c = tl.program_id(1) * BN + tl.arange(0, BN)[None, :]
    v = tl.load(x + r * N + c, mask=(r < M) & (c < N))
    tl.store(out + r * N + c, v, mask=c < N)  # here


@triton.jit
def wrong_stride(x, out, M, N, BM: tl.constexpr, BN: tl.constexpr):
    r = tl.program_id(0) * BM + tl.arange(0, BM)[:, None]
    c = tl.program_id(1) * BN + tl.arange(0, BN)[None, :]
    v = tl.load(x + r * (N + 1) + c, mask=(r < M) & (c < N))  # here
    tl.store(out + r * N + c, v, mask=(r < M) & (c < N))


@triton.jit
def transposed(x, out, M, N, BM: tl.constexpr, BN: tl.constexpr):
    r = tl.program_id(0) * BM + tl.arange(0, BM)[:, None]
    c = tl.program_id(1) * BN + tl.arange(0, BN)[None, :]
    v = tl.load(x + r * N + c, mask=(r < M) & (c < N))
    tl.store(tl.trans(out + r + c * N), tl.trans(v), mask=tl.trans((r < M) & (c < N)))  # here


@triton.jit
def rows_that_wrap(x, out, M, N, BM: tl.constexpr, BN: tl.constexpr):
    r = (tl.program_id(0) * BM + tl.arange(0, BM)) % (M + 1)
    c = tl.arange(0, BN)
    v = tl.load(x + r[:, None] * N + c[None, :], mask=c[None, :] < N)  # here
    tl.store(out + r[:, None] * N + c[None, :], v, mask=(r[:, None] < M) & (c[None, :] < N))


@triton.jit
def three_dimensions(x, out, M, N, BM: tl.constexpr, BN: tl.constexpr):
    a = tl.arange(0, 2)[:, None, None]
    r = tl.arange(0, BM)[None, :, None]
    c = tl.arange(0, BN)[None, None, :]
    v = tl.load(x + (a * M + r) * N + c, mask=(r < M) & (c < N))  # here
    tl.store(out + (a * M + r) * N + c, v, mask=(a < 1) & (r < M) & (c < N))


@triton.jit
def block_pointer(x, out, M, N, BM: tl.constexpr, BN: tl.constexpr):
    p = tl.make_block_ptr(x, (M, N), (N, 1), (0, 0), (BM, BN), (1, 0))
    v = tl.load(p, boundary_check=(1,))  # here
    q = tl.make_block_ptr(out, (M, N), (N, 1), (0, 0), (BM, BN), (1, 0))
    tl.store(q, v, boundary_check=(0, 1))


@triton.jit
def product(x, out, M, N, BM: tl.constexpr, BN: tl.constexpr):
    r, c = tl.arange(0, BM)[:, None], tl.arange(0, BN)[None, :]
    total = tl.zeros((BM, BM), tl.float32)
    for k in range(0, N, BN):
        a = tl.load(x + r * N + k + c, mask=r < M, other=0)  # here
        total = tl.dot(a, tl.trans(a), total)
    tl.store(out + r * M + tl.arange(0, BM)[None, :], total, mask=(r < M) & (tl.arange(0, BM)[None, :] < M))


# ---- gathers


@triton.jit
def gather(x, index, out, n, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    k = tl.load(index + i, mask=i < n, other=0)
    v = tl.load(x + k, mask=i < n)  # here
    tl.store(out + i, v, mask=i < n)


@triton.jit
def scatter(x, index, out, n, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    k = tl.load(index + i, mask=i < n, other=0)
    v = tl.load(x + i, mask=i < n)
    tl.store(out + k, v, mask=i < n)  # here


@triton.jit
def histogram(x, index, out, n, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    k = tl.load(index + i, mask=i < n, other=0)
    tl.atomic_add(out + k, 1, mask=i < n)  # here


@triton.jit
def rows_by_index(x, index, out, n, B: tl.constexpr):
    c = tl.arange(0, B)
    row = tl.load(index + tl.program_id(0))
    v = tl.load(x + row * n + c, mask=c < n)  # here
    tl.store(out + tl.program_id(0) * n + c, v, mask=c < n)


# ---- through tables of pointers, descriptors and functions


@triton.jit
def pointer_from_a_table(addresses, x, out, n, B: tl.constexpr):
    i = tl.arange(0, B)
    p = tl.load(addresses + tl.program_id(0)).to(tl.pointer_type(out.dtype.element_ty))
    v = tl.load(p + i)  # here
    tl.store(out + i, v, mask=i < n)


@triton.jit
def address_that_is_moved(x, out, n, B: tl.constexpr):
    i = tl.arange(0, B)
    p = (x.to(tl.int64) + 64).to(tl.pointer_type(x.dtype.element_ty))
    tl.store(out + i, tl.load(p + i), mask=i < n)  # here


@triton.jit
def descriptor_of_too_many_rows(x, out, M, N, BM: tl.constexpr, BN: tl.constexpr):
    d = tl.make_tensor_descriptor(x, [M + 1, N], [N, 1], [BM, BN])
    v = d.load([0, 0])  # here
    o = tl.make_tensor_descriptor(out, [M, N], [N, 1], [BM, BN])
    o.store([0, 0], v)


@triton.jit
def descriptor_of_a_wrong_stride(x, out, M, N, BM: tl.constexpr, BN: tl.constexpr):
    v = tl.make_tensor_descriptor(x, [M, N], [N, 1], [BM, BN]).load([0, 0])
    o = tl.make_tensor_descriptor(out, [M, N], [N + 4, 1], [BM, BN])
    for k in range(1):
        o.store([k, 0], v)  # here


@triton.jit
def descriptor_of_the_host(x, out, n, B: tl.constexpr):
    v = x.load([0])  # here
    tl.store(out + tl.arange(0, B), v, mask=tl.arange(0, B) < n)


@triton.jit(noinline=True)
def _write(p, x, B: tl.constexpr):
    v = tl.load(x + tl.arange(0, B))
    tl.store(p + tl.arange(0, B), v)  # here


@triton.jit(noinline=True)
def _pass_on(p, x, B: tl.constexpr):
    _write(p + 8, x, B)


@triton.jit
def in_a_function_of_a_function(x, out, n, B: tl.constexpr):
    _pass_on(out, x, B)


@triton.jit
def pointer_of_a_branch(x, y, out, n, B: tl.constexpr):
    i = tl.arange(0, B)
    p = x + i
    if tl.load(x) == 0:
        p = y + i
        tl.store(out + i, 0)
    v = tl.load(p)  # here
    tl.store(out + i, v)


@triton.jit
def pointer_that_while_carries(x, out, n, B: tl.constexpr):
    i = tl.arange(0, B)
    p, k = x + i, 0
    while k < n:
        tl.store(out + i, tl.load(p))  # here
        p += B // 2
        k += B // 2
