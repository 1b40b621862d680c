# ruff: noqa: E501
"""Promoted and pipelined reductions, softmax and products compute what the loops compute, whatever the copy engine's timing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from dma_harness import run, schedule

from rung.transforms.double_buffer import DoubleBuffer
from rung.transforms.fit_scratchpad import FitScratchpad
from rung.transforms.promote import Promote
from rung.transforms.transport import Transport
from tests.numeric.double_buffer.loops import DOUBLE, F, V, kernel, nest, random, tile_1d, view, view2


def softmax(columns: int = 48) -> str:
    buffer = f"memref<{columns}xf32>"
    static = f"memref<{columns}xf32, strided<[1], offset: ?>>"
    scalar = "memref<f32>"
    s = "affine_map<(d0) -> ()>"

    def row(name: str, base: str) -> str:
        return f"%{name} = memref.reinterpret_cast {base} to offset: [%o], sizes: [{columns}], strides: [1] : {F} to {static}\n"

    return kernel(
        f"%x: {F}, %y: {F}",
        f"""
        %e = memref.alloca() : {buffer}
        %max = memref.alloca() : {scalar}
        %sum = memref.alloca() : {scalar}
        %low = arith.constant 0xFF800000 : f32
        memref.store %low, %max[] : {scalar}
        memref.store %zero, %sum[] : {scalar}
        %w = arith.constant {columns} : index
        %o = arith.muli %p, %w : index
        """
        + row("xv", "%x")
        + nest(f"#a, {s}", "reduction", f"%xv : {static}", f"%max : {scalar}",
               "^bb0(%a: f32, %m: f32):\n%r = arith.maximumf %m, %a : f32\nlinalg.yield %r : f32")
        + nest(f"#a, {s}, #a, {s}", "reduction", f"%xv, %max : {static}, {scalar}", f"%e, %sum : {buffer}, {scalar}",
               """^bb0(%a: f32, %m: f32, %u: f32, %acc: f32):
               %d = arith.subf %a, %m : f32
               %ex = math.exp %d : f32
               %r = arith.addf %acc, %ex : f32
               linalg.yield %ex, %r : f32, f32""")
        + row("yv", "%y")
        + nest(f"#a, {s}, #a", "parallel", f"%e, %sum : {buffer}, {scalar}", f"%yv : {static}",
               "^bb0(%a: f32, %m: f32, %u: f32):\n%r = arith.divf %a, %m : f32\nlinalg.yield %r : f32"),
    )  # fmt: skip


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_softmax(engine: Path, depth: int, rows: int) -> None:
    x, y = random(rows, 48), np.zeros((rows, 48), np.float32)
    result = run(softmax(), schedule(depth), engine, x.reshape(-1), y.reshape(-1), 0, rows, 1)
    e = np.exp(x.astype(np.float64) - x.max(1, keepdims=True))
    np.testing.assert_allclose(y, e / e.sum(1, keepdims=True), rtol=1e-5)
    assert result.started == 2 * rows


MATMUL = kernel(
    f"%A: {F}, %B: {F}, %C: {F}, %k: index, %lda: index, %ldb: index, %ldc: index, %nt: index",
    """%bm = arith.constant 8 : index
       %bk = arith.constant 4 : index
       %a = memref.alloca() : memref<8x4xf32>
       %b = memref.alloca() : memref<4x8xf32>
       %c = memref.alloca() : memref<8x8xf32>
       linalg.fill ins(%zero : f32) outs(%c : memref<8x8xf32>)
       %i = arith.divui %p, %nt : index
       %j = arith.remui %p, %nt : index
       %om = arith.muli %i, %bm : index
       %on = arith.muli %j, %bm : index
       %oa = arith.muli %om, %lda : index
       %stepb = arith.muli %bk, %ldb : index
       %end:2 = scf.for %q = %c0 to %k step %bk iter_args(%pa = %oa, %pb = %on) -> (index, index) {
         %av = memref.reinterpret_cast %A to offset: [%pa], sizes: [8, 4], strides: [%lda, 1]
           : memref<?xf32> to memref<8x4xf32, strided<[?, 1], offset: ?>>
         %bv = memref.reinterpret_cast %B to offset: [%pb], sizes: [4, 8], strides: [%ldb, 1]
           : memref<?xf32> to memref<4x8xf32, strided<[?, 1], offset: ?>>
         memref.copy %av, %a : memref<8x4xf32, strided<[?, 1], offset: ?>> to memref<8x4xf32>
         memref.copy %bv, %b : memref<4x8xf32, strided<[?, 1], offset: ?>> to memref<4x8xf32>
         linalg.matmul ins(%a, %b : memref<8x4xf32>, memref<4x8xf32>) outs(%c : memref<8x8xf32>)
         %na = arith.addi %pa, %bk : index
         %nb = arith.addi %stepb, %pb : index
         scf.yield %na, %nb : index, index
       }
       %ocr = arith.muli %om, %ldc : index
       %oc = arith.addi %ocr, %on : index
       %cv = memref.reinterpret_cast %C to offset: [%oc], sizes: [8, 8], strides: [%ldc, 1]
         : memref<?xf32> to memref<8x8xf32, strided<[?, 1], offset: ?>>
    """
    + nest("#ab, #ab", "parallel parallel", "%c : memref<8x8xf32>", "%cv : memref<8x8xf32, strided<[?, 1], offset: ?>>",
           "^bb0(%u: f32, %v: f32):\nlinalg.yield %u : f32"),
)  # fmt: skip


@pytest.mark.parametrize("k", [4, 8, 20])
def test_matmul(engine: Path, depth: int, k: int) -> None:
    a, b, c = random(16, k), random(k, 24), np.zeros((16, 24), np.float32)
    flat = [array.reshape(-1) for array in (a, b, c)]
    result = run(MATMUL, schedule(depth), engine, *flat, k, k, 24, 24, 3, 0, 6, 1)
    np.testing.assert_allclose(c, a @ b, rtol=1e-5, atol=1e-5)
    if depth > 1:
        assert result.text.count(f"rung.depth = {depth}") == 2, "both the K loop and the grid loop are pipelined"


def test_accumulator_in_global_memory(engine: Path, depth: int) -> None:
    """y += row sums: read, updated and written, in order; the weights do not change in the loop."""
    point = "memref<8xf32, strided<[1], offset: ?>>"
    body = """^bb0(%a: f32, %u: f32, %acc: f32):
      %t = arith.mulf %a, %u : f32
      %r = arith.addf %acc, %t : f32
      linalg.yield %r : f32"""
    text = kernel(
        f"%x: {F}, %wt: {F}, %y: {F}, %n: index",
        """%c8 = arith.constant 8 : index
           %first = arith.muli %p, %c8 : index
           %o = arith.muli %first, %n : index
        """
        + view("wv", "%wt", "0", "%n", 32).replace("offset: ?", "offset: 0").replace("strided<[1], offset: 0>", "strided<[1]>")
        + view2("xv", "%x", "%o", ("8", "%n"), "%n", (8, 32)).replace("<?x?xf32", "<8x?xf32")
        + f"%yv = memref.reinterpret_cast %y to offset: [%first], sizes: [8], strides: [1] : {F} to {point}\n"
        + nest("#ab, #col, #row", "parallel reduction",
               "%xv, %wv : memref<8x?xf32, strided<[?, 1], offset: ?>>, memref<?xf32, strided<[1]>>", f"%yv : {point}", body),
    )  # fmt: skip
    x, w, y = random(24, 30), random(30), random(24)
    expected = y.astype(np.float64) + x.astype(np.float64) @ w
    result = run(text, schedule(depth), engine, x.reshape(-1), w, y, 30, 0, 3, 1)
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)
    assert result.started == (1 + 3 * 3), "weights once; x, and y in and out, every time"


def test_rows_found_through_memory(engine: Path, depth: int) -> None:
    """An address that is read from memory: loaded in order, while the store is still pipelined."""
    text = kernel(
        f"%x: {F}, %rows: memref<?xi64>, %y: {F}",
        """%r64 = memref.load %rows[%p] : memref<?xi64>
           %rr = arith.index_cast %r64 : i64 to index
           %from = arith.muli %rr, %c64 : index
           %o = arith.muli %p, %c64 : index
           %full = arith.addi %c64, %c0 : index
        """
        + view("xv", "%x", "%from", "%full", 64)
        + view("yv", "%y", "%o", "%full", 64)
        + nest("#a, #a", "parallel", f"%xv : {V}", f"%yv : {V}", DOUBLE),
    )
    x, rows, y = random(8, 64), np.array([3, 0, 7, 7, 2]), np.zeros((5, 64), np.float32)
    result = run(text, schedule(depth), engine, x.reshape(-1), rows, y.reshape(-1), 0, 5, 1)
    np.testing.assert_array_equal(y, 2 * x[rows])
    assert depth < 2 or ("rung.pipelined = 1" in result.text and "read from memory" in result.text)


def test_two_passes_over_a_row(engine: Path, depth: int) -> None:
    """Two inner loops: the second reads what the first has stored."""

    def one_pass(source: str, target: str) -> str:
        return (
            """scf.for %q = %c0 to %n step %c64 {
              %left = arith.subi %n, %q : index
              %s = arith.minsi %left, %c64 : index
              %at = arith.addi %row, %q : index
            """
            + view("sv", source, "%at", "%s", 64)
            + view("tv", target, "%at", "%s", 64)
            + nest("#a, #a", "parallel", f"%sv : {V}", f"%tv : {V}", DOUBLE)
            + "}\n"
        )  # fmt: skip

    text = kernel(
        f"%x: {F}, %y: {F}, %z: {F}, %n: index",
        "%row = arith.muli %p, %n : index\n" + one_pass("%x", "%y") + one_pass("%y", "%z"),
    )
    x, y, z = random(3, 150), np.zeros((3, 150), np.float32), np.zeros((3, 150), np.float32)
    run(text, schedule(depth), engine, x.reshape(-1), y.reshape(-1), z.reshape(-1), 150, 0, 3, 1)
    np.testing.assert_array_equal(y, 2 * x)
    np.testing.assert_array_equal(z, 4 * x)


def test_a_block_that_does_not_fit_stays_direct(engine: Path, depth: int) -> None:

    fit = FitScratchpad(scratchpad_bytes=400 * depth, depth=depth)
    passes = (fit, Promote(on_overflow="direct"), *((DoubleBuffer(depth),) if depth > 1 else ()), Transport())
    text = kernel(
        f"%x: {F}, %y: {F}, %n: index",
        tile_1d()
        + view("xv", "%x", "%o", "%s", 64)
        + view("yv", "%y", "%o", "%s", 64)
        + nest("#a, #a", "parallel", f"%xv : {V}", f"%yv : {V}", DOUBLE),
    )
    x, y = random(300), np.zeros(300, np.float32)
    result = run(text, passes, engine, x, y, 300, 0, 5, 1)
    np.testing.assert_array_equal(y, 2 * x)
    assert "do not fit" in result.text
