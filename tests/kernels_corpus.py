"""Small kernels that cover Triton's operations. `CORPUS` lists each with a signature as text."""

from __future__ import annotations

import triton
import triton.language as tl
from triton.language.extra import libdevice


@triton.jit
def masked_add(x_ptr, y_ptr, o_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < n, other=0.0, cache_modifier=".cg")
    y = tl.load(y_ptr + i, mask=i < n, eviction_policy="evict_last")
    tl.store(o_ptr + i, x + y, mask=i < n)


@triton.jit
def softmax(o_ptr, x_ptr, stride, rows, n, BLOCK: tl.constexpr):
    for row in tl.range(tl.program_id(0), rows, tl.num_programs(0)):
        i = tl.arange(0, BLOCK)
        x = tl.load(x_ptr + row * stride + i, mask=i < n, other=-float("inf"))
        e = tl.exp(x - tl.max(x, axis=0))
        tl.store(o_ptr + row * stride + i, e / tl.sum(e, axis=0), mask=i < n)


@triton.jit
def matmul(a_ptr, b_ptr, c_ptr, K, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    m, n, k = tl.arange(0, BM), tl.arange(0, BN), tl.arange(0, BK)
    acc = tl.zeros((BM, BN), tl.float32)
    for start in range(0, K, BK):
        a = tl.load(a_ptr + m[:, None] * K + start + k[None, :], mask=start + k[None, :] < K, other=0.0)
        b = tl.load(b_ptr + (start + k[:, None]) * BN + n[None, :], mask=start + k[:, None] < K, other=0.0)
        acc = tl.dot(a, b, acc)
    tl.store(c_ptr + m[:, None] * BN + n[None, :], acc.to(c_ptr.dtype.element_ty))


@triton.jit
def block_pointers(a_ptr, o_ptr, M, N, BM: tl.constexpr, BN: tl.constexpr):
    a = tl.make_block_ptr(a_ptr, (M, N), (N, 1), (tl.program_id(0) * BM, 0), (BM, BN), (1, 0))
    o = tl.make_block_ptr(o_ptr, (M, N), (N, 1), (tl.program_id(0) * BM, 0), (BM, BN), (1, 0))
    for _ in range(0, N, BN):
        x = tl.load(a, boundary_check=(0, 1), padding_option="zero")
        tl.store(o, x * 2.0, boundary_check=(0, 1))
        a, o = tl.advance(a, (0, BN)), tl.advance(o, (0, BN))


@triton.jit
def argmax(x_ptr, v_ptr, i_ptr, n, BLOCK: tl.constexpr):
    row, i = tl.program_id(0), tl.arange(0, BLOCK)
    x = tl.load(x_ptr + row * n + i, mask=i < n, other=-float("inf"))
    value, index = tl.max(x, 0, return_indices=True)
    tl.store(v_ptr + row, value)
    tl.store(i_ptr + row, index)


@triton.jit
def _linear(a1, b1, a2, b2):
    return a1 * a2, b1 * a2 + b2


@triton.jit
def scans(a_ptr, b_ptr, o_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    a, b = tl.associative_scan((tl.load(a_ptr + i), tl.load(b_ptr + i)), 0, _linear, reverse=True)
    tl.store(o_ptr + i, tl.cumsum(a, 0) + b)


@triton.jit
def atomics(x_ptr, sum_ptr, max_ptr, lock_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < n, other=0.0)
    tl.atomic_add(sum_ptr + i % 8, x, mask=i < n, sem="relaxed")
    tl.atomic_max(max_ptr, tl.max(x, 0))
    while tl.atomic_cas(lock_ptr, 0, 1) == 1:
        pass
    tl.atomic_xchg(lock_ptr, 0)


@triton.jit
def control_flow(x_ptr, o_ptr, n, flag, BLOCK: tl.constexpr):
    pid = tl.program_id(0)
    if pid * BLOCK >= n:
        return
    i = pid * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i)
    if flag > 0:
        x = x * 2
    else:
        x = -x
    steps = 0
    while steps < flag:
        x += steps
        steps += 1
    tl.device_assert(n > 0, 'n > 0: a "quoted" message with {braces} and <{angles}>')
    tl.device_print("{pid} ", pid)
    tl.store(o_ptr + i, x)


@triton.jit
def shapes(x_ptr, o_ptr, N: tl.constexpr):
    i = tl.arange(0, 2 * N)
    pairs = tl.reshape(tl.load(x_ptr + i), (N, 2))
    even, odd = tl.split(pairs)
    both = tl.trans(tl.join(odd, even), (1, 0))
    j = tl.arange(0, 2)[:, None] * N + tl.arange(0, N)[None, :]
    tl.store(o_ptr + j, both + tl.cat(even, odd, can_reorder=True).reshape((2, N)))


@triton.jit
def narrow_types(h_ptr, b_ptr, q_ptr, o_ptr, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    h, b, q = tl.load(h_ptr + i), tl.load(b_ptr + i), tl.load(q_ptr + i)
    total = h.to(tl.float32) + b.to(tl.float32) * q.to(tl.float32)
    tl.store(o_ptr + i, (total > 0) & (q.to(tl.int32, bitcast=False) != 3))


@triton.jit
def inline_assembly(x_ptr, o_ptr, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    y = tl.inline_asm_elementwise("{ mov $0, $1; }", "=r,r", [tl.load(x_ptr + i)], dtype=tl.int32, is_pure=True, pack=1)
    tl.store(o_ptr + i, y)


@triton.jit
def libdevice_calls(x_ptr, o_ptr, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < n)
    y = libdevice.tanh(x) + libdevice.pow(x, 2.0) + libdevice.lgamma(x) + libdevice.hypot(x, 1.0)
    tl.store(o_ptr + i, tl.where(libdevice.isnan(x) != 0, 0.0, y), mask=i < n)


@triton.jit
def gather_histogram(x_ptr, i_ptr, o_ptr, h_ptr, N: tl.constexpr, M: tl.constexpr):
    at = tl.arange(0, N)[:, None] * M + tl.arange(0, M)[None, :]
    index = tl.load(i_ptr + at)
    tl.store(o_ptr + at, tl.gather(tl.load(x_ptr + at), index, axis=1))
    tl.store(h_ptr + tl.arange(0, 16), tl.histogram(tl.reshape(index, (N * M,)), 16))


P, I = "*fp32:16", "i32"
CORPUS = [
    (masked_add, f"{P}, {P}, {P}, {I}, 1024"),
    (softmax, f"{P}, {P}, {I}, {I}, {I}, 256"),
    (matmul, "*fp16, *fp16, *fp16, i32:16, 32, 64, 16"),
    (block_pointers, f"{P}, {P}, {I}, {I}, 16, 32"),
    (argmax, f"{P}, {P}, *i32, {I}, 512"),
    (scans, f"{P}, {P}, {P}, 128"),
    (atomics, f"{P}, {P}, {P}, *i32, {I}, 256"),
    (control_flow, f"{P}, {P}, {I}, {I}, 64"),
    (shapes, f"{P}, {P}, 64"),
    (narrow_types, "*fp16, *bf16, *i8, *i1, 64"),
    (inline_assembly, "*i32, *i32, 64"),
    (libdevice_calls, f"{P}, {P}, {I}, 128"),
    (gather_histogram, f"{P}, *i32, {P}, *i32, 16, 32"),
]
