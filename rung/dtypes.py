"""The one table of data types: what a type of numbers is called by whom, and how exact it is.

IEEE 754-2019, table 3.5; bfloat16 is binary32 with 16 bits less of significand.
"""

from __future__ import annotations

from dataclasses import dataclass


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

    @property
    def is_float(self) -> bool:
        return self.exponent_bits > 0

    @property
    def epsilon(self) -> float:
        """From 1 to the next number."""
        return 2.0**-self.significand_bits

    @property
    def smallest_normal(self) -> float:
        return 2.0 ** (2 - (1 << (self.exponent_bits - 1)))

    @property
    def smallest(self) -> float:
        """Above 0: subnormal."""
        return self.smallest_normal * self.epsilon


F16 = Dtype("f16", "fp16", "float16", "half", "uint16_t", "e", 16, 10, 5)
BF16 = Dtype("bf16", "bf16", "bfloat16", "bfloat", "uint16_t", "b", 16, 7, 8)
F32 = Dtype("f32", "fp32", "float32", "float", "float", "f", 32, 23, 8)
F64 = Dtype("f64", "fp64", "float64", "double", "double", "d", 64, 52, 11)

FLOATS = (F16, BF16, F32, F64)
BOOLS = (Dtype("i1", "i1", "bool", "i8", "int8_t", "1", 8), Dtype("i1", "u1", "bool", "i8", "uint8_t", "1", 8))
INTEGERS = tuple(
    Dtype(f"i{n}", f"{sign}{n}", f"{prefix}int{n}", f"i{n}", f"{prefix}int{n}_t", letter, n)
    for sign, prefix, letters in (("i", "", "cswi"), ("u", "u", "CSWu"))
    for n, letter in zip((8, 16, 32, 64), letters, strict=True)
)

BY_TRITON = {dtype.triton: dtype for dtype in (*FLOATS, *BOOLS, *INTEGERS)} | {d.mlir: d for d in FLOATS}
"""By Triton's name; floats by MLIR's, too, as signatures may have either."""
BY_MLIR = {dtype.mlir: dtype for dtype in FLOATS}
"""Floats. An integer of MLIR has no sign."""
BY_LLVM = {dtype.llvm: dtype for dtype in FLOATS}
