import pytest
from matching import in_order, run

from rung.lowering.expand_wide_masks import ExpandWideMasks
from rung.lowering.to_llvm import ToLlvm
from rung.pipelines import to_llvm
from rung.targets.isa.hexagon import HEXAGON
from rung.targets.isa.x86_64 import X86_64

LOAD = """
func.func @f(%x: memref<?x{kind}>, %o: index, %m: vector<4xi1>, %p: vector<4x{kind}>) -> vector<4x{kind}> {{
  %v = vector.maskedload %x[%o], %m, %p {{alignment = 32 : i64}}
    : memref<?x{kind}>, vector<4xi1>, vector<4x{kind}> into vector<4x{kind}>
  return %v : vector<4x{kind}>
}}"""
STORE = """
func.func @f(%x: memref<?xf64>, %o: index, %m: vector<4xi1>, %v: vector<4xf64>) {
  vector.maskedstore %x[%o], %m, %v : memref<?xf64>, vector<4xi1>, vector<4xf64>
  return
}"""


@pytest.mark.parametrize("kind", ["i64", "f64"])
def test_a_load_is_one_of_words_with_every_bit_of_the_mask_twice(kind: str) -> None:
    in_order(
        run(LOAD.format(kind=kind), ToLlvm(), ExpandWideMasks()),
        r"llvm.select %\w+, %\w+, %\w+ : vector<4xi1>, vector<4xi32>",
        r"llvm.shufflevector .*\[0, 0, 1, 1, 2, 2, 3, 3\]",
        r'llvm.icmp "ne" .* : vector<8xi32>',
        rf"llvm.bitcast %arg\w+ : vector<4x{kind}> to vector<8xi32>",
        r"llvm.intr.masked.load .*alignment = 32 : i32.*vector<8xi1>, vector<8xi32>",
        rf"llvm.bitcast .* : vector<8xi32> to vector<4x{kind}>",
    )


def test_a_store_is_one_of_words() -> None:
    in_order(
        run(STORE, ToLlvm(), ExpandWideMasks()),
        r"llvm.bitcast %arg\w+ : vector<4xf64> to vector<8xi32>",
        r"llvm.intr.masked.store .*: vector<8xi32>, vector<8xi1> into",
    )


def test_narrower_elements_and_the_host_are_left_alone() -> None:
    assert "shufflevector" not in run(LOAD.format(kind="f32"), *to_llvm(HEXAGON))
    assert "shufflevector" not in run(LOAD.format(kind="i64"), *to_llvm(X86_64))
    assert "shufflevector" in run(LOAD.format(kind="i64"), *to_llvm(HEXAGON))
