"""What a random program computes with: typed values as Triton text, and operations that every type defines exactly."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from random import Random

SIGNED = ("int8", "int16", "int32", "int64")
UNSIGNED = ("uint8", "uint16", "uint32", "uint64")
INTEGERS = SIGNED + UNSIGNED
FLOATS = ("float16", "float32", "float64")
EDGES = {
    bits: (0, 1, -1, 2, 7, 2 ** (bits - 1) - 1, -(2 ** (bits - 1)), 2 ** (bits - 1) - 3, -(2 ** (bits - 1)) + 5)
    for bits in (8, 16, 32, 64)
}
"""Numbers near which a type wraps, its sign changes, or nothing happens."""

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Value:
    """An expression of one type; the empty shape is a scalar. Floats are small multiples of 1/16, so nothing rounds."""

    text: str
    dtype: str
    shape: Shape = ()

    @property
    def bits(self) -> int:
        return int("".join(c for c in self.dtype if c.isdigit()))

    @property
    def is_float(self) -> bool:
        return self.dtype in FLOATS

    def to(self, dtype: str) -> Value:
        return self if dtype == self.dtype else Value(f"({self.text}).to(tl.{dtype})", dtype, self.shape)


def wrapped(number: int, dtype: str) -> int:
    """What an integer type makes of a number."""
    bits = int("".join(c for c in dtype if c.isdigit()))
    number %= 2**bits
    return number - 2**bits if dtype in SIGNED and number >= 2 ** (bits - 1) else number


def literal(number: int, dtype: str) -> Value:
    """A scalar of exactly this type."""
    return Value(f"tl.full((), {wrapped(number, dtype)}, tl.{dtype})", dtype)


def fit(value: Value, shape: Shape) -> Value:
    """A scalar as a block; blocks have the shape already."""
    if value.shape == shape:
        return value
    assert value.shape == ()
    return Value(f"tl.broadcast_to({value.text}, {shape})", value.dtype, shape)


def integer(rng: Random, a: Value, b: Value) -> Value:
    """An operation of two integers of one type; every result is defined."""
    shape = a.shape or b.shape
    odd = f"({b.text} | 1)"
    few = f"({b.text} & {min(a.bits - 1, 7)})"
    form = rng.choice(
        [
            *("{a} + {b}", "{a} + {b}", "{a} - {b}", "{a} * {b}", "{a} & {b}", "{a} | {b}", "{a} ^ {b}"),
            *("{a} << {few}", "{a} >> {few}", "tl.maximum({a}, {b})", "tl.minimum({a}, {b})"),
            *(
                ("{a} // {odd}", "{a} % {odd}")
                if a.dtype in UNSIGNED
                else ("{a} // ({b} & 3 | 1)", "{a} % ({b} & 7 | 1)")
            ),
            *("tl.where({a} < {b}, {a}, {b})", "tl.where({b} == {a}, {b} + {a}, {a} - {b})"),
        ]
    )
    return Value("(" + form.format(a=a.text, b=b.text, odd=odd, few=few) + ")", a.dtype, shape)


def floating(rng: Random, a: Value, b: Value) -> Value:
    """An operation of two floats of one type whose result does not grow, so that it stays exact."""
    forms = ("tl.maximum({a}, {b})", "tl.minimum({a}, {b})", "tl.where({a} < {b}, {b}, {a})", "tl.abs({a})", "-{b}")
    return Value("(" + rng.choice(forms).format(a=a.text, b=b.text) + ")", a.dtype, a.shape or b.shape)


def convert(rng: Random, value: Value, dtype: str) -> Value:
    """A cast, directly or through another type of integers. Floats are exact in both types."""
    if dtype in FLOATS:
        if value.is_float:
            return value.to(dtype)
        small = Value(f"({value.text} & 31)", value.dtype, value.shape)
        return small.to(dtype)
    if value.is_float:
        return value.to("int32").to(dtype)
    if rng.random() < 0.4:
        return value.to(rng.choice(INTEGERS)).to(dtype)
    return value.to(dtype)


def factor(rng: Random, total: int) -> Shape:
    """A shape of `total` elements, a power of two."""
    rank = rng.choice([1, 1, 2, 2, 2, 3])
    extents = [1] * rank
    while prod(extents) < total:
        extents[rng.randrange(rank)] *= 2
    return tuple(extents)
