"""sin, cos, tan for all finite arguments.

|x| = n pi/2 + r, |r| <= pi/4. Up to |x| = 12867 the reduction is Cody and Waite's; beyond, Payne and Hanek's
(Radian reduction for trigonometric functions, SIGNUM Newsletter 18, 1983), under one `scf.if` that asks
whether any lane needs it.
"""

from __future__ import annotations

from itertools import pairwise

from torch_mlir import ir

from .emit import INFINITY, NAN, SIGN, Emit, Value, shaped
from .exponential import ROUND

TWO_OVER_PI = 0.6366197466850281
# pi/2 in three floats for FMA, and in pieces of 11 bits, whose products with n < 2^13 are exact, without.
HALF_PI_FUSED = (1.5707963705062866, -4.371138828673793e-08, -1.7151245100058819e-15)
HALF_PI_EXACT = (1.5703125, 0.0004837512969970703, 7.549533620476723e-08, 2.5633440682570896e-12)
LARGEST_FAST = 12867.0
# tools/fit_math.py SIN, COS, TAN: largest errors 2^-27.89, 2^-33.13 (absolute), 2^-25.73.
SIN = (
    -0.16666655242443085,
    0.008332187309861183,
    -0.00019517897453624755,
)
COS = (
    0.04166664555668831,
    -0.00138873013202101,
    2.4430670237052254e-05,
)
TAN = (
    0.33333155512809753,
    0.1333884596824646,
    0.053406864404678345,
    0.024447258561849594,
    0.0030908130574971437,
    0.009403412230312824,
)
# 2/pi * 2^30 mod 2^32, and the words that follow it.
TWO_OVER_PI_WORDS = (0x28BE60DB, 0x9391054A, 0x7F09D5F4, 0x7D4D3770, 0x36D8A566, 0x4F10E410, 0x7F9458EA)


def _reduce(e: Emit, magnitude: Value) -> tuple[Value, Value]:
    """(n in the low two bits, r) of |x|."""
    z = e.fma(magnitude, TWO_OVER_PI, ROUND)
    n = e.sub(z, ROUND)
    fast = (e.bits(z), _subtract_multiple(e, magnitude, n))
    large = e.cmp("ogt", magnitude, LARGEST_FAST)
    quadrant, reduced = e.when_any(large, lambda inner: _choose(inner, large, magnitude, fast), fast)
    return quadrant, reduced


def _subtract_multiple(e: Emit, x: Value, n: Value) -> Value:
    """x - n pi/2, with an error of about one ulp of the result."""
    if e.fused:
        for part in HALF_PI_FUSED:
            x = e.fma(n, -part, x)
        return x
    first, second, third, rest = (e.mul(n, part) for part in HALF_PI_EXACT)
    x = e.sub(x, first)
    # The sums so far, and what their roundings lost.
    r = e.sub(x, second)
    lost = e.sub(e.sub(x, r), second)
    s = e.sub(r, third)
    lost = e.add(lost, e.sub(e.sub(r, s), third))
    return e.add(s, e.sub(lost, rest))


def _choose(e: Emit, large: Value, magnitude: Value, fast: tuple[Value, Value]) -> tuple[Value, Value]:
    n, r = _reduce_large(e, magnitude)
    r = e.select(e.lt(magnitude, INFINITY), r, NAN)
    return e.select_int(large, n, fast[0]), e.select(large, r, fast[1])


def _reduce_large(e: Emit, magnitude: Value) -> tuple[Value, Value]:
    """Payne-Hanek: the 96 bits of 2/pi that matter for the exponent, times the 24 bits of the significand."""
    bits = e.bits(magnitude)
    exponent = e.integer("subi", e.integer("shrui", bits, 23), 126)
    word = e.integer("shrui", exponent, 5)
    shift = e.integer("andi", exponent, 31)
    back = e.integer("subi", 31, shift)
    # Words word - 1 ... word + 2 of 2/pi, the one before the first being zero.
    table = (0, *TWO_OVER_PI_WORDS)
    words = [e.i(_signed(table[i])) for i in range(4)]
    for step in range(1, 5):
        here = e.cmpi("eq", word, step)
        words = [e.select_int(here, _signed(table[step + i]), value) for i, value in enumerate(words)]
    high, middle, low = (
        e.integer("ori", e.integer("shli", a, shift), e.integer("shrui", e.integer("shrui", b, 1), back))
        for a, b in pairwise(words)
    )
    i64 = shaped(e.type, ir.IntegerType.get_signless(64))
    f64 = shaped(e.type, ir.F64Type.get())

    def wide(name: str, a: Value, b: Value | int) -> Value:
        return e.op(f"arith.{name}", i64, [a, e.constant(i64, b) if isinstance(b, int) else b])

    def widen(value: Value) -> Value:
        return e.op("arith.extui", i64, [value])

    significand = e.integer("ori", e.integer("shli", bits, 8), SIGN)
    factor = widen(significand)
    product = wide("shrui", wide("muli", factor, widen(low)), 32)
    product = wide("addi", wide("muli", factor, widen(middle)), product)
    top = widen(e.integer("muli", significand, high))
    product = wide("addi", wide("shli", top, 32), product)
    # Two bits of quadrant, then the fraction of pi/2 in 62 bits, taken to the nearest quadrant.
    rounded = wide("addi", product, 1 << 61)
    quadrant = e.op("arith.trunci", e.int_type, [wide("shrui", rounded, 62)])
    fraction = wide("shrsi", wide("shli", product, 2), 2)
    value = e.op("arith.sitofp", f64, [fraction])
    scaled = e.op("arith.mulf", f64, [value, e.constant(f64, 1.5707963267948966 * 2.0**-62)])
    return quadrant, e.op("arith.truncf", e.type, [scaled])


def _signed(word: int) -> int:
    return word - (1 << 32) if word & SIGN else word


def _sine_or_cosine(e: Emit, quadrant: Value, r: Value) -> Value:
    """sin(r + quadrant pi/2)."""
    z = e.mul(r, r)
    sine = e.fma(e.mul(r, z), e.horner(z, SIN), r)
    cosine = e.fma(z, e.horner(z, COS, plus=(-0.5,)), 1.0)
    odd = e.cmpi("ne", e.integer("andi", quadrant, 1), 0)
    flip = e.integer("andi", e.integer("shli", quadrant, 30), SIGN)
    return e.from_bits(e.integer("xori", e.bits(e.select(odd, cosine, sine)), flip))


def sin(e: Emit, x: Value) -> Value:
    """Sine, at most 2 ulp for every finite argument; NaN at infinity."""
    quadrant, r = _reduce(e, e.abs(x))
    return e.flip_sign(_sine_or_cosine(e, quadrant, r), x)


def cos(e: Emit, x: Value) -> Value:
    """Cosine, at most 2 ulp for every finite argument; NaN at infinity."""
    quadrant, r = _reduce(e, e.abs(x))
    return _sine_or_cosine(e, e.integer("addi", quadrant, 1), r)


def tan(e: Emit, x: Value) -> Value:
    """Tangent: r + r z P(z), or -1 over it in odd quadrants."""
    quadrant, r = _reduce(e, e.abs(x))
    z = e.mul(r, r)
    tangent = e.fma(e.mul(r, z), e.horner(z, TAN), r)
    odd = e.cmpi("ne", e.integer("andi", quadrant, 1), 0)
    return e.flip_sign(e.select(odd, e.div(-1.0, tangent), tangent), x)
