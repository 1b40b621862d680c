"""round (half away from zero), clampf."""

from __future__ import annotations

from .emit import Emit, Value

BELOW_HALF = 0.49999997019767761
"""The largest float32 below 1/2: adding 1/2 itself would round 0.49999997 up to 1."""


def round_half_away(e: Emit, x: Value) -> Value:
    """round(x) = trunc(x + copysign(0.49999997, x)), exact."""
    return e.trunc(e.add(x, e.signed(e.f(BELOW_HALF), x)))


def clamp(e: Emit, x: Value, low: Value, high: Value) -> Value:
    """min(max(x, low), high); NaN where any of the three is."""
    larger = e.op("arith.maximumf", e.type, [x, low])
    return e.op("arith.minimumf", e.type, [larger, high])
