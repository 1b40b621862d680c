"""`expand-math` on f64 against mpmath: error bounds, edge values, equal bits on scalars and vectors."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import mpmath as mp
import numpy as np
import pytest
from test_expand_math import BINARY, INF, NAN, module

from rung.lowering.expand_math import ExpandMath
from rung.lowering.math.bounds import DOUBLE_ULP_BOUNDS
from rung.machine import host
from tests.harness import jit

mp.mp.prec = 140
REFERENCES: dict[str, Callable[..., Any]] = {
    "exp": mp.exp,
    "exp2": lambda x: mp.power(2, x),
    "expm1": mp.expm1,
    "tanh": mp.tanh,
    "sinh": mp.sinh,
    "cosh": mp.cosh,
    "log": mp.log,
    "log2": lambda x: mp.log(x, 2),
    "log10": mp.log10,
    "log1p": mp.log1p,
    "sin": mp.sin,
    "cos": mp.cos,
    "erf": mp.erf,
    "erfc": mp.erfc,
    "rsqrt": lambda x: 1 / mp.sqrt(x),
    "powf": mp.power,
}
INTERVALS: dict[str, list[tuple[float, float]]] = {
    "exp": [(-745, 710), (-1, 1), (-746, -708)],
    "exp2": [(-1075, 1024), (-1, 1)],
    "expm1": [(-40, 709), (-1, 1), (-1e-3, 1e-3)],
    "tanh": [(-20, 20), (-1, 1), (-1e-4, 1e-4)],
    "sinh": [(-710, 710), (-1, 1), (-1e-4, 1e-4)],
    "cosh": [(-710, 710), (-1, 1)],
    "sin": [(-1e4, 1e4), (-4, 4), (-1e6, 1e6), (1e9, 1e15)],
    "cos": [(-1e4, 1e4), (-4, 4), (-1e6, 1e6), (1e9, 1e15)],
    "erf": [(-6.2, 6.2), (-1.1, 1.1)],
    "erfc": [(-6, 27), (-1.1, 1.1)],
    **{name: [(0.5, 2), (0.98, 1.02), (0, 1e4)] for name in ("log", "log2", "log10", "rsqrt")},
    "log1p": [(-0.999, 3), (-1e-3, 1e-3), (0, 1e6)],
}
EDGES = [0.0, -0.0, INF, -INF, NAN, 1, -1, 5e-324, 1e-310, 2.2e-308, 1.7e308, -1.7e308, 709.7, 710.5, -745.1, -746, 30]


@cache
def arguments(name: str) -> tuple[np.ndarray, np.ndarray]:
    rng, count = np.random.default_rng(0), 256
    if name in BINARY:
        x = np.concatenate(
            [np.exp(rng.uniform(-20, 20, count)), rng.uniform(0.99, 1.01, count), rng.uniform(0.5, 2, count)]
        )
        y = np.concatenate([rng.uniform(-30, 30, count), rng.uniform(-5e4, 5e4, count), rng.uniform(-700, 700, count)])
        ex, ey = (g.ravel() for g in np.meshgrid(EDGES, [*EDGES, 2.0, 3.0, -3.0, 0.5]))
        x, y = np.concatenate([ex, x]), np.concatenate([ey, y])
    else:
        dense = [rng.uniform(low, high, count) for low, high in INTERVALS[name]]
        tiny = np.exp2(rng.uniform(-1070, 1000, count)) * rng.choice([1, -1], count)
        if name in ("sin", "cos"):  # next to multiples of pi/2, where the reduction cancels
            dense.append(np.round(rng.uniform(0, 1e5, count)) * (np.pi / 2))
        x = np.concatenate([EDGES, *dense, tiny])
        y = x
    whole = len(x) // 8 * 8
    return x[:whole].copy(), y[:whole].copy()


def run(name: str, lanes: int, fma: bool, avx512: bool = False) -> np.ndarray:
    x, y = arguments(name)
    out = np.empty_like(x)
    jit(module(name, lanes, "f64"), [ExpandMath(fma=fma, avx512=avx512)])(x, y, out, len(x))
    return out


@cache
def expected(name: str) -> list[Any]:
    """Exact values where there is a finite one, else what NumPy says."""
    x, y = arguments(name)
    found: list[Any] = []
    with np.errstate(all="ignore"):
        numpy = _numpy(name, x, y)
    for a, b, n in zip(x, y, numpy, strict=True):
        both = (a, b) if name in BINARY else (a,)
        # SciPy's erfc underflows too soon.
        plain = all(map(np.isfinite, both)) and np.isfinite(n) and (n != 0 or (name == "erfc" and a < 28))
        found.append(REFERENCES[name](*map(mp.mpf, map(float, both))) if plain else n)
    return found


def _numpy(name: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    from scipy import special

    others = {"erf": special.erf, "erfc": special.erfc, "rsqrt": lambda v: 1 / np.sqrt(v)}
    return np.power(x, y) if name == "powf" else others.get(name, getattr(np, name, None))(x)


def distance(result: float, exact: Any) -> float:
    """In ulp of the exact value."""
    if isinstance(exact, float):
        same = (np.isnan(exact) and np.isnan(result)) or result == exact
        return 0.0 if same and (np.isnan(exact) or np.signbit(result) == np.signbit(exact)) else INF
    if not np.isfinite(result):
        return INF
    unit = mp.mpf(2) ** max(mp.floor(mp.log(abs(exact), 2)) - 52, -1074)
    return float(abs(mp.mpf(float(result)) - exact) / unit)


@pytest.mark.parametrize("fma", [True, False], ids=["fma", "no-fma"])
@pytest.mark.parametrize("name", REFERENCES)
def test_bounds(name: str, fma: bool) -> None:
    x, y = arguments(name)
    result = run(name, 8, fma)
    distances = np.array([distance(r, e) for r, e in zip(result, expected(name), strict=True)])
    worst = int(np.argmax(distances))
    where = (x[worst], y[worst]) if name in BINARY else x[worst]
    assert distances[worst] <= DOUBLE_ULP_BOUNDS[name], (
        f"{name}({where}) = {result[worst]!r} is {distances[worst]:.3g} ulp off {expected(name)[worst]}"
    )
    assert_same_bits(result, run(name, 1, fma))


def assert_same_bits(a: np.ndarray, b: np.ndarray) -> None:
    assert np.array_equal(np.isnan(a), np.isnan(b))
    assert np.array_equal(a[~np.isnan(a)].view(np.int64), b[~np.isnan(a)].view(np.int64))


@pytest.mark.skipif("avx512" not in host().features, reason="this machine has no AVX-512")
@pytest.mark.parametrize("name", ["exp", "exp2", "sinh", "cosh", "tanh", "erfc", "powf"])
def test_scalef_has_the_same_bits(name: str) -> None:
    assert_same_bits(run(name, 8, True, avx512=True), run(name, 1, True))
