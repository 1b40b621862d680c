import pytest

from rung.errors import UsageError
from tests.filecheck.matching import in_order, promoted, run

V = "memref<?xf32, strided<[1], offset: ?>>"
HEAD = """
#a = affine_map<(d0) -> (d0)>
#ab = affine_map<(d0, d1) -> (d0, d1)>
func.func @kernel(%x: memref<?xf32>, %y: memref<?xf32>, %n: index, %lo: index, %hi: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
"""


def loop(body: str, mark: str = "{rung.grid_loop}") -> str:
    return f"""{HEAD}
      scf.for %p = %lo to %hi step %c1 {{
        %o = arith.muli %p, %c64 : index
        {body}
      }} {mark}
      return
    }}"""


def view(name: str, base: str, offset: str = "%o", size: str = "%n") -> str:
    return f"""%{name} = memref.reinterpret_cast {base} to offset: [{offset}], sizes: [{size}], strides: [1]
      {{rung.bounds = array<i64: 64>}} : memref<?xf32> to {V}
    """


def double(source: str, target: str, extra: str = "") -> str:
    return f"""linalg.generic {{indexing_maps = [#a, #a], iterator_types = ["parallel"]}}
      ins({source} : {V}) outs({target} : {V}) {{
      ^bb0(%in: f32, %out: f32):
        {extra}
        %r = arith.addf %in, %in : f32
        linalg.yield %r : f32
    }}
    """


ELEMENTWISE = loop(view("v", "%x") + view("w", "%y") + double("%v", "%w"))


def test_loads_before_and_stores_after():
    text = run(ELEMENTWISE, *promoted(depth=2))
    in_order(
        text,
        r"(?P<bx>%\w+) = memref.alloca\(\) : memref<64xf32, 1>",
        r"memref.alloca\(\) : memref<64xf32, 1>",
        r"scf.for",
        r"memref.copy %\w+, %\w+ \{rung.transfer = \"load\"\} : .* to memref<\?xf32, strided<\[1\]>, 1>",
        r"linalg.generic .* ins\(%\w+ : memref<\?xf32, strided<\[1\]>, 1>\)",
        r"memref.copy %\w+, %\w+ \{rung.transfer = \"store\"\}",
        r"rung.promoted = 2 : i64, rung.scratchpad_bytes = 1024 : i64, rung.streams = 2 : i64",
    )


def test_reads_of_one_view_share_a_buffer():
    text = run(loop(view("v", "%x") + view("w", "%y") + double("%v", "%w") + double("%v", "%w")), *promoted())
    assert text.count('rung.transfer = "load"') == 1
    assert text.count('rung.transfer = "store"') == 1, "after the last writer"


def test_a_transposed_view_is_packed_along_its_contiguous_dimension():
    kind = "memref<?x?xf32, strided<[1, ?], offset: ?>>"
    text = run(
        loop(
            f"""%v = memref.reinterpret_cast %x to offset: [%o], sizes: [%n, %hi], strides: [1, %lo]
                {{rung.bounds = array<i64: 8, 16>}} : memref<?xf32> to {kind}
            linalg.generic {{indexing_maps = [#ab], iterator_types = ["parallel", "parallel"]}} outs(%v : {kind}) {{
              ^bb0(%out: f32):
                %z = arith.constant 0.0 : f32
                linalg.yield %z : f32
            }}"""
        ),
        *promoted(),
    )
    in_order(text, r"memref<128xf32, 1>", r"sizes: \[%arg2, %arg4\], strides: \[1, %arg2\]")


def test_an_unchanging_view_is_loaded_once_if_the_loop_runs():
    text = run(loop(view("v", "%x", "%c64", "%c64") + view("w", "%y") + double("%v", "%w")), *promoted(depth=3))
    in_order(
        text,
        r"(%\w+) = arith.cmpi slt, %arg3, %arg4",
        r"scf.if",
        r"memref.copy .*rung.in_order = \"it does not change in the loop.*rung.transfer = \"load\"",
        r"scf.for",
        r"rung.scratchpad_bytes = 1024 : i64, rung.streams = 1 : i64",
    )


QUOTIENT = """
    %py = arith.divui %p, %n : index
    %row = arith.muli %py, %c64 : index
    """


def test_a_view_that_changes_now_and_then_keeps_its_buffer():
    body = QUOTIENT + view("v", "%x", "%row") + view("w", "%y") + double("%v", "%w")
    text = run(loop(body), *promoted(depth=2))
    in_order(
        text,
        r"(%\w+) = memref.alloca\(\) : memref<1xindex>",
        r"memref.store %c-1",
        r"scf.for",
        r"memref.load %\w+\[%\w+\] : memref<1xindex>",
        r"arith.cmpi ne",
        r"scf.if",
        r'memref.copy .* rung.transfer = "load"',
        r"memref.store %\w+, %\w+\[%\w+\] : memref<1xindex>",
        r"linalg.generic",
        r"rung.held = 1 : i64, rung.promoted = 2 : i64, rung.scratchpad_bytes = 768",
    )


@pytest.mark.parametrize(
    "change",
    [("divui", "remui"), ("%py = arith.divui %p, %n", "%q = arith.divui %p, %n : index\n%py = arith.addi %q, %p")],
)
def test_a_view_that_may_change_every_time_is_a_stream(change: tuple[str, str]):
    body = QUOTIENT.replace(*change) + view("v", "%x", "%row") + view("w", "%y") + double("%v", "%w")
    assert "rung.held" not in run(loop(body), *promoted(depth=2))


def test_a_view_of_a_sequential_loop_is_not_held():
    body = QUOTIENT + view("v", "%x", "%row") + view("w", "%y") + double("%v", "%w")
    assert "rung.held" not in run(loop(body, ""), *promoted(depth=2))


def test_a_shifted_store_to_the_same_array_keeps_both_in_order():
    shifted = "%s = arith.addi %o, %c1 : index\n"
    text = run(loop(shifted + view("v", "%x") + view("w", "%x", "%s") + double("%v", "%w")), *promoted())
    assert text.count("the array is stored to at other places in the loop") == 2
    assert "rung.streams = 0" in text


def test_a_load_after_a_store_of_the_same_iteration_stays_behind_it():
    text = run(loop(view("v", "%x") + view("w", "%y") + double("%v", "%w") + double("%w", "%v")), *promoted())
    in_order(
        text,
        r'rung.transfer = "load"',
        r"linalg.generic",
        r"it is read after a store in the same iteration\", rung.transfer = \"store\"",
        r"it is read after a store in the same iteration\", rung.transfer = \"load\"",
        r"linalg.generic",
    )


@pytest.mark.parametrize(("mark", "offset", "streams"), [("{rung.grid_loop}", "%p", 2), ("", "%o", 2), ("", "%p", 0)])
def test_in_place_in_a_sequential_loop_needs_a_proof(mark: str, offset: str, streams: int):
    """Without a mark, iterations must be proven to lie apart: `%p` moves by 1, and the view has 64 elements."""
    text = run(loop(view("v", "%x", offset) + double("%v", "%v"), mark), *promoted())
    assert f"rung.streams = {streams}" in text


def test_stores_do_not_overtake_each_other():
    """Overlapping stores stream: the engine's queue keeps their order."""
    text = run(loop(view("v", "%x") + view("w", "%y", "%p") + double("%v", "%w"), ""), *promoted())
    assert "rung.streams = 2" in text


def test_nothing_is_read_before_an_assertion_that_may_forbid_it():
    stop = """%ok = arith.cmpi slt, %p, %n : index
        cf.assert %ok, "p < n"
        """
    text = run(loop(stop + view("v", "%x") + view("w", "%y") + double("%v", "%w")), *promoted(depth=2))
    assert "an assertion may keep it from being read" in text and "rung.streams = 1" in text


def test_atomics_keep_what_they_may_order():
    lock = """%one = arith.constant 1.0 : f32
      %old = memref.atomic_rmw addf %one, %y[%c0] : (f32, memref<?xf32>) -> f32
    """
    text = run(loop(view("v", "%x") + double("%v", "%v") + lock), *promoted())
    assert text.count("an atomic, a volatile load or a call may order it") == 2


ADD = "%old = memref.atomic_rmw addf %one, %y[%c0] : (f32, memref<?xf32>) -> f32\n"
POINTER = "%at = builtin.unrealized_conversion_cast %y : memref<?xf32> to !llvm.ptr\n"


@pytest.mark.parametrize(
    ("fence", "reasons"),
    [
        (ADD, 0),
        (ADD + "memref.store %old, %y[%c64] : memref<?xf32>", 1),
        (POINTER + "%flag = llvm.load volatile %at atomic acquire {alignment = 4 : i64} : !llvm.ptr -> f32", 1),
    ],
)
def test_who_may_wait_reads_again_what_the_kernel_never_writes(fence: str, reasons: int):
    """Behind a volatile load, or an atomic whose old value is looked at, what others did is seen."""
    scratch = "%one = arith.constant 1.0 : f32\n%s = memref.alloca(%n) : memref<?xf32>\n" + view("w", "%s")
    text = run(loop(view("v", "%x") + scratch + double("%v", "%w") + fence), *promoted())
    assert text.count("an atomic, a volatile load or a call may order it") == reasons


def test_nothing_is_loaded_before_programs_have_waited():
    """What this kernel only reads, another one may write meanwhile."""
    wait = "func.call @rung_yield() : () -> ()"
    kernel = loop(view("v", "%x") + view("w", "%y") + double("%v", "%w") + wait)
    text = run("func.func private @rung_yield()\n" + kernel, *promoted())
    assert text.count("programs wait for one another in the loop") == 1
    assert text.count("an atomic, a volatile load or a call may order it") == 1


def test_a_nest_that_also_gathers_from_the_array_it_writes_stays_direct():
    gather = "%g = memref.load %y[%c0] : memref<?xf32>"
    nest = double("%v", "%w", gather).replace("addf %in, %in", "addf %in, %g")
    text = run(loop(view("v", "%x") + view("w", "%y") + nest), *promoted())
    assert "argument 1: the same nest accesses the array element by element" in text
    assert text.count("rung.transfer") == 1


def test_a_view_under_a_condition_is_loaded_there():
    text = run(
        loop(
            view("v", "%x")
            + "%c = arith.cmpi slt, %p, %n : index\nscf.if %c {"
            + view("w", "%y")
            + double("%v", "%w")
            + "}"
        ),
        *promoted(),
    )
    in_order(text, r"scf.for", r"scf.if", r'rung.transfer = "load"', r"linalg.generic", r'rung.transfer = "store"')


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("{rung.bounds = array<i64: 64>}", ""), "its size has no static bound"),
        (("strides: [1]", "strides: [%n]"), "no dimension is contiguous"),
        (("strides: [1]", "strides: [-1]"), "a stride is negative"),
        (("strides: [1]", "strides: [0]"), "it is a single element"),
    ],
)
def test_views_without_a_layout_stay_direct(change: tuple[str, str], reason: str):
    stride = change[1].removeprefix("strides: [").removesuffix("]").replace("%n", "?") or "1"
    kind = V.replace("[1]", f"[{stride}]")
    text = run(
        loop(
            view("v", "%x").replace(*change).replace(V, kind) + view("w", "%y") + double("%v", "%w").replace(V, kind, 1)
        ),
        *promoted(),
    )
    assert f"argument 0: {reason}" in text
    assert text.count("rung.transfer") == 1


def test_refuses_to_exceed_the_scratchpad():
    with pytest.raises(UsageError, match="needs 1024 bytes of scratchpad"):
        run(ELEMENTWISE, *promoted(scratchpad_bytes=1023, depth=2))
    run(ELEMENTWISE, *promoted(scratchpad_bytes=1024, depth=2))


def test_leaves_the_rest_direct_when_asked():
    text = run(ELEMENTWISE, *promoted(scratchpad_bytes=1023, depth=2, on_overflow="direct"))
    assert "its 512 bytes do not fit" in text
    assert text.count("rung.transfer") == 1


def test_leaves_a_module_without_loops_alone():
    text = run(HEAD + view("v", "%x", "%n") + double("%v", "%v") + "return }", *promoted())
    assert "alloca" not in text


def test_says_which_arguments_it_takes_for_different_memory():
    """Same place, or never written: nothing is assumed. A store that comes one iteration later is."""
    assert "rung.assumed" not in run(ELEMENTWISE, *promoted())
    shifted = "%s = arith.addi %o, %c64 : index\n"
    body = shifted + view("v", "%x") + view("w", "%y", "%s") + double("%v", "%w")
    assert "rung.assumed = array<i64: 0, 1>" in run(loop(body, ""), *promoted())
    marked = loop(body, "").replace("%hi: index)", "%hi: index) attributes {rung.may_alias}")
    text = run(marked, *promoted())
    assert "rung.assumed" not in text
    assert text.count("the array is stored to at other places in the loop") == 2


def test_what_does_not_fit_takes_along_all_that_may_be_the_same_memory():
    text = ELEMENTWISE.replace("%hi: index)", "%hi: index) attributes {rung.may_alias}")
    assert "rung.transfer" not in run(text, *promoted(scratchpad_bytes=1023, depth=2, on_overflow="direct"))


def test_stores_that_go_two_ways_are_of_different_memory():
    wide = view("u", "%x").replace("64>", "128>")
    text = run(
        loop(wide + view("w", "%y") + double("%w", "%u") + double("%u", "%w")),
        *promoted(scratchpad_bytes=512, on_overflow="direct"),
    )
    assert "rung.assumed = array<i64: 0, 1>" in text


def test_a_view_of_two_contexts_has_a_buffer_in_each():
    """A part of a row is used in tiles that are dealt out, and by the program that deals them out."""
    tiles = f"""scf.forall (%t) in (%n) {{
      scf.for %q = %t to %n step %c1 {{
        {view("u", "%x", "%q")} {double("%v", "%u")}
      }} {{rung.tile_loop}}
    }} {{rung.contexts}}
    """
    text = run(
        loop(view("v", "%y") + view("w", "%z") + tiles + double("%v", "%w")).replace("%n:", "%z: memref<?xf32>, %n:")
    )
    text = run(text, *promoted())
    in_order(
        text,
        r"memref.alloca\(\) .*, 1>",
        r"scf.for ",
        r"scf.forall",
        r"memref.alloca\(\) .*, 1>",
        r"scf.for ",
        r"rung.tile_loop",
        r"memref.copy .*rung.transfer = \"load\"",
        r"rung.grid_loop",
    )
