"""Rows of attention: the online softmax over blocks of keys, causal or not, and one query against a cache."""
# pyright: basic

from __future__ import annotations

import torch
import torch.nn.functional as F
import triton
import triton.language as tl
from elementwise import NAMES
from row import Launch, Row, normal
from rowwise import TOLERANCE


@triton.jit
def attention_kernel(
    q_ptr, k_ptr, v_ptr, out_ptr, length, scale,
    CAUSAL: tl.constexpr, WIDTH: tl.constexpr, ROWS: tl.constexpr, KEYS: tl.constexpr,
):  # fmt: skip
    head = tl.program_id(1) * length * WIDTH
    first = tl.program_id(0) * ROWS
    rows, d = first + tl.arange(0, ROWS), tl.arange(0, WIDTH)
    place, inside = head + rows[:, None] * WIDTH + d[None, :], rows[:, None] < length
    q = tl.load(q_ptr + place, mask=inside, other=0.0)
    most = tl.full((ROWS,), -float("inf"), tl.float32)
    total = tl.zeros((ROWS,), tl.float32)
    out = tl.zeros((ROWS, WIDTH), tl.float32)
    stop = tl.minimum(first + ROWS, length) if CAUSAL else length
    for start in range(0, stop, KEYS):
        keys = start + tl.arange(0, KEYS)
        source, there = head + keys[:, None] * WIDTH + d[None, :], keys[:, None] < length
        k = tl.load(k_ptr + source, mask=there, other=0.0)
        v = tl.load(v_ptr + source, mask=there, other=0.0)
        scores = tl.dot(q, tl.trans(k), input_precision="ieee") * scale
        seen = (keys[None, :] <= rows[:, None]) if CAUSAL else (keys[None, :] < length)
        scores = tl.where(seen, scores, -float("inf"))
        larger = tl.maximum(most, tl.max(scores, 1))
        p = tl.exp(scores - larger[:, None])
        decay = tl.exp(most - larger)
        total = total * decay + tl.sum(p, 1)
        out = tl.dot(p.to(v.dtype), v, out * decay[:, None], input_precision="ieee")
        most = larger
    tl.store(out_ptr + place, (out / total[:, None]).to(out_ptr.dtype.element_ty), mask=inside)


@triton.jit
def decode_kernel(q_ptr, k_ptr, v_ptr, out_ptr, length, scale, WIDTH: tl.constexpr, KEYS: tl.constexpr):
    head, d = tl.program_id(0), tl.arange(0, WIDTH)
    q = tl.load(q_ptr + head * WIDTH + d).to(tl.float32) * scale
    most, total = -float("inf"), 0.0
    out = tl.zeros((WIDTH,), tl.float32)
    for start in range(0, length, KEYS):
        keys = start + tl.arange(0, KEYS)
        source, there = (head * length + keys[:, None]) * WIDTH + d[None, :], keys[:, None] < length
        k = tl.load(k_ptr + source, mask=there, other=0.0).to(tl.float32)
        scores = tl.where(keys < length, tl.sum(k * q[None, :], 1), -float("inf"))
        larger = tl.maximum(most, tl.max(scores, 0))
        p, decay = tl.exp(scores - larger), tl.exp(most - larger)
        total = total * decay + tl.sum(p, 0)
        v = tl.load(v_ptr + source, mask=there, other=0.0).to(tl.float32)
        out = out * decay + tl.sum(p[:, None] * v, 0)
        most = larger
    tl.store(out_ptr + head * WIDTH + d, (out / total).to(out_ptr.dtype.element_ty))


def in_jax(causal: bool):
    def attend(jnp, q, k, v):
        scores = jnp.einsum("hqd,hkd->hqk", q, k).astype(jnp.float32) * q.shape[-1] ** -0.5
        if causal:
            scores = jnp.where(jnp.tril(jnp.ones(scores.shape[1:], bool)), scores, -jnp.inf)
        p = jnp.exp(scores - scores.max(2, keepdims=True))
        return jnp.einsum("hqk,hkd->hqd", (p / p.sum(2, keepdims=True)).astype(v.dtype), v)

    return attend


def attention(heads: int, length: int, width: int, causal: bool, dtype: torch.dtype = torch.float32) -> Row:
    def launch(q, k, v):
        out = torch.empty_like(q)
        meta = {"CAUSAL": causal, "WIDTH": width, "ROWS": 64, "KEYS": 64}
        return Launch(
            attention_kernel,
            lambda meta: (triton.cdiv(length, meta["ROWS"]), heads),
            (q, k, v, out, length, width**-0.5),
            out,
            meta,
        )

    shape = (heads, length, width)
    return Row(
        f"attention{' causal' if causal else ''} {NAMES[dtype]}",
        " x ".join(map(str, shape)),
        normal(shape, shape, shape, dtype=dtype),
        launch,
        lambda q, k, v: F.scaled_dot_product_attention(q[None], k[None], v[None], is_causal=causal)[0],
        in_jax(causal),
        TOLERANCE[dtype],
        bytes=4 * dtype.itemsize * heads * length * width,
        operations=(2 if causal else 4) * heads * length * length * width,
    )


def decode(heads: int, length: int, width: int, dtype: torch.dtype = torch.float32) -> Row:
    def launch(q, k, v):
        out = torch.empty_like(q)
        meta = {"WIDTH": width, "KEYS": 64}
        return Launch(decode_kernel, (heads,), (q, k, v, out, length, width**-0.5), out, meta)

    return Row(
        f"attention decode {NAMES[dtype]}",
        f"{heads} x {length} x {width}",
        lambda generator: tuple(
            torch.randn(heads, rows, width, generator=generator).to(dtype) for rows in (1, length, length)
        ),
        launch,
        lambda q, k, v: F.scaled_dot_product_attention(q[None], k[None], v[None])[0],
        in_jax(False),
        TOLERANCE[dtype],
        bytes=2 * dtype.itemsize * heads * length * width,
        operations=4 * heads * length * width,
    )


ROWS = (
    attention(32, 128, 128, causal=True),
    attention(8, 1024, 64, causal=True),
    attention(8, 1024, 64, causal=False),
    attention(8, 1024, 64, causal=True, dtype=torch.bfloat16),
    attention(8, 1024, 64, causal=True, dtype=torch.float16),
    decode(32, 2048, 128),
    decode(32, 2048, 128, torch.bfloat16),
)
