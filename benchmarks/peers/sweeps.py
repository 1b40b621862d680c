"""The kernels at many sizes and in many blocks: where a cliff might be."""
# pyright: basic

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import attention
import contenders
import elementwise
import movement
import products
import rowwise
import torch
from contenders import Contender
from row import Row

Blocks = Mapping[str, int]


@dataclass(frozen=True)
class Sweep:
    """`make(*size)` at every size, in every choice of blocks; none: those of the row."""

    make: Callable[..., Row]
    sizes: tuple[tuple[Any, ...], ...]
    blocks: tuple[Blocks, ...] = ({},)

    def points(self) -> Iterable[Point]:
        for size in self.sizes:
            row = self.make(*size)
            yield from (Point(row, blocks) for blocks in self.blocks)


@dataclass(frozen=True)
class Point:
    """A row, some of whose constants are replaced."""

    row: Row
    blocks: Blocks = field(default_factory=dict[str, int])

    def contender(self, inputs: tuple[torch.Tensor, ...]) -> Contender:
        """rung's launch of it, bound."""
        row = replace(self.row, launch=lambda *given: self.row.launch(*given).in_blocks(self.blocks))
        return contenders.rung(row, inputs)[0]


def each(name: str, *sizes: int) -> tuple[Blocks, ...]:
    return tuple({name: size} for size in sizes)


def tiles(*shapes: tuple[int, ...], names: tuple[str, ...]) -> tuple[Blocks, ...]:
    return tuple(dict(zip(names, shape, strict=True)) for shape in shapes)


F16, BF16 = torch.float16, torch.bfloat16
SEQUENCES = (
    (32, 128, 128, True),
    (8, 1024, 64, True),
    (8, 1024, 64, False),
    (8, 1000, 64, True),
    (8, 1024, 64, True, BF16),
)
LENGTHS = tuple((n,) for n in (1_000, 4_096, 65_537, 1 << 20, 1 << 24))
BLOCKS = each("BLOCK", 64, 256, 1024, 4096, 16384)
MATRICES = ((64, 64), (128, 768), (4096, 1000), (4096, 1024), (1024, 4097), (64, 32768))
PRODUCT = tiles(
    *((16, 16, 16), (32, 32, 32), (64, 64, 32), (128, 128, 32), (128, 64, 64), (256, 128, 256)),
    names=("BLOCK_M", "BLOCK_N", "BLOCK_K"),
)


def product(m: int, n: int, k: int, dtype: torch.dtype = torch.float32) -> Row:
    return products.matmul(m, n, k, dtype, gpu_blocks=True)


def product_i8(n: int) -> Row:
    return products.matmul_i8(n, gpu_blocks=True)


SWEEPS = (
    Sweep(elementwise.add, LENGTHS, BLOCKS),
    Sweep(elementwise.gelu_tanh, LENGTHS, BLOCKS),
    Sweep(elementwise.gelu_tanh, ((1 << 20, F16), (1 << 20, BF16), (65_537, F16)), each("BLOCK", 128, 1024)),
    Sweep(elementwise.gelu_erf, ((4_096,), (1 << 20,)), each("BLOCK", 128, 1024)),
    Sweep(elementwise.swiglu, ((4_096,), (1 << 20,)), each("BLOCK", 128, 1024)),
    Sweep(elementwise.exp_series, ((65_537,), (1 << 20,)), each("BLOCK", 128, 1024)),
    Sweep(elementwise.dropout, ((65_537,), (1 << 20,)), each("BLOCK", 128, 1024)),
    Sweep(rowwise.softmax, MATRICES),
    Sweep(rowwise.softmax, ((65536, 16), (65536, 64), (1000, 100)), each("ROWS", 1, 8, 32)),
    Sweep(rowwise.softmax, ((4096, 1024, F16), (4096, 1000, BF16))),
    Sweep(rowwise.layer_norm, MATRICES),
    Sweep(rowwise.rms_norm, MATRICES),
    Sweep(rowwise.row_sum, MATRICES),
    Sweep(rowwise.argmax, MATRICES),
    Sweep(rowwise.cumsum, MATRICES),
    Sweep(rowwise.cross_entropy, ((256, 1000), (256, 32000)), each("BLOCK", 256, 2048, 8192)),
    Sweep(rowwise.sort, ((4096, 64), (1024, 1024))),
    Sweep(rowwise.top_k, ((4096, 64, 8), (1024, 1024, 32))),
    Sweep(movement.transpose, ((100, 100), (1000, 1000), (2048, 2048)), each("TILE", 8, 16, 32, 64, 128)),
    Sweep(
        movement.column_sum,
        ((100, 100), (4096, 1000), (4096, 1024)),
        tiles((8, 64), (64, 128), (16, 1024), names=("ROWS", "COLUMNS")),
    ),
    Sweep(movement.rotary, ((512, 32, 128), (64, 8, 64))),
    Sweep(movement.depthwise, ((1, 64, 14), (8, 64, 56), (1, 64, 112)), each("BLOCK", 128, 1024)),
    Sweep(movement.embedding, ((4096, 32000, 64), (4096, 32000, 1000), (4096, 32000, 1024))),
    Sweep(movement.histogram, ((1 << 16,), (1 << 20,))),
    Sweep(product, ((64, 64, 64), (512, 512, 512), (1000, 1000, 1000), (1024, 1024, 1024)), PRODUCT),
    Sweep(product, ((4096, 4096, 64), (16, 4096, 1024)), PRODUCT[2:]),
    Sweep(product, ((1024, 1024, 1024, BF16), (1000, 1000, 1000, BF16), (512, 512, 512, F16)), PRODUCT[1:]),
    Sweep(product_i8, ((512,), (1000,), (1024,)), PRODUCT[1:]),
    Sweep(
        products.matvec,
        ((1000,), (4096,), (4096, BF16)),
        tiles((1, 1024), (8, 256), (8, 1024), (32, 128), names=("ROWS", "BLOCK")),
    ),
    Sweep(
        attention.attention,
        (
            (32, 128, 128, True),
            (8, 1024, 64, True),
            (8, 1024, 64, False),
            (8, 1000, 64, True),
            (8, 1024, 64, True, BF16),
        ),
        tiles((16, 64), (64, 32), (64, 64), (128, 128), names=("ROWS", "KEYS")),
    ),
    Sweep(attention.decode, ((32, 2048, 128), (8, 1000, 64)), each("KEYS", 16, 64, 256)),
)
