"""The shape of what nests become: lanes, unrolling, remainders, masks, fallbacks."""

from __future__ import annotations

import pytest

from rung.errors import PassError
from rung.transforms.vectorize import NestsToLoops, Vectorize
from tests.filecheck.matching import in_order, run

LINE = "memref<?xf32, strided<[1], offset: ?>>"


def module(nest: str, size: str = "%n", shape: str = "?", functions: str = "") -> str:
    """`nest` between views %a, %b (f32) and %s (a scalar in memory)."""
    line = f"memref<{shape}xf32, strided<[1], offset: ?>>"
    return f"""
    #i = affine_map<(d0) -> (d0)>
    #none = affine_map<(d0) -> ()>
    {functions}
    func.func @kernel(%x: memref<?xf32>, %y: memref<?xf32>, %s: memref<f32>, %n: index, %o: index) {{
      %a = memref.reinterpret_cast %x to offset: [%o], sizes: [{size}], strides: [1]
        : memref<?xf32> to {line}
      %b = memref.reinterpret_cast %y to offset: [%o], sizes: [{size}], strides: [1]
        : memref<?xf32> to {line}
      {nest.replace("LINE", line)}
      return
    }}"""


ADD = """linalg.generic {indexing_maps = [#i, #i], iterator_types = ["parallel"]}
    ins(%a : LINE) outs(%b : LINE) {
  ^bb0(%p: f32, %q: f32):
    %r = arith.addf %p, %p fastmath<contract> : f32
    linalg.yield %r : f32
  }"""
SUM = """linalg.generic {indexing_maps = [#i, #none], iterator_types = ["reduction"]}
    ins(%a : LINE) outs(%s : memref<f32>) {
  ^bb0(%p: f32, %q: f32):
    %r = arith.addf %q, %p : f32
    linalg.yield %r : f32
  }"""


def test_main_loop_and_masked_remainder() -> None:
    text = run(module(ADD), Vectorize())
    in_order(
        text,
        r"remui %\w+, %c64",
        r"scf.for %\w+ = %c0 to %\w+ step %c64 {",
        r"(vector.load [^\n]*\n[^\n]*\n?){4}",
        r"arith.addf %\w+, %\w+ fastmath<contract> : vector<16xf32>",
        r"vector.store",
        r"rung.vectorized = {lanes = 16 : i64, unroll = 4 : i64}",
        r"scf.for .* step %c16 {",
        r"vector.create_mask",
        r"vector.maskedload",
        r"vector.maskedstore",
        r"rung.vectorized = {lanes = 16 : i64, unroll = 1 : i64}",
    )
    assert "transfer" not in text and "linalg" not in text


def test_a_constant_in_every_lane_is_a_constant() -> None:
    nest = ADD.replace("addf %p, %p", "mulf %p, %c")
    text = run(module(f"%c = arith.constant 1.5 : f32\n{nest}"), Vectorize())
    in_order(text, r"arith.constant dense<1.5\d*(e\+00)?> : vector<16xf32>", r"scf.for", r"arith.mulf %\w+, %cst\w* ")
    assert "broadcast" not in text


def test_loads_of_all_copies_come_before_stores() -> None:
    text = run(module(ADD), Vectorize(unroll=2)).split("rung.vectorized")[0]
    assert text.rindex("vector.load") < text.index("arith.addf") < text.rindex("arith.addf")
    assert text.rindex("arith.addf") < text.index("vector.store")


def test_scalar_remainder_without_masks() -> None:
    text = run(module(ADD), Vectorize(masked_memory=False))
    assert "mask" not in text
    in_order(text, r"step %c64", r"step %c16 {", r"step %c1 {", r"memref.load", r"memref.store")


@pytest.mark.parametrize(("size", "loops"), [(256, 1), (64, 0), (80, 0), (100, 1)])
def test_static_sizes(size: int, loops: int) -> None:
    """Nothing is left over where the size divides, and a loop that runs once is no loop."""
    text = run(module(ADD, str(size), str(size)), Vectorize())
    assert text.count("scf.for") == loops
    assert ("vector.create_mask" in text) == (size % 16 != 0)


def test_a_short_dimension_gets_fewer_lanes() -> None:
    assert "vector<8xf32>" in run(module(ADD, "5", "5"), Vectorize())


def test_bounds_limit_the_unrolling() -> None:
    text = module(ADD).replace("strides: [1]\n", "strides: [1] {rung.bounds = array<i64: 32>}\n")
    assert "unroll = 2" in run(text, Vectorize())


def test_scalar_form_has_no_vector_type() -> None:
    text = run(module(SUM), NestsToLoops())
    assert "vector" not in text
    in_order(text, r"scf.for .* iter_args\(%\w+ = %\w+\) -> \(f32\)", r"memref.load %rein", r"arith.addf")
    assert text.index("memref.load %arg2") > text.index("scf.yield")


def test_reduction_keeps_four_accumulators_and_halves_the_lanes() -> None:
    text = run(module(SUM), Vectorize())
    in_order(
        text,
        r"iter_args\((%\w+ = %\w+(, )?){4}\) -> \((vector<16xf32>(, )?){4}\)",
        r"arith.select .* vector<16xi1>, vector<16xf32>",
        r"extract_strided_slice .* vector<16xf32> to vector<8xf32>",
        r"vector<4xf32> to vector<2xf32>",
        r"memref.load %arg2",
        r"memref.store",
    )


def test_guarded_load_takes_its_other_value_as_pass_through() -> None:
    nest = """linalg.generic {indexing_maps = [#i, #i], iterator_types = ["parallel"]}
    ins(%a : LINE) outs(%b : LINE) {
  ^bb0(%p: f32, %q: f32):
    %i = linalg.index 0 : index
    %j = arith.addi %i, %o : index
    %zero = arith.constant 0.0 : f32
    %one = arith.constant 1.0 : f32
    %on = arith.cmpf ogt, %p, %zero : f32
    %v = scf.if %on -> f32 {
      %l = memref.load %x[%j] : memref<?xf32>
      scf.yield %l : f32
    } else {
      scf.yield %one : f32
    }
    linalg.yield %v : f32
  }"""
    text = run(module(nest), Vectorize(unroll=1))
    in_order(text, r"%\[\[|%(\w+) = arith.cmpf", r"vector.maskedload %arg0\[", r"vector.store")
    assert "scf.if" not in text and "gather" not in text and "arith.select" not in text


def test_uniform_condition_stays_a_branch() -> None:
    nest = """%big = arith.cmpi sgt, %n, %o : index
    linalg.generic {indexing_maps = [#i, #i], iterator_types = ["parallel"]}
    ins(%a : LINE) outs(%b : LINE) {
  ^bb0(%p: f32, %q: f32):
    %v = scf.if %big -> f32 {
      %l = arith.addf %p, %p : f32
      scf.yield %l : f32
    } else {
      scf.yield %p : f32
    }
    linalg.yield %v : f32
  }"""
    text = run(module(nest), Vectorize())
    assert "scf.if %" in text and "arith.select" not in text
    assert "-> (vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>)" in text


def test_addresses_that_move_by_two_become_a_gather() -> None:
    nest = """linalg.generic {indexing_maps = [#i], iterator_types = ["parallel"]} outs(%b : LINE) {
  ^bb0(%q: f32):
    %i = linalg.index 0 : index
    %two = arith.constant 2 : index
    %j = arith.muli %i, %two : index
    %v = memref.load %x[%j] : memref<?xf32>
    linalg.yield %v : f32
  }"""
    in_order(run(module(nest), Vectorize(unroll=1)), r"dense<\[0, 2, 4, 6", r"vector.gather %arg0\[%\w+\]")


@pytest.mark.parametrize(("element", "lanes"), [("i8", 64), ("f16", 32), ("bf16", 32), ("f32", 16), ("i64", 8)])
def test_lanes_follow_the_widest_data(element: str, lanes: int) -> None:
    text = f"""
    func.func @kernel(%x: memref<?x{element}>, %y: memref<?x{element}>) {{
      memref.copy %x, %y : memref<?x{element}> to memref<?x{element}>
      return
    }}"""
    assert f"lanes = {lanes} : i64" in run(text, Vectorize())


@pytest.mark.parametrize(
    ("source", "target", "cast"), [("f16", "f32", "extf"), ("i8", "f32", "sitofp"), ("f32", "f16", "truncf")]
)
@pytest.mark.parametrize("vector_bytes", [16, 32, 64, 128])
def test_mixed_widths_fill_a_register_with_the_widest(source: str, target: str, cast: str, vector_bytes: int) -> None:
    text = f"""
    #i = affine_map<(d0) -> (d0)>
    func.func @kernel(%x: memref<?x{source}>, %y: memref<?x{target}>) {{
      linalg.generic {{indexing_maps = [#i, #i], iterator_types = ["parallel"]}}
        ins(%x : memref<?x{source}>) outs(%y : memref<?x{target}>) {{
      ^bb0(%a: {source}, %b: {target}):
        %r = arith.{cast} %a : {source} to {target}
        linalg.yield %r : {target}
      }}
      return
    }}"""
    lanes = vector_bytes // 4
    done = run(text, Vectorize(vector_bytes=vector_bytes))
    assert f"lanes = {lanes} : i64" in done
    assert f"vector<{lanes}x{source}>" in done and f"vector<{lanes}x{target}>" in done


def test_fewer_registers_mean_fewer_vectors_in_flight() -> None:
    body = "".join(f"%t{i} = arith.mulf %p, %c{i} : f32\n" for i in range(6))
    body += "".join(f"%u{i} = arith.addf %t{i}, %t{i + 1} : f32\n" for i in range(5))
    body += "".join(f"%w{i} = arith.mulf %u{i}, %u{i + 1} : f32\n" for i in range(4)) + "%r = arith.addf %w0, %w3 : f32"
    constants = "".join(f"%c{i} = arith.constant {i}.5 : f32\n" for i in range(6))
    text = module(constants + ADD.replace("%r = arith.addf %p, %p fastmath<contract> : f32", body))
    assert "unroll = 4" in run(text, Vectorize(vector_registers=64))
    assert "unroll = 4" not in run(text, Vectorize(vector_registers=16))
    assert "unroll = 1 : i64" in run(text, Vectorize(vector_registers=8)).split("scf.for")[1]


def test_copies_into_the_scratchpad_are_left_alone() -> None:
    text = """
    func.func @kernel(%x: memref<64xf32>, %y: memref<64xf32, 1>) {
      memref.copy %x, %y : memref<64xf32> to memref<64xf32, 1>
      return
    }"""
    assert "memref.copy" in run(text, Vectorize())


def test_boolean_reduction_is_vectorized() -> None:
    nest = """%flag = memref.alloca() : memref<i8>
    linalg.generic {indexing_maps = [#i, #none], iterator_types = ["reduction"]}
    ins(%a : LINE) outs(%flag : memref<i8>) {
  ^bb0(%p: f32, %q: i8):
    %zero = arith.constant 0 : i8
    %e = arith.cmpf oeq, %p, %p : f32
    %t = arith.cmpi ne, %q, %zero : i8
    %r = arith.ori %t, %e : i1
    %w = arith.extui %r : i1 to i8
    linalg.yield %w : i8
  }"""
    text = run(module(nest), Vectorize())
    assert "arith.ori" in text and "vector<16xi8>" in text and "rung.scalar" not in text


RUNNING_SUM = """linalg.generic {indexing_maps = [#i, #i, #none], iterator_types = ["reduction"]}
    ins(%a : LINE) outs(%b, %s : LINE, memref<f32>) {
  ^bb0(%p: f32, %q: f32, %c: f32):
    %r = arith.addf %c, %p : f32
    linalg.yield %r, %r : f32, f32
  }"""


def test_a_scan_is_done_in_registers_block_by_block() -> None:
    text = run(module(RUNNING_SUM), Vectorize(vector_bytes=16, unroll=1))
    in_order(
        text,
        r"memref.load %arg2",
        r"scf.for .* step %c4 iter_args\(%\w+ = %\w+\) -> \(vector<4xf32>\)",
        r"vector.shuffle %\w+, %\w+ \[0, 4, 5, 6\]",
        r"arith.addf",
        r"vector.shuffle %\w+, %\w+ \[0, 1, 4, 5\]",
        r"arith.addf",
        r"arith.addf",
        r"vector.shuffle %\w+, %\w+ \[3, 3, 3, 3\]",
        r"vector.store",
        r"rung.vectorized = {lanes = 4 : i64, unroll = 1 : i64}",
        r"vector.maskedstore",
        r"memref.store .* %arg2",
    )


def test_the_scalar_form_of_a_scan_is_one_loop() -> None:
    text = run(module(RUNNING_SUM), NestsToLoops())
    assert "vector" not in text and text.count("scf.for") == 1
    in_order(
        text, r"memref.load %arg2", r"scf.for .* iter_args", r"arith.addf", r"memref.store", r"memref.store .* %arg2"
    )


def test_a_scan_whose_combiner_divides_integers_stays_scalar() -> None:
    """Lanes that are no elements must not divide."""
    divide = """func.func private @divide(%p: i32, %q: i32) -> i32 attributes {rung.combiner} {
      %r = arith.divsi %p, %q : i32
      return %r : i32
    }"""
    nest = RUNNING_SUM.replace("arith.addf %c, %p : f32", "func.call @divide(%c, %p) : (i32, i32) -> i32")
    text = run(module(nest, functions=divide).replace("f32", "i32"), Vectorize())
    assert 'rung.scalar = "the combine function of a scan divides integers"' in text


def test_a_view_that_runs_backwards_is_read_as_one_vector() -> None:
    text = module(ADD.replace("ins(%a : LINE)", "ins(%c : memref<?xf32, strided<[-1], offset: ?>>)")).replace(
        "linalg.generic",
        "%c = memref.reinterpret_cast %x to offset: [%o], sizes: [%n], strides: [-1]"
        " : memref<?xf32> to memref<?xf32, strided<[-1], offset: ?>>\n linalg.generic",
    )
    done = run(text, Vectorize(vector_bytes=16, unroll=1))
    in_order(done, r"vector.load", r"vector.shuffle .* \[3, 2, 1, 0\]", r"vector.store", r"vector.maskedload")
    assert "gather" not in done


UNKNOWN = """linalg.generic {indexing_maps = [#i, #none], iterator_types = ["reduction"]}
    ins(%a : LINE) outs(%s : memref<f32>) {
  ^bb0(%p: f32, %q: f32):
    %t = arith.mulf %q, %p : f32
    %r = arith.addf %t, %p : f32
    linalg.yield %r : f32
  }"""
LOOP = """linalg.generic {indexing_maps = [#i, #i], iterator_types = ["parallel"]}
    ins(%a : LINE) outs(%b : LINE) {
  ^bb0(%p: f32, %q: f32):
    %one = arith.constant 1 : index
    %r = scf.for %k = %one to %n step %one iter_args(%t = %p) -> f32 {
      %u = arith.mulf %t, %t : f32
      scf.yield %u : f32
    }
    linalg.yield %r : f32
  }"""


@pytest.mark.parametrize(
    ("nest", "reason"),
    [(UNKNOWN, "an accumulator's update is not a known combiner"), (LOOP, "the body holds scf.for")],
)
def test_what_cannot_be_vectorized_gets_scalar_loops_with_a_reason(nest: str, reason: str) -> None:
    text = run(module(nest), Vectorize())
    assert f'rung.scalar = "{reason}"' in text
    assert "vector<" not in text and "linalg" not in text


def test_a_map_that_is_no_projection_is_an_error() -> None:
    nest = ADD.replace("[#i, #i]", "[affine_map<(d0) -> (0)>, #i]")
    with pytest.raises(PassError, match="not a projection"):
        run(module(nest), Vectorize())


def test_a_map_that_is_no_projection_is_an_error_of_the_scalar_form_too() -> None:
    nest = ADD.replace("[#i, #i]", "[affine_map<(d0) -> (0)>, #i]")
    with pytest.raises(PassError, match="not a projection"):
        run(module(nest), NestsToLoops())


def test_text_form() -> None:
    assert str(Vectorize(32, 16, masked_memory=False, unroll=2)) == (
        "vectorize{vector-bytes=32 vector-registers=16 masked-memory=off unroll=2}"
    )


STREAMING = """
func.func @kernel(%x: memref<?xf32>, %y: memref<?xf32>, %n: index) {
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
    ins(%x : memref<?xf32>) outs(%y : memref<?xf32>) {
    ^bb0(%a: f32, %b: f32):
      BODY
      linalg.yield %r : f32
    }
  return
}"""


@pytest.mark.parametrize(
    ("body", "lanes"),
    [
        ("%r = arith.addf %a, %a : f32", 8),
        ("%s = arith.mulf %a, %a : f32\n%r = arith.addf %s, %a : f32", 8),
        ("%s = arith.mulf %a, %a : f32\n%t = arith.addf %s, %a : f32\n%r = arith.mulf %t, %s : f32", 16),
        ("%r = math.exp %a : f32", 16),
    ],
    ids=["one operation", "one per access", "more", "a function"],
)
def test_nests_that_move_data_use_streaming_vectors(body: str, lanes: int) -> None:
    text = run(STREAMING.replace("BODY", body), Vectorize(vector_bytes=64, streaming_bytes=32))
    assert f"vector<{lanes}xf32>" in text and f"vector<{24 - lanes}xf32>" not in text
