# ruff: noqa: E501
"""Promoted and pipelined loops compute what the loops compute, whatever the copy engine's timing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from dma_harness import build_engine, run, schedule, set_timing

from rung.transforms.double_buffer import DoubleBuffer
from rung.transforms.fit_scratchpad import FitScratchpad
from rung.transforms.form_virtual_threads import FormVirtualThreads
from rung.transforms.promote import Promote
from rung.transforms.tile import TileBlocks
from rung.transforms.transport import Transport

F = "memref<?xf32>"
V = "memref<?xf32, strided<[1], offset: ?>>"
V2 = "memref<?x?xf32, strided<[?, 1], offset: ?>>"
MAPS = """
#a = affine_map<(d0) -> (d0)>
#ab = affine_map<(d0, d1) -> (d0, d1)>
#ba = affine_map<(d0, d1) -> (d1, d0)>
#col = affine_map<(d0, d1) -> (d1)>
#row = affine_map<(d0, d1) -> (d0)>
#abc = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_engine(tmp_path_factory.mktemp("engine"))


CASES = [("late", 1), ("late", 3), ("unordered", 2), ("unordered", 4), ("early", 2)]


def _name(case: tuple[str, int]) -> str:
    return f"{case[0]}-{case[1]}"


@pytest.fixture(params=CASES, ids=_name)
def case(request: pytest.FixtureRequest) -> tuple[str, int]:
    """The engine's timing and the depth; depth 1 is single buffering."""
    return request.param


@pytest.fixture
def depth(case: tuple[str, int]) -> int:
    return case[1]


@pytest.fixture
def engine(library: Path, case: tuple[str, int]) -> Path:
    set_timing(library, case[0])
    return library


def view(name: str, base: str, offset: str, size: str, bound: int) -> str:
    return (
        f"%{name} = memref.reinterpret_cast {base} to offset: [{offset}], sizes: [{size}], strides: [1] "
        f"{{rung.bounds = array<i64: {bound}>}} : {F} to {V}\n"
    )


def view2(name: str, base: str, offset: str, sizes: tuple[str, str], pitch: str, bounds: tuple[int, int]) -> str:
    return (
        f"%{name} = memref.reinterpret_cast {base} to offset: [{offset}], sizes: [{sizes[0]}, {sizes[1]}], "
        f"strides: [{pitch}, 1] {{rung.bounds = array<i64: {bounds[0]}, {bounds[1]}>}} : {F} to {V2}\n"
    )


def nest(maps: str, iterators: str, ins: str, outs: str, body: str) -> str:
    kinds = ", ".join(f'"{kind}"' for kind in iterators.split())
    inputs = f"ins({ins})" if ins else ""
    return f"linalg.generic {{indexing_maps = [{maps}], iterator_types = [{kinds}]}} {inputs} outs({outs}) {{\n{body}\n}}\n"


def kernel(arguments: str, body: str, before: str = "") -> str:
    return f"""{MAPS}
func.func @kernel({arguments}, %lo: index, %hi: index, %st: index) {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %zero = arith.constant 0.0 : f32
  {before}
  scf.for %p = %lo to %hi step %st {{
    {body}
  }} {{rung.grid_loop}}
  return
}}"""


def tile_1d(block: int = 64) -> str:
    return f"""
    %block = arith.constant {block} : index
    %o = arith.muli %p, %block : index
    %left = arith.subi %n, %o : index
    %s0 = arith.minsi %left, %block : index
    %s = arith.maxsi %s0, %c0 : index
    """


ADD = "^bb0(%a: f32, %b: f32, %c: f32):\n%r = arith.addf %a, %b : f32\nlinalg.yield %r : f32"
SUM = "^bb0(%a: f32, %c: f32):\n%t = arith.addf %c, %a : f32\nlinalg.yield %t : f32"
DOUBLE = "^bb0(%a: f32, %c: f32):\n%r = arith.addf %a, %a : f32\nlinalg.yield %r : f32"


def random(*shape: int) -> np.ndarray:
    return np.random.default_rng(7).standard_normal(shape).astype(np.float32)


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


def recurrence(shift: int) -> str:
    """x[64 (i + 1) + shift ...] = 2 x[64 i ...], one block after the other."""
    return kernel(
        f"%x: {F}, %n: index",
        f"""%shift = arith.constant {shift} : index
        scf.for %q = %c0 to %n step %c64 {{
          %to0 = arith.addi %q, %c64 : index
          %to = arith.addi %to0, %shift : index
        """
        + view("xv", "%x", "%q", "64", 64).replace("<?xf32, strided<[1], offset: ?>>", "<64xf32, strided<[1], offset: ?>>")
        + view("yv", "%x", "%to", "64", 64).replace("<?xf32, strided<[1], offset: ?>>", "<64xf32, strided<[1], offset: ?>>")
        + nest("#a, #a", "parallel", "%xv : memref<64xf32, strided<[1], offset: ?>>",
               "%yv : memref<64xf32, strided<[1], offset: ?>>", DOUBLE)
        + "}",
    )  # fmt: skip


@pytest.mark.parametrize("shift", [0, 7])
def test_shifted_loads_of_the_same_array_stay_in_order(engine: Path, depth: int, shift: int) -> None:
    x = random(512)
    expected = x.copy()
    for q in range(0, 256, 64):
        expected[q + 64 + shift : q + 128 + shift] = 2 * expected[q : q + 64]
    result = run(recurrence(shift), schedule(depth), engine, x, 256, 0, 1, 1)
    np.testing.assert_array_equal(x, expected)
    assert "rung.pipelined" not in result.text


def test_running_in_place_in_an_inner_loop(engine: Path, depth: int) -> None:
    """Blocks of an inner loop that are proven to lie apart are pipelined in place."""
    text = kernel(
        f"%x: {F}, %n: index",
        """scf.for %q = %c0 to %n step %c64 {
          %left = arith.subi %n, %q : index
          %s = arith.minsi %left, %c64 : index
        """
        + view("xv", "%x", "%q", "%s", 64)
        + nest("#a, #a", "parallel", f"%xv : {V}", f"%xv : {V}", DOUBLE)
        + "}",
    )
    x = random(300)
    expected = 2 * x
    result = run(text, schedule(depth), engine, x, 300, 0, 1, 1)
    np.testing.assert_array_equal(x, expected)
    assert depth < 2 or "rung.pipelined = 2" in result.text


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


@pytest.mark.parametrize("programs", [1, 6])
@pytest.mark.parametrize("case", [c for c in CASES if c[0] != "unordered"], ids=_name, indirect=True)
def test_stores_that_overlap_keep_their_order(engine: Path, case: tuple[str, int], programs: int) -> None:
    """Every iteration overwrites half of what the one before it wrote: a queue serves stores in order.

    Compiled code relies on that order (runtime.h), so an engine without it is left out.
    """
    text = kernel(
        f"%x: {F}, %y: {F}, %n: index",
        """%half = arith.constant 32 : index
           %o = arith.muli %p, %c64 : index
           %t = arith.muli %p, %half : index
           %s = arith.addi %c64, %c0 : index
        """
        + view("xv", "%x", "%o", "%s", 64)
        + view("yv", "%y", "%t", "%s", 64)
        + nest("#a, #a", "parallel", f"%xv : {V}", f"%yv : {V}", DOUBLE),
    ).replace("{rung.grid_loop}", "")
    x, y = random(400), np.zeros(400, np.float32)
    run(text, schedule(case[1]), engine, x, y, 0, 0, programs, 1)
    expected = np.zeros_like(y)
    for p in range(programs):
        expected[32 * p : 32 * p + 64] = 2 * x[64 * p : 64 * p + 64]
    np.testing.assert_array_equal(y, expected)
