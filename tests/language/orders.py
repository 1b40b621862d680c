"""Cases of reductions, scans, sorting and random numbers."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from . import expressions
from .arrays import FLOATS, INTEGERS, NUMBERS, WIDE, is_float
from .cases import Case

CASES: list[Case] = []
REDUCTIONS, SCANS, RANDOM = "Reductions", "Scans and sorting", "Random numbers"
exact = partial(expressions.exact, into=CASES)
SQUARE = [(8, 16)]
WORDS = "i32 i64 u32 u64"


def widened(x: np.ndarray) -> np.ndarray:
    """Triton reduces narrow numbers as i32, u32 or f32."""
    if is_float(x.dtype):
        return x.astype(np.float32) if x.dtype.itemsize == 2 else x
    return x if x.dtype.itemsize >= 4 else x.astype(np.uint32 if x.dtype.kind == "u" else np.int32)


def signless(x: np.ndarray) -> np.ndarray:
    """`max` and `min` take narrow integers to i32, with a sign or not."""
    return x.astype(np.int32) if not is_float(x.dtype) and x.dtype.itemsize < 4 else widened(x)


def summed(x: np.ndarray, axis: int) -> np.ndarray:
    return (
        np.sum(x.astype(np.float64), axis).astype(x.dtype)
        if is_float(x.dtype)
        else np.sum(widened(x), axis, widened(x).dtype)
    )


SUMS: dict[str, Any] = {"shapes": SQUARE, "domain": (0, 100)}
exact(
    "tl.sum",
    REDUCTIONS,
    "tl.sum(x, 0), tl.sum(x, 1)",
    lambda x: (summed(x, 0), summed(x, 1)),
    f"{INTEGERS}",
    shapes=SQUARE,
    note="narrow integers as i32 or u32; wraps",
)
exact(
    "tl.sum",
    REDUCTIONS,
    "tl.sum(x, 0), tl.sum(x, 1)",
    lambda x: (summed(x, 0), summed(x, 1)),
    FLOATS,
    bound=2,
    note="in any order; f16 and bf16 in f32, rounded once",
    **SUMS,
)
exact(
    "tl.sum",
    REDUCTIONS,
    "tl.sum(x), tl.sum(x, 1, keep_dims=True)",
    lambda x: (x.sum(dtype=x.dtype), x.sum(1, x.dtype, keepdims=True)),
    WORDS,
    shapes=SQUARE,
    note="of all elements; `keep_dims`",
)
exact(
    "tl.max",
    REDUCTIONS,
    "tl.max(x, 0), tl.max(x, 1)",
    lambda x: (np.fmax.reduce(signless(x), 0), np.fmax.reduce(signless(x), 1)),
    NUMBERS,
    shapes=SQUARE,
    note="a number wins over NaN; narrow types become i32 or f32",
)
exact(
    "tl.min",
    REDUCTIONS,
    "tl.min(x, 0), tl.min(x, 1)",
    lambda x: (np.fmin.reduce(signless(x), 0), np.fmin.reduce(signless(x), 1)),
    NUMBERS,
    shapes=SQUARE,
    note="a number wins over NaN; narrow types become i32 or f32",
)
exact(
    "tl.argmax tl.argmin",
    REDUCTIONS,
    "tl.argmax(x, 1), tl.argmin(x, 0)",
    lambda x: (x.argmax(1).astype(np.int32), x.argmin(0).astype(np.int32)),
    f"{FLOATS} {INTEGERS}",
    shapes=SQUARE,
    edges=False,
    note="the first of equal ones; with NaN any, see [triton.md](triton.md)",
)
exact(
    "tl.max tl.min",
    REDUCTIONS,
    "tl.max(x, 1, return_indices=True) + tl.min(x, 1, return_indices=True)",
    lambda x: (x.max(1), x.argmax(1).astype(np.int32), x.min(1), x.argmin(1).astype(np.int32)),
    "f32 f64 i32 i64",
    shapes=SQUARE,
    edges=False,
    note="`return_indices`",
)
exact("tl.reduce", REDUCTIONS, "tl.reduce(x, 1, add)", lambda x: x.sum(1, x.dtype), WORDS, shapes=SQUARE)
exact(
    "tl.reduce",
    REDUCTIONS,
    "tl.reduce((x, tl.broadcast_to(tl.arange(0, 16)[None, :], x.shape)), 1, both)",
    lambda x: (x.max(1), x.argmax(1).astype(np.int32)),
    "f32 i32",
    shapes=SQUARE,
    edges=False,
    note="of several blocks",
)
exact(
    "tl.xor_sum tl.reduce_or",
    REDUCTIONS,
    "tl.xor_sum(x, 1), tl.reduce_or(x, 1)",
    lambda x: (np.bitwise_xor.reduce(x, 1), np.bitwise_or.reduce(x, 1)),
    INTEGERS,
    shapes=SQUARE,
)


def scanned(x: np.ndarray, axis: int) -> np.ndarray:
    return np.cumsum(widened(x), axis, widened(x).dtype)


exact(
    "tl.cumsum",
    SCANS,
    "tl.cumsum(x, 0), tl.cumsum(x, 1)",
    lambda x: (scanned(x, 0), scanned(x, 1)),
    INTEGERS,
    shapes=SQUARE,
    note="narrow integers as i32 or u32; wraps",
)
exact(
    "tl.cumsum",
    SCANS,
    "tl.cumsum(x, 1), tl.cumsum(x, 1, reverse=True)",
    lambda x: (x.cumsum(1), x[:, ::-1].cumsum(1)[:, ::-1]),
    WIDE,
    bound=2,
    **SUMS,
)
exact(
    "tl.cumprod",
    SCANS,
    "tl.cumprod(x, 1), tl.cumprod(x, 0, reverse=True)",
    lambda x: (x.cumprod(1, x.dtype), x[::-1].cumprod(0, x.dtype)[::-1]),
    WORDS,
    shapes=SQUARE,
    note="wraps",
)
exact(
    "tl.cumprod",
    SCANS,
    "tl.cumprod(x, 1)",
    lambda x: x.astype(np.float64).cumprod(1).astype(x.dtype),
    WIDE,
    shapes=SQUARE,
    domain=(0.5, 1.5),
    bound=16,
)
exact(
    "tl.associative_scan",
    SCANS,
    "tl.associative_scan(x, 1, add), tl.associative_scan(x, 1, add, reverse=True)",
    lambda x: (x.cumsum(1, x.dtype), x[:, ::-1].cumsum(1, x.dtype)[:, ::-1]),
    WORDS,
    shapes=SQUARE,
)
exact(
    "tl.associative_scan",
    SCANS,
    "tl.associative_scan((x, tl.broadcast_to(tl.arange(0, 16)[None, :], x.shape)), 1, both)",
    lambda x: (
        np.maximum.accumulate(x, 1),
        np.array([[row[: n + 1].argmax() for n in range(16)] for row in x], np.int32),
    ),
    "f32 i32",
    shapes=SQUARE,
    edges=False,
    note="of several blocks",
)
SORTED = "f16 f32 f64 i8 i16 i32 i64 u8 u32"
exact(
    "tl.sort",
    SCANS,
    "tl.sort(x), tl.sort(x, descending=True)",
    lambda x: (np.sort(x, -1), np.sort(x, -1)[:, ::-1]),
    SORTED,
    shapes=[(4, 8)],
    edges=False,
)
exact(
    "tl.topk",
    SCANS,
    "tl.topk(x, 4)",
    lambda x: np.sort(x, -1)[:, ::-1][:, :4],
    "f32 f64 i32 i64",
    shapes=[(4, 8)],
    edges=False,
)
exact(
    "tl.bitonic_merge",
    SCANS,
    "tl.bitonic_merge(x)",
    lambda x: np.sort(x, -1),
    "f32 i32",
    shapes=[(16,)],
    inputs=lambda kind: (np.concatenate([np.arange(8), 3 * np.arange(8)[::-1]]).astype(expressions.DTYPES[kind]),),
    note="of a bitonic sequence",
)
exact(
    "tl.histogram",
    SCANS,
    "tl.histogram(x, 16)",
    lambda x: np.bincount(x, minlength=16).astype(np.int32),
    "i32 i64 u32",
    domain=(0, 15),
)
exact(
    "tl.histogram",
    SCANS,
    "tl.histogram(x, 16, mask=x < 8)",
    lambda x: np.bincount(x[x < 8], minlength=16).astype(np.int32),
    "i32",
    domain=(0, 15),
    note="with a mask",
)


def philox(seed: int, counters: list[np.ndarray], rounds: int = 10) -> list[np.ndarray]:
    """Philox-4x32 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011)."""
    c = [np.asarray(x, np.uint64) for x in counters]
    key, low = [seed & 0xFFFFFFFF, seed >> 32], np.uint64(0xFFFFFFFF)
    for _ in range(rounds):
        a, b = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        c = [(b >> 32) ^ c[1] ^ np.uint64(key[0]), b & low, (a >> 32) ^ c[3] ^ np.uint64(key[1]), a & low]
        key = [(key[0] + 0x9E3779B9) & 0xFFFFFFFF, (key[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return [x.astype(np.uint32) for x in c]


SEED = 0x123456789A


def numbers(x: np.ndarray) -> list[np.ndarray]:
    return philox(SEED, [x, 0 * x, 0 * x, 0 * x])


def uniform(x: np.ndarray) -> np.ndarray:
    signed = x.view(np.int32)
    return np.where(signed < 0, -signed - 1, signed).astype(np.float32) * np.float32(4.6566127342e-10)


def normal(u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    u, v = np.maximum(1e-7, u.astype(np.float64)), 6.283185307179586 * v.astype(np.float64)
    r = np.sqrt(-2 * np.log(u))
    return r * np.cos(v), r * np.sin(v)


OFFSETS: dict[str, Any] = {"domain": (0, 2**31 - 1)}
exact(
    "tl.randint tl.randint4x",
    RANDOM,
    f"(tl.randint({SEED}, x),) + tl.randint4x({SEED}, x)",
    lambda x: (numbers(x)[0], *numbers(x)),
    "i32 u32",
    note="Philox, bit for bit",
    **OFFSETS,
)
exact("tl.philox", RANDOM, f"tl.philox({SEED}, x, y, x, y)", lambda x, y: tuple(philox(SEED, [x, y, x, y])), "u32")
exact(
    "tl.philox_impl",
    RANDOM,
    "tl.philox_impl(x, y, x, y, 7, 9)",
    lambda x, y: tuple(philox(7 + (9 << 32), [x, y, x, y])),
    "u32",
)
exact(
    "tl.rand tl.rand4x",
    RANDOM,
    f"(tl.rand({SEED}, x),) + tl.rand4x({SEED}, x)",
    lambda x: (uniform(numbers(x)[0]), *map(uniform, numbers(x))),
    "i32 u32",
    **OFFSETS,
)
exact("tl.uint_to_uniform_float", RANDOM, "tl.uint_to_uniform_float(x)", uniform, "u32")


def _normals(x: np.ndarray) -> tuple[np.ndarray, ...]:
    a, b, c, d = map(uniform, numbers(x))
    four = [z.astype(np.float32) for z in (*normal(a, b), *normal(c, d))]
    return (four[0], *four)


exact(
    "tl.randn tl.randn4x",
    RANDOM,
    f"(tl.randn({SEED}, x),) + tl.randn4x({SEED}, x)",
    _normals,
    "i32 u32",
    within=2e-6,
    **OFFSETS,
)
exact(
    "tl.pair_uniform_to_normal",
    RANDOM,
    "tl.pair_uniform_to_normal(x, y)",
    lambda x, y: tuple(z.astype(np.float32) for z in normal(x, y)),
    "f32",
    within=2e-6,
    domain=(0, 1),
)
