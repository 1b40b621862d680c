"""Promoted and pipelined tiles compute what the loops compute, whatever the copy engine's timing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from dma_harness import run, schedule

from rung.transforms.form_virtual_threads import FormVirtualThreads
from rung.transforms.tile import TileBlocks
from tests.numeric.double_buffer.loops import DOUBLE, MAPS, V2, F, V, kernel, nest, random, tile_1d, view, view2

ADD = "^bb0(%a: f32, %b: f32, %c: f32):\n%r = arith.addf %a, %b : f32\nlinalg.yield %r : f32"
SUM = "^bb0(%a: f32, %c: f32):\n%t = arith.addf %c, %a : f32\nlinalg.yield %t : f32"


@pytest.mark.parametrize(
    ("n", "programs", "step"), [(0, 0, 1), (50, 1, 1), (64, 1, 1), (130, 3, 1), (300, 5, 1), (300, 7, 2)]
)
def test_elementwise(engine: Path, depth: int, n: int, programs: int, step: int) -> None:
    text = kernel(
        f"%x: {F}, %y: {F}, %z: {F}, %n: index",
        tile_1d()
        + view("xv", "%x", "%o", "%s", 64)
        + view("yv", "%y", "%o", "%s", 64)
        + view("zv", "%z", "%o", "%s", 64)
        + nest("#a, #a, #a", "parallel", f"%xv, %yv : {V}, {V}", f"%zv : {V}", ADD),
    )
    x, y, z = random(n + 9), random(n + 9)[::-1].copy(), np.zeros(n + 9, np.float32)
    result = run(text, schedule(depth), engine, x, y, z, n, 0, programs, step)
    expected = np.zeros_like(z)
    for p in range(0, programs, step):
        expected[p * 64 : min(n, p * 64 + 64)] = (x + y)[p * 64 : min(n, p * 64 + 64)]
    np.testing.assert_array_equal(z, expected)
    assert result.started == 3 * len(range(0, programs, step))


def test_in_place_with_two_outputs(engine: Path, depth: int) -> None:
    body = """^bb0(%a: f32, %b: f32, %c: f32):
      %r = arith.addf %a, %a : f32
      %q = arith.mulf %a, %a : f32
      linalg.yield %r, %q : f32, f32"""
    text = kernel(
        f"%x: {F}, %y: {F}, %n: index",
        tile_1d()
        + view("xv", "%x", "%o", "%s", 64)
        + view("yv", "%y", "%o", "%s", 64)
        + nest("#a, #a, #a", "parallel", f"%xv : {V}", f"%xv, %yv : {V}, {V}", body),
    )
    x, y = random(333), np.zeros(333, np.float32)
    old = x.copy()
    result = run(text, schedule(depth), engine, x, y, 333, 0, 6, 1)
    np.testing.assert_array_equal(x, old + old)
    np.testing.assert_array_equal(y, old * old)
    if depth > 1:
        assert "rung.pipelined = 3" in result.text


def tile_2d(transposed: bool = False) -> str:
    """Tiles of 8 x 16 of an m x n matrix, row pitch %ld; p counts tiles, %nt of them in a row of tiles."""
    return """
    %bm = arith.constant 8 : index
    %bn = arith.constant 16 : index
    %i = arith.divui %p, %nt : index
    %j = arith.remui %p, %nt : index
    %om = arith.muli %i, %bm : index
    %on = arith.muli %j, %bn : index
    %lm = arith.subi %m, %om : index
    %ln = arith.subi %n, %on : index
    %sm = arith.minsi %lm, %bm : index
    %sn = arith.minsi %ln, %bn : index
    %orow = arith.muli %om, %ld : index
    %o = arith.addi %orow, %on : index
    """


@pytest.mark.parametrize("max_rank", [1, 2])
@pytest.mark.parametrize(("m", "n"), [(8, 16), (21, 37), (3, 5)])
def test_tiles_of_a_matrix_with_bias(engine: Path, depth: int, max_rank: int, m: int, n: int) -> None:
    broadcast = "memref<?x?xf32, strided<[0, 1], offset: ?>>"
    text = kernel(
        f"%x: {F}, %bias: {F}, %y: {F}, %m: index, %n: index, %ld: index, %nt: index",
        tile_2d()
        + view2("xv", "%x", "%o", ("%sm", "%sn"), "%ld", (8, 16))
        + view2("yv", "%y", "%o", ("%sm", "%sn"), "%ld", (8, 16))
        + f"""%bv = memref.reinterpret_cast %bias to offset: [%on], sizes: [%sm, %sn], strides: [0, 1]
              {{rung.bounds = array<i64: 8, 16>}} : {F} to {broadcast}
        """
        + nest("#ab, #ab, #ab", "parallel parallel", f"%xv, %bv : {V2}, {broadcast}", f"%yv : {V2}", ADD),
    )
    ld = n + 3
    x, bias, y = random(m, ld), random(n + 1)[: n + 1], np.zeros((m, ld), np.float32)
    tiles = (-(-m // 8), -(-n // 16))
    run(
        text, schedule(depth, max_rank=max_rank), engine, x.reshape(-1), bias, y.reshape(-1), m, n, ld, tiles[1], 0,
        tiles[0] * tiles[1], 1,
    )  # fmt: skip
    expected = np.zeros_like(y)
    expected[:, :n] = x[:, :n] + bias[:n]
    np.testing.assert_array_equal(y, expected)


def test_transposed_tile(engine: Path, depth: int) -> None:
    transposed = "memref<?x?xf32, strided<[1, ?], offset: ?>>"
    text = kernel(
        f"%x: {F}, %y: {F}, %m: index, %n: index, %ld: index, %nt: index, %ldy: index",
        tile_2d()
        + f"""%oyr = arith.muli %on, %ldy : index
              %oy = arith.addi %oyr, %om : index
              %yv = memref.reinterpret_cast %y to offset: [%oy], sizes: [%sm, %sn], strides: [1, %ldy]
              {{rung.bounds = array<i64: 8, 16>}} : {F} to {transposed}
        """
        + view2("xv", "%x", "%o", ("%sm", "%sn"), "%ld", (8, 16))
        + nest("#ab, #ab", "parallel parallel", f"%xv : {V2}", f"%yv : {transposed}", DOUBLE),
    )
    x, y = random(21, 40), np.zeros((37, 23), np.float32)
    run(text, schedule(depth), engine, x.reshape(-1), y.reshape(-1), 21, 37, 40, 3, 23, 0, 9, 1)
    expected = np.zeros_like(y)
    expected[:, :21] = 2 * x[:, :37].T
    np.testing.assert_array_equal(y, expected)


def test_three_dimensions(engine: Path, depth: int) -> None:
    kind = "memref<?x4x8xf32, strided<[?, 10, 1], offset: ?>>"

    def box(name: str, base: str) -> str:
        return f"""%{name} = memref.reinterpret_cast {base} to offset: [%o], sizes: [%s, 4, 8], strides: [%pl, 10, 1]
              {{rung.bounds = array<i64: 3, 4, 8>}} : {F} to {kind}
        """

    text = kernel(
        f"%x: {F}, %y: {F}, %n: index, %pl: index",
        """%c3 = arith.constant 3 : index
           %first = arith.muli %p, %c3 : index
           %o = arith.muli %first, %pl : index
           %left = arith.subi %n, %first : index
           %s = arith.minsi %left, %c3 : index
        """
        + box("xv", "%x")
        + box("yv", "%y")
        + nest("#abc, #abc", "parallel parallel parallel", f"%xv : {kind}", f"%yv : {kind}", DOUBLE),
    )
    x, y = random(8, 5, 10), np.zeros((8, 5, 10), np.float32)
    run(text, schedule(depth), engine, x.reshape(-1), y.reshape(-1), 8, 50, 0, 3, 1)
    expected = np.zeros_like(y)
    expected[:, :4, :8] = 2 * x[:, :4, :8]
    np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("n", [0, 100, 1000])
def test_one_program_with_a_big_block(engine: Path, depth: int, n: int) -> None:
    """The block's loop comes from tiling; linalg.index counts from the start of the block."""
    body = """^bb0(%a: f32, %c: f32):
      %i = linalg.index 0 : index
      %j = arith.index_cast %i : index to i32
      %f = arith.sitofp %j : i32 to f32
      %r = arith.addf %a, %f : f32
      linalg.yield %r : f32"""
    text = f"""{MAPS}
    func.func @kernel(%x: {F}, %y: {F}, %n: index, %gx: index, %gy: index, %gz: index) {{
      scf.forall (%p, %py, %pz) in (%gx, %gy, %gz) {{
        {view("xv", "%x", "3", "%n", 1024).replace("offset: ?", "offset: 3")}
        {view("yv", "%y", "5", "%n", 1024).replace("offset: ?", "offset: 5")}
        {
        nest(
            "#a, #a",
            "parallel",
            "%xv : memref<?xf32, strided<[1], offset: 3>>",
            "%yv : memref<?xf32, strided<[1], offset: 5>>",
            body,
        )
    }
      }} {{rung.grid}}
      return
    }}"""
    x, y = random(1010), np.zeros(1010, np.float32)
    passes = (TileBlocks(tile_elements=192), FormVirtualThreads(contexts=1), *schedule(depth))
    result = run(text, passes, engine, x, y, n, 1, 1, 1)
    expected = np.zeros_like(y)
    expected[5 : 5 + n] = x[3 : 3 + n] + np.arange(n, dtype=np.float32)
    np.testing.assert_array_equal(y, expected)
    assert result.started == 2 * -(-n // 192)


def test_matrix_tiles_of_one_program(engine: Path, depth: int) -> None:
    """A mixed nest is cut over its parallel dimension, with its accumulator in a scratch buffer."""
    row = "memref<40x24xf32, strided<[30, 1]>>"
    text = f"""{MAPS}
    func.func @kernel(%x: {F}, %y: {F}, %gx: index, %gy: index, %gz: index) {{
      scf.forall (%p, %py, %pz) in (%gx, %gy, %gz) {{
        %zero = arith.constant 0.0 : f32
        %s = memref.alloca() : memref<40xf32>
        linalg.fill ins(%zero : f32) outs(%s : memref<40xf32>)
        %xv = memref.reinterpret_cast %x to offset: [0], sizes: [40, 24], strides: [30, 1] : {F} to {row}
        %yv = memref.reinterpret_cast %y to offset: [0], sizes: [40, 24], strides: [30, 1] : {F} to {row}
        {nest("#ab, #row", "parallel reduction", f"%xv : {row}", "%s : memref<40xf32>",
              SUM)}
        {nest("#ab, #row, #ab", "parallel parallel", f"%xv, %s : {row}, memref<40xf32>", f"%yv : {row}", ADD)}
      }} {{rung.grid}}
      return
    }}"""  # fmt: skip
    x, y = random(40, 30), np.zeros((40, 30), np.float32)
    passes = (TileBlocks(tile_elements=240), FormVirtualThreads(contexts=1), *schedule(depth))
    result = run(text, passes, engine, x.reshape(-1), y.reshape(-1), 1, 1, 1)
    expected = np.zeros_like(y)
    expected[:, :24] = x[:, :24] + x[:, :24].sum(1, keepdims=True)
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-4)
    assert result.started == 4 + 2 * 4
