"""Rows that move or gather data: transposes, column sums, rotary embedding, convolution-like gathers, histograms."""
# pyright: basic

from __future__ import annotations

import torch
import torch.nn.functional as F
import triton
import triton.language as tl
from elementwise import BLOCK, blocks_of
from row import Launch, Row, integers, normal


@triton.jit
def transpose_kernel(x_ptr, out_ptr, m, n, TILE: tl.constexpr):
    row = tl.program_id(0) * TILE + tl.arange(0, TILE)
    column = tl.program_id(1) * TILE + tl.arange(0, TILE)
    mask = (row[:, None] < m) & (column[None, :] < n)
    x = tl.load(x_ptr + row[:, None] * n + column[None, :], mask=mask)
    tl.store(out_ptr + column[:, None] * m + row[None, :], tl.trans(x), mask=tl.trans(mask))


@triton.jit
def column_sum_kernel(x_ptr, out_ptr, m, n, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    column = tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS)
    total = tl.zeros((COLUMNS,), tl.float32)
    for start in range(0, m, ROWS):
        row = start + tl.arange(0, ROWS)
        mask = (row[:, None] < m) & (column[None, :] < n)
        total += tl.sum(tl.load(x_ptr + row[:, None] * n + column[None, :], mask=mask, other=0.0), 0)
    tl.store(out_ptr + column, total, mask=column < n)


@triton.jit
def rotary_kernel(x_ptr, cos_ptr, sin_ptr, out_ptr, HEADS: tl.constexpr, HALF: tl.constexpr):
    position = tl.program_id(0)
    head, i = tl.arange(0, HEADS), tl.arange(0, HALF)
    at = (position * HEADS + head[:, None]) * (2 * HALF) + i[None, :]
    a, b = tl.load(x_ptr + at), tl.load(x_ptr + at + HALF)
    cos, sin = tl.load(cos_ptr + position * HALF + i)[None, :], tl.load(sin_ptr + position * HALF + i)[None, :]
    tl.store(out_ptr + at, a * cos - b * sin)
    tl.store(out_ptr + at + HALF, b * cos + a * sin)


@triton.jit
def depthwise_kernel(x_ptr, w_ptr, out_ptr, height, width, BLOCK: tl.constexpr):
    plane, channel = tl.program_id(1), tl.program_id(1) % 64
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    y, x = at // width, at % width
    total = tl.zeros((BLOCK,), tl.float32)
    for dy in tl.static_range(3):
        for dx in tl.static_range(3):
            sy, sx = y + dy - 1, x + dx - 1
            inside = (sy >= 0) & (sy < height) & (sx >= 0) & (sx < width)
            value = tl.load(x_ptr + plane * height * width + sy * width + sx, mask=inside, other=0.0)
            total += value * tl.load(w_ptr + channel * 9 + dy * 3 + dx)
    tl.store(out_ptr + plane * height * width + at, total, mask=at < height * width)


@triton.jit
def embedding_kernel(index_ptr, table_ptr, out_ptr, n, BLOCK: tl.constexpr):
    row, i = tl.program_id(0), tl.arange(0, BLOCK)
    source = tl.load(index_ptr + row)
    tl.store(out_ptr + row * n + i, tl.load(table_ptr + source * n + i, mask=i < n), mask=i < n)


@triton.jit
def histogram_kernel(x_ptr, out_ptr, n, BINS: tl.constexpr, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    counts = tl.histogram(tl.load(x_ptr + i, mask=i < n, other=0), BINS, mask=i < n)
    tl.store(out_ptr + tl.program_id(0) * BINS + tl.arange(0, BINS), counts)


def transpose(m: int, n: int) -> Row:
    def launch(x):
        out = x.new_empty(n, m)

        def grid(meta):
            return triton.cdiv(m, meta["TILE"]), triton.cdiv(n, meta["TILE"])

        return Launch(transpose_kernel, grid, (x, out, m, n), out, {"TILE": 32})

    return Row(
        "transpose",
        f"{m:,} x {n:,}",
        normal((m, n)),
        launch,
        lambda x: x.t().contiguous(),
        lambda jnp, x: x.T,
        0.0,
        bytes=8 * m * n,
        out=lambda out, x: out.copy_(x.t()),
    )


def column_sum(m: int, n: int) -> Row:
    def launch(x):
        out = x.new_empty(n)
        meta = {"ROWS": 64, "COLUMNS": 128}
        return Launch(column_sum_kernel, blocks_of(n, "COLUMNS"), (x, out, m, n), out, meta)

    return Row(
        "column sum",
        f"{m:,} x {n:,}",
        normal((m, n)),
        launch,
        lambda x: x.sum(0),
        lambda jnp, x: x.sum(0),
        1e-5,
        bytes=4 * m * n,
        operations=m * n,
        out=lambda out, x: torch.sum(x, 0, out=out),
    )


def rotary(positions: int, heads: int, width: int) -> Row:
    def turned(x, cos, sin, stack):
        a, b = x[..., : width // 2], x[..., width // 2 :]
        cos, sin = cos[:, None, :], sin[:, None, :]
        return stack([a * cos - b * sin, b * cos + a * sin], -1)

    def launch(x, cos, sin):
        out = torch.empty_like(x)
        return Launch(rotary_kernel, (positions,), (x, cos, sin, out), out, {"HEADS": heads, "HALF": width // 2})

    return Row(
        "rotary",
        f"{positions} x {heads} x {width}",
        normal((positions, heads, width), (positions, width // 2), (positions, width // 2)),
        launch,
        lambda x, cos, sin: turned(x, cos, sin, torch.cat),
        lambda jnp, x, cos, sin: turned(x, cos, sin, jnp.concatenate),
        1e-6,
        bytes=8 * positions * heads * width,
        operations=3 * positions * heads * width,
    )


def depthwise(images: int, channels: int, size: int) -> Row:
    planes = images * channels

    def launch(x, w):
        out = torch.empty_like(x)

        def grid(meta):
            return triton.cdiv(size * size, meta["BLOCK"]), planes

        return Launch(depthwise_kernel, grid, (x, w, out, size, size), out, {"BLOCK": BLOCK})

    def in_jax(jnp, x, w):
        import jax

        options = {"window_strides": (1, 1), "padding": "SAME", "feature_group_count": channels}
        return jax.lax.conv_general_dilated(x, w, **options)

    return Row(
        "depthwise 3x3",
        f"{images} x {channels} x {size} x {size}",
        normal((images, channels, size, size), (channels, 1, 3, 3)),
        launch,
        lambda x, w: F.conv2d(x, w, padding=1, groups=channels),
        in_jax,
        1e-5,
        bytes=8 * planes * size * size,
        operations=18 * planes * size * size,
    )


def embedding(rows: int, vocabulary: int, n: int) -> Row:
    def inputs(generator):
        index = torch.randint(vocabulary, (rows,), generator=generator, dtype=torch.int32)
        return index, torch.randn(vocabulary, n, generator=generator)

    def launch(index, table):
        out = table.new_empty(rows, n)
        return Launch(embedding_kernel, (rows,), (index, table, out, n), out, {"BLOCK": triton.next_power_of_2(n)})

    return Row(
        "embedding",
        f"{rows:,} of {vocabulary:,} x {n}",
        inputs,
        launch,
        lambda index, table: F.embedding(index, table),
        lambda jnp, index, table: jnp.take(table, index, 0),
        0.0,
        bytes=8 * rows * n,
        out=lambda out, index, table: torch.index_select(table, 0, index, out=out),
    )


def histogram(n: int, bins: int = 256) -> Row:
    """Counts of each block; the sum of 256 of these by torch is part of neither side."""
    blocks = n // 4096

    def launch(x):
        out = torch.empty(blocks, bins, dtype=torch.int32)
        return Launch(histogram_kernel, (blocks,), (x, out, n), out, {"BINS": bins, "BLOCK": 4096})

    def counted(x):
        place = x.view(blocks, -1).long() + bins * torch.arange(blocks)[:, None]
        return torch.bincount(place.view(-1), minlength=bins * blocks).view(blocks, bins)

    def in_jax(jnp, x):
        place = x.reshape(blocks, -1) + bins * jnp.arange(blocks)[:, None]
        return jnp.bincount(place.reshape(-1), length=bins * blocks).reshape(blocks, bins)

    return Row(
        f"histogram, {bins} bins",
        f"{n:,} in blocks",
        integers((n,), low=0, high=bins, dtype=torch.int32),
        launch,
        counted,
        in_jax,
        0.0,
        bytes=4 * n,
        operations=n,
    )


ROWS = (
    transpose(2048, 2048),
    column_sum(4096, 1024),
    rotary(512, 32, 128),
    depthwise(8, 64, 56),
    embedding(4096, 32000, 1024),
    histogram(1 << 20),
)
