"""Cases of creation, shapes, products and indexing."""

from __future__ import annotations

from functools import partial
from typing import Any

import ml_dtypes
import numpy as np

from . import expressions
from .arrays import ALL, DTYPES, FLOATS, NUMBERS
from .cases import Case

CASES: list[Case] = []
KINDS = "f16 bf16 f32 f64 i8 i32 i64 u16 i1"
"""Each size, float and not, with a sign and without."""
CREATION, SHAPE, PRODUCTS, INDEXING = "Creation", "Shape manipulation", "Linear algebra", "Indexing"
exact = partial(expressions.exact, into=CASES)
SQUARE = [(8, 16)]

exact(
    "tl.arange", CREATION, "tl.arange(16, 80) + x", lambda x: np.arange(16, 80, dtype=np.int32) + x, "i32", shapes=[()]
)
exact(
    "tl.full",
    CREATION,
    "tl.full((8, 16), 3, x.dtype), tl.full((8,), x, x.dtype)",
    lambda x: (np.full((8, 16), 3, x.dtype), np.full(8, x)),
    NUMBERS,
    shapes=[()],
)
exact(
    "tl.zeros tl.zeros_like",
    CREATION,
    "tl.zeros((8, 16), x.dtype), tl.zeros_like(x)",
    lambda x: (np.zeros((8, 16), x.dtype), np.zeros_like(x)),
    ALL,
)
exact(
    "tl.cat",
    CREATION,
    "tl.sort(tl.cat(x, y, can_reorder=True))",
    lambda x, y: np.sort(np.concatenate([x, y])),
    "f32 i32 i64",
    shapes=[(8,), (8,)],
    edges=False,
    note="as elsewhere, the order of the elements is open",
)
exact("tl.to_tensor", CREATION, "tl.to_tensor(7) + x", lambda x: 7 + x, "i32")
CAST_TARGETS = {
    "f32": "tl.float32",
    "f64": "tl.float64",
    "f16": "tl.float16",
    "bf16": "tl.bfloat16",
    "i32": "tl.int32",
    "i64": "tl.int64",
    "u8": "tl.uint8",
    "i1": "tl.int1",
}


def converted(*kinds: str) -> Any:
    return lambda x: tuple((x != 0) if kind == "i1" else x.astype(DTYPES[kind]) for kind in kinds)


def casts(kinds: str) -> str:
    return ", ".join(f"tl.cast(x, {CAST_TARGETS[kind]})" for kind in kinds.split())


exact("tl.cast", CREATION, casts("f32 f64"), converted("f32", "f64"), ALL, note="`x.to(dtype)`; to floats")
exact(
    "tl.cast",
    CREATION,
    casts("f16 bf16"),
    lambda x: (x.astype(np.float32).astype(np.float16), x.astype(np.float32).astype(ml_dtypes.bfloat16)),
    "f32 f16 bf16",
    note="to narrow floats, to nearest even",
)
exact(
    "tl.cast",
    CREATION,
    casts("i32 i64 i1"),
    converted("i32", "i64", "i1"),
    ALL,
    domain=(-100, 100),
    note="to integers and booleans: floats towards 0",
)
exact(
    "tl.cast",
    CREATION,
    casts("u8 i32 i64"),
    converted("u8", "i32", "i64"),
    "i8 i16 i32 i64 u8 u16 u32 u64",
    note="between integers: wraps",
)
exact(
    "tl.cast",
    CREATION,
    "tl.cast(x, tl.int32, bitcast=True), tl.cast(tl.cast(x, tl.int32, bitcast=True), tl.float32, bitcast=True)",
    lambda x: (x.view(np.int32), x),
    "f32",
    note="`bitcast=True`",
)


def towards_zero(x: Any) -> Any:
    """The last f16 on the way to 0; infinities stay."""
    rounded = np.where(np.isinf(x), x, np.clip(x, -65504, 65504)).astype(np.float16)
    return np.where(np.abs(rounded) > np.abs(x), np.nextafter(rounded, np.float16(0)), rounded).astype(np.float16)


exact(
    "tl.cast",
    CREATION,
    "tl.cast(x, tl.float16, fp_downcast_rounding='rtz')",
    towards_zero,
    "f32 f64",
    note='`fp_downcast_rounding="rtz"`',
)

exact(
    "tl.broadcast",
    SHAPE,
    "tl.broadcast(x[:, None], y[None, :])[0] + 0, tl.broadcast(x[:, None], y[None, :])[1] + 0",
    lambda x, y: (np.repeat(x[:, None], 16, 1), np.repeat(y[None, :], 8, 0)),
    "f32 i32",
    shapes=[(8,), (16,)],
    edges=False,
)
exact(
    "tl.broadcast_to",
    SHAPE,
    "tl.broadcast_to(x[:, None], 8, 16), tl.broadcast_to(x[:, None], (8, 16))",
    lambda x: (np.repeat(x[:, None], 16, 1),) * 2,
    KINDS,
    shapes=[(8,)],
)
exact(
    "tl.expand_dims",
    SHAPE,
    "tl.expand_dims(x, 1), tl.expand_dims(x, (0, -1))",
    lambda x: (x[:, None], x[None, :, None]),
    KINDS,
    shapes=[(16,)],
)
exact(
    "tl.squeeze tl.unsqueeze",
    SHAPE,
    "tl.squeeze(tl.unsqueeze(x, 1), 1), tl.unsqueeze(x, 0)",
    lambda x: (x, x[None]),
    "f32 i32",
    shapes=[(16,)],
)
exact(
    "tl.interleave",
    SHAPE,
    "tl.interleave(x, y)",
    lambda x, y: np.stack([x, y], -1).reshape(*x.shape[:-1], -1),
    KINDS,
    shapes=SQUARE * 2,
)
exact("tl.join", SHAPE, "tl.join(x, y)", lambda x, y: np.stack([x, y], -1), KINDS, shapes=SQUARE * 2)
exact("tl.split", SHAPE, "tl.split(x)", lambda x: (x[..., 0], x[..., 1]), KINDS, shapes=[(8, 16, 2)])
exact(
    "tl.permute",
    SHAPE,
    "tl.permute(x, 2, 0, 1), tl.permute(x, (1, 0, 2))",
    lambda x: (x.transpose(2, 0, 1), x.transpose(1, 0, 2)),
    KINDS,
    shapes=[(2, 4, 8)],
)
exact("tl.trans", SHAPE, "tl.trans(x)", lambda x: x.T, KINDS, shapes=SQUARE)
exact("tl.ravel", SHAPE, "tl.ravel(x)", np.ravel, KINDS, shapes=SQUARE)
exact(
    "tl.reshape tl.view",
    SHAPE,
    "tl.reshape(x, (16, 8)), tl.reshape(x, 4, 4, 8), tl.view(x, (2, 64))",
    lambda x: (x.reshape(16, 8), x.reshape(4, 4, 8), x.reshape(2, 64)),
    KINDS,
    shapes=SQUARE,
    note="keeps the order of the elements, with `can_reorder` too",
)


def product(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    kind = np.dtype(np.int32 if x.dtype == np.int8 else np.float64 if x.dtype == np.float64 else np.float32)
    return (x.astype(np.float64) @ y.astype(np.float64)).astype(kind)


SMALL: dict[str, Any] = {"domain": (-8, 8)}


def whole(shapes: list[tuple[int, ...]]) -> expressions.Inputs:
    """Whole numbers, whose products and sums all types hold exactly."""

    def make(kind: str) -> tuple[np.ndarray, ...]:
        random = np.random.default_rng(3)
        return tuple(random.integers(-8, 8, shape).astype(DTYPES[kind]) for shape in shapes)

    return make


PAIR = [(16, 32), (32, 16)]
exact(
    "tl.dot",
    PRODUCTS,
    "tl.dot(x, y)",
    product,
    "f16 bf16 f32 i8",
    inputs=whole(PAIR),
    note="whole numbers, exactly; accumulates in f32, or i32 for i8",
)
exact("tl.dot", PRODUCTS, "tl.dot(x, y, out_dtype=tl.float64)", product, "f64", inputs=whole(PAIR))
exact(
    "tl.dot",
    PRODUCTS,
    "tl.dot(x, y)",
    product,
    "f16 bf16 f32",
    domain=(0, 1),
    shapes=PAIR,
    bound=8,
    note="f32 is not rounded to tf32, whatever `input_precision` says",
)
exact(
    "tl.dot",
    PRODUCTS,
    "tl.dot(x, y, input_precision='tf32') - tl.dot(x, y, input_precision='ieee')",
    lambda x, y: 0 * product(np.abs(x), np.abs(y)),
    "f32",
    domain=(0, 1),
    shapes=PAIR,
    verdict=expressions.Verdict.DIFFERS,
    note='`input_precision="tf32"` computes in f32, as `"ieee"` does',
)
exact(
    "tl.dot",
    PRODUCTS,
    "tl.dot(x, y, acc=z)",
    lambda x, y, z: product(x, y) + z,
    "f32",
    inputs=whole([*PAIR, (16, 16)]),
    note="with an accumulator",
)
exact(
    "tl.dot",
    PRODUCTS,
    "tl.dot(x, y)",
    product,
    "f16 f32",
    inputs=whole([(4, 16, 32), (4, 32, 16)]),
    note="of three dimensions",
)


def codes_and_scales(kind: str) -> list[Any]:
    """Of small numbers, so that sums are exact."""
    rng = np.random.default_rng(0)
    return [rng.integers(0x38, 0x48, (32, 32), np.uint8), rng.integers(125, 130, (32, 1), np.uint8)]


def scaled_product(x: Any, y: Any) -> Any:
    number, scale = x.view(ml_dtypes.float8_e5m2).astype(np.float32), np.float32(2) ** (y.astype(np.float32) - 127)
    return (number * scale) @ (number * scale.T)


exact(
    "tl.dot_scaled",
    PRODUCTS,
    "tl.dot_scaled(x, y, 'e5m2', x, y, 'e5m2')",
    scaled_product,
    "u8",
    inputs=codes_and_scales,
    note="every pair of formats; elements are scaled and multiplied in f32",
)

exact(
    "tl.flip",
    INDEXING,
    "tl.flip(x, 1), tl.flip(x, -2)",
    lambda x: (x[:, ::-1], x[::-1]),
    "f16 f32 f64 i8 i16 i32 i64",
    shapes=SQUARE,
    edges=False,
)
exact("tl.where", INDEXING, "tl.where(x > y, x, y)", lambda x, y: np.where(x > y, x, y), NUMBERS)
exact(
    "tl.where",
    INDEXING,
    "tl.where(z, x, y)",
    lambda x, y, z: np.where(z, x, y),
    f"{FLOATS} i1",
    kinds=[None, None, "i1"],
)
exact(
    "tl.gather",
    INDEXING,
    "tl.gather(x, y, 1)",
    lambda x, y: np.take_along_axis(x, y.astype(np.int64), 1),
    NUMBERS,
    inputs=lambda kind: (expressions.values(kind, (8, 16)), expressions.values("i32", (8, 32), (0, 15))),
)


def swizzled(i: np.ndarray, j: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Tiles of a 6 x 4 grid, two rows after one another."""
    order = [(r, c) for first in range(0, 6, 2) for c in range(4) for r in range(first, first + 2)]
    found = np.array([order[a * 4 + b] for a, b in zip(i, j, strict=True)], np.int32)
    return found[:, 0].copy(), found[:, 1].copy()


exact(
    "tl.swizzle2d",
    INDEXING,
    "tl.swizzle2d(x, y, 6, 4, 2)",
    swizzled,
    "i32",
    inputs=lambda kind: (expressions.values(kind, (16,), (0, 5)), expressions.values(kind, (16,), (0, 3), seed=1)),
)
