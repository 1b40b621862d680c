"""Nests whose operands lie along different dimensions, against NumPy: every type, remainder and lane count."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.passes import Pass
from rung.transforms.vectorize import Vectorize
from tests.harness import jit
from tests.numeric.vectorize_nests import CONFIGS, RNG, every_config, floats, generic, module, view, view_type

TYPES = {"i8": np.int8, "i16": np.int16, "f16": np.int16, "bf16": np.int16, "f32": np.int32, "i64": np.int64}
"""Bits of each type, which a transposed copy keeps."""
SHAPES = ((0, 3), (1, 1), (3, 40), (40, 3), (8, 8), (16, 16), (15, 17), (16, 33), (33, 16), (64, 48), (70, 90))


def numbers(dtype: Any, *shape: int) -> np.ndarray:
    return np.frombuffer(RNG.bytes(math.prod(shape) * np.dtype(dtype).itemsize), dtype).reshape(shape).copy()


def copy_module(element: str, rows: object, columns: object) -> str:
    """Element [j, i] of %y, rows x columns, becomes element [i, j] of %x: both are parts of larger arrays."""
    x, y = (view_type(element, [rows, columns], strides) for strides in ([1, "%ldx"], ["%ldy", 1]))
    body = f"^bb0(%a: {element}, %b: {element}):\n linalg.yield %a : {element}"
    return module(
        f"%x0: memref<?x{element}>, %y0: memref<?x{element}>, %rows: index, %columns: index, %ldx: index, %ldy: index",
        view("x", "x0", element, [rows, columns], [1, "%ldx"]) + view("y", "y0", element, [rows, columns], ["%ldy", 1]),
        generic("j, i", "pp", [("%x_", "j, i", x)], [("%y_", "j, i", y)], body),
    )


@pytest.mark.parametrize("element", TYPES)
@every_config
def test_transposed_copies(config: Pass, element: str) -> None:
    dtype = TYPES[element]
    call = jit(copy_module(element, "%rows", "%columns"), [config])
    as_given = np.float16 if element == "f16" else dtype
    for rows, columns in SHAPES:
        x, y = numbers(dtype, columns, rows + 5), numbers(dtype, rows, columns + 3)
        right = y.copy()
        right[:, :columns] = x[:, :rows].T
        call(x.reshape(-1).view(as_given), y.reshape(-1).view(as_given), rows, columns, rows + 5, columns + 3)
        np.testing.assert_array_equal(y, right, f"{rows} x {columns}")


@given(
    config=st.sampled_from([c for name, c in CONFIGS.items() if "64" in name or "32" in name]),
    element=st.sampled_from(list(TYPES)),
    rows=st.integers(1, 70),
    columns=st.integers(1, 70),
)
@settings(max_examples=15, deadline=None)
def test_extents_that_are_known(config: Pass, element: str, rows: int, columns: int) -> None:
    dtype = TYPES[element]
    as_given = np.float16 if element == "f16" else dtype
    x, y = numbers(dtype, columns, rows), numbers(dtype, rows, columns)
    call = jit(copy_module(element, rows, columns), [config])
    call(x.reshape(-1).view(as_given), y.reshape(-1).view(as_given), rows, columns, rows, columns)
    np.testing.assert_array_equal(y, x.T)


BODY = """^bb0(%a: f32, %b: i8, %c: f32, %d: f32, %e: f32, %p: f32, %q: f32):
    %i = linalg.index 1 : index
    %j = linalg.index 0 : index
    %k = linalg.index 2 : index
    %ij = arith.subi %i, %j : index
    %n = arith.addi %ij, %k : index
    %m = arith.index_cast %n : index to i32
    %f = arith.sitofp %m : i32 to f32
    %w = arith.sitofp %b : i8 to f32
    %0 = arith.addf %a, %f : f32
    %1 = arith.mulf %w, %c : f32
    %2 = arith.addf %0, %1 : f32
    %3 = arith.addf %2, %d : f32
    %4 = arith.subf %3, %q : f32
    %5 = arith.addf %4, %e : f32
    linalg.yield %5, %4 : f32, f32"""


@every_config
def test_arithmetic_between_load_and_store(config: Pass) -> None:
    """Indices, operands of a row, of a column and of an outer loop, narrower ones, an output that is read, and one that
    lies along the other dimension itself."""
    across, along, row = [1, "%lda", "%plane"], ["%ldb", 1, "%plane"], [1]
    sizes = ["%rows", "%columns", "%planes"]
    operands = {
        "a": ("f32", "j, i, k", sizes, across),
        "b": ("i8", "j, i, k", sizes, across),
        "c": ("f32", "j", ["%rows"], row),
        "d": ("f32", "i", ["%columns"], row),
        "e": ("f32", "k", ["%planes"], row),
        "p": ("f32", "j, i, k", sizes, across),
        "q": ("f32", "j, i, k", sizes, along),
    }
    views = "".join(view(name, f"{name}0", t, size, by) for name, (t, _, size, by) in operands.items())
    terms = [(f"%{name}_", dims, view_type(t, size, by)) for name, (t, dims, size, by) in operands.items()]
    arguments = ", ".join(f"%{name}0: memref<?x{t}>" for name, (t, *_) in operands.items())
    indices = "%rows: index, %columns: index, %planes: index, %lda: index, %ldb: index, %plane: index"
    text = module(f"{arguments}, {indices}", views, generic("j, i, k", "ppp", terms[:5], terms[5:], BODY))
    call = jit(text, [config])
    for rows, columns in SHAPES[1:]:
        planes, plane = 2, rows * columns
        a, p, q = floats(planes, columns, rows), floats(planes, columns, rows), floats(planes, rows, columns)
        b = numbers(np.int8, planes, columns, rows)
        c, d, e = floats(rows), floats(columns), floats(planes)
        j, i, k = np.arange(rows)[:, None], np.arange(columns)[None, :], np.arange(planes)[:, None, None]
        turned = a.transpose(0, 2, 1) + (i - j + k).astype(np.float32)
        right = turned + b.transpose(0, 2, 1).astype(np.float32) * c[:, None] + d - q
        call(*(x.reshape(-1) for x in (a, b, c, d, e, p, q)), rows, columns, planes, rows, columns, plane)
        np.testing.assert_allclose(p, right.transpose(0, 2, 1) + e[:, None, None], rtol=1e-5, atol=1e-4)
        np.testing.assert_allclose(q, right, rtol=1e-5, atol=1e-4)


def test_tiles_in_the_widest_registers() -> None:
    """A tile of doublewords, whose edge is the lanes of a register of any width."""
    for width in (32, 64, 128):
        x, y = numbers(np.int64, 50, 60), numbers(np.int64, 60, 50)
        call = jit(copy_module("f64", "%rows", "%columns"), [Vectorize(vector_bytes=width)])
        call(x.reshape(-1).view(np.float64), y.reshape(-1).view(np.float64), 60, 50, 60, 50)
        np.testing.assert_array_equal(y, x.T)
