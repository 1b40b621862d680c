# ruff: noqa: E501
"""Quotients and remainders of a block's numbers: a loop over runs whose accesses are views, read from the IR."""

from __future__ import annotations

import re
from typing import Any

import pytest
import triton
import triton.language as tl

from tests.filecheck.matching import in_order
from tests.filecheck.test_convert import bodies, linalg

TYPES = {"x": "*fp32", "y": "*fp32"}


@triton.jit
def channels(x, y, N: tl.constexpr, C: tl.constexpr, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(y + i, tl.load(x + i // N % C) + tl.load(x + C + i % N))


def test_one_nest_for_each_run() -> None:
    text = linalg(channels, TYPES, N=784, C=64, BLOCK=1024)
    in_order(
        text,
        r"scf\.for (%\w+) = %\w+ to %\w+",
        # One load runs along; the channel is one number per run.
        r"memref\.reinterpret_cast %arg0 to offset: \[%\w+\], sizes: \[%\w+\], strides: \[1\] \{rung\.bounds = array<i64: 784>\}",
        r"memref\.reinterpret_cast %arg0 to offset: \[%\w+\], sizes: \[\], strides: \[\]",
        r"memref\.reinterpret_cast %arg1 to offset: \[%\w+\], sizes: \[%\w+\], strides: \[1\]",
        r"linalg\.generic",
        r"\} \{rung\.bounds = array<i64: 3>\}",
        # The numbers of a launch's programs do not overflow, so none is negative.
        r"func\.func private @channels_fits",
    )
    assert len(bodies(text)) == 1 and "scf.if" not in text and "memref.load" not in text


def test_numbers_that_may_be_negative_are_looked_at() -> None:
    text = linalg(channels, TYPES, N=784, C=64, BLOCK=1024, fits=False)
    in_order(text, r"arith\.cmpi sgt", r"scf\.if", r"scf\.for", r"linalg\.generic", r"\} else \{", r"memref\.load")
    assert len(bodies(text)) == 2 and "memref.load" not in bodies(text)[0] and "_fits" not in text


@triton.jit
def from_zero(x, y, N: tl.constexpr, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(y + i, tl.load(x + i // N))


def test_numbers_from_zero_need_no_other_way() -> None:
    assert "scf.if" not in linalg(from_zero, TYPES, N=32, BLOCK=128)


def test_short_runs_are_gathered() -> None:
    text = linalg(from_zero, TYPES, N=8, BLOCK=128)
    assert "scf.for %" not in text and "memref.load" in text


@triton.jit
def remainders(x, y, N: tl.constexpr, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(y + i, tl.load(x + i % N))


@pytest.mark.parametrize(("block", "loops"), [(64, False), (256, True)])
def test_a_remainder_alone_wraps_around_where_the_block_is_short(block: int, loops: bool) -> None:
    assert ("scf.for %" in linalg(remainders, TYPES, N=100, BLOCK=block)) == loops


@triton.jit
def two_divisors(x, y, N: tl.constexpr, M: tl.constexpr, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(y + i, tl.load(x + i // N) + tl.load(x + i // M))


@pytest.mark.parametrize(("n", "m", "gathers"), [(32, 96, 0), (96, 32, 0), (32, 48, 1)])
def test_runs_are_of_the_smallest_divisor_and_its_multiples(n: int, m: int, gathers: int) -> None:
    text = linalg(two_divisors, TYPES, N=n, M=m, BLOCK=512)
    assert len(re.findall(r"arith\.divsi .* : i32", text)) == gathers
    assert text.count("scf.for %") == 1


@triton.jit
def masked(x, y, n, N: tl.constexpr, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    inner = i % N
    tl.store(y + i, tl.load(x + i // N, mask=(inner < 20) & (i < n), other=1.0), mask=i < n)


def test_masks_of_remainders_are_ranges_of_a_run() -> None:
    text = linalg(masked, {**TYPES, "n": "i32"}, N=512, BLOCK=2048)
    assert len(bodies(text)) == 2, "within the mask and beyond it"
    assert all("arith.cmpi" not in body and "scf.if" not in body for body in bodies(text))


def test_short_runs_are_not_cut_for_loads() -> None:
    """One loop asks each element; what is stored ends the run all the same, and is asked for nowhere."""
    text = linalg(masked, {**TYPES, "n": "i32"}, N=64, BLOCK=256)
    [body] = bodies(text)
    assert body.count("scf.if") == 1 and body.count("arith.cmpi") == 1
    # The loop's own number is compared, which is known to be small.
    assert re.search(r"(%\d+) = linalg\.index 0 .*arith\.cmpi slt, \1, ", body, re.DOTALL)


# ---- divisors that a launch knows


@triton.jit
def rows_of_an_image(x, y, n, stride, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(y + i, tl.load(x + i // n * stride + i % n))


def test_a_divisor_that_is_an_argument_is_asked_for_once() -> None:
    text = linalg(rows_of_an_image, {"x": "*fp32", "y": "*fp32", "n": "i32", "stride": "i32"}, BLOCK=256)
    in_order(text, r"scf\.if", r"scf\.for .* = %\w+ to", r"linalg\.generic", r"rung\.bounds = array<i64: 17>", r"else")
    by_runs, looked_at = bodies(text)
    assert "memref.load" not in by_runs and "memref.load" in looked_at


@triton.jit
def rows_and_channels(x, y, n, C: tl.constexpr, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(y + i, tl.load(x + i // n % C))


def test_what_is_made_of_a_quotient_is_one_number_of_a_run() -> None:
    text = linalg(rows_and_channels, {"x": "*fp32", "y": "*fp32", "n": "i32"}, C=7, BLOCK=256)
    assert "memref.load" not in bodies(text)[0]


@triton.jit
def around(x, y, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(y + i, tl.load(x + i % n))


@triton.jit
def every_other(x, y, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(y + i, tl.load(x + (2 * i + 1) // n))


@triton.jit
def by_lanes(x, y, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(y + i, tl.load(x + i // (n + i)))


@pytest.mark.parametrize("kernel", [around, every_other, by_lanes])
def test_other_divisions_by_what_a_launch_knows_have_no_runs(kernel: Any) -> None:
    text = linalg(kernel, {"x": "*fp32", "y": "*fp32", "n": "i32"}, BLOCK=256)
    assert "scf.for %" not in text
