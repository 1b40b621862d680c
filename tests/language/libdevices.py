"""Cases of `tl.extra.libdevice` on floats. f16 and bf16 are computed in f32."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import mpmath as mp
import numpy as np
from scipy import special

from rung.lowering.math.bounds import DOUBLE_ULP_BOUNDS, ULP_BOUNDS

from . import expressions
from .arrays import FLOATS, WIDE
from .cases import Case
from .functions import fused

CASES: list[Case] = []
FLOAT_FUNCTIONS, ROUNDED = "libdevice: functions of floats", "libdevice: rounding, parts of floats"
exact = partial(expressions.exact, into=CASES)
real = partial(expressions.real, into=CASES)

NARROW = 0.51
"""Ulp of f16 and bf16, for a result that is right to some ulp of f32 before."""


def bounds(single: float, double: float) -> dict[str, float]:
    return {"f16": NARROW, "bf16": NARROW, "f32": single, "f64": double}


def stated(name: str, double: float = 1.0) -> dict[str, float]:
    """The bounds that docs/math.md states; `double`: where f64 is the C library's."""
    return bounds(ULP_BOUNDS[name], DOUBLE_ULP_BOUNDS.get(name, double))


Reals = tuple[Callable[..., Any], Callable[..., Any], dict[str, float], dict[str, Any]]


def rounded(x: np.ndarray) -> np.ndarray:
    wide = x.astype(np.float64)
    return np.copysign(np.floor(np.abs(wide) + 0.5), wide).astype(x.dtype)


def _wide(function: Callable[..., Any]) -> Callable[..., Any]:
    return np.vectorize(lambda x: float(function(x)))


def _inverse_of_erfc(x: mp.mpf) -> mp.mpf:
    y = mp.mpf(float(special.erfcinv(float(x))))
    for _ in range(3):  # Newton's method doubles SciPy's digits
        y += (mp.erfc(y) - x) * mp.sqrt(mp.pi) / 2 * mp.exp(y * y)
    return y


UNARY: dict[str, Reals] = {
    "acos": (np.arccos, mp.acos, stated("acos"), {"domain": (-1.1, 1.1)}),
    "acosh": (np.arccosh, mp.acosh, stated("acosh"), {"domain": (0.9, 50)}),
    "asin": (np.arcsin, mp.asin, stated("asin"), {"domain": (-1.1, 1.1)}),
    "asinh": (np.arcsinh, mp.asinh, stated("asinh"), {}),
    "atan": (np.arctan, mp.atan, stated("atan"), {}),
    "atanh": (np.arctanh, mp.atanh, stated("atanh"), {"domain": (-1.1, 1.1)}),
    "cbrt": (np.cbrt, lambda x: mp.sign(x) * mp.cbrt(abs(x)), stated("cbrt", 4), {}),
    "cos": (np.cos, mp.cos, stated("cos"), {}),
    "cosh": (np.cosh, mp.cosh, stated("cosh"), {}),
    "cospi": (_wide(mp.cospi), mp.cospi, bounds(3, 3), {"domain": (-100, 100)}),
    "cyl_bessel_i0": (special.i0, lambda x: mp.besseli(0, x), bounds(8, 16), {"domain": (-50, 50)}),
    "cyl_bessel_i1": (special.i1, lambda x: mp.besseli(1, x), bounds(8, 16), {"domain": (-50, 50)}),
    "erf": (special.erf, mp.erf, stated("erf"), {}),
    "erfc": (special.erfc, mp.erfc, stated("erfc"), {"domain": (-6, 9)}),
    "erfcinv": (
        lambda x: special.erfcinv(x) + 0.0,
        _inverse_of_erfc,
        bounds(NARROW, 4),
        {"domain": (0.0001, 1.999)},
    ),
    "erfcx": (special.erfcx, lambda x: mp.exp(x * x) * mp.erfc(x), bounds(NARROW, 10), {"domain": (-5, 40)}),
    "erfinv": (special.erfinv, mp.erfinv, bounds(6, 6), {"domain": (-0.999, 0.999)}),
    "exp": (np.exp, mp.exp, stated("exp"), {}),
    "exp10": (special.exp10, lambda x: mp.power(10, x), stated("powf"), {}),
    "exp2": (np.exp2, lambda x: mp.power(2, x), stated("exp2"), {}),
    "expm1": (np.expm1, mp.expm1, stated("expm1"), {}),
    "fast_cosf": (np.cos, mp.cos, stated("cos"), {}),
    "fast_exp10f": (special.exp10, lambda x: mp.power(10, x), stated("powf"), {}),
    "fast_expf": (np.exp, mp.exp, stated("exp"), {}),
    "fast_log10f": (np.log10, mp.log10, stated("log10"), {}),
    "fast_log2f": (np.log2, lambda x: mp.log(x, 2), stated("log2"), {}),
    "fast_logf": (np.log, mp.log, stated("log"), {}),
    "fast_sinf": (np.sin, mp.sin, stated("sin"), {}),
    "fast_tanf": (np.tan, mp.tan, stated("tan"), {}),
    "fast_tanhf": (np.tanh, mp.tanh, stated("tanh"), {}),
    "j0": (special.j0, lambda x: mp.besselj(0, x), bounds(4, 4), {"domain": (-2, 2)}),
    "j1": (special.j1, lambda x: mp.besselj(1, x), bounds(4, 4), {"domain": (-2, 2)}),
    "lgamma": (special.gammaln, lambda x: mp.log(abs(mp.gamma(x))), bounds(4, 4), {"domain": (2.5, 100)}),
    "log": (np.log, mp.log, stated("log"), {}),
    "log10": (np.log10, mp.log10, stated("log10"), {}),
    "log1p": (np.log1p, mp.log1p, stated("log1p"), {}),
    "log2": (np.log2, lambda x: mp.log(x, 2), stated("log2"), {}),
    "normcdf": (special.ndtr, mp.ncdf, bounds(NARROW, 10), {"domain": (-12, 5)}),
    "normcdfinv": (
        special.ndtri,
        lambda p: -mp.sqrt(2) * _inverse_of_erfc(2 * p),
        bounds(NARROW, 4),
        {"domain": (0.0001, 0.999)},
    ),
    "rcbrt": (lambda x: 1 / np.cbrt(x), lambda x: mp.sign(x) / mp.cbrt(abs(x)), bounds(2, 5), {}),
    "rcp_rn": (lambda x: 1 / x, lambda x: 1 / x, bounds(0.5, 0.5), {}),
    "rsqrt": (lambda x: 1 / np.sqrt(x), lambda x: 1 / mp.sqrt(x), stated("rsqrt"), {}),
    "rsqrt_rn": (lambda x: 1 / np.sqrt(x), lambda x: 1 / mp.sqrt(x), bounds(NARROW, 1.5), {}),
    "sin": (np.sin, mp.sin, stated("sin"), {}),
    "sinh": (np.sinh, mp.sinh, stated("sinh"), {}),
    "sinpi": (lambda x: np.where(x % 1, _wide(mp.sinpi)(x), 0 * x), mp.sinpi, bounds(3, 3), {"domain": (-100, 100)}),
    "sqrt": (np.sqrt, mp.sqrt, bounds(0.5, 0.5), {}),
    "sqrt_rn": (np.sqrt, mp.sqrt, bounds(0.5, 0.5), {}),
    "tan": (np.tan, mp.tan, stated("tan"), {}),
    "tanh": (np.tanh, mp.tanh, stated("tanh"), {}),
    "tgamma": (special.gamma, mp.gamma, bounds(4, 6), {"domain": (-5, 30)}),
    "y0": (special.y0, lambda x: mp.bessely(0, x), bounds(4, 4), {"domain": (1, 3)}),
    "y1": (special.y1, lambda x: mp.bessely(1, x), bounds(4, 4), {"domain": (0.1, 2)}),
}
for _name, (_numpy, _precise, _bounds, _more) in UNARY.items():
    real(f"libdevice.{_name}", FLOAT_FUNCTIONS, f"libdevice.{_name}(x)", _numpy, _precise, _bounds, **_more)


def _tiny(smallest: dict[str, int]) -> expressions.Inputs:
    """Of all magnitudes from the smallest power of ten on."""
    return lambda kind: (np.logspace(smallest[kind], -4, 32).astype(expressions.DTYPES[kind]),)


TINY = _tiny({"f32": -37, "f64": -300})
for _name, _numpy, _precise in (
    ("erfcinv", special.erfcinv, _inverse_of_erfc),
    ("normcdfinv", special.ndtri, lambda p: -mp.sqrt(2) * _inverse_of_erfc(2 * p)),
):
    real(
        f"libdevice.{_name}",
        FLOAT_FUNCTIONS,
        f"libdevice.{_name}(x)",
        _numpy,
        _precise,
        {"f32": NARROW, "f64": 4},
        inputs=TINY,
        note="near 0, down to the smallest numbers",
    )


def _hypot(*sides: Any) -> Any:
    return mp.sqrt(sum(side * side for side in sides))


def _length(*sides: np.ndarray) -> np.ndarray:
    found = sides[0]
    for side in sides[1:]:
        found = np.hypot(found, side)
    return found


SEVERAL: dict[str, Reals] = {
    "atan2(x, y)": (np.arctan2, mp.atan2, stated("atan2"), {}),
    "fast_powf(x, y)": (np.power, mp.power, stated("powf"), {"domains": [(0.01, 30), (-8, 8)]}),
    "pow(x, y)": (np.power, mp.power, stated("powf"), {"domains": [(0.01, 30), (-8, 8)]}),
    "hypot(x, y)": (np.hypot, _hypot, bounds(2, 2), {}),
    "norm3d(x, y, z)": (_length, _hypot, bounds(4, 4), {}),
    "norm4d(x, y, z, w)": (_length, _hypot, bounds(4, 4), {}),
    "rhypot(x, y)": (lambda *s: 1 / _length(*s), lambda *s: 1 / _hypot(*s), bounds(4, 4), {}),
    "rnorm3d(x, y, z)": (lambda *s: 1 / _length(*s), lambda *s: 1 / _hypot(*s), bounds(4, 4), {}),
    "rnorm4d(x, y, z, w)": (lambda *s: 1 / _length(*s), lambda *s: 1 / _hypot(*s), bounds(4, 4), {}),
    "jn(x, y)": (
        special.jn,
        lambda n, x: mp.besselj(int(n), x),
        bounds(16, 16),
        {"kinds": ["i32"], "domain": (0, 5), "domains": [None, (0.2, 2)]},
    ),
    "yn(x, y)": (
        special.yn,
        lambda n, x: mp.bessely(int(n), x),
        bounds(16, 16),
        {"kinds": ["i32"], "domain": (0, 5), "domains": [None, (0.2, 0.8)]},
    ),
}
for _text, (_numpy, _precise, _bounds, _more) in SEVERAL.items():
    real(
        f"libdevice.{_text.partition('(')[0]}",
        FLOAT_FUNCTIONS,
        f"libdevice.{_text}",
        _numpy,
        _precise,
        _bounds,
        **_more,
    )


def _ones(test: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    return lambda x: test(x).astype(np.int32)


def _dim(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.where(x <= y, x.dtype.type(0), x - y)


def _ieee_remainder(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    import math

    def one(a: float, b: float) -> float:
        return math.remainder(a, b) if np.isfinite(a) and b != 0 and not np.isnan(b) else np.nan

    return np.array([one(float(a), float(b)) for a, b in zip(x, y, strict=True)]).astype(x.dtype)


def _exponent(x: np.ndarray) -> np.ndarray:
    found = np.frexp(x.astype(np.float64))[1] - 1.0
    return np.where(x == 0, -np.inf, np.where(np.isfinite(x), found, np.abs(x))).astype(x.dtype)


def _scaled(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.ldexp(x.astype(np.float64), y).astype(x.dtype)


_ON_FLOATS: dict[str, Callable[..., Any]] = {
    "abs(x)": np.abs,
    "ceil(x)": np.ceil,
    "floor(x)": np.floor,
    "trunc(x)": np.trunc,
    "rint(x)": np.rint,
    "nearbyint(x)": np.rint,
    "round(x)": rounded,
    "copysign(x, y)": np.copysign,
    "fdim(x, y)": _dim,
    "fmod(x, y)": np.fmod,
    "remainder(x, y)": _ieee_remainder,
    "logb(x)": _exponent,
    "isnan(x)": _ones(np.isnan),
    "isinf(x)": _ones(np.isinf),
    "finitef(x)": _ones(np.isfinite),
    "isfinited(x)": _ones(np.isfinite),
    "signbit(x)": _ones(np.signbit),
    "saturatef(x)": lambda x: np.where(x > 0, np.minimum(x, 1), 0).astype(x.dtype),
    "add_rn(x, y)": np.add,
    "sub_rn(x, y)": np.subtract,
    "mul_rn(x, y)": np.multiply,
    "div_rn(x, y)": np.divide,
    "fast_dividef(x, y)": np.divide,
}
for _text, _reference in _ON_FLOATS.items():
    exact(f"libdevice.{_text.partition('(')[0]}", ROUNDED, f"libdevice.{_text}", _reference, FLOATS)
exact("libdevice.nextafter", ROUNDED, "libdevice.nextafter(x, y)", np.nextafter, WIDE)
exact(
    "libdevice.fma libdevice.fma_rn",
    ROUNDED,
    "libdevice.fma(x, y, z), libdevice.fma_rn(x, y, z)",
    lambda *v: (fused(*v),) * 2,
    WIDE,
)
for _name in ("ldexp", "scalbn"):
    exact(
        f"libdevice.{_name}",
        ROUNDED,
        f"libdevice.{_name}(x, y)",
        _scaled,
        FLOATS,
        kinds=[None, "i32"],
        domain=(-20, 20),
    )
exact(
    "libdevice.ilogb",
    ROUNDED,
    "libdevice.ilogb(x)",
    lambda x: (np.frexp(x)[1] - 1).astype(np.int32),
    FLOATS,
    domain=(0.001, 1e4),
)
exact(
    "libdevice.llrint libdevice.llround",
    ROUNDED,
    "libdevice.llrint(x), libdevice.llround(x)",
    lambda x: (np.rint(x).astype(np.int64), rounded(x).astype(np.int64)),
    FLOATS,
    domain=(-60000, 60000),
)
