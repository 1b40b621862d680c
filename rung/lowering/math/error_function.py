"""erf, erfc."""

from __future__ import annotations

from .emit import Emit, Value
from .exponential import exp_of_sum, reduce

# tools/fit_math.py ERF: largest error 2^-24.20 relative to erf.
ERF = (
    -1.128379225730896,
    -0.6366164684295654,
    -0.10281442105770111,
    0.019321758300065994,
    -0.0002057894307654351,
    -0.0012516858987510204,
    0.0003809767949860543,
    -4.070436261827126e-05,
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


def erf(e: Emit, x: Value) -> Value:
    """erf(|x|) = 1 - e^(log(erfc(|x|))) with log(erfc(a)) = a P(a), at most 3.5 ulp; no division."""
    a = e.at_most(e.abs(x), ERF_ONE)
    biased, q = reduce(e, e.mul(a, e.horner(a, ERF)), 127)
    power = e.power_of_two(biased)
    return e.signed(e.fma(e.neg(power), q, e.sub(1.0, power)), x)


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
