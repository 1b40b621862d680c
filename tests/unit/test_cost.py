"""The cost model against formulas: what is counted, what it costs, when a fork pays."""
# ruff: noqa: E501

import math
from typing import Any

import pytest
from torch_mlir import ir

from rung import machine
from rung.cost.count import ASSUMED_TRIPS, Counting, Lanes
from rung.cost.forking import NEVER, Price, break_even
from rung.cost.operations import EXPANSIONS, FUSED, is_folded, kind_of
from rung.cost.price import compute
from rung.cost.work import Op, Path, Stretch, Work
from rung.ir.context import make_context
from rung.lowering.expand_math import ExpandMath
from rung.targets.isa.core import Core

ADD = "%a = arith.addf %v, %v : f32"
BOUNDS = "{rung.bounds = array<i64: 1024>}"


ONE = Lanes()


def count(body: str, how: Lanes = ONE) -> Work:
    text = f"""
func.func @f(%x: memref<?xf32>, %m: memref<8x16xf32>, %w: memref<16x4xf32>, %o: memref<8x4xf32>, %n: index, %b: i1, %v: f32) {{
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %ten = arith.constant 10 : index
  {body}
  return
}}"""
    module = ir.Module.parse(text, make_context())
    block = _block(module)
    counting = Counting(how)
    counting.number_arguments(block.operations[0].operation)
    counting.block(block)
    return counting.work


def _block(module: ir.Module) -> ir.Block:
    function: Any = module.body.operations[0]
    return function.regions[0].blocks[0]


def nest(op: str, view: str) -> str:
    return f"""
  %y = memref.reinterpret_cast %x to offset: [0], sizes: [%n], strides: [1] {view} : memref<?xf32> to memref<?xf32, strided<[1]>>
  linalg.generic {{indexing_maps = [affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}} outs(%y : memref<?xf32, strided<[1]>>) {{
  ^bb0(%e: f32):
    %r = {op} : f32
    linalg.yield %r : f32
  }}"""


def test_loops_multiply() -> None:
    assert count(ADD).count("add") == 1
    assert count(f"scf.for %i = %zero to %ten step %one {{ {ADD} }}").count("add") == 10
    assert count(f"scf.for %i = %zero to %n step %one {{ {ADD} }}").count("add") == ASSUMED_TRIPS


def test_of_two_branches_the_longer_one_counts_unless_it_is_known_which_runs() -> None:
    both = f"scf.if COND {{ {ADD} }} else {{ {ADD}\n %c = arith.mulf %v, %v : f32 }}"
    assert count(both.replace("COND", "%b")).count("add", "multiply") == 2
    known = "%t = arith.cmpi slt, %one, %ten : index\n" + both.replace("COND", "%t")
    assert count(known).count("add", "multiply") == 1


def test_branches_in_loops_are_those_of_the_first_the_last_and_the_other_iterations() -> None:
    first = f"%t = arith.cmpi eq, %i, %zero : index\n scf.if %t {{ {ADD} }}"
    assert count(f"scf.for %i = %zero to %ten step %one {{ {first} }}").count("add") == 1
    rest = f"%t = arith.cmpi ne, %i, %zero : index\n scf.if %t {{ {ADD} }}"
    assert count(f"scf.for %i = %zero to %ten step %one {{ {rest} }}").count("add") == 9


@pytest.mark.parametrize("lanes", [1, 16])
def test_nests_use_bounds(lanes: int) -> None:
    work = count(nest("arith.addf %e, %e", BOUNDS), Lanes(lanes))
    assert work.count("add") == work.count("store") == 1024 / lanes
    assert work.streams[0].writes == 4096
    assert count(nest("arith.addf %e, %e", ""), Lanes(lanes)).count("add") == ASSUMED_TRIPS / lanes


def test_contractions_count_products() -> None:
    text = "linalg.matmul ins(%m, %w : memref<8x16xf32>, memref<16x4xf32>) outs(%o : memref<8x4xf32>)"
    assert count(text).count("multiply") == 8 * 16 * 4
    assert count(text, Lanes(16)).count("multiply") == 8 * 16 * 4 / 16
    assert count(text, Lanes(16, fma=False)).count("multiply", "add") == 2 * 8 * 16 * 4 / 16


def test_what_machine_code_fuses_is_one_operation() -> None:
    fused = "%p = arith.mulf %v, %v fastmath<contract> : f32\n%s = arith.addf %p, %v fastmath<contract> : f32"
    assert count(fused).count("multiply", "add") == 1
    assert count(fused, Lanes(fma=False)).count("multiply", "add") == 2
    assert count(fused.replace("fastmath<contract>", "")).count("multiply", "add") == 2
    minimum = "%c = arith.cmpf olt, %v, %k : f32\n%s = arith.select %c, %v, %k : f32"
    assert count(f"%k = arith.constant 2.0 : f32\n{minimum}").count("multiply") == 1


@pytest.mark.parametrize("fma", [True, False])
@pytest.mark.parametrize("name", [name for name in EXPANSIONS if name.startswith("math.")])
def test_functions_count_as_what_the_pass_makes_of_them(name: str, fma: bool) -> None:
    operands = "%x, %x" if name == "math.powf" else "%x"
    text = f"func.func @f(%x: f32) -> f32 {{ %y = {name} {operands} : f32\n return %y : f32 }}"
    module = ir.Module.parse(text, make_context())
    with module.context, ir.Location.unknown():
        ExpandMath(fma).run(module)
    made = [op.operation for op in _block(module).operations]
    found = sum(kind_of(op) is not None and not (fma and is_folded(op)) for op in made)
    expected = sum(EXPANSIONS[name].values()) + (0 if fma else FUSED.get(name, 0))
    assert math.isclose(found, expected, rel_tol=0.15)


CORE = Core(issue_per_cycle=4, pipe_bytes=32, multiply_pipes=2, add_pipes=1, vector_pipes=3, divide_cycles=5, window=64)


@pytest.mark.parametrize(
    ("stretch", "cycles"),
    [
        (Stretch(10, {Op("multiply", 4): 6}), 10 * 6 / 2),
        (Stretch(10, {Op("multiply", 64): 6}), 10 * 2 * 6 / 2),  # two passes of a pipe for each
        (Stretch(10, {Op("add", 32): 6, Op("multiply", 32): 2}), 10 * 6),  # the busiest of them
        (Stretch(10, {Op("add", 32): 3, Op("multiply", 32): 6, Op("logic", 32): 6}), 10 * 15 / 3),
        (Stretch(10, {Op("scalar", 8): 8}), 10 * 8 / 4),
        (Stretch(10, {Op("divide", 64): 1}), 10 * 2 * 5),
        (Stretch(10, {Op("add", 4): 1}, chain=Path(adds=1)), 10 * 4),
        (Stretch(10, {Op("multiply", 4): 64}, path=Path(multiplies=64)), 10 * 64 * 4 * 64 / 64),
        (Stretch(10, {Op("add", 4): 1, Op("atomic", 4): 1}), 10 * (1 + CORE.atomic_cycles)),
    ],
)
def test_a_stretch_takes_as_long_as_the_busiest_of_what_it_needs(stretch: Stretch, cycles: float) -> None:
    assert compute(Work((stretch,)), CORE) == pytest.approx(cycles)


@pytest.mark.parametrize("contexts", [2, 3, 4, 8])
@pytest.mark.parametrize("alone", [0.5, 70.0, 3000.0])
@pytest.mark.parametrize("part", [0.0, 0.3, 0.9])
def test_a_fork_pays_from_the_break_even_on_and_not_before(contexts: int, alone: float, part: float) -> None:
    together, fork = alone * part, 1000.0
    least = break_even(alone, together, fork, contexts)

    def pays(iterations: int) -> bool:
        share = -(-iterations // contexts) * alone
        return iterations * alone > fork + max(share, iterations * together)

    assert all(pays(least + more) for more in range(contexts + 1))
    assert least == 2 or not pays(least - 1)


def test_a_fork_never_pays_where_one_context_keeps_the_memory_busy() -> None:
    assert break_even(100.0, 99.5, 1000.0, 4) == NEVER
    assert break_even(100.0, 100.0, 0.0, 4) == NEVER
    assert break_even(100.0, 0.0, 1000.0, 1) == 1


@pytest.mark.parametrize("name", ["host", *machine.names()])
@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("scratchpad", [True, False])
def test_prices_are_written_as_text_and_read_again(name: str, depth: int, scratchpad: bool) -> None:
    price = Price.of(machine.load(name), scratchpad, depth)
    assert Price.parse(str(price)) == price


def test_prices_that_there_are_not_are_refused() -> None:
    with pytest.raises(ValueError, match="speed"):
        Price.parse("speed:2")


def test_double_buffering_hides_the_shorter_of_computing_and_moving_where_latency_is_small() -> None:
    price = Price(read=0.5, write=0.5, depth=2.0, latency=0.0)
    computing = Work((Stretch(100, {Op("add", 4): 1}),), count(nest("arith.addf %e, %e", BOUNDS)).streams)
    assert price.alone(computing) == 2048  # 4096 bytes
    single = Price(read=0.5, write=0.5, depth=1.0, latency=10.0)
    assert single.alone(computing) == 100 + 2048 + 10
