"""What masks become, read from the IR of stage `linalg`: ranges are boxes with an origin, all else is a condition."""

from __future__ import annotations

import re
from typing import Any

import pytest
import triton
import triton.language as tl

from tests.filecheck.test_convert import bodies, linalg

TYPES = {"x": "*fp32", "y": "*fp32", "idx": "*i32", "lo": "i32", "hi": "i32", "n": "i32"}


def of(kernel: Any, **constexprs: int) -> str:
    return linalg(kernel, {n: t for n, t in TYPES.items() if n in kernel.arg_names}, **constexprs)


def reads(nest: str) -> int:
    """Views that a nest reads."""
    return len(re.findall(r"\^bb0\((.*)\)", nest)[0].split(", ")) - 1


@triton.jit
def shifted(x, y, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    v = tl.load(x + i - 3, mask=(i >= 3) & (i < n), other=1.0)
    tl.store(y + i, v, mask=i < n)


def test_what_lies_before_a_range_is_a_nest_without_an_access() -> None:
    text = of(shifted, BLOCK=256)
    before, inside = bodies(text)
    assert (reads(before), reads(inside)) == (0, 1)
    assert "scf.if" not in text and "memref.load" not in text
    origin = re.findall(r"memref\.reinterpret_cast %arg0 to offset: \[%\w+\], sizes: \[%\w+\]", text)
    assert len(origin) == 1


@triton.jit
def written(x, y, lo, hi, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(y + i, tl.load(x + i, mask=(lo <= i) & (i < hi)), mask=(lo <= i) & (i < hi))


def test_what_lies_outside_of_a_stores_range_is_not_computed() -> None:
    text = of(written, BLOCK=256)
    assert len(bodies(text)) == 1 and "scf.if" not in text


@triton.jit
def padded(x, y, lo, hi, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(y + i, tl.load(x + i, mask=(i >= lo) & (i < hi), other=float("nan")))


def test_a_range_has_a_nest_on_either_side() -> None:
    text = of(padded, BLOCK=256)
    assert [reads(nest) for nest in bodies(text)] == [0, 1, 0]
    assert "scf.if" not in text


@triton.jit
def tile(x, y, lo, hi, n, M: tl.constexpr, N: tl.constexpr):
    i, j = tl.arange(0, M)[:, None], tl.arange(0, N)[None, :]
    inside = (i >= lo) & (i < n) & (j >= lo) & (j < hi)
    tl.store(y + i * N + j, tl.load(x + i * n + j, mask=inside, other=0.0))


def test_every_dimension_has_its_range() -> None:
    text = of(tile, M=16, N=32)
    assert [reads(nest) for nest in bodies(text)] == [0, 0, 1, 0, 0]
    assert "scf.if" not in text


@triton.jit
def at_least(x, y, idx, lo, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(y + i, tl.load(x + i, mask=i >= lo, other=0.0))


@triton.jit
def turned(x, y, idx, lo, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(y + i, tl.load(x + i, mask=lo <= i, other=0.0))


@triton.jit
def beyond(x, y, idx, lo, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(y + i, tl.load(x + i, mask=i > lo, other=0.0))


@triton.jit
def not_below(x, y, idx, lo, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(y + i, tl.load(x + i, mask=not (i < lo), other=0.0))


@triton.jit
def not_outside(x, y, idx, lo, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(y + i, tl.load(x + i, mask=~((i < lo) | (i > n)), other=0.0))


@triton.jit
def unsigned(x, y, idx, lo, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(y + i, tl.load(x + i, mask=i.to(tl.uint32) >= lo.to(tl.uint32), other=0.0))


@triton.jit
def wide(x, y, idx, lo, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(y + i, tl.load(x + i, mask=i.to(tl.int64) >= lo, other=0.0))


@triton.jit
def from_memory(x, y, idx, lo, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(y + i, tl.load(x + i, mask=i >= tl.load(idx + lo), other=0.0))


@triton.jit
def equal(x, y, idx, lo, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(y + i, tl.load(x + i, mask=i == lo, other=0.0))


@pytest.mark.parametrize(
    ("kernel", "nests"),
    [
        *((kernel, 2) for kernel in (at_least, turned, beyond, not_below, unsigned, wide, from_memory)),
        *((kernel, 3) for kernel in (not_outside, equal)),
    ],
    ids=lambda k: k if isinstance(k, int) else k.__name__,
)
def test_a_bound_is_found_however_it_is_written(kernel: Any, nests: int) -> None:
    text = of(kernel, BLOCK=256)
    assert len(bodies(text)) == nests and "scf.if" not in text


@triton.jit
def in_front(x, y, lo, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(y + i, tl.load(x + i, mask=(i >= 0) & (i < n), other=0.0), mask=i < n)


def test_a_bound_that_always_holds_is_none() -> None:
    text = of(in_front, BLOCK=256)
    assert len(bodies(text)) == 1 and "scf.if" not in text


@triton.jit
def either(x, y, lo, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    a = tl.load(x + i, mask=i < lo, other=0.0)
    b = tl.load(x + 2 * BLOCK + i - lo, mask=i >= lo, other=0.0)
    tl.store(y + i, a + b)


def test_two_arrays_one_behind_the_other_are_two_views() -> None:
    text = of(either, BLOCK=256)
    assert [reads(nest) for nest in bodies(text)] == [1, 1] and "scf.if" not in text


@triton.jit
def apart(x, y, lo, hi, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    a = tl.load(x + i, mask=i < hi, other=0.0)
    b = tl.load(x + 2 * BLOCK + i, mask=i >= lo, other=0.0)
    tl.store(y + i, a + b)


def test_ranges_that_may_lie_apart_are_views_wherever_they_are() -> None:
    text = of(apart, BLOCK=256)
    assert [reads(nest) for nest in bodies(text)] == [1, 2, 0, 1] and "scf.if" not in text


# ---- what is no range


@triton.jit
def every_other(x, y, lo, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(y + i, tl.load(x + i, mask=2 * i >= lo, other=0.0))


@triton.jit
def band(x, y, lo, N: tl.constexpr):
    i, j = tl.arange(0, N)[:, None], tl.arange(0, N)[None, :]
    tl.store(y + i * N + j, tl.load(x + i * N + j, mask=j - i >= lo, other=0.0))


@triton.jit
def all_but_one(x, y, lo, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(y + i, tl.load(x + i, mask=i != lo, other=0.0))


@triton.jit
def one_or_other(x, y, lo, hi, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(y + i, tl.load(x + i, mask=(i < lo) | (i >= hi), other=0.0))


@triton.jit
def not_some(x, y, lo, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(y + i, tl.load(x + i, mask=~(i % 3 == lo), other=0.0))


@pytest.mark.parametrize(
    ("kernel", "constexprs"),
    [
        (every_other, {"BLOCK": 256}),
        (band, {"N": 16}),
        (all_but_one, {"BLOCK": 256}),
        (one_or_other, {"BLOCK": 256}),
        (not_some, {"BLOCK": 256}),
    ],
    ids=lambda k: getattr(k, "__name__", ""),
)
def test_what_is_no_range_is_asked_for_each_element(kernel: Any, constexprs: dict[str, int]) -> None:
    text = of(kernel, **constexprs)
    assert len(bodies(text)) == 1 and text.count("scf.if") == 1
