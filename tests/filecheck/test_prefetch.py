"""`prefetch`: the last loop that reads a row fetches the next program's, and nothing else does."""

from __future__ import annotations

import re

import pytest

from rung.transforms.prefetch import Prefetch
from tests.filecheck.matching import in_order, run

LOOP = """scf.for %i{n} = %c0 to %c1024 step {step} {{
      {loads}
    }} {{rung.vectorized = {{lanes = 16 : i64, unroll = 2 : i64}}}}"""
ROW = "memref<?x{t}, strided<[1], offset: ?>>"
KERNEL = """
func.func @kernel(%x: memref<?xf32>, %h: memref<?xf16>, %n: index, %begin: index, %end: index) {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  %c32 = arith.constant 32 : index
  %c1024 = arith.constant 1024 : index
  %scratch = memref.alloca() : memref<4096xf32>
  {loop}
  return
}}"""
PROGRAMS = """scf.for %program = %begin to %end step %c1 {{
    {body}
  }} {{rung.grid_loop}}"""


def view(position: str, source: str = "%x", kind: str = "?xf32") -> str:
    return f"""%o = {position}
    %row = memref.reinterpret_cast {source} to offset: [%o], sizes: [%n], strides: [1]
      {{rung.bounds = array<i64: 1024>}} : memref<{kind}> to {ROW.format(t=kind[-3:])}"""


def pass_over(n: int, lanes: int = 16, element: str = "f32", row: str = "%row") -> str:
    step = f"%c{2 * lanes}"
    kind = f"{ROW.format(t=element)}, vector<{lanes}x{element}>"
    loads = f"""%j{n} = arith.addi %i{n}, %c{lanes} : index
      %a{n} = vector.load {row}[%i{n}] : {kind}
      %b{n} = vector.load {row}[%j{n}] : {kind}"""
    return LOOP.format(n=n, step=step, loads=loads)


def kernel(body: str, loop: str = PROGRAMS) -> str:
    return KERNEL.format(loop=loop.format(body=body))


POSITION = "arith.muli %program, %n : index"
TWICE = f"{pass_over(1)}\n{pass_over(2)}"


def test_the_last_of_two_passes_fetches_the_next_row():
    text = run(kernel(f"{view(POSITION)}\n{pass_over(1)}\n{pass_over(2)}"), Prefetch())
    in_order(
        text,
        r"%reinterpret_cast = memref.reinterpret_cast %arg0",
        r"%1 = arith.addi %arg5, %c1 : index",
        r"%2 = arith.cmpi slt, %1, %arg4 : index",
        r"%3 = arith.addi %arg5, %c1 : index",
        r"%4 = arith.select %2, %3, %arg5 : index",
        r"%5 = arith.muli %4, %arg2 : index",
        r"%reinterpret_cast_0 = memref.reinterpret_cast %arg0 to offset: .%5.",
        r"vector.load %reinterpret_cast.%arg6.",
        r"scf.for %arg6 =",
        r"memref.prefetch %reinterpret_cast_0.%arg6., read, locality<3>, data",
        r"vector.load %reinterpret_cast.%arg6.",
        r"memref.prefetch %reinterpret_cast_0.%6.",
        r"vector.load %reinterpret_cast.%6.",
    )
    assert text.count("memref.prefetch") == 2
    assert re.findall("rung.prefetched = {.*?}", text) == ["rung.prefetched = {bytes = 4096 : i64, ops = 2 : i64}"]


def test_rows_of_one_loop_are_counted_together():
    second = view(POSITION, "%h", "?xf16").replace("%o", "%p").replace("%row", "%other")
    one = pass_over(1) + "\n" + pass_over(2, element="f16", row="%other")
    loads = pass_over(4, element="f16", row="%other").split("step %c32 {")[1].split("} {rung")[0]
    both = pass_over(3).replace("} {rung", f"{loads.replace('%i4', '%i3')}}} {{rung")
    text = run(kernel(f"{view(POSITION)}\n{second}\n{one}\n{both}"), Prefetch())
    assert "rung.prefetched = {bytes = 6144 : i64, ops = 3 : i64}" in text, "4096 in two lines' worth, 2048 in one"


def test_one_per_line():
    body = f"{view(POSITION, '%h', '?xf16')}\n{pass_over(1, element='f16')}\n{pass_over(2, element='f16')}"
    assert run(kernel(body), Prefetch(line_bytes=64)).count("memref.prefetch") == 1
    assert run(kernel(body), Prefetch(line_bytes=32)).count("memref.prefetch") == 2


def test_a_pointer_that_the_loop_carries():
    """The next offset is what the loop itself will add."""
    loop = """%last = scf.for %program = %begin to %end step %c1 iter_args(%p = %c0) -> (index) {{
    {body}
    %q = arith.addi %p, %n : index
    scf.yield %q : index
  }}"""
    text = run(kernel(f"{view('arith.addi %p, %c0 : index')}\n{pass_over(1)}\n{pass_over(2)}", loop), Prefetch())
    in_order(text, r"%4 = arith.addi %arg6, %arg2", r"%5 = arith.select %3, %4, %arg6", r"memref.prefetch")


STEPS = """scf.for %k = {first} to %n step %c16 {{
      {body}
    }}"""


def blocks(view: str, loads: str, first: str = "%c0") -> str:
    return STEPS.format(first=first, body=f"%q = arith.addi %p, %k : index\n{view}\n{loads}")


def test_behind_the_last_block_comes_the_first_of_the_next_program():
    """Of a loop inside: k + 16 of this program, or 0 of the next one, or of this one where there is no other."""
    body = "%p = arith.muli %program, %n : index\n" + blocks(view("arith.addi %q, %c0 : index"), TWICE)
    text = run(kernel(body), Prefetch())
    in_order(
        text,
        r"scf.for %arg5 = %arg3 to %arg4",
        r"scf.for %arg6 = %c0 to %arg2 step %c16",
        r"%3 = arith.addi %arg6, %c16",
        r"%4 = arith.cmpi slt, %3, %arg2",
        r"%5 = arith.addi %arg6, %c16",
        r"%6 = arith.select %4, %5, %c0",
        r"%7 = arith.addi %arg5, %c1",
        r"%8 = arith.cmpi slt, %7, %arg4",
        r"%9 = arith.select %8, %7, %arg5",
        r"%10 = arith.select %4, %arg5, %9",
        r"%11 = arith.muli %10, %arg2",
        r"%12 = arith.addi %11, %6",
        r"memref.reinterpret_cast %arg0",
        r"memref.prefetch",
    )


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("%s = arith.remui %program, %c16 : index\n%p = arith.muli %s, %n : index\n"
                     + blocks(view("arith.addi %q, %c0 : index"), TWICE, "%s"), id="it begins elsewhere"),
        pytest.param("%w = memref.load %scratch[%program] : memref<4096xf32>\n%v = arith.fptoui %w : f32 to i64\n"
                     "%p = arith.index_cast %v : i64 to index\n"
                     + blocks(view("arith.addi %q, %c0 : index"), TWICE), id="its place is out of scratch"),
    ],
)  # fmt: skip
def test_otherwise_the_last_block_comes_again(body: str):
    text = run(kernel(body.replace(TWICE, TWICE)), Prefetch())
    assert "memref.prefetch" in text and text.count("arith.select") == 1


def rows(stride: str = "%n", shape: str = "16, 64", sizes: str = "%n, %n") -> str:
    kind = f"memref<?x?xf32, strided<[{'?' if stride[0] == '%' else stride}, 1], offset: ?>>"
    return f"""%o = {POSITION}
    %row = memref.reinterpret_cast %x to offset: [%o], sizes: [{sizes}], strides: [{stride}, 1]
      {{rung.bounds = array<i64: {shape}>}} : memref<?xf32> to {kind}
    scf.for %i = %c0 to %n step %c16 {{
      %a = vector.load %row[%c0, %i] : {kind}, vector<16xf32>
    }} {{rung.vectorized = {{lanes = 16 : i64, unroll = 1 : i64}}}}"""


def test_short_rows_are_fetched_though_one_loop_reads_them():
    text = run(kernel(rows()), Prefetch())
    assert "memref.prefetch" in text and "rung.prefetched = {bytes = 4096 : i64, ops = 1 : i64}" in text


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(rows(shape="2, 2048"), id="longer than a page"),
        pytest.param(rows(shape="1, 64"), id="one row"),
        pytest.param(rows("64"), id="rows that follow one another"),
    ],
)
def test_other_rows_are_streams(body: str):
    assert "memref.prefetch" not in run(kernel(body), Prefetch())


BLOCK = """%o = arith.muli %program, %n : index
    %row = memref.reinterpret_cast %x to offset: [%o], sizes: [%n, %n], strides: [%n, 1]
      {{rung.bounds = array<i64: 64, {columns}>}} : memref<?xf32> to memref<?x?xf32, strided<[?, 1], offset: ?>>
    scf.for %j = %c0 to %n step {step} {{
      scf.for %i = %c0 to %n step %c16 {{
        %a = vector.load {at} : memref<?x?xf32, strided<[?, 1], offset: ?>>, vector<16xf32>
      }} {{rung.vectorized = {{lanes = 16 : i64, unroll = 1 : i64}}}}
    }}"""


@pytest.mark.parametrize(
    ("columns", "step", "rows"), [(256, "%c1", 4), (64, "%c1", 16), (1024, "%c1", 1), (64, "%c16", 256)]
)
def test_of_a_large_block_its_own_rows_are_fetched(columns: int, step: str, rows: int):
    """64 rows and the next block's are beyond the limit: those 4096 bytes ahead, at least one."""
    text = run(kernel(BLOCK.format(columns=columns, step=step, at="%row[%j, %i]")), Prefetch(limit_bytes=8192))
    in_order(
        text,
        r"scf.for %arg6 = ",
        r"scf.for %arg7 = ",
        rf"arith.addi %arg6, %c{rows}(_\d+)? : index",
        r"memref.prefetch %reinterpret_cast.%\d+, %arg7., read, locality<3>, data",
        r"vector.load",
    )
    assert f"rung.prefetched = {{bytes = {64 * columns * 4} : i64, ops = 1 : i64}}" in text


def test_a_row_that_no_loop_counts_is_not_fetched():
    body = BLOCK.format(columns=256, step="%c1", at="%row[%c1, %i]")
    assert "memref.prefetch" not in run(kernel(body), Prefetch(limit_bytes=8192))


CHOSEN = """%w = memref.load %numbers[%program] : memref<?xi32>
    %v = arith.index_cast %w : i32 to index
    """ + view("arith.muli %v, %n : index")


def gather(body: str) -> str:
    return kernel(body).replace("%h: memref<?xf16>", "%h: memref<?xf16>, %numbers: memref<?xi32>")


def test_a_row_whose_number_is_loaded_is_fetched_though_read_once():
    text = run(gather(f"{CHOSEN}\n{pass_over(1)}"), Prefetch())
    in_order(
        text,
        r"memref.load %arg2.%arg6.",
        r"%(\d+) = arith.select %\d+, %\d+, %arg6 : index",
        r"%(\d+) = memref.load %arg2.%\d+. : memref<\?xi32>",
        r"%(\d+) = arith.muli %\d+, %arg3 : index",
        r"%reinterpret_cast_0 = memref.reinterpret_cast %arg0 to offset: .%\d+.",
        r"memref.prefetch %reinterpret_cast_0.%arg7., read, locality<3>, data",
    )
    # Both numbers: this program's, and the next one's.
    assert text.count("memref.load") == 2 and text.count("memref.prefetch") == 2


def test_a_number_that_is_loaded_under_a_condition_is_not_loaded_ahead():
    body = f"""%some = arith.cmpi slt, %program, %n : index
    scf.if %some {{
      {CHOSEN}
      {pass_over(1)}
    }}"""
    assert "memref.prefetch" not in run(gather(body), Prefetch())


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(f"{view(POSITION)}\n{pass_over(1)}", id="one pass streams"),
        pytest.param(f"{view('arith.muli %n, %c16 : index')}\n{TWICE}", id="the same row for every program"),
        pytest.param(f"{view(POSITION, '%scratch', '4096xf32')}\n{TWICE}", id="scratch"),
        pytest.param(f"%w = memref.load %scratch[%program] : memref<4096xf32>\n%v = arith.fptoui %w : f32 to i64\n"
                     f"{view('arith.index_cast %v : i64 to index')}\n{TWICE}", id="a position out of scratch"),
        pytest.param(f"{view('arith.divui %n, %program : index')}\n{TWICE}", id="a division that may trap earlier"),
    ],
)  # fmt: skip
def test_left_alone(body: str):
    assert "memref.prefetch" not in run(kernel(body), Prefetch())


def test_iterations_that_touch_more_than_the_limit_are_left_alone():
    """The row and the next one: 4 KiB each."""
    body = kernel(f"{view(POSITION)}\n{TWICE}")
    assert "memref.prefetch" in run(body, Prefetch(limit_bytes=8192))
    assert "memref.prefetch" not in run(body, Prefetch(limit_bytes=8191))


def test_all_that_an_iteration_touches_counts():
    """A second array, read once, takes its 2 KiB of the cache, too."""
    other = f"{view(POSITION, '%h', '?xf16').replace('%o', '%p').replace('%row', '%other')}"
    body = kernel(f"{view(POSITION)}\n{other}\n{TWICE}\n{pass_over(3, element='f16', row='%other')}")
    assert "memref.prefetch" in run(body, Prefetch(limit_bytes=10240))
    assert "memref.prefetch" not in run(body, Prefetch(limit_bytes=10239))


def test_rows_that_leave_the_first_cache_go_to_the_second():
    body = kernel(f"{view(POSITION)}\n{TWICE}")
    assert "locality<3>" in run(body, Prefetch(near_bytes=8192))
    assert "locality<2>" in run(body, Prefetch(near_bytes=8191))
