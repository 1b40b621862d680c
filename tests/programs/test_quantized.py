"""Products of quantized numbers: int8 with scales of rows and columns, int4 packed in words with groups, and the
kernels that quantize."""

from __future__ import annotations

import pytest
import torch
import triton
import triton.language as tl
from checking import check
from triton.language.extra import libdevice


@triton.jit
def quantize_rows(x_ptr, q_ptr, scale_ptr, n_cols, BLOCK: tl.constexpr):
    row, cols = tl.program_id(0), tl.arange(0, BLOCK)
    x = tl.load(x_ptr + row * n_cols + cols, mask=cols < n_cols, other=0.0).to(tl.float32)
    scale = tl.maximum(tl.max(tl.abs(x)), 1e-8) / 127.0
    tl.store(q_ptr + row * n_cols + cols, libdevice.rint(x / scale).to(tl.int8), mask=cols < n_cols)
    tl.store(scale_ptr + row, scale)


@triton.jit
def int8_product(
    a_ptr, b_ptr, c_ptr, a_scale_ptr, b_scale_ptr, bias_ptr, M, N, K,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, HAS_BIAS: tl.constexpr,
):  # fmt: skip
    rm, rn = tl.program_id(0) * BM + tl.arange(0, BM), tl.program_id(1) * BN + tl.arange(0, BN)
    acc = tl.zeros((BM, BN), tl.int32)
    for k in range(0, K, BK):
        rk = k + tl.arange(0, BK)
        a = tl.load(a_ptr + rm[:, None] * K + rk[None, :], mask=(rm[:, None] < M) & (rk[None, :] < K), other=0)
        b = tl.load(b_ptr + rn[None, :] * K + rk[:, None], mask=(rn[None, :] < N) & (rk[:, None] < K), other=0)
        acc = tl.dot(a, b, acc, out_dtype=tl.int32)
    sa = tl.load(a_scale_ptr + rm, mask=rm < M)
    sb = tl.load(b_scale_ptr + rn, mask=rn < N)
    c = acc.to(tl.float32) * sa[:, None] * sb[None, :]
    if HAS_BIAS:
        c += tl.load(bias_ptr + rn, mask=rn < N)[None, :]
    tl.store(c_ptr + rm[:, None] * N + rn[None, :], c, mask=(rm < M)[:, None] & (rn < N)[None, :])


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(("M", "N", "K"), [(64, 64, 128), (33, 50, 100)])
def test_int8_rows_and_columns(M: int, N: int, K: int, bias: bool) -> None:
    x, w = torch.randn(M, K), torch.randn(N, K)
    quantized = []
    for t in (x, w):
        q, scale = torch.empty_like(t, dtype=torch.int8), torch.empty(t.shape[0])
        quantize_rows[(t.shape[0],)](t, q, scale, K, BLOCK=128)
        assert torch.equal(scale, t.abs().amax(1) / 127)
        assert torch.equal(q, (t / scale[:, None]).round().to(torch.int8))
        quantized += [q, scale]
    a, sa, b, sb = quantized
    c, extra = torch.empty(M, N), torch.randn(N) if bias else None
    grid = (triton.cdiv(M, 32), triton.cdiv(N, 32))
    int8_product[grid](a, b, c, sa, sb, extra, M, N, K, BM=32, BN=32, BK=32, HAS_BIAS=bias)
    reference = (sa[:, None].double() * a.double()) @ (sb[:, None].double() * b.double()).T
    check(c, reference + extra.double() if extra is not None else reference)


@triton.jit
def int4_product(
    a_ptr, b_ptr, scales_ptr, zeros_ptr, c_ptr, M, N, K, GROUP: tl.constexpr,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr,
):  # fmt: skip
    """b: eight numbers of 4 bits along K in a word, [K / 8, N]; zero points eight along N in a word (GPTQ's layout)."""
    rm, rn = tl.program_id(0) * BM + tl.arange(0, BM), tl.program_id(1) * BN + tl.arange(0, BN)
    rk = tl.arange(0, BK)
    a_ptrs = a_ptr + rm[:, None] * K + rk[None, :]
    b_ptrs = b_ptr + (rk[:, None] // 8) * N + rn[None, :]
    shift = (rk % 8) * 4
    zero_shift = (rn % 8) * 4
    acc = tl.zeros((BM, BN), tl.float32)
    for k in range(tl.cdiv(K, BK)):
        g = k * BK // GROUP
        scale = tl.load(scales_ptr + g * N + rn, mask=rn < N, other=0.0)
        zero = tl.load(zeros_ptr + g * (N // 8) + rn // 8, mask=rn < N, other=0)
        zero = ((zero >> zero_shift) & 0xF) + 1
        live = rk < K - k * BK
        a = tl.load(a_ptrs, mask=(rm[:, None] < M) & live[None, :], other=0.0)
        word = tl.load(b_ptrs, mask=live[:, None] & (rn[None, :] < N), other=0)
        b = (word >> shift[:, None]) & 0xF
        b = ((b - zero[None, :]).to(tl.float32) * scale[None, :]).to(a.dtype)
        acc += tl.dot(a, b)
        a_ptrs += BK
        b_ptrs += BK // 8 * N
    tl.store(
        c_ptr + rm[:, None] * N + rn[None, :],
        acc.to(c_ptr.dtype.element_ty),
        mask=(rm < M)[:, None] & (rn < N)[None, :],
    )


def pack(x: torch.Tensor, dim: int) -> torch.Tensor:
    """Eight numbers of 4 bits along `dim` in one int32."""
    parts = x.long().unflatten(dim, (-1, 8)).movedim(dim + 1, 0)
    word = sum(part << (4 * i) for i, part in enumerate(parts))
    assert isinstance(word, torch.Tensor)
    return torch.where(word >= 2**31, word - 2**32, word).int().contiguous()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize(("M", "N", "K", "group"), [(32, 64, 128, 32), (5, 72, 192, 64)])
def test_int4_words(dtype: torch.dtype, M: int, N: int, K: int, group: int) -> None:
    q, zeros = torch.randint(0, 16, (K, N)), torch.randint(0, 15, (K // group, N))
    scales, a = torch.rand(K // group, N).to(dtype), torch.randn(M, K).to(dtype)
    c = torch.empty(M, N, dtype=dtype)
    int4_product[(triton.cdiv(M, 16), triton.cdiv(N, 32))](
        a, pack(q, 0), scales, pack(zeros, 1), c, M, N, K, GROUP=group, BM=16, BN=32, BK=32
    )
    repeat = torch.arange(K) // group
    w = ((q - zeros[repeat] - 1) * scales[repeat].double()).to(dtype)
    check(c, a.double() @ w.double())


@triton.jit
def int4_bytes_product(x_ptr, w_ptr, s_ptr, y_ptr, N, K, BN: tl.constexpr, BK: tl.constexpr):
    """A vector times signed nibbles: even k in the low half of a byte, odd k in the high one."""
    rn = tl.program_id(0) * BN + tl.arange(0, BN)
    acc = tl.zeros((BN,), tl.float32)
    for k in range(0, K // 2, BK):
        rk = k + tl.arange(0, BK)
        both = (rn[:, None] < N) & (rk[None, :] < K // 2)
        packed = tl.load(w_ptr + rn[:, None] * (K // 2) + rk[None, :], mask=both, other=0)
        low = (packed << 4).to(tl.int8) >> 4
        high = packed >> 4
        w = tl.interleave(low, high).to(tl.float32)
        kk = 2 * k + tl.arange(0, 2 * BK)
        x = tl.load(x_ptr + kk, mask=kk < K, other=0.0)
        acc += tl.sum(w * x[None, :], axis=1)
    tl.store(y_ptr + rn, acc * tl.load(s_ptr + rn, mask=rn < N), mask=rn < N)


@pytest.mark.parametrize(("N", "K"), [(64, 128), (50, 90)])
def test_signed_nibbles(N: int, K: int) -> None:
    q, x, scale = torch.randint(-8, 8, (N, K)), torch.randn(K), torch.rand(N)
    packed = ((q[:, ::2] & 0xF) | ((q[:, 1::2] & 0xF) << 4)).to(torch.uint8).view(torch.int8)
    y = torch.empty(N)
    int4_bytes_product[(triton.cdiv(N, 16),)](x, packed, scale, y, N, K, BN=16, BK=32)
    check(y, (q.double() @ x.double()) * scale.double())


@triton.jit
def blockwise_dequantize(q_ptr, absmax_ptr, code_ptr, out_ptr, n, BLOCK: tl.constexpr, CODES: tl.constexpr):
    """Codes of 4 bits in a table of numbers (NF4), one scale per block."""
    block = tl.program_id(0)
    i = block * (BLOCK // 2) + tl.arange(0, BLOCK // 2)
    byte = tl.load(q_ptr + i, mask=2 * i < n, other=0)
    table = tl.load(code_ptr + tl.arange(0, CODES))
    index = tl.interleave(byte >> 4, byte & 0xF).to(tl.int32)
    value = tl.gather(table, index, 0) * tl.load(absmax_ptr + block)
    at = block * BLOCK + tl.arange(0, BLOCK)
    tl.store(out_ptr + at, value.to(out_ptr.dtype.element_ty), mask=at < n)


@pytest.mark.parametrize("n", [512, 300])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_codes_of_a_table(dtype: torch.dtype, n: int) -> None:
    codes, code = torch.randint(0, 16, (n,)), torch.sort(torch.randn(16)).values
    packed = ((codes[::2] << 4) | codes[1::2]).to(torch.uint8)
    blocks = triton.cdiv(n, 64)
    absmax, out = torch.rand(blocks), torch.empty(n, dtype=dtype)
    blockwise_dequantize[(blocks,)](packed, absmax, code, out, n, BLOCK=64, CODES=16)
    check(out, code[codes].double() * absmax[torch.arange(n) // 64].double())
