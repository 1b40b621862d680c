"""`band-grid`: where programs run in bands, and where they do not. The order itself is in tests/mlir/band-grid.mlir."""

from __future__ import annotations

import pytest

from rung.transforms.band_grid import BandGrid
from tests.filecheck.matching import run

KERNEL = """
#same = affine_map<(d0, d1) -> (d0, d1)>
func.func private @print(i64)
func.func @kernel(%x: memref<?xf32>, %y: memref<?xf32>, %n: index, %g: index) attributes {{rung.kernel}} {{
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  %c1024 = arith.constant 1024 : index
  %one = arith.constant 1.0 : f32
  %i = arith.constant 1 : i64
  %s = memref.alloca() : memref<4096xf32>
  scf.forall ({variables}) in ({sizes}) {{
    {body}
  }} {{rung.grid}}
  return
}}"""
TWO = {"variables": "%px, %py", "sizes": "%g, %g"}


def view(name: str, memory: str, offset: str, bounds: str = "8, 8", strides: str = "%n, 1") -> str:
    """A block whose place is `offset`, that is stored to."""
    first = strides.split(",")[0].replace("%n", "?")
    kind = f"memref<?x?xf32, strided<[{first}, 1], offset: ?>>"
    return f"""{offset}
    %{name} = memref.reinterpret_cast {memory} to offset: [%o{name}], sizes: [%n, %n], strides: [{strides}]
      {{rung.bounds = array<i64: {bounds}>}} : memref<{"?" if memory != "%s" else "4096"}xf32> to {kind}
    linalg.fill ins(%one : f32) outs(%{name} : {kind})"""


def place(name: str, along_x: str, along_y: str) -> str:
    """Rows of %n; the multiples of px (rows) and py (columns)."""
    return f"""%r{name} = arith.muli %px, {along_x} : index
    %c{name} = arith.muli %py, {along_y} : index
    %o{name} = arith.addi %r{name}, %c{name} : index"""


ROWS = view("a", "%x", place("a", "%n", "%c8"))


def test_pieces_of_the_same_rows():
    assert "rung.band = 16 : i64" in run(KERNEL.format(body=ROWS, **TWO), BandGrid())
    assert "rung.band = 4 : i64" in run(KERNEL.format(body=ROWS, **TWO), BandGrid(run_bytes=128))


def test_a_block_that_only_the_first_dimension_moves_is_no_hindrance():
    beside = view("b", "%y", "%ob = arith.muli %px, %n : index")
    assert "rung.band = 16" in run(KERNEL.format(body=f"{ROWS}\n{beside}", **TWO), BandGrid())


@pytest.mark.parametrize(
    ("body", "shape"),
    [
        pytest.param(ROWS.replace("%py", "%px"), {"variables": "%px", "sizes": "%g"}, id="one dimension"),
        pytest.param(view("a", "%x", place("a", "%c8", "%n")), TWO, id="pieces follow one another along the first"),
        pytest.param(view("a", "%x", place("a", "%n", "%c1024"), "8, 1024"), TWO, id="long pieces"),
        pytest.param(view("a", "%x", place("a", "%n", "%c1024")), TWO, id="pieces with gaps"),
        pytest.param(view("a", "%x", place("a", "%n", "%c8"), "1, 8"), TWO, id="one row"),
        pytest.param(view("a", "%s", place("a", "%n", "%c8")), TWO, id="scratch"),
        pytest.param(f"{ROWS}\n" + view("b", "%y", "%ob = arith.muli %py, %n : index"), TWO, id="another is shared"),
        pytest.param(f"{ROWS}\nfunc.call @print(%i) : (i64) -> ()", TWO, id="a call"),
        pytest.param(f"{ROWS}\n%old = memref.atomic_rmw addf %one, %y[%c0] : (f32, memref<?xf32>) -> f32", TWO,
                     id="an atomic"),
    ],
)  # fmt: skip
def test_the_grid_s_own_order(body: str, shape: dict[str, str]):
    assert "rung.band" not in run(KERNEL.format(body=body, **shape), BandGrid())
