"""erf, erfc in f64."""

from __future__ import annotations

from .double_exponential import exp_of_sum
from .emit import Emit, Value

# tools/fit_math.py DOUBLE_ERF: largest error 2^-55.97.
ERF = (
    0.1283791670955126,
    -0.3761263890318375,
    0.11283791670954885,
    -0.026866170645077875,
    0.005223977624828431,
    -0.0008548326981425542,
    0.0001205533113295582,
    -1.4925595772180906e-05,
    1.64610084778027e-06,
    -1.6350396222864617e-07,
    1.466032872274226e-08,
    -1.137495573607015e-09,
    5.960685338520971e-11,
)
# tools/fit_math.py DOUBLE_ERFC: largest error 2^-54.21.
ERFC = (
    1.2329951186255526,
    -0.1396211168405625,
    0.015379652102620187,
    0.06809705425469009,
    -0.10103906603633798,
    0.09373283499847616,
    -0.06633036581121349,
    0.037167515534580337,
    -0.016197734073240207,
    0.005031970015598277,
    -0.0007577731509183952,
    -0.0001992569973424142,
    0.0001506209275094469,
    -2.439763243328202e-05,
    -1.1219539937059898e-05,
    5.70432505733924e-06,
    2.8899188217881553e-07,
    -8.136838750391824e-07,
    7.912149904641692e-08,
    9.511913452693527e-08,
    -1.820038883025296e-08,
    -4.9752340152020155e-09,
)


def _inner(e: Emit, a: Value) -> Value:
    """erf(a) = a + a P(a^2) for a <= 1."""
    return e.fma(a, e.horner(e.mul(a, a), ERF), a)


def _tail(e: Emit, a: Value) -> Value:
    """erfc(a) = e^(-a^2) P(t) / (1 + 2 a), t = (a - 4) / (a + 4), for a >= 0.99 (as `error_function.erfc`)."""
    t = e.div(e.sub(a, 4.0), e.add(a, 4.0))
    high, low = e.product(a, a)
    return e.mul(exp_of_sum(e, e.neg(high), e.neg(low)), e.div(e.horner(t, ERFC), e.fma(a, 2.0, 1.0)))


def erf(e: Emit, x: Value) -> Value:
    """erf(|x|): a polynomial up to 1, 1 - erfc(|x|) beyond."""
    a = e.abs(x)
    outer = e.sub(1.0, _tail(e, e.at_least(e.at_most(a, 6.0), 0.99)))
    return e.signed(e.select(e.lt(a, 1.0), _inner(e, e.at_most(a, 1.0)), outer), x)


def erfc(e: Emit, x: Value) -> Value:
    """1 - erf(x) for |x| < 1, the tail beyond; 2 - that for negative x."""
    a = e.abs(x)
    tail = _tail(e, e.at_least(e.at_most(a, 27.3), 0.99))
    inner = e.sub(1.0, e.signed(_inner(e, e.at_most(a, 1.0)), x))
    return e.select(e.lt(a, 1.0), inner, e.select(e.lt(x, 0.0), e.sub(2.0, tail), tail))
