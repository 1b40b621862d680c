# ruff: noqa: E501
"""Where index arithmetic stands for integers that may wrap: what is proved, asked of a launch, or asked in a program."""

from __future__ import annotations

import triton
import triton.language as tl

from tests.filecheck.matching import in_order
from tests.filecheck.test_convert import bodies, linalg

TYPES = {"x": "*fp32", "y": "*fp32"}


@triton.jit
def elements(x, y, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(y + i, tl.load(x + i, mask=i < n), mask=i < n)


def test_a_multiple_of_the_block_and_its_elements_need_no_question() -> None:
    for fits in (True, False):
        text = linalg(elements, TYPES | {"n": "i32"}, BLOCK=1024, fits=fits)
        assert len(bodies(text)) == 1 and "scf.if" not in text and "_fits" not in text


@triton.jit
def rows(x, y, stride, BLOCK: tl.constexpr):
    i = tl.program_id(0) * 4 + tl.arange(0, 4)[:, None]
    j = tl.arange(0, BLOCK)[None, :]
    tl.store(y + i * BLOCK + j, tl.load(x + i * stride + j))


def test_products_are_asked_of_a_launch() -> None:
    text = linalg(rows, TYPES | {"stride": "i32"}, BLOCK=64)
    assert len(bodies(text)) == 1 and "scf.if" not in text
    in_order(
        text,
        r"func\.func private @rows_fits\(.*\) -> i1 attributes \{rung\.fits\}",
        r"arith\.sitofp",
        r"arith\.mulf",
        r"arith\.cmpf ole",
        r"return %\w+ : i1",
    )


def test_without_a_launch_to_ask_the_program_does() -> None:
    text = linalg(rows, TYPES | {"stride": "i32"}, BLOCK=64, fits=False)
    assert "_fits" not in text
    in_order(
        text, r"arith\.cmpi sle", r"scf\.if", r"linalg\.generic", r"\} else \{", r"linalg\.generic", r"memref\.load"
    )
    assert len(bodies(text)) == 2 and "memref.load" not in bodies(text)[0]


@triton.jit
def rows_of_64_bits(x, y, stride, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * 4 + tl.arange(0, 4)[:, None]
    j = tl.arange(0, BLOCK)[None, :]
    tl.store(y + i * BLOCK + j, tl.load(x + i * stride + j))


def test_offsets_of_64_bits_wrap_as_addresses_do() -> None:
    text = linalg(rows_of_64_bits, TYPES | {"stride": "i64"}, BLOCK=64)
    assert len(bodies(text)) == 1 and "scf.if" not in text and "_fits" not in text


@triton.jit
def from_memory(x, y, BLOCK: tl.constexpr):
    i = tl.load(x + tl.program_id(0)).to(tl.int32) + tl.arange(0, BLOCK)
    tl.store(y + i, 1.0)


def test_numbers_from_memory_are_asked_in_the_program() -> None:
    text = linalg(from_memory, TYPES, BLOCK=64)
    assert "_fits" not in text
    in_order(text, r"scf\.if", r"memref\.reinterpret_cast %arg1", r"\} else \{", r"memref\.store")


@triton.jit
def carried(x, y, trips, BLOCK: tl.constexpr):
    i = tl.load(x).to(tl.int32) + tl.arange(0, BLOCK)
    p = y + i
    for _ in range(trips):
        tl.store(p, 1.0)
        p += BLOCK


def test_a_carried_pointer_is_told_from_what_it_was() -> None:
    text = linalg(carried, TYPES | {"trips": "i32"}, BLOCK=64)
    in_order(
        text, r"scf\.for", r"scf\.if", r"linalg\.generic", r"\} else \{", r"arith\.addi .* : i32", r"memref\.store"
    )
    assert "memref.alloca() {alignment = 64 : i64} : memref<64xi64>" not in text


@triton.jit
def unsigned(x, y, start: tl.uint32, n: tl.uint32, BLOCK: tl.constexpr):
    i = start + tl.arange(0, BLOCK).to(tl.uint32)
    tl.store(y + i, tl.load(x + i, mask=i < n), mask=i < n)


def test_unsigned_numbers_are_extended_with_zeros() -> None:
    text = linalg(unsigned, TYPES | {"start": "u32", "n": "u32"}, BLOCK=64, fits=False)
    in_order(text, r"arith\.index_castui", r"scf\.if", r"arith\.minsi", r"linalg\.generic", r"\} else \{")
    assert "memref.load" not in bodies(text)[0]


@triton.jit
def truncated(y, n, BLOCK: tl.constexpr):
    i = (n + tl.arange(0, BLOCK)).to(tl.int32)
    tl.store(y + i, 1.0, mask=i < 10)


def test_truncation_is_no_identity() -> None:
    text = linalg(truncated, {"y": "*fp32", "n": "i64"}, BLOCK=64, fits=False)
    in_order(text, r"arith\.index_cast %\w+ : index to i32|arith\.trunci", r"arith\.index_cast %\w+ : i32 to index")


@triton.jit
def wrapping_rows(x, y, M, FACTOR: tl.constexpr, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    at = tl.max_contiguous(tl.multiple_of(i % (M * FACTOR), BLOCK), BLOCK)
    tl.store(y + i, tl.load(x + at))


def test_a_hint_does_not_take_the_seam_away() -> None:
    text = linalg(wrapping_rows, TYPES | {"M": "i32"}, FACTOR=1, BLOCK=64)
    in_order(text, r"scf\.if", r"linalg\.generic", r"linalg\.generic", r"\} else \{", r"memref\.load")
    assert len(bodies(text)) == 3


def test_a_modulus_that_is_a_multiple_of_the_block_has_no_seam_in_it() -> None:
    text = linalg(wrapping_rows, TYPES, M=8, FACTOR=64, BLOCK=64)
    assert len(bodies(text)) == 1 and "scf.if" not in text


@triton.jit
def hinted(x, y, n, HINTS: tl.constexpr, BLOCK: tl.constexpr):
    i = n + tl.arange(0, BLOCK)
    if HINTS:
        tl.assume(n >= 0)
        i = tl.max_contiguous(tl.multiple_of(i, BLOCK), BLOCK)
    tl.store(y + i, tl.load(x + i))


def test_hints_change_nothing() -> None:
    one, other = (linalg(hinted, TYPES | {"n": "i32"}, HINTS=h, BLOCK=64) for h in (False, True))
    assert one == other
