"""`to-llvm` with the legalisations around it, for an ISA whose LLVM has what it needs, and one whose has not."""

import pytest

from rung.pipelines import to_llvm
from rung.targets.isa.hexagon import HEXAGON
from rung.targets.isa.x86_64 import X86_64
from tests.filecheck.matching import run

GATHER = """
func.func @f(%x: memref<?xf32>, %o: index, %i: vector<2xi32>, %m: vector<2xi1>, %p: vector<2xf32>) -> vector<2xf32> {
  %v = vector.gather %x[%o] [%i], %m, %p
    : memref<?xf32>, vector<2xi32>, vector<2xi1>, vector<2xf32> into vector<2xf32>
  return %v : vector<2xf32>
}"""
LOAD = """
func.func @f(%x: memref<?x{kind}>, %o: index, %m: vector<4xi1>, %p: vector<4x{kind}>) -> vector<4x{kind}> {{
  %v = vector.maskedload %x[%o], %m, %p {{alignment = 32 : i64}}
    : memref<?x{kind}>, vector<4xi1>, vector<4x{kind}> into vector<4x{kind}>
  return %v : vector<4x{kind}>
}}"""
CAST = """
func.func @f(%x: vector<4xf64>) -> vector<4xi16> {
  %r = arith.fptosi %x : vector<4xf64> to vector<4xi16>
  return %r : vector<4xi16>
}"""


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (GATHER, "llvm.intr.masked.gather"),
        (LOAD.format(kind="i64"), "vector<4xi1>, vector<4xi64>) -> vector<4xi64>"),
        (CAST, "llvm.fptosi %arg0 : vector<4xf64> to vector<4xi16>"),
    ],
    ids=["gather", "wide mask", "cast"],
)
def test_what_a_back_end_has_is_left_to_it(text: str, kept: str):
    assert kept in run(text, *to_llvm(X86_64))
    assert kept not in run(text, *to_llvm(HEXAGON))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("memref<?x8xf32, strided<[?, 1], offset: ?>>", "llvm.intr.memcpy"),
        ("memref<?x8xf32, strided<[?, 2], offset: ?>>", "llvm.store"),
        ("memref<8x8xf32, strided<[8, 1], offset: 16>>", "llvm.intr.memcpy"),
        ("memref<8x8xf32>", "llvm.intr.memcpy"),
    ],
)
def test_copies_call_nothing(source: str, expected: str):
    target = "memref<?x8xf32>" if "?x8" in source else "memref<8x8xf32>"
    text = run(
        f"func.func @f(%a: {source}, %b: {target}) {{ memref.copy %a, %b : {source} to {target}\n return }}",
        *to_llvm(X86_64),
    )
    assert expected in text and "llvm.call" not in text


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
        *to_llvm(X86_64),
    )
    assert expected.split()[-1] in text
    assert ("cmpxchg" in text) is (expected == "cmpxchg")
