"""Times a power of two, rounded once: to overflow and to denormals as it should."""

from __future__ import annotations

from .avx512 import can_scale, scale
from .emit import Emit, Value

ROUNDING = {32: 12582912.0, 64: 6755399441055744.0}
"""1.5 * 2^23 and 1.5 * 2^52, by the width of the type: leave an integer in the low bits of a sum."""
TWICE = {32: 254, 64: 2046}
"""The exponent's bias twice: a power of two is applied in two steps, each biased."""


def scaled(e: Emit, z: Value, q: Value, vanishing: tuple[Value, float] | None = None) -> Value:
    """(1 + q) 2^n from the sum z = ROUNDING + TWICE + n; 0 where `vanishing`, (x, bound), says that x < bound.

    Zeros are selected rather than computed: an underflow costs some 150 cycles, and exp(-inf) is what a masked softmax
    asks for.
    """
    if can_scale(e):
        kept = e.cmp("uge", *vanishing) if vanishing else None
        return scale(e, e.add(q, 1.0), e.sub(z, ROUNDING[e.width] + TWICE[e.width]), kept)
    if vanishing:
        return e.select(e.lt(*vanishing), 0.0, _in_two_steps(e, z, q))
    return _in_two_steps(e, z, q)


def _in_two_steps(e: Emit, z: Value, q: Value) -> Value:
    biased = e.bits(z) if e.width == 32 else e.integer("andi", e.bits(z), 0xFFFF)
    half = e.integer("shrui", biased, 1)
    first = e.power_of_two(half)
    second = e.power_of_two(e.integer("subi", biased, half))
    return e.mul(e.fma(first, q, first), second)
