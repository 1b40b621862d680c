from matching import in_order, run

from rung.lowering.expand_gathers import ExpandGathers
from rung.pipelines import to_llvm
from rung.targets.isa.hexagon import HEXAGON
from rung.targets.isa.x86_64 import X86_64

GATHER = """
func.func @f(%x: memref<?xf32>, %o: index, %i: vector<2xi32>, %m: vector<2xi1>, %p: vector<2xf32>) -> vector<2xf32> {
  %v = vector.gather %x[%o] [%i], %m, %p
    : memref<?xf32>, vector<2xi32>, vector<2xi1>, vector<2xf32> into vector<2xf32>
  return %v : vector<2xf32>
}"""
SCATTER = """
func.func @f(%x: memref<4x?xf32>, %o: index, %i: vector<2xindex>, %m: vector<2xi1>, %v: vector<2xf32>) {
  vector.scatter %x[%o, %o] [%i], %m, %v : memref<4x?xf32>, vector<2xindex>, vector<2xi1>, vector<2xf32>
  return
}"""


def expanded(text: str) -> str:
    return run(text, ExpandGathers())


def test_each_lane_of_a_gather_is_a_load_under_a_branch() -> None:
    in_order(
        expanded(GATHER),
        r"vector.extract %\w+\[0\] : i1 from",
        r"scf.if %\w+ -> \(f32\)",
        r"vector.extract %\w+\[0\] : i32",
        "arith.index_cast",
        r"arith.addi %arg1",
        r"memref.load %arg0",
        r"scf.yield",
        r"vector.insert %\w+, %arg4 \[0\]",
        r"scf.if",
        r"vector.insert %\w+, %\w+ \[1\]",
        "return",
    )


def test_each_lane_of_a_scatter_is_a_store_under_a_branch() -> None:
    text = expanded(SCATTER)
    in_order(text, r"scf.if", r"memref.store %\w+, %arg0\[%arg1, %\w+\]", r"scf.if", r"memref.store", "return")
    assert "index_cast" not in text and "scatter" not in text


def test_leaves_a_gather_of_all_lanes_alone() -> None:
    text = GATHER.replace("%m, %p", "%ones, %p", 1)
    text = text.replace("  %v =", "  %ones = arith.constant dense<true> : vector<2xi1>\n  %v =")
    assert "vector.gather" in expanded(text) and "scf.if" not in expanded(text)


def test_the_host_keeps_its_gathers() -> None:
    assert "masked.gather" in run(GATHER, *to_llvm(X86_64))
    assert "masked.gather" not in run(GATHER, *to_llvm(HEXAGON))
