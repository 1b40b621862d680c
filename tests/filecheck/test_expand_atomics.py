import pytest
from matching import in_order, run

from rung.lowering.expand_atomics import ExpandAtomics
from rung.lowering.to_llvm import ToLlvm

UPDATE = """
func.func @f(%x: memref<?xf32>, %v: f32, %i: index) -> f32 {
  %o = memref.generic_atomic_rmw %x[%i] : memref<?xf32> {
  ^bb0(%now: f32):
    %s = arith.subf %now, %v : f32
    memref.atomic_yield %s : f32
  }
  return %o : f32
}"""


def test_an_update_of_any_kind_is_a_loop() -> None:
    in_order(
        run(UPDATE, ExpandAtomics()),
        r"llvm.load .* atomic monotonic",
        r"scf.while",
        r"arith.bitcast .* : i32 to f32",
        r"arith.subf",
        r"llvm.cmpxchg .* acq_rel monotonic",
        r"scf.condition",
        r"return %\w+ : f32",
    )


def test_leaves_what_llvm_can_do_alone() -> None:
    text = """
func.func @f(%x: memref<?xf32>, %v: f32, %i: index) -> f32 {
  %o = memref.atomic_rmw addf %v, %x[%i] : (f32, memref<?xf32>) -> f32
  return %o : f32
}"""
    assert "memref.atomic_rmw addf" in run(text, ExpandAtomics())


@pytest.mark.parametrize(
    ("kind", "element", "expected"),
    [
        ("addf", "f32", "atomicrmw fadd"),
        ("maximumf", "f32", "atomicrmw fmaximum"),
        ("mins", "i32", "atomicrmw min"),
        ("assign", "f32", "atomicrmw xchg"),
        ("mulf", "f32", "cmpxchg"),
        ("muli", "i64", "cmpxchg"),
        ("addf", "bf16", "cmpxchg"),
    ],
)
def test_atomics(kind: str, element: str, expected: str):
    text = run(
        f"""
func.func @f(%x: memref<?x{element}, strided<[2], offset: ?>>, %v: {element}, %i: index) -> {element} {{
  %o = memref.atomic_rmw {kind} %v, %x[%i] : ({element}, memref<?x{element}, strided<[2], offset: ?>>) -> {element}
  return %o : {element}
}}""",
        ExpandAtomics(),
        ToLlvm(),
    )
    assert expected.split()[-1] in text
    assert ("cmpxchg" in text) is (expected == "cmpxchg")
