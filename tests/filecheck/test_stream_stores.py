"""`stream-stores`: stores past the caches where a launch writes more than they hold, and nowhere else."""

from __future__ import annotations

import re

import pytest

from rung.transforms.stream_stores import StreamStores
from tests.filecheck.matching import in_order, run

FENCE = "llvm.x86.sse.sfence"
STREAM = StreamStores(FENCE, cache_bytes=1 << 20, line_bytes=64)
KERNEL = """
func.func @kernel(%x: memref<?xf32>, %y: memref<?xf32>, %n: index, %m: index, %begin: index, %end: index) {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %c16 = arith.constant 16 : index
  %c2 = arith.constant 2 : index
  %scratch = memref.alloca() : memref<4096xf32>
  %v = arith.constant dense<1.0> : vector<{lanes}xf32>
  scf.for %program = %begin to %end step %c1 {{
    %o = arith.muli %program, %n : index
    {view}
    {body}
  }} {{rung.grid_loop}}
  return
}}"""
ROW_KIND, ROWS_KIND = "memref<?xf32, strided<[1], offset: ?>>", "memref<?x?xf32, strided<[?, 1], offset: ?>>"

ATOMIC = """%b = arith.constant 1 : i32
      %old = memref.atomic_rmw addi %b, %flag[%c0] : (i32, memref<?xi32>) -> i32"""


def row(bound: int = 1024, offset: str = "%o", source: str = "%y") -> str:
    kind = "4096xf32" if source == "%scratch" else "?xf32"
    return f"""%row = memref.reinterpret_cast {source} to offset: [{offset}], sizes: [%n], strides: [1]
      {{rung.bounds = array<i64: {bound}>}} : memref<{kind}> to {ROW_KIND}"""


ROWS = f"""%row = memref.reinterpret_cast %y to offset: [%o], sizes: [%n, %n], strides: [%m, 1]
      {{rung.bounds = array<i64: 16, 64>}} : memref<?xf32> to {ROWS_KIND}"""


def loop(body: str = "", at: str = "%i", lanes: int = 8, kind: str = ROW_KIND) -> str:
    return f"""scf.for %i = %c0 to %n step %c16 {{
      %j = arith.addi %i, %c8 : index
      {body}
      vector.store %v, %row[{at}] : {kind}, vector<{lanes}xf32>
    }} {{rung.vectorized = {{lanes = {lanes} : i64, unroll = 1 : i64}}}}"""


def kernel(view: str, body: str, lanes: int = 8) -> str:
    return KERNEL.format(view=view, body=body, lanes=lanes)


def test_a_small_loop_is_written_twice() -> None:
    text = run(kernel(row(), loop("vector.store %v, %row[%j] : " + ROW_KIND + ", vector<8xf32>")), STREAM)
    in_order(
        text,
        r"arith.subi %\w+, %arg4 : index",
        r"arith.muli %\w+, %c4096",
        r"%(\w+) = arith.cmpi ugt, %\w+, %c1048576",
        r"scf.for %arg6 = %arg4 to %arg5",
        r"llvm.ptrtoint",
        r"arith.andi %\w+, %c63",
        r"arith.cmpi eq",
        r"arith.andi %\w+, %\w+ : i1",
        r"scf.if",
        r"scf.for %arg7",
        r"vector.store .* \{alignment = 32 : i64, nontemporal = true\}",
        r"vector.store .* \{alignment = 32 : i64, nontemporal = true\}",
        r"\} else \{",
        r"scf.for %arg7",
        r"vector.store %cst, %\w+\[%arg7\] :",
        r"rung.vectorized",
        r"\} \{rung.streamed = 2 : i64\}",
        r"scf.if",
        FENCE,
        r"return",
    )
    assert text.count("nontemporal") == 2 and text.count("rung.vectorized") == 1


OTHERS = "\n".join(f"vector.store %v, %row[%j] : {ROW_KIND}, vector<8xf32>" for _ in range(3))
MUCH = "\n".join(f"%a{k} = arith.addf %v, %v : vector<8xf32>" for k in range(24))


def test_in_a_large_loop_the_stores_are() -> None:
    """They move to the last of them; what lies between is arithmetic."""
    text = run(kernel(row(), loop(f"{OTHERS}\n{MUCH}")), STREAM)
    assert text.count("scf.for") == 2 and text.count("nontemporal") == 4
    assert re.findall(r"rung.streamed = \d", text) == ["rung.streamed = 4"]
    in_order(text, r"scf.for %arg7", r"arith.addf", r"scf.if", r"nontemporal", r"nontemporal", r"\} else \{", r"store")


def test_a_store_does_not_pass_a_load() -> None:
    """Of another argument, which may be the same memory."""
    first = f"""{OTHERS}
      {MUCH}
      %l = vector.load %x[%i] : memref<?xf32>, vector<8xf32>"""
    text = run(kernel(row(), loop(first)), STREAM)
    in_order(text, r"scf.for %arg7", r"scf.if", r"nontemporal", r"vector.load", r"scf.if", r"nontemporal")


def test_rows_are_asked_for_their_distance() -> None:
    """Whole lines, of several rows at a time."""
    store = f"vector.store %v, %row[%c1, %i] : {ROWS_KIND}, vector<16xf32>"
    text = run(kernel(ROWS, loop(store, "%c0, %i", 16, ROWS_KIND), 16), STREAM)
    assert text.count("nontemporal") == 2
    in_order(text, r"arith.muli %arg3, %c4", r"arith.ori", r"arith.andi %\w+, %c63", r"scf.if")


def test_the_inner_loops_that_move_a_view_count() -> None:
    inner = f"""scf.for %k = %c0 to %m step %c2 {{
      %p = arith.addi %o, %k : index
      {row(offset="%p")}
      {loop()}
    }}"""
    text = run(kernel("", inner), STREAM)
    in_order(
        text, r"arith.ceildivui %\w+, %c2", r"arith.muli", r"arith.muli", r"ugt", r"scf.for %arg6 = %arg4", r"scf.if"
    )


@pytest.mark.parametrize(
    ("view", "body", "lanes"),
    [
        pytest.param(row(), loop(f"%l = vector.load %row[%i] : {ROW_KIND}, vector<8xf32>"), 8, id="it is read"),
        pytest.param(row(), loop("%l = memref.load %y[%i] : memref<?xf32>"), 8, id="it is read elsewhere"),
        pytest.param(row(), loop(MUCH), 8, id="much arithmetic for one store"),
        pytest.param(row(source="%scratch"), loop(), 8, id="scratch"),
        pytest.param(row(offset="%m"), loop(), 8, id="one place for all programs"),
        pytest.param(row(1000), loop(), 8, id="a row of no whole lines"),
        pytest.param(row(), loop(at="%program"), 8, id="an index that may be odd"),
        pytest.param(row(), loop(lanes=6), 6, id="no power of two"),
        pytest.param(row(), loop(lanes=2), 2, id="less than a register"),
        pytest.param(
            ROWS, loop(f"vector.store %v, %row[%c1, %i] : {ROWS_KIND}, vector<8xf32>", "%c0, %i", 8, ROWS_KIND), 8,
            id="pieces of several lines",
        ),
        pytest.param(row(), loop(ATOMIC), 8, id="another context may be told of it"),
        pytest.param(row(), loop("func.call @f() : () -> ()"), 8, id="by a function"),
    ],
)  # fmt: skip
def test_left_alone(view: str, body: str, lanes: int) -> None:
    text = kernel(view, body, lanes).replace("%n: index", "%flag: memref<?xi32>, %n: index")
    text += "\nfunc.func private @f()"
    assert "nontemporal" not in run(text, STREAM) and FENCE not in run(text, STREAM)
