"""Nests that update elements one by one: scalar loops, unless there is something to compute for many at once."""

from __future__ import annotations

import pytest

from rung.transforms.vectorize import NestsToLoops, Vectorize
from tests.filecheck.matching import run


def nest(compute: str, updates: int = 1, output: bool = False) -> str:
    line = "memref<1000xi32>"
    ends = "%outs" if output else "%shape"
    update = "%u{} = memref.atomic_rmw addi %v, %bins[%k] : (i32, memref<?xi32>) -> i32\n"
    return f"""
func.func @kernel(%x: {line}, %bins: memref<?xi32>, %outs: {line}, %shape: {line}, %v: i32) {{
  linalg.generic {{indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}}
      ins(%x : {line}) outs({ends} : {line}) {{
  ^bb0(%a: i32, %old: i32):
    {compute}
    %k = arith.index_castui %b : i32 to index
    {"".join(update.format(n) for n in range(updates))}
    linalg.yield {"%b" if output else "%old"} : i32
  }}
  return
}}"""


FEW = "%b = arith.addi %a, %v : i32"
MANY = """%f = arith.sitofp %a : i32 to f32
    %g = math.exp %f : f32
    %b = arith.fptosi %g : f32 to i32"""


@pytest.mark.parametrize(("compute", "updates", "output"), [(FEW, 1, False), (MANY, 4, False)])
def test_updates_alone_are_scalar(compute: str, updates: int, output: bool) -> None:
    text = run(nest(compute, updates, output), Vectorize())
    assert "vector<" not in text and 'rung.scalar = "its elements are updated one by one"' in text
    assert text.count("memref.atomic_rmw") == 4 * updates  # in flight


@pytest.mark.parametrize(("compute", "output"), [(MANY, False), (FEW, True)])
def test_beside_other_work_they_take_lanes_apart(compute: str, output: bool) -> None:
    text = run(nest(compute, output=output), Vectorize())
    assert "vector.extract" in text and "rung.vectorized" in text


def test_the_scalar_rung_says_no_reason() -> None:
    assert "rung.scalar" not in run(nest(FEW), NestsToLoops())
