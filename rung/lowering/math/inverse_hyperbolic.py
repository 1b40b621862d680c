"""asinh, acosh, atanh through log1p (after fdlibm)."""

from __future__ import annotations

from .emit import NAN, Emit, Value
from .exponential import LN2
from .logarithm import log1p

LARGE = 2.0**30
"""From here on, x + sqrt(x^2 +- 1) is 2 x in float32."""


def asinh(e: Emit, x: Value) -> Value:
    """asinh(|x|) = log1p(|x| + x^2 / (1 + sqrt(x^2 + 1))), or log(|x|) + ln2."""
    a = e.abs(x)
    square = e.mul(a, a)
    argument = e.add(a, e.div(square, e.add(e.sqrt(e.add(square, 1.0)), 1.0)))
    return e.signed(_log1p_or_log_double(e, a, argument), x)


def acosh(e: Emit, x: Value) -> Value:
    """acosh(x) = log1p(t + sqrt(t (t + 2))) with t = x - 1, or log(x) + ln2; NaN below 1."""
    t = e.sub(x, 1.0)
    argument = e.add(t, e.sqrt(e.mul(t, e.add(t, 2.0))))
    return e.select(e.lt(x, 1.0), NAN, _log1p_or_log_double(e, x, argument))


def _log1p_or_log_double(e: Emit, x: Value, argument: Value) -> Value:
    large = e.gt(x, LARGE)
    result = log1p(e, e.select(large, x, argument))
    return e.add(result, e.select(large, LN2, 0.0))


def atanh(e: Emit, x: Value) -> Value:
    """atanh(|x|) = log1p(2 |x| / (1 - |x|)) / 2; infinite at 1, NaN beyond."""
    a = e.abs(x)
    result = e.mul(log1p(e, e.div(e.add(a, a), e.sub(1.0, a))), 0.5)
    return e.signed(e.select(e.lt(a, 2.0**-12), a, result), x)
