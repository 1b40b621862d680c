"""Loads and stores of one array: what is loaded is what was there, though it is read where it is needed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import triton
import triton.language as tl

from rung import machine
from rung.compile import Executable, compile_kernel
from rung.schedule import Schedule


@pytest.fixture(params=["threads=1", "vectorize=off threads=1"], ids=["vector", "scalar"])
def schedule(request: pytest.FixtureRequest) -> str:
    return request.param


def build(kernel: Any, schedule: str, **constexprs: int) -> Executable:
    signature = {"x": "*i32", **dict.fromkeys(constexprs, "constexpr")}
    made = compile_kernel(kernel, signature, constexprs, machine=machine.host(), schedule=Schedule.parse(schedule))
    assert isinstance(made, Executable)
    return made


@triton.jit
def halves_to_words(x, BLOCK: tl.constexpr):
    """The same array, offsets and strides, but elements of another size."""
    i = tl.arange(0, BLOCK)
    tl.store(x + i, tl.load(x.to(tl.pointer_type(tl.int16)) + i).to(tl.int32) * 3)


def test_elements_of_another_size_are_other_elements(schedule: str) -> None:
    x = np.arange(64, dtype=np.int32) * 1001
    expected = x.view(np.int16)[:64].astype(np.int32) * 3
    build(halves_to_words, schedule, BLOCK=64).run([x], (1, 1, 1))
    np.testing.assert_array_equal(x, expected)


@triton.jit
def windows(x, BLOCK: tl.constexpr, STRIDE: tl.constexpr):
    at = x + tl.arange(0, BLOCK)[:, None] * STRIDE + tl.arange(0, BLOCK)[None, :]
    tl.store(at, tl.load(at) + 1)


@pytest.mark.parametrize("stride", [1, 3, 7, 8])
def test_rows_that_overlap_are_read_before_any_is_stored(schedule: str, stride: int) -> None:
    x = np.arange(100, dtype=np.int32)
    executable = build(windows, schedule, BLOCK=8, STRIDE=stride)
    executable.run([x], (1, 1, 1))
    last = 7 * stride + 7
    np.testing.assert_array_equal(x, np.arange(100) + (np.arange(100) <= last))


@triton.jit
def wrapped(x, BLOCK: tl.constexpr, MODULUS: tl.constexpr):
    at = x + (tl.arange(0, BLOCK) + 5) % MODULUS
    tl.store(at, tl.load(at) * 2)


def test_a_block_that_goes_round_is_read_before_any_is_stored(schedule: str) -> None:
    x = np.arange(64, dtype=np.int32)
    build(wrapped, schedule, BLOCK=64, MODULUS=12).run([x], (1, 1, 1))
    np.testing.assert_array_equal(x, np.r_[np.arange(12) * 2, np.arange(12, 64)])


@triton.jit(noinline=True)
def count_up(p, BLOCK: tl.constexpr):
    at = p + tl.arange(0, BLOCK)
    tl.store(at, tl.load(at) + 1)


@triton.jit
def across_a_call(x, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    before = tl.load(x + i)
    count_up(x, BLOCK)
    tl.store(x + BLOCK + i, before)
    for _ in range(2):
        count_up(x, BLOCK)
        between = tl.load(x + i)
        count_up(x, BLOCK)
        tl.store(x + 2 * BLOCK + i, between)


def test_what_a_function_overwrites_is_read_before_it_is_called(schedule: str) -> None:
    x = np.arange(192, dtype=np.int32)
    build(across_a_call, schedule, BLOCK=64).run([x], (1, 1, 1))
    i = np.arange(64)
    np.testing.assert_array_equal(x, np.r_[i + 5, i, i + 4])


@triton.jit
def masked_rows(x, BLOCK: tl.constexpr, COLUMNS: tl.constexpr):
    i, j = tl.arange(0, 4)[:, None], tl.arange(0, BLOCK)[None, :]
    at = x + i * COLUMNS + j
    tl.store(at, tl.load(at, mask=j < COLUMNS) + 1, mask=j < COLUMNS)


def test_rows_that_a_mask_keeps_apart_are_updated_in_place(schedule: str) -> None:
    x = np.arange(400, dtype=np.int32)
    executable = build(masked_rows, schedule, BLOCK=128, COLUMNS=100)
    executable.run([x], (1, 1, 1))
    np.testing.assert_array_equal(x, np.arange(400) + 1)
    assert "memref.alloca" not in executable.stages["linalg"], "nothing is kept"
