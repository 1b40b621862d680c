"""Rows over the rows of a matrix: softmax, norms, sums, searches and running sums."""
# pyright: basic

from __future__ import annotations

import torch
import torch.nn.functional as F
import triton
import triton.language as tl
from elementwise import NAMES, blocks_of
from row import Launch, Row, normal

TOLERANCE = {torch.float32: 1e-5, torch.float16: 2e-3, torch.bfloat16: 1e-2}


@triton.jit
def softmax_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    row, i = tl.program_id(0), tl.arange(0, BLOCK)
    x = tl.load(x_ptr + row * n + i, mask=i < n, other=-float("inf")).to(tl.float32)
    x = tl.exp(x - tl.max(x, 0))
    tl.store(out_ptr + row * n + i, (x / tl.sum(x, 0)).to(out_ptr.dtype.element_ty), mask=i < n)


@triton.jit
def short_softmax_kernel(x_ptr, out_ptr, m, n, ROWS: tl.constexpr, BLOCK: tl.constexpr):
    row, i = tl.program_id(0) * ROWS + tl.arange(0, ROWS), tl.arange(0, BLOCK)
    at, mask = row[:, None] * n + i[None, :], (row[:, None] < m) & (i[None, :] < n)
    x = tl.load(x_ptr + at, mask=mask, other=-float("inf"))
    x = tl.exp(x - tl.max(x, 1)[:, None])
    tl.store(out_ptr + at, x / tl.sum(x, 1)[:, None], mask=mask)


@triton.jit
def layer_norm_kernel(x_ptr, weight_ptr, bias_ptr, out_ptr, n, eps, BLOCK: tl.constexpr):
    row, i = tl.program_id(0), tl.arange(0, BLOCK)
    mask = i < n
    x = tl.load(x_ptr + row * n + i, mask=mask, other=0.0).to(tl.float32)
    centred = tl.where(mask, x - tl.sum(x, 0) / n, 0.0)
    scale = tl.rsqrt(tl.sum(centred * centred, 0) / n + eps)
    y = centred * scale * tl.load(weight_ptr + i, mask=mask) + tl.load(bias_ptr + i, mask=mask)
    tl.store(out_ptr + row * n + i, y.to(out_ptr.dtype.element_ty), mask=mask)


@triton.jit
def rms_norm_kernel(x_ptr, weight_ptr, out_ptr, n, eps, BLOCK: tl.constexpr):
    row, i = tl.program_id(0), tl.arange(0, BLOCK)
    mask = i < n
    x = tl.load(x_ptr + row * n + i, mask=mask, other=0.0).to(tl.float32)
    y = x * tl.rsqrt(tl.sum(x * x, 0) / n + eps) * tl.load(weight_ptr + i, mask=mask)
    tl.store(out_ptr + row * n + i, y.to(out_ptr.dtype.element_ty), mask=mask)


@triton.jit
def row_sum_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    row, i = tl.program_id(0), tl.arange(0, BLOCK)
    tl.store(out_ptr + row, tl.sum(tl.load(x_ptr + row * n + i, mask=i < n, other=0.0), 0))


@triton.jit
def argmax_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    row, i = tl.program_id(0), tl.arange(0, BLOCK)
    x = tl.load(x_ptr + row * n + i, mask=i < n, other=-float("inf"))
    tl.store(out_ptr + row, tl.argmax(x, 0).to(tl.int64))


@triton.jit
def cumsum_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    row, i = tl.program_id(0), tl.arange(0, BLOCK)
    x = tl.load(x_ptr + row * n + i, mask=i < n, other=0.0)
    tl.store(out_ptr + row * n + i, tl.cumsum(x, 0), mask=i < n)


@triton.jit
def cross_entropy_kernel(x_ptr, target_ptr, out_ptr, n, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    most, total = -float("inf"), 0.0
    for start in range(0, n, BLOCK):
        i = start + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + row * n + i, mask=i < n, other=-float("inf"))
        larger = tl.maximum(most, tl.max(x, 0))
        total = total * tl.exp(most - larger) + tl.sum(tl.exp(x - larger), 0)
        most = larger
    chosen = tl.load(x_ptr + row * n + tl.load(target_ptr + row))
    tl.store(out_ptr + row, tl.log(total) + most - chosen)


@triton.jit
def sort_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    row, i = tl.program_id(0), tl.arange(0, BLOCK)
    tl.store(out_ptr + row * n + i, tl.sort(tl.load(x_ptr + row * n + i)))


@triton.jit
def top_k_kernel(x_ptr, out_ptr, n, K: tl.constexpr, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    best = tl.topk(tl.load(x_ptr + row * n + tl.arange(0, BLOCK)), K)
    tl.store(out_ptr + row * K + tl.arange(0, K), best)


def per_row(kernel, *tensors, out=None, more=(), **meta) -> Launch:
    """A program for every row."""
    m, n = tensors[0].shape
    out = torch.empty_like(tensors[0]) if out is None else out
    return Launch(kernel, (m,), (*tensors, out, n, *more), out, {"BLOCK": triton.next_power_of_2(n), **meta})


def softmax(m: int, n: int, dtype: torch.dtype = torch.float32) -> Row:
    def launch(x):
        if n > 128:
            return per_row(softmax_kernel, x)
        out = torch.empty_like(x)
        meta = {"ROWS": 32, "BLOCK": triton.next_power_of_2(n)}
        return Launch(short_softmax_kernel, blocks_of(m, "ROWS"), (x, out, m, n), out, meta)

    def in_jax(jnp, x):
        import jax

        return jax.nn.softmax(x, 1)

    return Row(
        f"softmax {NAMES[dtype]}",
        f"{m:,} x {n:,}",
        normal((m, n), dtype=dtype),
        launch,
        lambda x: torch.softmax(x, 1),
        lambda jnp, x: (
            jnp.exp(x - x.max(1, keepdims=True)) / jnp.exp(x - x.max(1, keepdims=True)).sum(1, keepdims=True)
        ),
        TOLERANCE[dtype],
        bytes=2 * dtype.itemsize * m * n,
        operations=15 * m * n,
        out=lambda out, x: torch.softmax(x, 1, out=out),
    )


def layer_norm(m: int, n: int, dtype: torch.dtype = torch.float32) -> Row:
    def in_jax(jnp, x, weight, bias):
        x = x.astype(jnp.float32)
        centred = x - x.mean(1, keepdims=True)
        y = centred / jnp.sqrt((centred * centred).mean(1, keepdims=True) + 1e-5) * weight + bias
        return y.astype(weight.dtype)

    return Row(
        f"layer norm {NAMES[dtype]}",
        f"{m:,} x {n:,}",
        normal((m, n), (n,), (n,), dtype=dtype),
        lambda x, w, b: per_row(layer_norm_kernel, x, w, b, more=(1e-5,)),
        lambda x, w, b: F.layer_norm(x, (n,), w, b, 1e-5),
        in_jax,
        TOLERANCE[dtype],
        bytes=2 * dtype.itemsize * m * n,
        operations=8 * m * n,
    )


def rms_norm(m: int, n: int, dtype: torch.dtype = torch.float32) -> Row:
    def in_jax(jnp, x, weight):
        wide = x.astype(jnp.float32)
        return (wide / jnp.sqrt((wide * wide).mean(1, keepdims=True) + 1e-6) * weight).astype(weight.dtype)

    return Row(
        f"RMS norm {NAMES[dtype]}",
        f"{m:,} x {n:,}",
        normal((m, n), (n,), dtype=dtype),
        lambda x, w: per_row(rms_norm_kernel, x, w, more=(1e-6,)),
        lambda x, w: F.rms_norm(x, (n,), w, 1e-6),
        in_jax,
        TOLERANCE[dtype],
        bytes=2 * dtype.itemsize * m * n,
        operations=5 * m * n,
    )


def row_sum(m: int, n: int) -> Row:
    return Row(
        "row sum",
        f"{m:,} x {n:,}",
        normal((m, n)),
        lambda x: per_row(row_sum_kernel, x, out=x.new_empty(m)),
        lambda x: x.sum(1),
        lambda jnp, x: x.sum(1),
        1e-5,
        bytes=4 * m * n,
        operations=m * n,
        out=lambda out, x: torch.sum(x, 1, out=out),
    )


def argmax(m: int, n: int) -> Row:
    return Row(
        "argmax",
        f"{m:,} x {n:,}",
        normal((m, n)),
        lambda x: per_row(argmax_kernel, x, out=torch.empty(m, dtype=torch.int64)),
        lambda x: x.argmax(1),
        lambda jnp, x: x.argmax(1),
        0.0,
        bytes=4 * m * n,
        operations=2 * m * n,
        out=lambda out, x: torch.argmax(x, 1, out=out),
    )


def cumsum(m: int, n: int) -> Row:
    return Row(
        "cumsum",
        f"{m:,} x {n:,}",
        normal((m, n)),
        lambda x: per_row(cumsum_kernel, x),
        lambda x: x.cumsum(1),
        lambda jnp, x: x.cumsum(1),
        1e-5,
        bytes=8 * m * n,
        operations=m * n,
        out=lambda out, x: torch.cumsum(x, 1, out=out),
    )


def cross_entropy(m: int, n: int) -> Row:
    def inputs(generator):
        return torch.randn(m, n, generator=generator), torch.randint(n, (m,), generator=generator)

    def in_jax(jnp, x, target):
        most = x.max(1, keepdims=True)
        chosen = jnp.take_along_axis(x, target[:, None], 1)[:, 0]
        return jnp.log(jnp.exp(x - most).sum(1)) + most[:, 0] - chosen

    return Row(
        "cross-entropy",
        f"{m:,} x {n:,}",
        inputs,
        lambda x, target: Launch(
            cross_entropy_kernel, (m,), (x, target, out := x.new_empty(m), n), out, {"BLOCK": 2048}
        ),
        lambda x, target: F.cross_entropy(x, target, reduction="none"),
        in_jax,
        1e-5,
        bytes=4 * m * n,
        operations=15 * m * n,
    )


def sort(m: int, n: int) -> Row:
    return Row(
        "sort",
        f"{m:,} x {n:,}",
        normal((m, n)),
        lambda x: per_row(sort_kernel, x),
        lambda x: x.sort(1).values,
        lambda jnp, x: jnp.sort(x, 1),
        0.0,
        bytes=8 * m * n,
        operations=55 * m * n,
    )


def top_k(m: int, n: int, k: int) -> Row:
    def in_jax(jnp, x):
        import jax

        return jax.lax.top_k(x, k)[0]

    return Row(
        f"top-{k}",
        f"{m:,} x {n:,}",
        normal((m, n)),
        lambda x: per_row(top_k_kernel, x, out=x.new_empty(m, k), K=k),
        lambda x: x.topk(k, 1).values,
        in_jax,
        0.0,
        bytes=4 * m * n,
        operations=20 * m * n,
    )


ROWS = (
    softmax(128, 128),
    softmax(4096, 1024),
    softmax(128, 32768),
    softmax(65536, 64),
    softmax(4096, 1024, torch.float16),
    layer_norm(64, 768),
    layer_norm(4096, 1024),
    layer_norm(4096, 1024, torch.float16),
    rms_norm(4096, 1024),
    rms_norm(1024, 4096),
    rms_norm(4096, 1024, torch.float16),
    row_sum(4096, 1024),
    argmax(4096, 1024),
    cumsum(4096, 1024),
    cross_entropy(2048, 32000),
    sort(4096, 1024),
    top_k(4096, 1024, 32),
)
