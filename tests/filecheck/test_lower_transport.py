from matching import in_order, run

from rung.lowering.lower_transport import LowerTransport


def module(body: str) -> str:
    return f"""
    func.func @f(%x: memref<?xf16>, %i: index, %n: index, %k: index, %ld: index) {{
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %b = memref.alloca() : memref<2x4096xf16, 1>
      %tag = memref.alloca() : memref<2xi32>
      {body}
      return
    }}"""


TYPES = "memref<?xf16>, memref<2x4096xf16, 1>, memref<2xi32>"
BACK = "memref<2x4096xf16, 1>, memref<?xf16>, memref<2xi32>"


def test_one_row():
    text = run(module(f"memref.dma_start %x[%i], %b[%c1, %c0], %n, %tag[%c1] : {TYPES}"), LowerTransport())
    in_order(
        text,
        r"(?P<row>%\w+) = arith.muli %\w+, %c2_i64",
        r"llvm.getelementptr",
        r"llvm.getelementptr",
        r"llvm.getelementptr",
        r"call @rung_dma_start\(%\w+, %\w+, %\w+, (%\w+), \1, %\w+, %\w+\)",
    )
    assert "memref.dma" not in text


def test_a_load_is_strided_in_its_source_and_a_store_in_its_target():
    start = f"memref.dma_start %x[%i], %b[%c1, %c0], %n, %tag[%c1], %ld, %k : {TYPES}"
    load = run(module(start), LowerTransport())
    in_order(
        load,
        r"arith.maxui",
        r"arith.divui",
        r"call @rung_dma_start\(%\w+, %\w+, %\w+, (%\w+), \1, (?!\1)%\w+, %\w+\)",
    )
    store = run(module(f"memref.dma_start %b[%c1, %c0], %x[%i], %n, %tag[%c1], %ld, %k : {BACK}"), LowerTransport())
    in_order(store, r"call @rung_dma_start\(%\w+, %\w+, %\w+, (%\w+), (?!\1)%\w+, \1, %\w+\)")


def test_a_wait_takes_the_tag():
    text = run(module("memref.dma_wait %tag[%c1], %n : memref<2xi32>"), LowerTransport())
    in_order(
        text,
        r"unrealized_conversion_cast %\w+ : memref<2xi32> to !llvm.ptr",
        r"llvm.getelementptr",
        r"call @rung_dma_wait\(%\w+\) : \(!llvm.ptr\) -> \(\)",
    )


def test_leaves_a_module_without_transfers_alone():
    assert "rung_dma" not in run(module(""), LowerTransport())
