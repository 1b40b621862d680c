import re

import pytest

from rung.errors import ContractError, UnsupportedError
from rung.transforms.form_virtual_threads import FormVirtualThreads
from tests.filecheck.matching import in_order, run

GRID = """
func.func @kernel(%x: memref<?xf32>, %gx: index, %gy: index, %gz: index) attributes {rung.kernel} {
  scf.forall (%px, %py, %pz) in (%gx, %gy, %gz) {
    %v = memref.load %x[%px] : memref<?xf32>
    memref.store %v, %x[%USE] : memref<?xf32>
  } {rung.grid}
  return
}"""


def test_block():
    text = run(GRID.replace("USE", "py"), FormVirtualThreads(contexts=4))
    in_order(
        text,
        r"%\w+ = arith.muli %arg1, %arg2",
        r"(%\w+) = arith.muli %\w+, %arg3",
        r"arith.cmpi sge",
        r"arith.minsi",
        r"(%\w+) = arith.select",
        r"scf.forall \(%\w+\) in \(%\w+\)",
        r"arith.muli",
        r"arith.divui",
        r"arith.muli",
        r"arith.divui",
        r"scf.for %\w+ = %\w+ to %\w+ step",
        r"arith.remui %\w+, %arg1",
        r"arith.divui %\w+, %arg1",
        r"arith.remui %\w+, %arg2",
        r"memref.load",
        r"\} \{rung.grid_loop\}",
        r"rung.body_cost_ns = .* rung.break_even_programs = .* rung.contexts, rung.distribution = \"block\"",
    )
    assert "rung.grid}" not in text


def test_forced_forking_asks_for_two_programs_and_still_writes_the_break_even_down():
    by_cost = run(GRID.replace("USE", "px"), FormVirtualThreads(contexts=4))
    forced = run(GRID.replace("USE", "px"), FormVirtualThreads(contexts=4, profitability=False))
    in_order(forced, r"(%c2\w*) = arith.constant 2", r"arith.cmpi sge, %\w+, %c2")
    decision = re.compile(r"rung.break_even_programs = (\d+)")
    assert decision.findall(forced) == decision.findall(by_cost) != ["2"]


def test_unused_dimensions_cost_nothing():
    text = run(GRID.replace("USE", "px"), FormVirtualThreads())
    assert text.count("arith.remui") == 1
    assert text.count("arith.divui") == 2  # both in the share of a context


def test_block_cyclic():
    text = run(GRID.replace("USE", "px"), FormVirtualThreads(distribution="block-cyclic"))
    in_order(
        text,
        r"scf.forall \((%\w+)\)",
        r"scf.for %\w+ = %\w+ to %\w+ step %\w+",
        "rung.grid_loop",
        "block-cyclic",
    )
    assert "arith.divui" not in text


def test_one_context_is_a_plain_loop():
    text = run(GRID.replace("USE", "px"), FormVirtualThreads(contexts=1))
    assert "scf.forall" not in text
    in_order(
        text, r"scf.for %\w+ = %c0\w* to", 'rung.body_cost_ns = .* : f64, rung.grid_loop, rung.serial = "one context"'
    )


TILES = """
func.func @kernel(%x: memref<?xf32>, %n: index) {
  scf.forall (%i, %j) = (2, 0) to (%n, 8) step (3, 1) {
    %v = memref.load %x[%i] : memref<?xf32>
    memref.store %v, %x[%j] : memref<?xf32>
  } {rung.tiles}
  return
}"""


def test_tiles_vary_in_memory_order():
    text = run(TILES, FormVirtualThreads())
    in_order(
        text,
        r"arith.subi %arg1, %c2",
        "arith.ceildivsi",
        "scf.forall",
        r"arith.remui %\w+, %c8",
        r"arith.divui %\w+, %c8",
        r"arith.muli %\w+, %c3",
        r"arith.addi %\w+, %c2",
        "rung.tile_loop",
    )


@pytest.mark.parametrize(("trips", "forks"), [(3, False), (100000, True)])
def test_known_trips_decide_at_compile_time(trips: int, forks: bool):
    text = run(
        f"""
func.func @kernel(%x: memref<?xf32>) {{
  scf.forall (%i) in ({trips}) {{
    %v = memref.load %x[%i] : memref<?xf32>
    memref.store %v, %x[%i] : memref<?xf32>
  }} {{rung.tiles}}
  return
}}""",
        FormVirtualThreads(contexts=4),
    )
    assert ("scf.forall (%arg1) in (4)" in text) is forks
    assert "arith.select" not in text


def test_expensive_bodies_pay_earlier():
    body = """
func.func @kernel(%x: memref<?xf32>, %y: memref<?xf32>, %b: index, %gx: index) {
  scf.forall (%i) in (%gx) {
    %v = memref.reinterpret_cast %x to offset: [%i], sizes: [%b], strides: [1] {rung.bounds = array<i64: SIZE>}
      : memref<?xf32> to memref<?xf32, strided<[1], offset: ?>>
    linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
      outs(%v : memref<?xf32, strided<[1], offset: ?>>) {
    ^bb0(%e: f32):
      %f = math.exp %e : f32
      linalg.yield %f : f32
    }
  } {rung.grid}
  return
}"""
    small, large = (run(body.replace("SIZE", size), FormVirtualThreads(lanes=16)) for size in ("16", "16384"))
    in_order(small, r"rung.break_even_programs = \d{3} ")
    in_order(large, r"rung.break_even_programs = 2 ")


def test_refuses_results():
    with pytest.raises(ContractError, match="has results"):
        run(
            """
func.func @kernel(%t: tensor<8xf32>, %n: index) -> tensor<8xf32> {
  %r = scf.forall (%i) in (%n) shared_outs(%o = %t) -> tensor<8xf32> {
    scf.forall.in_parallel { tensor.parallel_insert_slice %t into %o[0] [8] [1] : tensor<8xf32> into tensor<8xf32> }
  } {rung.grid}
  return %r : tensor<8xf32>
}""",
            FormVirtualThreads(),
        )


NESTED = """
func.func @kernel(%x: memref<?xf32>, %n: index, %gx: index) {
  scf.forall (%p) in (%gx) {
    scf.forall (%i) in (%n) {
      %v = memref.load %x[%i] : memref<?xf32>
      memref.store %v, %x[%p] : memref<?xf32>
    } {rung.tiles}
  } {rung.grid}
  return
}"""


def test_an_inner_loop_forks_where_the_outer_does_not():
    text = run(NESTED, FormVirtualThreads(contexts=4))
    in_order(text, r"(%\w+) = arith.select", r"scf.forall .* in \(%(\w+)\)", "scf.for ", "arith.cmpi eq")
    assert text.count("scf.forall") == 2
    known = run(NESTED.replace("in (%gx)", "in (1000000)"), FormVirtualThreads(contexts=4))
    assert known.count("scf.forall") == 1
    in_order(known, r"rung.serial = \"the loop around it is dealt out\", rung.tile_loop\}", r"\} \{rung.grid_loop\}")


STRIPS = """
func.func @kernel(%x: memref<?xf32>, %n: index, %gx: index, %gy: index, %gz: index) attributes {rung.kernel} {
  scf.forall (%px, %py, %pz) in (%gx, %gy, %gz) {
    %c = arith.constant WIDTH : index
    %zero = arith.constant 0.0 : f32
    %at = arith.muli %px, %c : index
    %row = arith.muli %py, %n : index
    %o = arith.addi %row, %at : index
    %v = memref.reinterpret_cast %x to offset: [%o], sizes: [WIDTH], strides: [1]
      : memref<?xf32> to memref<WIDTHxf32, strided<[1], offset: ?>>
    linalg.fill ins(%zero : f32) outs(%v : memref<WIDTHxf32, strided<[1], offset: ?>>)
  } {rung.grid}
  return
}"""


@pytest.mark.parametrize(("width", "group"), [(4, 4), (8, 2), (16, 1), (24, 2), (64, 1), (100, 4), (3, 16)])
def test_shares_begin_at_cache_lines(width: int, group: int):
    text = run(STRIPS.replace("WIDTH", str(width)), FormVirtualThreads(contexts=2))
    if group == 1:
        assert "rung.iterations_per_line" not in text and "arith.ceildivui" not in text
        return
    in_order(
        text,
        rf"arith.constant {16 * group} : index",
        r"arith.cmpi sge, %\w+, ",
        rf"arith.constant {group} : index",
        r"arith.select",
        r"arith.ceildivui",
        r"arith.minui",
        r"scf.for",
        rf"rung.iterations_per_line = {group} : i64",
    )


@pytest.mark.parametrize(("iterations", "grouped"), [(255, False), (256, True)])
def test_few_iterations_are_dealt_out_evenly(iterations: int, grouped: bool):
    text = f"""
func.func @kernel(%x: memref<?xf32>, %v: f32) {{
  scf.forall (%i) in ({iterations}) {{
    memref.store %v, %x[%i] : memref<?xf32>
  }} {{rung.tiles}}
  return
}}"""
    assert ("arith.ceildivui" in run(text, FormVirtualThreads(contexts=2, fork_join_ns=0))) is grouped


def test_stores_of_unknown_distance_are_not_counted():
    text = STRIPS.replace("%px, %c", "%px, %n").replace("WIDTH", "4")
    assert "rung.iterations_per_line" not in run(text, FormVirtualThreads(contexts=2))


def test_block_cyclic_shares_are_whole_lines():
    text = run(STRIPS.replace("WIDTH", "4"), FormVirtualThreads(contexts=2, distribution="block-cyclic"))
    in_order(text, r"scf.forall", r"arith.muli", r"scf.for", r"arith.minui", r"scf.for")


WAITS = """
func.func private @rung_yield()
func.func @kernel(%x: memref<?xi32>, %gx: index, %gy: index, %gz: index) attributes {rung.kernel} {
  %zero = arith.constant 0 : i32
  scf.forall (%px, %py, %pz) in (%gx, %gy, %gz) {
    scf.while : () -> () {
      %v = memref.atomic_rmw ori %zero, %x[%px] : (i32, memref<?xi32>) -> i32
      %go = arith.cmpi eq, %v, %zero : i32
      scf.condition(%go)
    } do {
      func.call @rung_yield() : () -> ()
      scf.yield
    }
    scf.forall (%t) in (4) {
      memref.store %zero, %x[%t] : memref<?xi32>
    } {rung.tiles}
  } {rung.grid}
  return
}"""


def test_programs_that_wait_stay_one_parallel_loop():
    """No context has a share of its own, and loops inside are not dealt out."""
    text = run(WAITS, FormVirtualThreads(contexts=4, profitability=False))
    in_order(
        text,
        r"(%\w+) = arith.muli %arg1, %arg2",
        r"(%\w+) = arith.muli %\w+, %arg3",
        r"scf.forall \(%\w+\) in \(%\w+\) \{\n\s+%\w+ = arith.remui",
        r"scf.while",
        r"call @rung_yield",
        r"scf.for .*\n.*memref.store",
        r"rung.serial = \"the loop around it is dealt out\"",
        r"rung.fork = \{contexts = 4 : i64, .*least = 2 : i64, .*rung.programs\}",
    )


def test_refuses_programs_that_wait_where_they_cannot_take_turns():
    with pytest.raises(UnsupportedError, match=r"waits for what other programs do .*on the host"):
        run(WAITS, FormVirtualThreads(turns=False))
