"""erf, erfc."""

from __future__ import annotations

from .emit import Emit, Value
from .erf_pieces import ERF_PIECES
from .exponential import exp_of_sum
from .tables import can_look_up, lookup

# tools/fit_math.py ERF: largest error 2^-24.69 relative to erf.
ERF = (
    0.8783791661262512,
    0.06518208235502243,
    0.024225903674960136,
    3.0267554393503815e-05,
    -6.497058166132774e-06,
    -7.4589743235264905e-06,
)
ERF_DENOMINATOR = (
    1.0,
    0.5024114847183228,
    0.11425794661045074,
    0.014997512102127075,
    0.00116521748714149,
    3.800365811912343e-05,
)
# tools/fit_math.py ERFC: largest error 2^-25.07.
ERFC = (
    1.2329951524734497,
    -0.13962125778198242,
    0.015375294722616673,
    0.06810028851032257,
    -0.10094696283340454,
    0.09378008544445038,
    -0.0669601783156395,
    0.03627990931272507,
    -0.015167110599577427,
    0.008006732910871506,
    0.0012495770351961255,
)
ERF_ONE = 3.93
"""From here on, erf rounds to 1."""
PIECES_PER_ONE = 8
"""Between integers; ERF_ONE is in the last of ERF_PIECES."""
NEAREST_PIECE = 1.5 * 2**23 / PIECES_PER_ONE
"""Leaves the number of the nearest piece in the low bits of a sum."""


def erf(e: Emit, x: Value) -> Value:
    """erf of f32: picked polynomials take five operations less than a ratio, where they can be picked."""
    return _by_pieces(e, x) if can_look_up(e) else _by_ratio(e, x)


def _by_pieces(e: Emit, x: Value) -> Value:
    """erf(|x|) = sum_k c_k (|x| - m)^k around the nearest multiple m of 1/8, at most 2.3 ulp.

    Around 0, c_0 is 0, and what is left holds relative to erf.
    """
    a = e.at_most(e.abs(x), ERF_ONE)
    shifted = e.add(a, NEAREST_PIECE)
    piece = e.bits(shifted)
    d = e.sub(a, e.sub(shifted, NEAREST_PIECE))
    powers = [lookup(e, piece, f"rung_erf_{k}", row) for k, row in enumerate(ERF_PIECES)]
    return e.signed(e.horner(d, powers), x)


def _by_ratio(e: Emit, x: Value) -> Value:
    """erf(x) = x / 4 + x P(z) / Q(z), z = x^2, at most 2.9 ulp, and 3.7 without FMA.

    x / 4 is exact and is erf(x) at the end of the interval, so the rounding errors of P and Q, which grow with
    |x|, weigh less and less there.
    """
    a = e.at_least(e.at_most(x, ERF_ONE), -ERF_ONE)
    z = e.mul(a, a)
    return e.fma(a, e.div(e.horner(z, ERF), e.horner(z, ERF_DENOMINATOR)), e.mul(a, 0.25))


def erfc(e: Emit, x: Value) -> Value:
    """erfc(|x|) = e^(-x^2) P(t) / (1 + 2 |x|), t = (|x| - 4) / (|x| + 4); 2 - that for negative x.

    Source: Shepherd & Laframboise, Chebyshev approximation of (1 + 2x) exp(x^2) erfc x, Math. Comp. 36, 1981.
    """
    a = e.at_most(e.abs(x), 10.1)
    # One division gives both quotients.
    width, slope = e.add(a, 4.0), e.fma(a, 2.0, 1.0)
    reciprocal = e.div(1.0, e.mul(width, slope))
    t = e.mul(e.mul(e.sub(a, 4.0), slope), reciprocal)
    scaled = e.mul(e.horner(t, ERFC), e.mul(width, reciprocal))
    high, low = e.product(a, a)
    tail = e.mul(exp_of_sum(e, e.neg(high), e.neg(low)), scaled)
    return e.select(e.lt(x, 0.0), e.sub(2.0, tail), tail)
