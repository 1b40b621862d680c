"""The order of scratch in memory, read from the IR of stage `linalg`, and what it spares the vector loops."""

from __future__ import annotations

import re

import pytest
import triton
import triton.language as tl

from rung.compile import compile_kernel
from rung.machine import host
from rung.schedule import Schedule
from tests.filecheck.test_convert import bodies, linalg

FLOATS = {"x": "*fp32", "y": "*fp32"}


@triton.jit
def column_sums(x, y, n, stride, STRIDED: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):
    """Of blocks of [BM, BN]; memory runs along BM, or along BN where STRIDED."""
    i, k = tl.arange(0, BM), tl.arange(0, BN)
    state = tl.zeros((BM, BN), tl.float32)
    for start in range(0, n, BN):
        j = start + k
        rows, cols = (stride, 1) if STRIDED else (1, stride)
        at = i[:, None] * rows + j[None, :] * cols
        v = tl.load(x + at, mask=j[None, :] < n, other=0.0)
        state = tl.where(j[None, :] < n, state + v, state)
    tl.store(y + i, tl.sum(state, 1))


def scratch(text: str) -> list[str]:
    return re.findall(r"memref\.alloca\(\).* : memref<([\dx]+)x\w+>", text)


@pytest.mark.parametrize(("strided", "shape"), [(False, "4x64"), (True, "64x4")])
def test_a_state_lies_as_the_memory_that_it_is_computed_from(strided: bool, shape: str) -> None:
    types = {**FLOATS, "n": "i32", "stride": "i32"}
    assert shape in scratch(linalg(column_sums, types, STRIDED=strided, BM=64, BN=4))


@pytest.mark.parametrize("strided", [False, True])
def test_a_kept_old_value_is_not_written_again(strided: bool) -> None:
    types = {**FLOATS, "n": "i32", "stride": "i32"}
    nests = bodies(linalg(column_sums, types, STRIDED=strided, BM=64, BN=4))
    assert len(nests) == 5, "the state's start, the loop's sum, the accumulator's start, the reduction, the store"


def test_column_sums_need_no_gather() -> None:
    signature = {**FLOATS, "n": "i32", "stride": "i32"} | dict.fromkeys(("STRIDED", "BM", "BN"), "constexpr")
    constexprs = {"STRIDED": False, "BM": 64, "BN": 4}
    executable = compile_kernel(column_sums, signature, constexprs, machine=host(), schedule=Schedule())
    text = executable.stages["vector"]
    assert "vector.load" in text and "vector.gather" not in text and "vector.scatter" not in text


@triton.jit
def contraction_of_columns(x, w, y, STRIDE: tl.constexpr):
    i = tl.arange(0, 16)
    a = tl.load(x + i[:, None] + i[None, :] * STRIDE)
    b = tl.load(w + i[:, None] * STRIDE + i[None, :])
    total = tl.dot(a, b)
    tl.debug_barrier()
    tl.store(y + i[:, None] * 16 + i[None, :], tl.dot(a * 2, total))


def test_operands_of_contractions_are_row_major() -> None:
    text = linalg(contraction_of_columns, {**FLOATS, "w": "*fp32"}, STRIDE=64)
    operands = re.findall(r"linalg\.matmul .*?ins\((.*?)\) outs\((.*?)\)", text)
    assert len(operands) == 2 and all("strided" not in part for pair in operands for part in pair)


@triton.jit
def reshaped(x, y):
    i, j = tl.arange(0, 16), tl.arange(0, 8)
    v = tl.load(x + i[:, None] + j[None, :] * 16)
    tl.store(y + tl.arange(0, 128), tl.reshape(v * v, (128,)))


def test_what_is_reshaped_is_row_major() -> None:
    assert scratch(linalg(reshaped, FLOATS)) == ["16x8"]
