"""Operands that are kept from program to program: which are marked, and what the loops become."""

from __future__ import annotations

import numpy as np
import pytest

from rung.transforms.contract import TileContractions
from rung.transforms.mark_kept import MarkKept
from rung.transforms.vectorize import Vectorize
from tests.filecheck.matching import in_order, run
from tests.harness import jit, transform


def product(
    marks: str = "rung.kernel",
    row: str = "%x",
    column: str = "%y",
    into: str = "%C",
    before: str = "",
    during: str = "",
    after: str = "",
) -> str:
    """Programs (x, y) multiply the 4 rows x of A with the 16 columns y of B, 8 terms at a time."""
    parallel = 'indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]'
    return f"""
#map = affine_map<(i, j) -> (i, j)>
func.func @kernel(%A: memref<?xf32>, %B: memref<?xf32>, %C: memref<?xf32>, %F: memref<?xi32>, %gx: index, %T: index,
                  %K: index) attributes {{{marks}}} {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %c8 = arith.constant 8 : index
  %c16 = arith.constant 16 : index
  %c64 = arith.constant 64 : index
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1 : i32
  scf.for %p = %c0 to %T step %c1 {{
    %x = arith.remui %p, %gx : index
    %y = arith.divui %p, %gx : index
    %a = memref.alloca() : memref<4x8xf32>
    %b = memref.alloca() : memref<8x16xf32>
    %c = memref.alloca() : memref<4x16xf32>
    {before}
    linalg.generic {{indexing_maps = [#map], iterator_types = ["parallel", "parallel"]}}
      outs(%c : memref<4x16xf32>) {{ ^bb0(%o: f32): linalg.yield %zero : f32 }}
    %r = arith.muli {row}, %c4 : index
    %first = arith.muli %r, %K : index
    %columns = arith.muli {column}, %c16 : index
    scf.for %k = %c0 to %K step %c8 {{
      %from = arith.addi %first, %k : index
      %va = memref.reinterpret_cast %A to offset: [%from], sizes: [4, 8], strides: [%K, 1]
        : memref<?xf32> to memref<4x8xf32, strided<[?, 1], offset: ?>>
      linalg.generic {{{parallel}}} ins(%va : memref<4x8xf32, strided<[?, 1], offset: ?>>) outs(%a : memref<4x8xf32>) {{
        ^bb0(%e: f32, %o: f32): linalg.yield %e : f32
      }}
      %rows = arith.muli %k, %c64 : index
      %at = arith.addi %rows, %columns : index
      %vb = memref.reinterpret_cast %B to offset: [%at], sizes: [8, 16], strides: [64, 1]
        : memref<?xf32> to memref<8x16xf32, strided<[64, 1], offset: ?>>
      linalg.generic {{{parallel}}} ins(%vb : memref<8x16xf32, strided<[64, 1], offset: ?>>) outs(%b : memref<8x16xf32>)
        {{ ^bb0(%e: f32, %o: f32): linalg.yield %e : f32 }}
      {during}
      linalg.matmul ins(%a, %b : memref<4x8xf32>, memref<8x16xf32>) outs(%c : memref<4x16xf32>)
    }}
    {after}
    %low = arith.muli %r, %c64 : index
    %place = arith.addi %low, %columns : index
    %vc = memref.reinterpret_cast {into} to offset: [%place], sizes: [4, 16], strides: [64, 1]
      : memref<?xf32> to memref<4x16xf32, strided<[64, 1], offset: ?>>
    linalg.generic {{{parallel}}} ins(%c : memref<4x16xf32>) outs(%vc : memref<4x16xf32, strided<[64, 1], offset: ?>>)
      {{ ^bb0(%e: f32, %o: f32): linalg.yield %e : f32 }}
  }} {{rung.grid_loop}}
  return
}}"""


KEEP = (MarkKept(), TileContractions(keep_bytes=1024))
"""Two steps: eight rows of 16 f32 take 512 bytes."""


def test_the_operand_that_the_innermost_program_does_not_move() -> None:
    assert "{rung.kept = 1 : i64}" in transform(product(), [MarkKept()])
    assert "{rung.kept = 0 : i64}" in transform(product(row="%y", column="%x"), [MarkKept()])
    assert "rung.assumed = array<i64: 1, 2>" in transform(product(), [MarkKept()])


ADD = "%old = memref.atomic_rmw addi %one, %F[%c0] : (i32, memref<?xi32>) -> i32"
READ = "%number = memref.load %F[%y] : memref<?xi32>\n%table = arith.index_cast %number : i32 to index"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (product(before=ADD), True),  # nobody looks at what was there
        (product(before=READ, column="%table"), True),
        (product(column="%p"), False),
        (product(into="%B"), False),
        (product("rung.kernel, rung.may_alias"), False),
        (product(before=ADD + "\nmemref.store %old, %F[%c1] : memref<?xi32>"), False),  # it may have waited
        (product(after="memref.store %zero, %b[%c0, %c0] : memref<8x16xf32>"), False),
        (product(during="memref.store %zero, %B[%k] : memref<?xf32>"), False),
    ],
)
def test_what_is_marked(text: str, kept: bool) -> None:
    assert ("rung.kept" in transform(text, [MarkKept()])) == kept


def test_slots_in_the_ir() -> None:
    text = run(product(), *KEEP)
    in_order(
        text,
        r"%alloca = memref.alloca\(\) : memref<3x8x16xf32>",  # two to keep, one for other steps
        r"%alloca_0 = memref.alloca\(\) : memref<2xindex>",
        r"scf.for",
        r"%(\d+) = arith.cmpi ugt, %arg4, %c1",
        r"%(\d+) = arith.select %\d+, %c2, %c0",
        r"arith.cmpi ne",
        r"scf.if %\d+ \{\n +%c0_\d+ = arith.constant 0 : index\n",
        r"memref.store %\d+, %alloca_0",
        r"scf.for",
        r"arith.minsi %\d+, %\d+",
        r"linalg.generic",
        r"memref.load %alloca_0",
        r"arith.cmpi sge",
        r"scf.if %\d+ \{\n",
        r"memref.store %\d+, %alloca_0",
        r"linalg.generic .* outs\(%reinterpret_cast_\d+ : memref<8x16xf32, strided<\[16, 1\], offset: \?>>\)",
        r"vector.load %alloca\[%\d+, ",
        r"kept_b = 2",
    )
    assert "memref<8x16xf32>" not in text  # the block of one step is gone


@pytest.mark.parametrize("other", [False, True])
@pytest.mark.parametrize("depth", [0, 8, 16, 40])
def test_values(depth: int, other: bool) -> None:
    """Steps for all of which there is a slot, and more; A or B that stays. Between launches, memory changes."""
    text = product(row="%y", column="%x") if other else product()
    kernel = jit(text, (*KEEP, Vectorize()))
    rng = np.random.default_rng(depth)
    a, b = (rng.standard_normal(shape).astype(np.float32) for shape in ((12, depth), (depth, 64)))
    for sign in (1, -1):
        b *= sign
        c = np.full((12, 64), 7, np.float32)
        kernel(a.reshape(-1), b.reshape(-1), c.reshape(-1), np.zeros(4, np.int32), 4 if other else 3, 12, depth)
        np.testing.assert_allclose(c, a.astype(np.float64) @ b, rtol=1e-5, atol=1e-5)


def test_one_program_per_block_of_b() -> None:
    """A grid of one row: nothing is kept, and the third step does not find the second one's slot."""
    kernel = jit(product(), (*KEEP, Vectorize()))
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal(shape).astype(np.float32) for shape in ((4, 40), (40, 64)))
    c = np.full((4, 64), 7, np.float32)
    kernel(a.reshape(-1), b.reshape(-1), c.reshape(-1), np.zeros(4, np.int32), 1, 4, 40)
    np.testing.assert_allclose(c, a.astype(np.float64) @ b, rtol=1e-5, atol=1e-5)
