"""The one table of data types: what a type of numbers is called by whom, and how exact it is.

IEEE 754-2019, table 3.5; bfloat16 is binary32 with 16 bits less of significand. Eight bits: E5M2 and E4M3 are those of
the Open Compute Project's OFP8, revision 1.0, FNUZ those of arXiv:2206.02915, E2M1 and E8M0 of OCP's MX, revision 1.0.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Specials(Enum):
    """Which codes of a float are no numbers."""

    IEEE = "the greatest exponent: infinities and NaNs"
    TOP = "all ones are NaN; no infinity"
    ZERO = "what would be -0 is the only NaN; no infinity"
    NONE = "every code is a number"


@dataclass(frozen=True)
class Dtype:
    """mlir, triton, torch, llvm, c: names. letter: of an argument, for the launcher. bits: in memory."""

    mlir: str
    triton: str
    torch: str
    llvm: str
    c: str
    letter: str
    bits: int
    significand_bits: int = 0
    """Of a float, without the hidden one."""
    exponent_bits: int = 0
    specials: Specials = Specials.IEEE
    more_bias: int = 0
    """Of the exponent, beyond what IEEE 754 has for so many bits."""

    @property
    def is_float(self) -> bool:
        return self.exponent_bits > 0

    @property
    def bias(self) -> int:
        """Of the exponent: 1.0 has this one."""
        return (1 << (self.exponent_bits - 1)) - 1 + self.more_bias

    @property
    def epsilon(self) -> float:
        """From 1 to the next number."""
        return 2.0**-self.significand_bits

    @property
    def smallest_normal(self) -> float:
        return 2.0 ** (1 - self.bias)

    @property
    def smallest(self) -> float:
        """Above 0: subnormal."""
        return self.smallest_normal * self.epsilon

    @property
    def largest(self) -> int:
        """The code of the greatest finite number."""
        last = (1 << (self.significand_bits + self.exponent_bits)) - 1
        if self.specials is Specials.IEEE:
            return last - (1 << self.significand_bits)
        return last - (self.specials is Specials.TOP)

    @property
    def infinity(self) -> int:
        """The code of the infinity, of a type that has one."""
        return self.largest + 1

    @property
    def nan(self) -> int:
        """The code of a quiet NaN, of a type that has one."""
        if self.specials is Specials.ZERO:
            return 1 << (self.bits - 1)
        return (1 << (self.significand_bits + self.exponent_bits)) - 1

    def number(self, code: int) -> float:
        """What the bits of a finite number that is not negative mean."""
        exponent, significand = divmod(code, 1 << self.significand_bits)
        if exponent == 0:
            return significand * self.smallest
        return (1 + significand * self.epsilon) * 2.0 ** (exponent - self.bias)


F16 = Dtype("f16", "fp16", "float16", "half", "uint16_t", "e", 16, 10, 5)
BF16 = Dtype("bf16", "bf16", "bfloat16", "bfloat", "uint16_t", "b", 16, 7, 8)
F32 = Dtype("f32", "fp32", "float32", "float", "float", "f", 32, 23, 8)
F64 = Dtype("f64", "fp64", "float64", "double", "double", "d", 64, 52, 11)

F8E5 = Dtype("f8E5M2", "fp8e5", "float8_e5m2", "i8", "uint8_t", "", 8, 2, 5)
F8E4NV = Dtype("f8E4M3FN", "fp8e4nv", "float8_e4m3fn", "i8", "uint8_t", "", 8, 3, 4, Specials.TOP)
F8E4B8 = Dtype("f8E4M3FNUZ", "fp8e4b8", "float8_e4m3fnuz", "i8", "uint8_t", "", 8, 3, 4, Specials.ZERO, 1)
F8E5B16 = Dtype("f8E5M2FNUZ", "fp8e5b16", "float8_e5m2fnuz", "i8", "uint8_t", "", 8, 2, 5, Specials.ZERO, 1)
F8E4B15 = Dtype("f8E4M3B15", "fp8e4b15", "", "i8", "uint8_t", "", 8, 3, 4, Specials.NONE, 8)
"""Triton's own: MLIR and torch do not know it."""
F4E2 = Dtype("f4E2M1FN", "", "", "i8", "uint8_t", "", 4, 1, 2, Specials.NONE)
"""In `tl.dot_scaled` only."""
E8M0 = Dtype("f8E8M0FNU", "", "", "i8", "uint8_t", "", 8, 0, 8, Specials.TOP)
"""A power of 2, without a sign: a scale of `tl.dot_scaled`."""

FLOATS = (F16, BF16, F32, F64)
SMALL_FLOATS = (F8E5, F8E4NV, F8E4B8, F8E5B16, F8E4B15)
"""Of eight bits. They lie in the IR as integers, and are no arguments (pointers to them are)."""
BOOLS = (Dtype("i1", "i1", "bool", "i8", "int8_t", "1", 8), Dtype("i1", "u1", "bool", "i8", "uint8_t", "1", 8))
INTEGERS = tuple(
    Dtype(f"i{n}", f"{sign}{n}", f"{prefix}int{n}", f"i{n}", f"{prefix}int{n}_t", letter, n)
    for sign, prefix, letters in (("i", "", "cswi"), ("u", "u", "CSWu"))
    for n, letter in zip((8, 16, 32, 64), letters, strict=True)
)

BY_TRITON = {dtype.triton: dtype for dtype in (*FLOATS, *SMALL_FLOATS, *BOOLS, *INTEGERS)} | {d.mlir: d for d in FLOATS}
"""By Triton's name; floats by MLIR's, too, as signatures may have either."""
BY_MLIR = {dtype.mlir: dtype for dtype in FLOATS}
"""Floats. An integer of MLIR has no sign."""
SMALL_BY_MLIR = {dtype.mlir: dtype for dtype in (*SMALL_FLOATS, F4E2, E8M0)}
