# ruff: noqa: E501
import pytest
from torch_mlir import ir

from rung.ir.context import make_context
from rung.ir.cost import ASSUMED_TRIPS, CostModel


def cycles(body: str, lanes: int = 1) -> float:
    text = f"""
func.func @f(%x: memref<?xf32>, %m: memref<8x16xf32>, %w: memref<16x4xf32>, %o: memref<8x4xf32>, %n: index, %b: i1, %v: f32) {{
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %ten = arith.constant 10 : index
  {body}
  return
}}"""
    module = ir.Module.parse(text, make_context())
    return CostModel(lanes).block(module.body.operations[0].entry_block)


ADD = "%a = arith.addf %v, %v : f32"


def nest(op: str, view: str) -> str:
    return f"""
  %y = memref.reinterpret_cast %x to offset: [0], sizes: [%n], strides: [1] {view} : memref<?xf32> to memref<?xf32, strided<[1]>>
  linalg.generic {{indexing_maps = [affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}} outs(%y : memref<?xf32, strided<[1]>>) {{
  ^bb0(%e: f32):
    %r = {op} : f32
    linalg.yield %r : f32
  }}"""


def test_loops_multiply():
    assert cycles(ADD) == 1
    assert cycles(f"scf.for %i = %zero to %ten step %one {{ {ADD} }}") == 10 * (1 + 1)
    assert cycles(f"scf.for %i = %zero to %n step %one {{ {ADD} }}") == ASSUMED_TRIPS * (1 + 1)


def test_the_longer_branch_counts():
    assert cycles(f"scf.if %b {{ {ADD} }} else {{ {ADD}\n %c = arith.mulf %v, %v : f32 }}") == 1 + 2


def test_vectors_cost_their_registers():
    assert (
        cycles(
            "%s = vector.broadcast %v : f32 to vector<64xf32>\n%a = arith.addf %s, %s : vector<64xf32>",
            lanes=16,
        )
        == 4
    )


@pytest.mark.parametrize("lanes", [1, 16])
def test_nests_use_bounds(lanes: int):
    bounds = "{rung.bounds = array<i64: 1024>}"
    stream = max(1 / lanes, 4 / 16)
    assert cycles(nest("arith.addf %e, %e", bounds), lanes) == 1024 * (1 / lanes + stream)
    assert cycles(nest("arith.addf %e, %e", ""), lanes) == ASSUMED_TRIPS * (1 / lanes + stream)
    assert cycles(nest("math.tanh %e", bounds), lanes) >= 4 * cycles(nest("arith.addf %e, %e", bounds), lanes)


def test_contractions_count_products():
    text = "linalg.matmul ins(%m, %w : memref<8x16xf32>, memref<16x4xf32>) outs(%o : memref<8x4xf32>)"
    assert cycles(text) == 8 * 16 * 4
    assert cycles(text, lanes=16) == 8 * 16 * 4 / 16
