"""What arithmetic gives that rounds in one direction: the processor's own, in that mode; and operands."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from .arrays import DTYPES

MODES = {"rz": 0xC00, "rd": 0x400, "ru": 0x800}
"""C's numbers for them on x86-64."""
_C = ctypes.CDLL("libm.so.6")
_C.fma.argtypes, _C.fma.restype = (ctypes.c_double,) * 3, ctypes.c_double
_C.fmaf.argtypes, _C.fmaf.restype = (ctypes.c_float,) * 3, ctypes.c_float


def in_mode(function: Callable[..., Any], mode: str) -> Callable[..., Any]:
    """A function of NumPy, computed while the processor rounds in a direction."""

    def rounded(*arrays: np.ndarray) -> np.ndarray:
        before = _C.fegetround()
        assert _C.fesetround(MODES[mode]) == 0
        try:
            return function(*arrays)
        finally:
            _C.fesetround(before)

    return rounded


def fused(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """C's, which rounds once."""
    one = _C.fmaf if x.dtype == np.float32 else _C.fma
    return np.array([one(float(a), float(b), float(c)) for a, b, c in zip(x, y, z, strict=True)]).astype(x.dtype)


def reciprocal(x: np.ndarray) -> np.ndarray:
    return x.dtype.type(1) / x


def of_integers(kind: str, mode: str) -> Callable[[np.ndarray], np.ndarray]:
    """Integers as floats, by exact fractions: the neighbour of the nearest float, where that is on the wrong side."""

    def one(number: int) -> Any:
        nearest = DTYPES[kind](number)
        beyond = Fraction(float(nearest)) - number
        wrong = beyond > 0 if mode == "rd" else beyond < 0 if mode == "ru" else beyond * number > 0
        return (
            np.nextafter(nearest, DTYPES[kind](np.inf if mode == "ru" else -np.inf if mode == "rd" else 0))
            if wrong
            else nearest
        )

    return lambda x: np.array([one(int(number)) for number in x], DTYPES[kind])


def floats(kind: str, count: int, seed: int) -> np.ndarray:
    """Of all bit patterns: every exponent alike, subnormals, the ends of the range, zeros, infinities and NaN."""
    random, dtype = np.random.default_rng(seed), np.dtype(DTYPES[kind])
    info = np.finfo(dtype)
    bits = random.integers(0, 2 ** (8 * dtype.itemsize), count, np.uint64).astype(f"u{dtype.itemsize}")
    found = bits.view(dtype)
    third = count // 3
    found[:third] = (random.integers(-40, 40, third) * 2.0 ** random.integers(-3, 4, third)).astype(dtype)
    edges = np.array(
        [
            0,
            1,
            2,
            3,
            info.max,
            info.tiny,
            info.smallest_subnormal,
            info.eps,
            1 + info.eps,
            1 - info.epsneg,
            np.inf,
            np.nan,
        ],
        dtype,
    )
    found[third : 2 * third] = random.choice(np.concatenate([edges, -edges, info.tiny - edges[5:7]]), third)
    return random.permutation(found)


def triples(kind: str, count: int = 4096, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Operands: of which a third almost cancel, x * y + z, in the last places or far behind."""
    x, y, z = (floats(kind, count, 3 * seed + n) for n in range(3))
    third = count // 3
    with np.errstate(all="ignore"):
        near = -(x[:third] * y[:third])
        z[:third] = np.where(np.arange(third) % 3 == 0, near, near * np.exp2(-(np.arange(third) % 120)))
    return x, y, z


def operands(arity: int, kind: str) -> tuple[np.ndarray, ...]:
    """Of a function of one to three floats."""
    x, y, z = triples(kind)
    if arity == 2:
        x[::3], y[::3] = y[::3], np.where(np.arange(len(x))[::3] % 2, -y[::3], np.nextafter(y[::3], -x[::3]))
    return (x, y, z)[:arity]


def integers(kind: str) -> tuple[np.ndarray, ...]:
    """Of all magnitudes, and the ends of the range and of what floats hold."""
    random, info = np.random.default_rng(5), np.iinfo(DTYPES[kind])
    found = random.integers(info.min, info.max, 1024, DTYPES[kind], endpoint=True)
    found >>= random.integers(0, info.bits, 1024).astype(DTYPES[kind])
    ends = [info.min, info.max, *((info.max >> n) + by for n in (0, 8, 9, 11, 38, 39) for by in (-1, 0, 1)), *range(6)]
    held = [n for n in ends if info.min <= n <= info.max]
    found[: len(held)] = held
    return (found,)
