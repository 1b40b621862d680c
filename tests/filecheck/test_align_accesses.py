"""`align-accesses`: what is known to be aligned says so, and nothing else does."""

from __future__ import annotations

import pytest

from rung.transforms.align_accesses import AlignAccesses
from tests.filecheck.matching import in_order, run

KERNEL = """
func.func @kernel(%x: memref<?xf32>, %n: index, %slot: index) {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c32 = arith.constant 32 : index
  %c64 = arith.constant 64 : index
  %c4096 = arith.constant 4096 : index
  %b = memref.alloca() {{alignment = 64 : i64}} : memref<2x4096xf32, 1>
  scf.for %i = %c0 to %n step %c64 {{
    {body}
  }}
  return
}}"""


def text(body: str) -> str:
    return run(KERNEL.format(body=body), AlignAccesses(vector_bytes=128))


def test_a_slot_of_a_pipelined_buffer():
    body = """%o = arith.muli %slot, %c4096 : index
    %v = memref.reinterpret_cast %b to offset: [%o], sizes: [%n], strides: [1]
      : memref<2x4096xf32, 1> to memref<?xf32, strided<[1], offset: ?>, 1>
    %j = arith.addi %i, %c32 : index
    %r = vector.load %v[%j] : memref<?xf32, strided<[1], offset: ?>, 1>, vector<32xf32>
    vector.store %r, %v[%i] : memref<?xf32, strided<[1], offset: ?>, 1>, vector<32xf32>"""
    in_order(
        text(body),
        r"memref.alloca\(\) \{alignment = 128",
        r"vector.load .*alignment = 128",
        r"vector.store .*alignment = 128",
    )


def test_masked_accesses_and_vectors_of_several_registers():
    body = """%m = arith.constant dense<true> : vector<64xi1>
    %z = arith.constant dense<0.0> : vector<64xf32>
    %r = vector.maskedload %b[%slot, %i], %m, %z
      : memref<2x4096xf32, 1>, vector<64xi1>, vector<64xf32> into vector<64xf32>
    vector.maskedstore %b[%slot, %i], %m, %r : memref<2x4096xf32, 1>, vector<64xi1>, vector<64xf32>"""
    found = text(body)
    in_order(found, r"vector.maskedload .*alignment = 128", r"vector.maskedstore .*alignment = 128")


@pytest.mark.parametrize(
    "body",
    [
        "%r = vector.load %x[%i] : memref<?xf32>, vector<32xf32>",
        "%j = arith.addi %i, %c1 : index\n%r = vector.load %b[%c0, %j] : memref<2x4096xf32, 1>, vector<32xf32>",
        "%r = vector.load %b[%c0, %n] : memref<2x4096xf32, 1>, vector<32xf32>",
        "%r = vector.load %b[%c0, %i] : memref<2x4096xf32, 1>, vector<24xf32>",
        """%v = memref.subview %b[0, 1] [1, 64] [1, 1]
          : memref<2x4096xf32, 1> to memref<64xf32, strided<[1], offset: 1>, 1>
        %r = vector.load %v[%i] : memref<64xf32, strided<[1], offset: 1>, 1>, vector<32xf32>""",
        """%v = memref.reinterpret_cast %b to offset: [4], sizes: [64], strides: [1]
          : memref<2x4096xf32, 1> to memref<64xf32, strided<[1], offset: 4>, 1>
        %r = vector.load %v[%i] : memref<64xf32, strided<[1], offset: 4>, 1>, vector<32xf32>""",
    ],
    ids=["argument", "off by one", "unknown index", "24 lanes", "subview", "offset of 4"],
)
def test_left_alone(body: str):
    found = text(body)
    assert "alignment = 128" not in found and "alignment = 64" in found


def test_a_row_of_odd_length_is_not_aligned():
    kernel = """
func.func @kernel(%row: index) {
  %c0 = arith.constant 0 : index
  %b = memref.alloca() : memref<4x33xf32>
  %r = vector.load %b[%row, %c0] : memref<4x33xf32>, vector<32xf32>
  vector.store %r, %b[%c0, %c0] : memref<4x33xf32>, vector<32xf32>
  return
}"""
    found = run(kernel, AlignAccesses(vector_bytes=128))
    assert "alignment" not in found.split("vector.store")[0].split("vector.load")[1]
    assert "alignment = 128" in found.split("vector.store")[1]
