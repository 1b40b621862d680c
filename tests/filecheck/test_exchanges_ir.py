"""What `tl.sort` and `tl.flip` are made of: neighbours that change places are read there, and shuffled in registers."""
# pyright: basic

from __future__ import annotations

import re
from typing import Any

import pytest
import triton
import triton.language as tl

from rung.passes import Upstream
from rung.transforms.collapse_nests import CollapseNests
from rung.transforms.join_lanes import JoinLanes
from rung.transforms.vectorize import Vectorize
from tests.filecheck.matching import run
from tests.filecheck.test_convert import bodies, linalg

TYPES = {"x": "*fp32", "y": "*fp32"}
FLOW = (CollapseNests(), JoinLanes(), Vectorize(), Upstream(passes="canonicalize,cse"))


@triton.jit
def sorted_block(x, y, N: tl.constexpr):
    i = tl.arange(0, N)
    tl.store(y + i, tl.sort(tl.load(x + i)))


@triton.jit
def flipped(x, y, N: tl.constexpr):
    i = tl.arange(0, N)
    tl.store(y + i, tl.flip(tl.load(x + i), 0))


def test_each_step_of_a_sort_is_one_nest_of_a_block_and_its_neighbours() -> None:
    text = linalg(sorted_block, TYPES, N=64)
    steps = [body for body in bodies(text) if "arith.cmpf" in body]
    assert len(steps) == 6 * 7 // 2 and "reduction" not in text
    for body in steps:
        assert "arith.bitcast" not in body and "memref.load" not in body
        # The neighbours, backwards along one axis.
        assert len(re.findall(r"-\d+", body.split("^bb0")[0].split("ins(")[1])) == 1


def test_a_flip_reads_backwards_at_once() -> None:
    text = linalg(flipped, TYPES, N=64)
    assert len(bodies(text)) == 3 and "reduction" not in text and "xori" not in text
    vectors = run(text, *FLOW)
    assert "vector.gather" not in vectors and "vector.shuffle" in vectors


@pytest.mark.parametrize(("size", "within"), [(32, 14), (64, 18)])
def test_steps_within_a_register_are_shuffles(size: int, within: int) -> None:
    """Of log2(size) rounds, round r compares at distances 2^(r - 1) ... 1, of which those below 16 are in one."""
    vectors = run(linalg(sorted_block, TYPES, N=size), *FLOW)
    assert vectors.count("vector.shuffle") == within
    # A register needs no loop of its own: the one around it tells what was done.
    assert vectors.count("rung.vectorized = {lanes = 16 : i64, unroll = 1 : i64}") >= within
    assert "vector.gather" not in vectors and "vector<2xf32>" not in vectors and "memref.load" not in vectors


def test_a_sum_that_is_spread_elsewhere_is_no_exchange() -> None:
    text = linalg(elsewhere, {"x": "*i32", "y": "*i32"})
    assert "reduction" in text


@triton.jit
def _either(a, b):
    return a ^ b


@triton.jit
def elsewhere(x, y):
    """s[b, c] meets x[a, b, c] at a, c."""
    i = tl.arange(0, 8)
    v = tl.reshape(tl.load(x + i), [2, 2, 2])
    s = tl.reshape(tl.reduce(v, 0, _either), [2, 1, 2])
    tl.store(y + i, tl.reshape(v ^ s, [8]))


SWAP: Any = """
func.func @kernel(%x: memref<4x32xf32>, %y: memref<4x32xf32>) {{
  %by = arith.constant {by} : index
  linalg.generic {{indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}}
      outs(%y : memref<4x32xf32>) {{
  ^bb0(%old: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %k = arith.xori %j, %by : index
    %r = memref.load %x[%i, %k] : memref<4x32xf32>
    linalg.yield %r : f32
  }}
  return
}}"""


@pytest.mark.parametrize(("by", "first"), [(1, 1), (5, 5), (15, 15), (16, 0), (21, 5)])
def test_an_exclusive_or_of_the_lane_is_a_shuffle(by: int, first: int) -> None:
    text = run(SWAP.format(by=by), Vectorize(), Upstream(passes="canonicalize,cse"))
    orders = re.findall(r"vector\.shuffle [^\[]*\[([^\]]*)\]", text)
    assert bool(orders) == (first != 0) and all(
        [int(n) for n in o.split(",")] == [lane ^ first for lane in range(16)] for o in orders
    )
    assert "vector.gather" not in text
    read = re.findall(r"vector\.load %arg0\[%\w+, (%\w+)\]", text)
    assert read == (["%c16", "%c0"] if by >= 16 else ["%c0", "%c16"])
