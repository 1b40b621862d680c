"""Arrays for kernels: types by name, values that find faults, and distances in units in the last place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ml_dtypes
import mpmath as mp
import numpy as np
import torch

DTYPES: dict[str, Any] = {
    "f16": np.float16, "bf16": ml_dtypes.bfloat16, "f32": np.float32, "f64": np.float64, "i1": np.bool_,
    "i8": np.int8, "i16": np.int16, "i32": np.int32, "i64": np.int64,
    "u8": np.uint8, "u16": np.uint16, "u32": np.uint32, "u64": np.uint64,
}  # fmt: skip
FLOATS, WIDE = "f16 bf16 f32 f64", "f32 f64"
SIGNED, UNSIGNED = "i8 i16 i32 i64", "u8 u16 u32 u64"
INTEGERS = f"{SIGNED} {UNSIGNED}"
NUMBERS = f"{FLOATS} {INTEGERS}"
ALL = f"{NUMBERS} i1"

SIGNIFICAND_BITS = {"float16": 10, "bfloat16": 7, "float32": 23, "float64": 52}
SMALLEST_EXPONENT = {"float16": -14, "bfloat16": -126, "float32": -126, "float64": -1022}
_EDGES = (0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 0.5, -0.5, 2.0, -2.5, 3.0, 1e-5, -1e4, 65504.0)


def name(dtype: Any) -> str:
    return next(key for key, value in DTYPES.items() if np.dtype(value) == np.dtype(dtype))


def is_float(dtype: Any) -> bool:
    return np.dtype(dtype).name in SIGNIFICAND_BITS


def tensor(array: np.ndarray) -> torch.Tensor:
    """A tensor of its own memory with an array's values."""
    if array.dtype == ml_dtypes.bfloat16:
        return torch.from_numpy(np.array(array, order="C").view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(np.array(array, order="C"))


def array(of: torch.Tensor) -> np.ndarray:
    return of.view(torch.int16).numpy().view(ml_dtypes.bfloat16) if of.dtype == torch.bfloat16 else of.numpy()


def values(
    kind: str,
    shape: tuple[int, ...] = (128,),
    domain: tuple[float, float] | None = None,
    edges: bool = True,
    seed: int = 0,
) -> np.ndarray:
    """Numbers of a type: all magnitudes and edge values, or evenly in a domain."""
    random, dtype, count = np.random.default_rng(seed), np.dtype(DTYPES[kind]), int(np.prod(shape))
    if kind == "i1":
        return random.integers(0, 2, shape).astype(bool)
    if domain is not None:
        low, high = domain
        if is_float(dtype):
            return random.uniform(low, high, shape).astype(dtype)
        return random.integers(int(low), int(high), shape, endpoint=True).astype(dtype)
    if is_float(dtype):
        found = (random.normal(size=count) * 2.0 ** random.integers(-4, 5, count)).astype(dtype)
        special = np.array(_EDGES[: count // 4] if edges else (), dtype)
    else:
        info = np.iinfo(dtype)
        found = random.integers(info.min, info.max, count, dtype, endpoint=True)
        found[: count // 2] = random.integers(0, 12, count // 2).astype(dtype)
        special = np.array([info.min, info.max, 0, 1, info.max - 1, info.min + 1][: count // 4], dtype)
    found[count - len(special) :] = special
    return random.permutation(found).reshape(shape)


def unit(exact: np.ndarray, dtype: Any) -> np.ndarray:
    """The last place of numbers of a type, as floats."""
    which = np.dtype(dtype).name
    exponent = np.floor(np.log2(np.abs(exact.astype(np.float64))))
    exponent = np.where(np.isfinite(exponent), exponent, SMALLEST_EXPONENT[which])
    return np.exp2(np.maximum(exponent, SMALLEST_EXPONENT[which]) - SIGNIFICAND_BITS[which])


def distances(result: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """In units in the last place of the result's type. Nothing lies between equal infinities or two NaN, and a zero of
    the other sign, or a number instead of an infinity or NaN, is infinitely far away. exact: of f64, or mpmath's."""
    near = exact.astype(np.float64)
    rounded = near.astype(result.dtype)
    same = (rounded == result) & (np.signbit(rounded) == np.signbit(result)) | (np.isnan(near) & np.isnan(result))
    if exact.dtype == object:
        difference = np.array(
            [
                float(abs(mp.mpf(float(r)) - e)) if np.isfinite(float(r)) and mp.isfinite(e) else np.inf
                for r, e in zip(result.ravel(), exact.ravel(), strict=True)
            ]
        ).reshape(result.shape)
    else:
        difference = np.abs(result.astype(np.float64) - near)
    far = difference / unit(near, result.dtype)
    zero = (near == 0) & (result == 0) & ~same
    wrong = zero | ~np.isfinite(far)
    if exact.dtype != object and result.dtype != np.float64:
        return np.where(same, np.where(np.isfinite(far), far, 0.0), np.where(wrong, np.inf, far))
    return np.where(same & ~np.isfinite(far), 0.0, np.where(wrong & ~same, np.inf, far))


def assert_near(result: np.ndarray, exact: np.ndarray, bound: float, inputs: tuple[np.ndarray, ...] = ()) -> None:
    """bound: in ulp; 0 says that a result has all bits of the expected one, rounded."""
    assert result.shape == exact.shape, f"shape {result.shape} for {exact.shape}"
    if not is_float(result.dtype) or bound == 0:
        expected = exact.astype(result.dtype)
        same = result == expected
        if is_float(result.dtype):
            same &= np.signbit(result) == np.signbit(expected)
            same |= np.isnan(result) & np.isnan(expected)
        far = np.where(same, 0.0, np.inf)
    else:
        far = distances(result, exact)
    worst = int(np.argmax(far))
    at = [x.ravel()[worst] for x in inputs if x.shape == result.shape]
    assert far.ravel()[worst] <= bound, (
        f"{far.ravel()[worst]:.3g} ulp (of {bound}) at {at}: {result.ravel()[worst]!r}, not {exact.ravel()[worst]!r}"
        f"; {int((far > bound).sum())} of {far.size}"
    )


def precisely(function: Callable[..., Any], arrays: tuple[np.ndarray, ...], otherwise: np.ndarray) -> np.ndarray:
    """mpmath's values of a function where `otherwise`, in f64, is finite and no argument is 0; `otherwise`
    elsewhere, and for signs of 0: mpmath has one zero."""
    exact = np.empty(otherwise.shape, object)
    for at, plain in np.ndenumerate(otherwise):
        finite = np.isfinite(plain) and all(np.isfinite(float(a[at])) and a[at] for a in arrays)
        exact[at] = function(*(mp.mpf(float(a[at])) for a in arrays)) if finite else 0
        if not finite or exact[at] == 0:
            exact[at] = mp.mpf(float(plain)) if plain else float(plain)
    return exact
