"""Integers that wrap in addresses and masks, as they do in values: against whole numbers of Python, wrapped."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import triton
import triton.language as tl

from rung import machine
from rung.compile import Executable, compile_kernel, compile_ttir, generate_code
from rung.errors import LaunchError
from rung.frontends.triton.capture import make_ttir
from rung.runtime import _native
from rung.schedule import Schedule

BLOCK = 64
MOST = 2**31 - 1
KINDS = {
    tl.int8: np.int8,
    tl.int16: np.int16,
    tl.int32: np.int32,
    tl.int64: np.int64,
    tl.uint8: np.uint8,
    tl.uint16: np.uint16,
    tl.uint32: np.uint32,
    tl.uint64: np.uint64,
}
HOST, SCHEDULE = machine.host(), Schedule.parse("threads=1")


def wrapped(numbers: Any, kind: tl.dtype) -> np.ndarray:
    """Whole numbers of any size, as numbers of a type."""
    unsigned = np.dtype(f"u{np.dtype(KINDS[kind]).itemsize}")
    return np.array([int(n) % 2 ** (8 * unsigned.itemsize) for n in numbers], unsigned).astype(KINDS[kind])


def variants(kernel: Any, types: dict[str, str], **constexprs: Any) -> tuple[Executable, Executable]:
    """The kernel as it is launched, and as it is compiled for launches of which nothing is assumed."""
    signature = {n: types.get(n, "constexpr") for n in kernel.arg_names}
    usual = compile_kernel(kernel, signature, constexprs, machine=HOST, schedule=SCHEDULE)
    text = str(make_ttir(kernel, signature, constexprs))
    compiled = compile_ttir(text, machine=HOST, schedule=SCHEDULE, fits=False)
    other = generate_code(compiled, HOST)
    assert isinstance(usual, Executable) and isinstance(other, Executable) and not compiled.metadata["fits"]
    return usual, other


def marks(length: int = BLOCK) -> torch.Tensor:
    return torch.zeros(length, dtype=torch.int32)


# ---- masks


@triton.jit
def below(start, n, o, FROM: tl.constexpr, TO: tl.constexpr, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    number = (start.to(FROM) + i.to(FROM)).to(TO)
    tl.store(o + i, 1, mask=number < n.to(TO))


STARTS = (0, 100, -40, MOST - 30, -(2**31), 2**31 + 100, 2**32 - 20, 2**32, -(2**32) - 7, 2**62)


@pytest.mark.parametrize("source", KINDS, ids=str)
def test_masks_of_sums_that_are_cast(source: tl.dtype) -> None:
    types = {"start": "i64", "n": "i64", "o": "*i32"}
    for to in KINDS:
        executables = variants(below, types, FROM=source, TO=to, BLOCK=BLOCK)
        for start in STARTS:
            number = wrapped(wrapped(range(start, start + BLOCK), source), to)
            for n in (start + 20, 30, 2**31 + 120, -5):
                for executable in executables:
                    o = marks()
                    executable.run([start, n, o], (1, 1, 1))
                    expected = (number < wrapped([n], to)).astype(np.int32)
                    np.testing.assert_array_equal(o.numpy(), expected, f"{source} {to} {start} {n}")


@triton.jit
def compared(a, b, o, KIND: tl.constexpr, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    left, right = a.to(KIND) + i.to(KIND), b.to(KIND)
    tl.store(o + i, 1, mask=left < right)
    tl.store(o + BLOCK + i, 1, mask=left <= right)
    tl.store(o + 2 * BLOCK + i, 1, mask=left > right)
    tl.store(o + 3 * BLOCK + i, 1, mask=left >= right)
    tl.store(o + 4 * BLOCK + i, 1, mask=tl.zeros((BLOCK,), KIND) + a.to(KIND) < right)


@pytest.mark.parametrize("kind", [tl.int32, tl.uint32, tl.int64, tl.uint64], ids=str)
def test_comparisons_at_the_ends_of_types(kind: tl.dtype) -> None:
    """The difference of two 64-bit numbers may be no such number."""
    limits = np.iinfo(KINDS[kind])
    ends = [limits.min, limits.min + 1, limits.min + 40, 5, 40, limits.max - 40, limits.max - 1, limits.max]
    for executable in variants(compared, {"a": "i64", "b": "i64", "o": "*i32"}, KIND=kind, BLOCK=BLOCK):
        for a in ends:
            left = wrapped(range(a, a + BLOCK), kind)
            for b in ends:
                right = wrapped([b], kind)
                o = marks(5 * BLOCK)
                executable.run([*(int(v) for v in wrapped([a, b], tl.int64)), o], (1, 1, 1))
                expected = [left < right, left <= right, left > right, left >= right, np.full(BLOCK, a < b)]
                np.testing.assert_array_equal(o.numpy(), np.concatenate(expected).astype(np.int32), f"{a} {b}")


# ---- addresses


@triton.jit
def rows(x, o, row, stride, n, BLOCK: tl.constexpr):
    i = row + tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    at = i * stride
    inside = (at >= 0) & (at < n)
    tl.store(o + tl.arange(0, BLOCK), tl.load(x + at, mask=inside, other=-1.0))


def test_products_of_rows_and_strides() -> None:
    x = torch.arange(200.0)
    types = {"x": "*fp32", "o": "*fp32"} | dict.fromkeys(("row", "stride", "n"), "i32")
    for executable in variants(rows, types, BLOCK=BLOCK):
        for row, stride in ((0, 3), (100, -1), (1 << 20, 4096), (MOST - 10, 1), (3, 1 << 28), (-7, -3), (5, 1 << 30)):
            o = torch.zeros(BLOCK)
            executable.run([x, o, row, stride, 200], (1, 1, 1))
            at = wrapped([int(r) * stride for r in wrapped(range(row, row + BLOCK), tl.int32)], tl.int32)
            assert o.tolist() == [float(a) if 0 <= a < 200 else -1.0 for a in at], (row, stride)


@triton.jit
def from_unsigned(x, o, start, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    at = (start.to(tl.uint32) + i.to(tl.uint32)).to(tl.int64) - start
    tl.store(o + i, tl.load(x + at, mask=at >= 0, other=-1.0))


def test_unsigned_offsets_are_not_negative() -> None:
    x = torch.arange(float(BLOCK))
    for executable in variants(from_unsigned, {"x": "*fp32", "o": "*fp32", "start": "i64"}, BLOCK=BLOCK):
        for start in (0, 2**31 - 20, 2**31 + 100, 2**32 - 20):
            o = torch.zeros(BLOCK)
            executable.run([x, o, start], (1, 1, 1))
            assert o.tolist() == [float(i) if start + i < 2**32 else -1.0 for i in range(BLOCK)], start


@triton.jit
def carried(x, o, start, step, trips, BLOCK: tl.constexpr):
    """A block of pointers from offsets that may wrap, and a block of numbers that may wrap on the way."""
    i = tl.arange(0, BLOCK)
    at = start * 2 + i
    p = x + at
    total = tl.zeros((BLOCK,), tl.float32)
    inside = (at >= 0) & (at < 40)
    for _ in range(trips):
        total += tl.load(p, mask=inside, other=0.0) + tl.where(at < 50, 1.0, 0.0)
        p += 5
        at += step
    tl.store(o + i, total)


def test_what_loops_carry() -> None:
    x = torch.arange(100.0)
    types = {"x": "*fp32", "o": "*fp32"} | dict.fromkeys(("start", "step", "trips"), "i32")
    for executable in variants(carried, types, BLOCK=BLOCK):
        for start, step in ((0, 5), (-20, 3), (1 << 30, 0), ((1 << 30) - 3, 1 << 30), (5, MOST), (-(1 << 31) + 3, 7)):
            o = torch.zeros(BLOCK)
            executable.run([x, o, start, step, 4], (1, 1, 1))
            expected = []
            for first in wrapped(range(2 * start, 2 * start + BLOCK), tl.int32):
                numbers = wrapped([int(first) + t * step for t in range(4)], tl.int32)
                read = sum(float(first) + 5 * t for t in range(4)) if 0 <= first < 40 else 0.0
                expected.append(read + sum(n < 50 for n in numbers))
            assert o.tolist() == expected, (start, step)


@triton.jit
def of_memory(x, k, o, stride, BLOCK: tl.constexpr):
    """Numbers from memory: no launch tells what they are."""
    i = tl.load(k) + tl.arange(0, BLOCK)
    at = i * stride
    inside = (at >= 0) & (at < 200)
    tl.store(o + tl.arange(0, BLOCK), tl.load(x + at, mask=inside, other=-1.0) + (i % 7).to(tl.float32))


def test_numbers_from_memory() -> None:
    x = torch.arange(200.0)
    types = {"x": "*fp32", "k": "*i32", "o": "*fp32", "stride": "i32"}
    for executable in variants(of_memory, types, BLOCK=BLOCK):
        for first, stride in ((3, 2), (-5, 3), (MOST - 10, 1), (1 << 26, 64)):
            o = torch.zeros(BLOCK)
            executable.run([x, torch.tensor([first], dtype=torch.int32), o, stride], (1, 1, 1))
            number = wrapped(range(first, first + BLOCK), tl.int32)
            at = wrapped([int(n) * stride for n in number], tl.int32)
            expected = [float(a) if 0 <= a < 200 else -1.0 for a in at] + np.fmod(number, 7)
            assert o.tolist() == expected.tolist(), (first, stride)


# ---- remainders and hints


@triton.jit
def remainders(x, o, start, M, HINT: tl.constexpr, KIND: tl.constexpr, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    at = (start + i).to(KIND) % M.to(KIND)
    if HINT:
        at = tl.max_contiguous(tl.multiple_of(at, BLOCK), BLOCK)
    tl.store(o + i, tl.load(x + at, mask=at >= 0, other=-1.0))


@pytest.mark.parametrize("hint", [False, True])
def test_remainders(hint: bool) -> None:
    """Of negative numbers they are negative, of unsigned ones they are not."""
    x = torch.arange(300.0)
    types = {"x": "*fp32", "o": "*fp32", "start": "i32", "M": "i32"}
    for kind in (tl.int32, tl.uint32, tl.int64):
        for executable in variants(remainders, types, HINT=hint, KIND=kind, BLOCK=BLOCK):
            for start in (0, 64, 40, -30, MOST - 20):
                for modulus in (5, 64, 100, 250):
                    o = torch.zeros(BLOCK)
                    executable.run([x, o, start, modulus], (1, 1, 1))
                    number = wrapped(wrapped(range(start, start + BLOCK), tl.int32), kind)
                    at = np.fmod(number, wrapped([modulus], kind)).astype(np.int64)
                    assert o.tolist() == [float(a) if a >= 0 else -1.0 for a in at], (kind, start, modulus)


@triton.jit
def hinted_rows(x, y, M, stride, BLOCK: tl.constexpr, N: tl.constexpr):
    row = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.assume(M % BLOCK == 0)
    at = tl.max_contiguous(tl.multiple_of(row % M, BLOCK), BLOCK)
    column = tl.arange(0, N)
    tl.store(y + row[:, None] * N + column[None, :], tl.load(x + at[:, None] * stride + column[None, :]))


@pytest.mark.parametrize("M", [1, 5, 8, 12, 16, 31])
def test_hints_change_no_address(M: int) -> None:
    """Kernels of matrix products write it so, Inductor's too: where M ends inside of a block, the hint is false."""
    x = torch.full((M + 16, 16), -1.0)
    x[:M] = torch.arange(16.0 * M).view(M, 16)
    y = torch.zeros(32, 16)
    hinted_rows[(4,)](x, y, M, 16, BLOCK=8, N=16)
    assert torch.equal(y, x[torch.arange(32) % M])


# ---- launches


def test_a_launch_that_is_refused_runs_as_another_version() -> None:
    """Through Triton's launcher, and in repeated launches; without another version it is an error."""
    x = torch.arange(200.0)
    for row in (0, MOST - 10, 0):
        o = torch.zeros(BLOCK)
        rows[(1,)](x, o, row, 3, 200, BLOCK=BLOCK)
        at = wrapped([int(r) * 3 for r in wrapped(range(row, row + BLOCK), tl.int32)], tl.int32)
        assert o.tolist() == [float(a) if 0 <= a < 200 else -1.0 for a in at]
    usual, _ = variants(rows, {"x": "*fp32", "o": "*fp32"} | dict.fromkeys(("row", "stride", "n"), "i32"), BLOCK=BLOCK)
    args = (x, torch.zeros(BLOCK), MOST - 10, 1, 200)
    bound = usual.bind(args, (1, 1, 1))
    bound()
    bound()
    assert len(bound.time(3)) == 3
    alone = _native.bind(usual.loaded.address, usual.kinds, args, (1, 1, 1))
    for _ in range(2):
        with pytest.raises(LaunchError, match="overflow in this launch"):
            alone()
    with pytest.raises(LaunchError, match="overflow in this launch"):
        alone.time(2)


# ---- other numbers of elements


@triton.jit
def counted(x, o, BLOCK: tl.constexpr):
    tl.store(o + tl.arange(0, 256), tl.histogram(tl.load(x + tl.arange(0, BLOCK)), 256))


def test_bytes_are_counted_as_unsigned_numbers() -> None:
    x = torch.arange(0, 256, 4, dtype=torch.uint8)
    o = marks(256)
    counted[(1,)](x, o, BLOCK=BLOCK)
    assert torch.equal(o, torch.bincount(x.int(), minlength=256).int())


@triton.jit
def chosen(x, k, o, BLOCK: tl.constexpr):
    table = tl.load(x + tl.arange(0, 256))
    tl.store(o + tl.arange(0, BLOCK), tl.gather(table, tl.load(k + tl.arange(0, BLOCK)), 0))


def test_bytes_choose_as_unsigned_numbers() -> None:
    x, k = torch.arange(256.0), torch.arange(0, 256, 4, dtype=torch.uint8)
    o = torch.zeros(BLOCK)
    chosen[(1,)](x, k, o, BLOCK=BLOCK)
    assert torch.equal(o, k.float())


@triton.jit
def one_for_all(x, o, at, BLOCK: tl.constexpr):
    """One element for all lanes, under a mask that is off where there is none."""
    i = at + tl.zeros((BLOCK,), tl.int32)
    tl.store(o + tl.arange(0, BLOCK), tl.load(x + i, mask=i < 100, other=-1.0))


@pytest.mark.parametrize("schedule", ["threads=1", "vectorize=off threads=1"])
def test_what_is_masked_off_for_all_lanes_is_not_read(schedule: str) -> None:
    x = torch.arange(100.0)
    for at in (7, 1 << 30):
        o = torch.zeros(BLOCK)
        one_for_all[(1,)](x, o, at, BLOCK=BLOCK, schedule=schedule)
        assert o.tolist() == [7.0 if at < 100 else -1.0] * BLOCK
