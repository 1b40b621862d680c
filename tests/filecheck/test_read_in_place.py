"""`read-in-place`: A is read from memory where a whole block of it is there, and filled only where not."""

from __future__ import annotations

import numpy as np
import pytest

from rung.transforms.contract import TileContractions
from rung.transforms.read_in_place import ReadInPlace
from rung.transforms.vectorize import Vectorize
from tests.filecheck.matching import in_order, run
from tests.harness import jit

IDENTITY = "affine_map<(i, j) -> (i, j)>"
NEST = f'linalg.generic {{indexing_maps = [{IDENTITY}, {IDENTITY}], iterator_types = ["parallel", "parallel"]}}'
SET = f'linalg.generic {{indexing_maps = [{IDENTITY}], iterator_types = ["parallel", "parallel"]}}'
ROWS = "memref<?x?xf32, strided<[?, 1], offset: ?>>"
PART = "memref<?x?xf32, strided<[8, 1], offset: ?>>"
COPY = f"""%part = memref.reinterpret_cast %a to offset: [0], sizes: [%r, %c], strides: [8, 1]
    : memref<4x8xf32> to memref<?x?xf32, strided<[8, 1]>>
  {NEST} ins(%rows : {ROWS}) outs(%part : memref<?x?xf32, strided<[8, 1]>>) {{
    ^bb0(%e: f32, %old: f32): linalg.yield %e : f32 }}"""
REST = f"""%right = arith.subi %c8, %c : index
  %to_the_right = memref.reinterpret_cast %a to offset: [%c], sizes: [%r, %right], strides: [8, 1]
    : memref<4x8xf32> to {PART}
  {SET} outs(%to_the_right : {PART}) {{ ^bb0(%old: f32): linalg.yield %zero : f32 }}
  %down = arith.subi %c4, %r : index
  %from = arith.muli %r, %c8 : index
  %below = memref.reinterpret_cast %a to offset: [%from], sizes: [%down, 8], strides: [8, 1]
    : memref<4x8xf32> to memref<?x8xf32, strided<[8, 1], offset: ?>>
  {SET} outs(%below : memref<?x8xf32, strided<[8, 1], offset: ?>>) {{ ^bb0(%old: f32): linalg.yield %zero : f32 }}"""
PRODUCT = "linalg.matmul ins(%a, %b : memref<4x8xf32>, memref<8x16xf32>) outs(%C : memref<4x16xf32>)"


def kernel(
    filling: str = f"{COPY}\n  {REST}",
    stride: str = "?, 1",
    before: str = "",
    between: str = "",
    product: str = PRODUCT,
) -> str:
    """C += A B, where A is r x c of the numbers at %o, and 0 beside them."""
    strides = "%s, 1" if stride == "?, 1" else "%s, %s"
    return f"""
func.func @kernel(%A: memref<?xf32>, %b: memref<8x16xf32>, %C: memref<4x16xf32>, %o: index, %s: index, %r: index,
                  %c: index) attributes {{rung.kernel}} {{
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %c8 = arith.constant 8 : index
  %zero = arith.constant 0.0 : f32
  %a = memref.alloca() : memref<4x8xf32>
  %rows = memref.reinterpret_cast %A to offset: [%o], sizes: [%r, %c], strides: [{strides}]
    {{rung.bounds = array<i64: 4, 8>}} : memref<?xf32> to {ROWS.replace("?, 1", stride)}
  {before}
  {filling.replace(ROWS, ROWS.replace("?, 1", stride))}
  {between}
  {product}
  return
}}"""


PASS = ReadInPlace(least_terms=8)


def test_a_block_that_may_be_whole() -> None:
    text = run(kernel(), PASS)
    in_order(
        text,
        r"%\d+ = arith.cmpi eq, %arg5, %c4",
        r"%\d+ = arith.cmpi eq, %arg6, %c8",
        r"arith.andi",
        r"scf.if %\d+ \{",
        r"ins\(%reinterpret_cast : ",
        r"outs\(%reinterpret_cast_\d+ : memref<\?x\?xf32, strided<\[8, 1\], offset: \?>>\)",
        r"outs\(%reinterpret_cast_\d+ : memref<\?x8xf32",
        r"\n    \}\n",
        r"%(\d+) = arith.select %\d+, %arg0, %cast : memref<\?xf32>",
        r"%(\d+) = arith.select %\d+, %arg3, %c0",
        r"%(\d+) = arith.select %\d+, %arg4, %c8",
        r"linalg.matmul \{rung.in_place\} ins\(%reinterpret_cast_\d+, %arg1 : memref<4x8xf32, strided<\[\?, 1\]",
    )


def test_a_block_that_is_whole_is_never_copied() -> None:
    whole = f"""%all = memref.reinterpret_cast %A to offset: [%o], sizes: [4, 8], strides: [%s, 1]
    : memref<?xf32> to memref<4x8xf32, strided<[?, 1], offset: ?>>
  {NEST} ins(%all : memref<4x8xf32, strided<[?, 1], offset: ?>>) outs(%a : memref<4x8xf32>) {{
    ^bb0(%e: f32, %old: f32): linalg.yield %e : f32 }}"""
    text = run(kernel(whole), PASS)
    assert "linalg.generic" not in text and "scf.if" not in text and "select" not in text
    in_order(text, r"memref.reinterpret_cast %arg0 to offset: \[%arg3\]", r"linalg.matmul \{rung.in_place\}")


ADD = COPY.replace("linalg.yield %e", "%d = arith.addf %e, %e : f32 linalg.yield %d")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(kernel(stride="?, ?"), id="elements apart"),
        pytest.param(kernel(ADD), id="computed"),
        pytest.param(kernel(f"{REST}"), id="nothing is copied"),
        pytest.param(kernel(between="memref.store %zero, %A[%c0] : memref<?xf32>"), id="the argument is written to"),
        pytest.param(kernel(between="memref.store %zero, %a[%c0, %c0] : memref<4x8xf32>"), id="its block is written"),
        pytest.param(kernel(between="%v = memref.load %a[%c0, %c0] : memref<4x8xf32>"), id="the block is read"),
        pytest.param(kernel(product=PRODUCT.replace("matmul ins", "matmul {rung.kept = 0 : i64} ins")), id="A is kept"),
    ],
)  # fmt: skip
def test_left_alone(text: str) -> None:
    assert "rung.in_place" not in run(text, PASS)


def test_blocks_of_few_columns_are_copied() -> None:
    assert "rung.in_place" not in run(kernel(), ReadInPlace(least_terms=9))


def test_a_store_to_a_buffer_does_not_matter() -> None:
    before, between = "%scratch = memref.alloca() : memref<8xf32>", "memref.store %zero, %scratch[%c0] : memref<8xf32>"
    assert "rung.in_place" in run(kernel(before=before, between=between), PASS)


@pytest.mark.parametrize("rows", range(5))
@pytest.mark.parametrize("columns", [0, 1, 7, 8])
@pytest.mark.parametrize("stride", [8, 11])
def test_values(rows: int, columns: int, stride: int) -> None:
    """Of what the mask leaves out, there are numbers in memory that are not to be seen."""
    found = jit(kernel(), (PASS, TileContractions(), Vectorize()))
    rng = np.random.default_rng(rows)
    memory, b = (rng.standard_normal(shape).astype(np.float32) for shape in (64, (8, 16)))
    c = np.ones((4, 16), np.float32)
    found(memory, b, c, 3, stride, rows, columns)
    a = np.zeros((4, 8))
    for row in range(rows):
        a[row, :columns] = memory[3 + row * stride :][:columns]
    np.testing.assert_allclose(c, 1 + a @ b.astype(np.float64), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("order", [(COPY, REST), (REST, COPY)])
def test_what_is_set_after_the_copy_counts(order: tuple[str, str]) -> None:
    """All of the block set to 0 behind the copy: nothing of it is left. In front of it, nothing of that is left."""
    all_of_it = f"{SET} outs(%a : memref<4x8xf32>) {{ ^bb0(%old: f32): linalg.yield %zero : f32 }}"
    filling = "\n".join(all_of_it if each is REST else each for each in order)
    found = jit(kernel(filling), (PASS, TileContractions(), Vectorize()))
    memory, b, c = np.ones(64, np.float32), np.ones((8, 16), np.float32), np.zeros((4, 16), np.float32)
    found(memory, b, c, 0, 8, 4, 8)
    assert (c == (0 if order[0] is COPY else 8)).all()
