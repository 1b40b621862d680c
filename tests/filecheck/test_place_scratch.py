import pytest
from matching import in_order, run

from rung.errors import ContractError
from rung.lowering.place_scratch import PlaceScratch

KERNEL = """
func.func @kernel(%n: index, %f: f32) {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  scf.for %i = %zero to %n step %one {
    %a = memref.alloca() : memref<SIZExf32>
    %t = memref.alloca() : memref<2x33xf32, 1>
    %v = memref.subview %t[0, 1] [1, %n] [1, 1] : memref<2x33xf32, 1> to memref<?xf32, strided<[1], offset: 1>, 1>
    %r = scf.for %j = %zero to %n step %one iter_args(%b = %v) -> (memref<?xf32, strided<[1], offset: 1>, 1>) {
      memref.store %f, %b[%j] : memref<?xf32, strided<[1], offset: 1>, 1>
      memref.store %f, %a[%j] : memref<SIZExf32>
      scf.yield %b : memref<?xf32, strided<[1], offset: 1>, 1>
    }
  }
  return
}"""


def test_arena():
    text = run(KERNEL.replace("SIZE", "4100"), PlaceScratch())
    in_order(
        text,
        r"func.func private @rung_arena_exit\(!llvm.ptr\)",
        r"func.func private @rung_arena_enter\(i64\) -> \(!llvm.ptr \{llvm.align = 64 : i64, llvm.noalias\}\)",
        r"rung.scratch_bytes = 16448 : i64, rung.scratchpad_bytes = 320 : i64",
        r"arith.constant 16768 : i64",
        r"call @rung_arena_enter",
        r"to memref<16768xi8>",
        r"memref.view .* to memref<4100xf32>",
        r"constant 16448 : index",
        r"memref.view .* to memref<2x33xf32>",
        r"scf.for",
        r"call @rung_arena_exit",
        r"return",
    )
    assert ", 1>" not in text.replace("[1, 1]", "") and "alloca" not in text


def test_little_stays_on_the_stack():
    text = run(KERNEL.replace("SIZE", "64"), PlaceScratch())
    in_order(text, r"memref.alloca\(\) \{alignment = 64", r"memref.alloca\(\)", "scf.for")
    assert "rung_arena" not in text and "memref<2x33xf32, 1>" not in text


def test_every_return_gives_back():
    text = run(
        """
func.func @f(%b: i1, %i: index, %v: f32) {
  %a = memref.alloca() : memref<4096xf32>
  memref.store %v, %a[%i] : memref<4096xf32>
  cf.cond_br %b, ^one, ^two
^one:
  return
^two:
  return
}""",
        PlaceScratch(),
    )
    assert text.count("call @rung_arena_exit") == 2


@pytest.mark.parametrize("op", ["memref.alloca(%n) : memref<?xf32>", "memref.alloc() : memref<8xf32>"])
def test_refuses(op: str):
    with pytest.raises(ContractError, match="place-scratch"):
        run(f"func.func @f(%n: index) {{\n %a = {op}\n return\n}}", PlaceScratch())
