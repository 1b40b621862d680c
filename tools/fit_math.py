"""Reproduces the coefficients in `rung/lowering/math`: minimax fits rounded to float32 (float64 for `double_*.py`).

    python tools/fit_math.py [name ...]

Every fit approximates f(x) by sum_k c_k x^k with the smallest maximum of |approximation - f| / |scale| on
an interval (Remez exchange on a dense grid; Muller, Elementary Functions, 3rd ed., section 3.5), by a ratio
of two such sums, or by such a sum for each of several pieces. Coefficients are rounded to float32 from the lowest
power upwards, and the others fitted again after every rounding, to absorb its error. Needs mpmath. All fits take
about a minute.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace

import mpmath as mp
import numpy as np

mp.mp.prec = 160
Function = Callable[[mp.mpf], mp.mpf]
GRID = 300


@dataclass(frozen=True)
class Fit:
    """f(x) ~ sum_k c_k x^k for k < terms on [low, high]; `scale` is what the error is relative to."""

    f: Function
    terms: int
    low: float
    high: float
    scale: Function


def _nodes(low: float, high: float, count: int) -> list[mp.mpf]:
    """Chebyshev points of the second kind, ascending."""
    middle, half = (mp.mpf(low) + mp.mpf(high)) / 2, (mp.mpf(high) - mp.mpf(low)) / 2
    return [middle - half * mp.cos(mp.pi * i / (count - 1)) for i in range(count)]


def remez(
    xs: list[mp.mpf], target: list[mp.mpf], scale: list[mp.mpf], powers: list[int]
) -> tuple[list[mp.mpf], mp.mpf]:
    """Coefficients of `powers` and the largest error relative to `scale`, by exchange on the grid `xs`."""
    count = len(powers) + 1
    picked = [round(i * (len(xs) - 1) / (count - 1)) for i in range(count)]
    for _ in range(40):
        rows = [[xs[i] ** p for p in powers] + [(-1) ** j * scale[i]] for j, i in enumerate(picked)]
        solution = mp.lu_solve(mp.matrix(rows), mp.matrix([target[i] for i in picked]))
        coefficients = list(solution)[:-1]
        errors = [
            (sum((c * x**p for c, p in zip(coefficients, powers, strict=True)), mp.mpf(0)) - t) / s
            for x, t, s in zip(xs, target, scale, strict=True)
        ]
        extrema = _extrema(errors)
        while len(extrema) > count:  # drop the smaller end, or it is no alternation
            extrema.pop(0 if abs(errors[extrema[0]]) < abs(errors[extrema[-1]]) else -1)
        if len(extrema) < count or extrema == picked:
            break
        picked = extrema
    return coefficients, max(abs(e) for e in errors)


def _extrema(errors: list[mp.mpf]) -> list[int]:
    """The index of the largest error in each run of equal sign."""
    found: list[int] = []
    for i, error in enumerate(errors):
        if found and (error > 0) == (errors[found[-1]] > 0):
            if abs(error) > abs(errors[found[-1]]):
                found[-1] = i
        else:
            found.append(i)
    return found


def solve(fit: Fit) -> tuple[list[float], float]:
    """float32 coefficients, lowest power first, and their largest error."""
    xs = _nodes(fit.low, fit.high, GRID)
    return _round_off(xs, [fit.f(x) for x in xs], [abs(fit.scale(x)) for x in xs], fit.terms)


def _round_off(xs: list[mp.mpf], target: list[mp.mpf], scale: list[mp.mpf], terms: int) -> tuple[list[float], float]:
    """Round the coefficients one by one, lowest power first, fitting the others again where that helps.

    It may not help on an interval around 0, where the remaining powers are no Chebyshev system.
    """

    def error(coefficients: list[mp.mpf]) -> mp.mpf:
        return max(abs((mp.polyval(coefficients[::-1], x) - t) / s) for x, t, s in zip(xs, target, scale, strict=True))

    best, _ = remez(xs, target, scale, list(range(terms)))
    for k in range(terms):
        fixed = [*best[:k], mp.mpf(float(np.float32(float(best[k]))))]
        rest = [t - mp.polyval(fixed[::-1], x) for t, x in zip(target, xs, strict=True)]
        kept = [*fixed, *best[k + 1 :]]
        best = kept
        if k + 1 < terms:
            again, _ = remez(xs, rest, scale, list(range(k + 1, terms)))
            best = min(kept, [*fixed, *again], key=error)
    return [float(c) for c in best], float(error(best))


@dataclass(frozen=True)
class Ratio:
    """f(x) ~ P(x) / Q(x) on [low, high], Q(0) = 1; `scale` is what the error is relative to."""

    f: Function
    numerator: int
    denominator: int
    low: float
    high: float
    scale: Function


def solve_ratio(fit: Ratio) -> tuple[list[float], list[float], float]:
    """float32 coefficients of P and of Q, and their largest error: Q is rounded first, and P fitted to f Q."""
    xs = _nodes(fit.low, fit.high, GRID)
    target, scale = [fit.f(x) for x in xs], [fit.scale(x) for x in xs]
    q = [mp.mpf(float(np.float32(float(c)))) for c in _denominator(xs, target, scale, fit)]
    at = [mp.polyval(q[::-1], x) for x in xs]
    product, weight = ([v * w for v, w in zip(values, at, strict=True)] for values in (target, scale))
    p, error = _round_off(xs, product, weight, fit.numerator)
    return p, [float(c) for c in q], error


def _denominator(xs: list[mp.mpf], target: list[mp.mpf], scale: list[mp.mpf], fit: Ratio) -> list[mp.mpf]:
    """Q of the best ratio, by exchange: P - (f +- E scale) Q = 0 where the error alternates. It is linear once the
    product E Q is taken around the values before."""
    terms, count = fit.numerator, fit.numerator + fit.denominator
    picked = [round(i * (len(xs) - 1) / (count - 1)) for i in range(count)]
    q, level = [mp.mpf(1)] + [mp.mpf(0)] * (fit.denominator - 1), mp.mpf(0)
    for _ in range(80):
        rows: list[list[mp.mpf]] = []
        right: list[mp.mpf] = []
        for j, i in enumerate(picked):
            weight = (-1) ** j * scale[i]
            slope, value = weight * mp.polyval(q[::-1], xs[i]), target[i] + weight * level
            powers = [xs[i] ** k for k in range(max(terms, fit.denominator))]
            rows.append([*powers[:terms], *(-value * x for x in powers[1 : fit.denominator]), -slope])
            right.append(value - slope * level)
        solution = list(mp.lu_solve(mp.matrix(rows), mp.matrix(right)))
        p, q, before, level = solution[:terms], [mp.mpf(1), *solution[terms:-1]], level, solution[-1]
        if abs(level - before) > abs(level) / 1000:
            continue
        ratios = [mp.polyval(p[::-1], x) / mp.polyval(q[::-1], x) for x in xs]
        extrema = _extrema([(r - t) / s for r, t, s in zip(ratios, target, scale, strict=True)])
        if len(extrema) != count or extrema == picked:
            break
        picked = extrema
    return q


@dataclass(frozen=True)
class Pieces:
    """f(x) ~ sum_k c_k (x - i step)^k, where i is the integer next to x / step: odd f, f(0) = 0, of x >= 0, at `count`
    points; the last piece is 1."""

    f: Function
    terms: int
    step: float
    count: int


def solve_pieces(fit: Pieces) -> tuple[list[tuple[float, ...]], float]:
    """float32 coefficients, a row of every piece's for each power, and their largest error relative to f."""
    half = fit.step / 2
    slope = _series(lambda x: fit.f(x) / x, lambda x: mp.diff(fit.f, 0))
    first, worst = solve(Fit(slope, fit.terms - 1, 0, half, slope))
    rows = [[0.0, *first]]
    for i in range(1, fit.count - 1):
        f = _moved(fit.f, i * fit.step)
        row, error = solve(Fit(f, fit.terms, -half, half, f))
        rows.append(row)
        worst = max(worst, error)
    rows.append([1.0] + [0.0] * (fit.terms - 1))
    return list(zip(*rows, strict=True)), worst


def _moved(f: Function, by: float) -> Function:
    return lambda x: f(x + by)


LN2_HALF = float(mp.log(2) / 2) * 1.001
SQRT2 = float(mp.sqrt(2))
QUARTER_PI = float(mp.pi / 4) * 1.001


def _series(f: Function, at_zero: Function) -> Function:
    """f, with `at_zero` where cancellation would spoil f."""
    return lambda x: at_zero(x) if abs(x) < mp.mpf(2) ** -20 else f(x)


def _over_root(f: Function, at_zero: float) -> Function:
    """z -> f(sqrt(z)) / sqrt(z)."""
    return lambda z: f(mp.sqrt(z)) / mp.sqrt(z) if z > mp.mpf(2) ** -60 else mp.mpf(at_zero)


def _erfc(t: mp.mpf) -> mp.mpf:
    a = 4 * (1 + t) / (1 - t)
    return (1 + 2 * a) * mp.exp(a * a) * mp.erfc(a)


_erf_ratio = _over_root(mp.erf, float(2 / mp.sqrt(mp.pi)))
# Pairs of tuples, NAME and NAME_DENOMINATOR.
RATIOS: dict[str, Ratio] = {
    # erf(x) = x / 4 + x P(z) / Q(z), z = x^2
    "ERF": Ratio(lambda z: _erf_ratio(z) - mp.mpf(1) / 4, 6, 6, 0, 3.93**2, _erf_ratio),
}
# Tuples of tuples: of every piece, for each power.
PIECES: dict[str, Pieces] = {
    # erf(|x|), |x| < 3.94
    "ERF_PIECES": Pieces(mp.erf, 5, 1 / 8, 32),
}
FITS: dict[str, Fit] = {
    # (1 + 2 a) e^(a^2) erfc(a) = P(t), t = (a - 4) / (a + 4), 0 <= a <= 10.1
    "ERFC": Fit(_erfc, 11, -1, (10.1 - 4) / (10.1 + 4), _erfc),
    # asin(x) = x + x z P(z), z = x^2
    "ASIN": Fit(
        _series(lambda z: (mp.asin(mp.sqrt(z)) / mp.sqrt(z) - 1) / z, lambda z: mp.mpf(1) / 6 + z * 3 / 40),
        5,
        0,
        0.25,
        lambda z: 1 / (z + mp.mpf(2) ** -60),
    ),
    # atan(x) = x + x z P(z), z = x^2
    "ATAN": Fit(
        _series(lambda z: (mp.atan(mp.sqrt(z)) / mp.sqrt(z) - 1) / z, lambda z: -mp.mpf(1) / 3 + z / 5),
        8,
        0,
        1,
        lambda z: _over_root(mp.atan, 1)(z) / (z + mp.mpf(2) ** -60),
    ),
    # tan(r) = r + r z P(z), z = r^2
    "TAN": Fit(
        _series(lambda z: (mp.tan(mp.sqrt(z)) / mp.sqrt(z) - 1) / z, lambda z: mp.mpf(1) / 3 + z * 2 / 15),
        6,
        0,
        QUARTER_PI**2,
        lambda z: _over_root(mp.tan, 1)(z) / (z + mp.mpf(2) ** -60),
    ),
    # 2 atanh(q) / ln2 = q (2 / ln2 + z P(z)), z = q^2; |q| <= (sqrt(2) - 1) / (sqrt(2) + 1)
    "LOG2_ATANH": Fit(
        _series(
            lambda z: (2 * mp.atanh(mp.sqrt(z)) / mp.sqrt(z) - 2) / z / mp.log(2),
            lambda z: (mp.mpf(2) / 3 + z * 2 / 5) / mp.log(2),
        ),
        4,
        0,
        0.0295,
        lambda z: 1 / (z + mp.mpf(2) ** -60),
    ),
    # expm1(r) = r + r^2 P(r)
    "EXPM1": Fit(
        _series(lambda r: (mp.expm1(r) - r) / r**2, lambda r: mp.mpf(1) / 2 + r / 6 + r**2 / 24),
        5,
        -LN2_HALF,
        LN2_HALF,
        _series(lambda r: mp.expm1(r) / r**2, lambda r: 1 / (r + mp.mpf(2) ** -60)),
    ),
    # log1p(f) = f - f^2 / 2 + f^3 P(f)
    "LOG1P": Fit(
        _series(lambda f: (mp.log1p(f) - f + f**2 / 2) / f**3, lambda f: mp.mpf(1) / 3 - f / 4 + f**2 / 5),
        8,
        1 / SQRT2 - 1,
        SQRT2 - 1,
        _series(lambda f: mp.log1p(f) / f**3, lambda f: 1 / (f**2 + mp.mpf(2) ** -60)),
    ),
    # sin(r) = r + r z P(z), z = r^2
    "SIN": Fit(
        _series(lambda z: (mp.sin(mp.sqrt(z)) / mp.sqrt(z) - 1) / z, lambda z: -mp.mpf(1) / 6 + z / 120),
        3,
        0,
        QUARTER_PI**2,
        lambda z: (mp.sin(mp.sqrt(z)) / mp.sqrt(z) if z > 0 else mp.mpf(1)) / (z + mp.mpf(2) ** -60),
    ),
    # cos(r) = 1 - z / 2 + z^2 P(z), z = r^2
    "COS": Fit(
        _series(lambda z: (mp.cos(mp.sqrt(z)) - 1 + z / 2) / z**2, lambda z: mp.mpf(1) / 24 - z / 720),
        3,
        0,
        QUARTER_PI**2,
        lambda z: 1 / (z**2 + mp.mpf(2) ** -60),
    ),
}


def solve_double(fit: Fit) -> tuple[list[float], float]:
    """float64 coefficients: rounding them costs nothing that fitting the others again would win back."""
    xs = _nodes(fit.low, fit.high, GRID)
    target, scale = [fit.f(x) for x in xs], [abs(fit.scale(x)) for x in xs]
    best, _ = remez(xs, target, scale, list(range(fit.terms)))
    rounded = [mp.mpf(float(c)) for c in best]
    error = max(abs((mp.polyval(rounded[::-1], x) - t) / s) for x, t, s in zip(xs, target, scale, strict=True))
    return [float(c) for c in rounded], float(error)


DOUBLE_FITS: dict[str, Fit] = {
    "DOUBLE_EXPM1": replace(FITS["EXPM1"], terms=11),
    # log(1 + f) = 2 s + s z P(z), s = f / (2 + f), z = s^2
    "DOUBLE_LOG": Fit(
        _series(lambda z: (2 * mp.atanh(mp.sqrt(z)) / mp.sqrt(z) - 2) / z, lambda z: mp.mpf(2) / 3 + z * 2 / 5),
        7,
        0,
        0.0295,
        lambda z: 1 / (z + mp.mpf(2) ** -60),
    ),
    # log(1 + f) = 2 s + s z (2 / 3 + z P(z)); the error is relative to the logarithm
    "DOUBLE_LOG_TAIL": Fit(
        _series(
            lambda z: ((2 * mp.atanh(mp.sqrt(z)) / mp.sqrt(z) - 2) / z - mp.mpf(2) / 3) / z,
            lambda z: mp.mpf(2) / 5 + z * 2 / 7,
        ),
        7,
        0,
        0.0295,
        lambda z: 1 / (z**2 + mp.mpf(2) ** -80),
    ),
    "DOUBLE_SIN": replace(FITS["SIN"], terms=6),
    "DOUBLE_COS": replace(FITS["COS"], terms=6),
    # erf(x) = x + x P(z), z = x^2 <= 1
    "DOUBLE_ERF": Fit(
        lambda z: (mp.erf(mp.sqrt(z)) / mp.sqrt(z) if z > 0 else 2 / mp.sqrt(mp.pi)) - 1, 13, 0, 1, lambda z: mp.mpf(1)
    ),
    # As ERFC, for arguments from 0.99 to 27.4
    "DOUBLE_ERFC": Fit(_erfc, 22, -3.01 / 4.99, 23.4 / 31.4, lambda t: mp.mpf(1)),
}


def main() -> None:
    for name in sys.argv[1:] or (*RATIOS, *PIECES, *FITS, *DOUBLE_FITS):
        if name in RATIOS:
            p, q, error = solve_ratio(RATIOS[name])
            _print(name, p, error)
            _print(f"{name}_DENOMINATOR", q, error)
            continue
        if name in PIECES:
            _print_rows(name, *solve_pieces(PIECES[name]))
            continue
        _print(name, *(solve(FITS[name]) if name in FITS else solve_double(DOUBLE_FITS[name])))


def _print(name: str, coefficients: list[float], error: float) -> None:
    print(f"# largest error 2^{np.log2(error):.2f}")
    print(f"{name} = (")
    for c in coefficients:
        print(f"    {c!r},")
    print(")")


def _print_rows(name: str, rows: list[tuple[float, ...]], error: float) -> None:
    """In as few digits as tell a float32 from its neighbours."""
    print(f"# largest error 2^{np.log2(error):.2f}")
    print(f"{name} = (")
    for row in rows:
        texts = [str(np.float32(c)) for c in row]
        assert [np.float32(float(text)) for text in texts] == [np.float32(c) for c in row]
        print("    (")
        for start in range(0, len(texts), 8):
            print(f"        {', '.join(texts[start : start + 8])},")
        print("    ),")
    print(")")


if __name__ == "__main__":
    main()
