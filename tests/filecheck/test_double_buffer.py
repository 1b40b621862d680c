# ruff: noqa: E501
import pytest
from test_promote import ELEMENTWISE, double, loop, view

from rung.errors import UsageError
from rung.transforms.double_buffer import DoubleBuffer
from rung.transforms.transport import Transport
from tests.filecheck.matching import in_order, promoted, run


def test_prologue_steady_state_epilogue():
    text = run(ELEMENTWISE, *promoted(depth=2), DoubleBuffer())
    in_order(
        text,
        r"memref.alloca\(\) .* memref<2x64xf32, 1>",
        r"memref.store %c0_i32",
        r"scf.if",
        r"memref.dma_start %arg0",
        r"scf.for",
        r"arith.remui",
        r"scf.if",
        r"memref.dma_start %arg0",
        r"memref.dma_wait (%\w+)\[",
        r"memref.dma_wait (%\w+)\[",
        r"linalg.generic",
        r"memref.dma_start %\w+\[%\w+, %\w+\], %arg1",
        r"rung.depth = 2 : i64, rung.grid_loop, rung.pipelined = 2",
        r"memref.dma_wait",
        r"memref.dma_wait",
        r"return",
    )
    assert "memref.copy" not in text


def test_deeper_pipelines_have_longer_prologues_and_epilogues():
    text = run(ELEMENTWISE, *promoted(depth=4), DoubleBuffer(depth=4))
    before, steady = text.split("scf.for")
    assert before.count("memref.dma_start") == 3
    assert steady.count("memref.dma_wait") == 2 + 4
    assert "memref<4x64xf32, 1>" in before


def test_addresses_carried_through_the_loop_are_moved_on():
    text = run(
        f"""
        func.func @kernel(%x: memref<?xf32>, %y: memref<?xf32>, %n: index, %lo: index, %hi: index, %by: index) {{
          %c1 = arith.constant 1 : index
          %e = scf.for %i = %lo to %hi step %c1 iter_args(%o = %n) -> (index) {{
            {view("v", "%x")} {view("w", "%y")}
            linalg.copy ins(%v : memref<?xf32, strided<[1], offset: ?>>) outs(%w : memref<?xf32, strided<[1], offset: ?>>)
            %next = arith.addi %o, %by : index
            scf.yield %next : index
          }}
          return
        }}""",
        *promoted(depth=3),
        DoubleBuffer(depth=3),
    )
    in_order(
        text,
        r"scf.for .* iter_args\((%\w+) =",
        r"arith.muli %arg5, %c2",
        r"arith.addi %arg7, ",
        r"dma_start %arg0",
    )


def test_leaves_an_address_that_is_read_from_memory():
    indirect = "%f = memref.load %y[%p] : memref<?xf32>\n%i = arith.fptosi %f : f32 to i64\n%q = arith.index_cast %i : i64 to index\n"
    text = run(loop(indirect + view("v", "%x", "%q") + double("%v", "%v")), *promoted(), DoubleBuffer())
    in_order(
        text,
        r"memref.copy .*\"load\"",
        r"rung.not_pipelined = \[\"load of argument 0: its address is read from memory",
    )


def test_leaves_copies_that_must_stay_in_order():
    text = run(loop(view("v", "%x") + view("w", "%x", "%p") + double("%v", "%w")), *promoted(), DoubleBuffer())
    assert text.count("memref.copy") == 2
    assert "rung.pipelined" not in text


def test_refuses_a_single_buffer():
    with pytest.raises(UsageError, match="depth is `1`; give a whole number, 2 to 64"):
        run(ELEMENTWISE, DoubleBuffer(depth=1))


def test_single_buffering_uses_the_same_transport():
    text = run(ELEMENTWISE, *promoted(), Transport())
    in_order(
        text,
        r"scf.for",
        r"dma_start %arg0",
        r"dma_wait",
        r"linalg.generic",
        r"dma_start %\w+\[%\w+\], %arg1",
        r"dma_wait",
    )


def test_other_copies_are_left_alone():
    plain = """%a = memref.alloca() : memref<8xf32>
      %b = memref.alloca() : memref<8xf32>
      memref.copy %a, %b : memref<8xf32> to memref<8xf32>
    """
    assert "memref.copy" in run(loop(plain), *promoted(), DoubleBuffer(), Transport())
