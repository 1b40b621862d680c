"""Rows where every element is on its own: bound by memory, or by the arithmetic of one function."""
# pyright: basic

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
import triton
import triton.language as tl
from row import Launch, Row, normal
from torch import Tensor

BLOCK = 1024
NAMES = {torch.float32: "f32", torch.float16: "f16", torch.bfloat16: "bf16"}


@triton.jit
def add_kernel(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
    tl.store(out_ptr + i, tl.load(x_ptr + i, mask=mask) + tl.load(y_ptr + i, mask=mask), mask=mask)


@triton.jit
def gelu_tanh_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
    x = tl.load(x_ptr + i, mask=mask).to(tl.float32)
    inner = 0.7978845608028654 * (x + 0.044715 * x * x * x)
    y = x * tl.sigmoid(2 * inner)
    tl.store(out_ptr + i, y.to(out_ptr.dtype.element_ty), mask=mask)


@triton.jit
def gelu_erf_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
    x = tl.load(x_ptr + i, mask=mask)
    tl.store(out_ptr + i, 0.5 * x * (1 + tl.erf(x * 0.7071067811865476)), mask=mask)


@triton.jit
def swiglu_kernel(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
    x = tl.load(x_ptr + i, mask=mask)
    tl.store(out_ptr + i, x * tl.sigmoid(x) * tl.load(y_ptr + i, mask=mask), mask=mask)


@triton.jit
def exp_series_kernel(x_ptr, out_ptr, n, TERMS: tl.constexpr, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
    x = tl.load(x_ptr + i, mask=mask)
    total = tl.full((BLOCK,), 1.0, tl.float32)
    term = total
    for k in range(1, TERMS + 1):
        term = term * x / k
        total += term
    tl.store(out_ptr + i, total, mask=mask)


@triton.jit
def dropout_kernel(x_ptr, out_ptr, n, p, seed, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
    keep = tl.rand(seed, i) > p
    tl.store(out_ptr + i, tl.where(keep, tl.load(x_ptr + i, mask=mask) / (1 - p), 0.0), mask=mask)


def over_elements(kernel, *tensors: Tensor, more=(), **meta) -> Launch:
    """A program for every 1024 elements."""
    out, n = torch.empty_like(tensors[0]), tensors[0].numel()
    return Launch(kernel, blocks_of(n), (*tensors, out, n, *more), out, {"BLOCK": BLOCK, **meta})


def blocks_of(n: int, name: str = "BLOCK") -> Callable[[Any], tuple[int]]:
    """The grid with a program for every block of n."""
    return lambda meta: (triton.cdiv(n, meta[name]),)


def add(n: int) -> Row:
    return Row(
        "vec-add",
        f"{n:,}",
        normal((n,), (n,)),
        lambda x, y: over_elements(add_kernel, x, y),
        torch.add,
        lambda jnp, x, y: x + y,
        1e-6,
        bytes=12 * n,
        out=lambda out, x, y: torch.add(x, y, out=out),
    )


def gelu_tanh(n: int, dtype: torch.dtype = torch.float32) -> Row:
    return Row(
        f"GELU tanh {NAMES[dtype]}",
        f"{n:,}",
        normal((n,), dtype=dtype),
        lambda x: over_elements(gelu_tanh_kernel, x),
        lambda x: F.gelu(x, approximate="tanh"),
        lambda jnp, x: 0.5 * x * (1 + jnp.tanh(0.7978845608028654 * (x + 0.044715 * x * x * x))),
        {torch.float32: 1e-6, torch.float16: 2e-3, torch.bfloat16: 1e-2}[dtype],
        bytes=2 * dtype.itemsize * n,
        operations=25 * n,
        out=lambda out, x: torch.ops.aten.gelu.out(x, approximate="tanh", out=out),
    )


def gelu_erf(n: int) -> Row:
    def jax_erf(jnp, x):
        import jax

        return 0.5 * x * (1 + jax.lax.erf(x * 0.7071067811865476))

    return Row(
        "GELU erf f32",
        f"{n:,}",
        normal((n,)),
        lambda x: over_elements(gelu_erf_kernel, x),
        F.gelu,
        jax_erf,
        1e-6,
        bytes=8 * n,
        operations=30 * n,
        out=lambda out, x: torch.ops.aten.gelu.out(x, out=out),
    )


def swiglu(n: int) -> Row:
    return Row(
        "SwiGLU",
        f"{n:,}",
        normal((n,), (n,)),
        lambda x, y: over_elements(swiglu_kernel, x, y),
        lambda x, y: F.silu(x) * y,
        lambda jnp, x, y: x / (1 + jnp.exp(-x)) * y,
        1e-6,
        bytes=12 * n,
        operations=20 * n,
    )


def exp_series(n: int, terms: int = 12) -> Row:
    def series(x, total):
        term = total
        for k in range(1, terms + 1):
            term = term * x / k
            total = total + term
        return total

    return Row(
        f"exponent series, {terms} terms",
        f"{n:,}",
        normal((n,)),
        lambda x: over_elements(exp_series_kernel, x, TERMS=terms),
        lambda x: series(x, torch.ones_like(x)),
        lambda jnp, x: series(x, jnp.ones_like(x)),
        1e-5,
        bytes=8 * n,
        operations=3 * terms * n,
    )


def philox(seed: int, n: int) -> Tensor:
    """The first of the four numbers that Philox 4x32-10 makes of each offset 0 to n - 1 (Salmon et al., 2011)."""
    low = 0xFFFFFFFF
    c0, c1, c2, c3 = torch.arange(n), *(torch.zeros(n, dtype=torch.int64) for _ in range(3))
    k0, k1 = seed & low, seed >> 32

    def product(x: Tensor, by: int) -> tuple[Tensor, Tensor]:
        """The high and the low word of a product, without leaving 64 bits."""
        upper, lower = (x >> 16) * by, (x & 0xFFFF) * by
        whole = upper + (lower >> 16)
        return whole >> 16, ((whole & 0xFFFF) << 16) | (lower & 0xFFFF)

    for _ in range(10):
        (h0, l0), (h2, l2) = product(c0, 0xD2511F53), product(c2, 0xCD9E8D57)
        c0, c1, c2, c3 = h2 ^ c1 ^ k0, l2, h0 ^ c3 ^ k1, l0
        k0, k1 = (k0 + 0x9E3779B9) & low, (k1 + 0xBB67AE85) & low
    return c0


def dropout(n: int) -> Row:
    """Every system draws numbers of its own; rung's are checked, as Triton defines them."""
    p, seed = 0.25, 1234

    def kept(x: Tensor) -> Tensor:
        drawn = philox(seed, n)
        folded = torch.where(drawn >= 2**31, 2**32 - 1 - drawn, drawn)  # -x - 1 of a negative number of 32 bits
        return torch.where(folded * 4.6566127342e-10 > p, x / (1 - p), 0.0)

    def in_jax(jnp, x):
        import jax

        return jnp.where(jax.random.uniform(jax.random.key(seed), x.shape) > p, x / (1 - p), 0.0)

    return Row(
        "dropout",
        f"{n:,}",
        normal((n,)),
        lambda x: over_elements(dropout_kernel, x, more=(p, seed)),
        lambda x: F.dropout(x, p, training=True),
        in_jax,
        1e-6,
        bytes=8 * n,
        operations=60 * n,
        exact=kept,
    )


ROWS = (
    add(4096),
    add(65_536),
    add(1 << 20),
    add(1 << 24),
    gelu_tanh(65_536),
    gelu_tanh(1 << 20),
    gelu_tanh(1 << 24),
    gelu_tanh(1 << 20, torch.float16),
    gelu_tanh(1 << 20, torch.bfloat16),
    gelu_erf(1 << 20),
    swiglu(1 << 20),
    exp_series(1 << 20),
    dropout(1 << 20),
)
