"""Cases of Triton's "math ops": functions of `tl` and `tl.math` on the elements of blocks."""

from __future__ import annotations

from functools import partial

import mpmath as mp
import numpy as np
from scipy import special

from rung.lowering.math.bounds import DOUBLE_ULP_BOUNDS, ULP_BOUNDS

from . import expressions
from .arrays import FLOATS, INTEGERS, NUMBERS, WIDE, name
from .cases import Case, Verdict

CASES: list[Case] = []
SECTION = "Math"
exact = partial(expressions.exact, into=CASES)
real = partial(expressions.real, into=CASES)
refused = partial(expressions.refused, into=CASES)


def stated(name: str) -> dict[str, float]:
    """The bounds that docs/math.md states, by type."""
    return {"f32": ULP_BOUNDS[name], "f64": DOUBLE_ULP_BOUNDS[name]}


def logistic(x: mp.mpf) -> mp.mpf:
    return 1 / (1 + mp.exp(-x))


def high_product(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    bits = x.dtype.itemsize * 8
    mask = (1 << bits) - 1
    wide = (((int(a) & mask) * (int(b) & mask)) >> bits for a, b in zip(x, y, strict=True))
    return np.array(list(wide), f"uint{bits}").view(x.dtype)


def fused(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """x * y + z, rounded once."""
    found = np.empty(x.shape, object)
    for i, (a, b, c) in enumerate(zip(*(v.astype(np.float64) for v in (x, y, z)), strict=True)):
        finite = all(map(np.isfinite, (a, b, c)))
        found[i] = mp.mpf(a) * mp.mpf(b) + mp.mpf(c) if finite else a * b + c
    if x.dtype != np.float64:  # the nearest f64 to an exact sum of a product of f32 may be a tie of f32
        with mp.workprec({2: 11, 4: 24}[x.dtype.itemsize]):
            return np.array([float(+v) if isinstance(v, mp.mpf) else v for v in found]).astype(x.dtype)
    return np.array([float(v) for v in found])


def wide(x: np.ndarray) -> np.ndarray:
    """Beside a constant, which is of f32."""
    return x if x.dtype == np.float64 else x.astype(np.float32)


def promoted(x: np.ndarray) -> np.ndarray:
    """Triton compares bf16 in f32."""
    return x.astype(np.float32) if name(x.dtype) == "bf16" else x


real("tl.exp", SECTION, "tl.exp(x)", np.exp, mp.exp, stated("exp"))
real("tl.exp2", SECTION, "tl.exp2(x)", np.exp2, lambda x: mp.power(2, x), stated("exp2"))
real("tl.log", SECTION, "tl.log(x)", np.log, mp.log, stated("log"))
real("tl.log2", SECTION, "tl.log2(x)", np.log2, lambda x: mp.log(x, 2), stated("log2"))
real("tl.sin", SECTION, "tl.sin(x)", np.sin, mp.sin, stated("sin"))
real("tl.cos", SECTION, "tl.cos(x)", np.cos, mp.cos, stated("cos"))
real("tl.erf", SECTION, "tl.erf(x)", special.erf, mp.erf, stated("erf"))
real("tl.rsqrt", SECTION, "tl.rsqrt(x)", lambda x: 1 / np.sqrt(x), lambda x: 1 / mp.sqrt(x), stated("rsqrt"))
real("tl.sigmoid", SECTION, "tl.sigmoid(x)", special.expit, logistic, {"f32": 3, "f64": 3}, domain=(-80, 80))
refused(
    "tl.exp tl.exp2 tl.log tl.log2 tl.sin tl.cos tl.erf tl.rsqrt tl.sqrt tl.floor tl.ceil",
    SECTION,
    "tl.exp(x) + tl.exp2(x) + tl.log(x) + tl.log2(x) + tl.sin(x) + tl.cos(x) + tl.erf(x) + tl.rsqrt(x) + tl.sqrt(x)"
    " + tl.floor(x) + tl.ceil(x)",
    "Expected dtype ['fp32', 'fp64']",
    "f16 bf16 i32",
    note="`x.to(tl.float32)` first; rung's `libdevice` takes f16 and bf16",
    verdict=Verdict.BY_TRITON,
)

exact("tl.sqrt", SECTION, "tl.sqrt(x)", np.sqrt, WIDE)
exact("tl.sqrt_rn", SECTION, "tl.sqrt_rn(x)", np.sqrt, "f32")
exact("tl.div_rn", SECTION, "tl.div_rn(x, y)", np.divide, "f32")
exact(
    "tl.fdiv", SECTION, "tl.fdiv(x, y)", np.divide, FLOATS, note="rounded to nearest, with `ieee_rounding` or without"
)
exact("tl.floor", SECTION, "tl.floor(x)", np.floor, WIDE)
exact("tl.ceil", SECTION, "tl.ceil(x)", np.ceil, WIDE)
exact("tl.abs", SECTION, "tl.abs(x)", np.abs, NUMBERS)
exact("tl.fma", SECTION, "tl.fma(x, y, z)", fused, WIDE, note="rounded once")
exact(
    "tl.umulhi",
    SECTION,
    "tl.umulhi(x, y)",
    high_product,
    "u32 u64 i32 i64",
    note="signed operands are taken as unsigned, as elsewhere",
)
exact("tl.cdiv", SECTION, "tl.cdiv(x, y)", lambda x, y: (x + (y - 1)) // y, "i32 i64 u32 u64", domain=(1, 10**6))
NUMBER_WINS = "a number wins over NaN; bf16 gives f32"
exact("tl.maximum", SECTION, "tl.maximum(x, y)", lambda x, y: promoted(np.fmax(x, y)), NUMBERS, note=NUMBER_WINS)
exact("tl.minimum", SECTION, "tl.minimum(x, y)", lambda x, y: promoted(np.fmin(x, y)), NUMBERS, note=NUMBER_WINS)
exact(
    "tl.maximum tl.minimum tl.PropagateNan",
    SECTION,
    "tl.maximum(x, y, propagate_nan=tl.PropagateNan.ALL), tl.minimum(x, y, propagate_nan=tl.PropagateNan.ALL)",
    lambda x, y: (promoted(np.maximum(x, y)), promoted(np.minimum(x, y))),
    FLOATS,
    note="with `propagate_nan=tl.PropagateNan.ALL`",
)
exact(
    "tl.clamp",
    SECTION,
    "tl.clamp(x, -1.5, 2.0)",
    lambda x: np.fmin(np.fmax(wide(x), -1.5), 2),
    FLOATS,
    note="a NaN becomes the lower limit",
)
exact(
    "tl.clamp",
    SECTION,
    "tl.clamp(x, -1.5, 2.0, propagate_nan=tl.PropagateNan.ALL)",
    lambda x: np.clip(wide(x), -1.5, 2),
    FLOATS,
    note="with `propagate_nan=tl.PropagateNan.ALL` a NaN stays",
)
exact(
    "tl.softmax",
    SECTION,
    "tl.softmax(x)",
    lambda x: special.softmax(x.astype(np.float64), axis=0).astype(x.dtype),
    WIDE,
    domain=(-8, 8),
    bound=8,
)
exact(
    "tl.softmax",
    SECTION,
    "tl.softmax(x, dim=1, keep_dims=True)",
    lambda x: special.softmax(x.astype(np.float64), axis=1).astype(x.dtype),
    WIDE,
    domain=(-8, 8),
    shapes=[(8, 16)],
    bound=8,
    note="of two dimensions, with `dim` and `keep_dims=True`, as Triton asks",
)
exact(
    "tl.add tl.sub tl.mul",
    SECTION,
    "tl.add(x, y), tl.sub(x, y), tl.mul(x, y)",
    lambda x, y: (x + y, x - y, x * y),
    f"{FLOATS} {INTEGERS}",
    note="integers wrap",
)
