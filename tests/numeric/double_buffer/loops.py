# ruff: noqa: E501
"""Kernels at stage `linalg` for the tests of promoted and pipelined loops."""

from __future__ import annotations

import numpy as np

F = "memref<?xf32>"
V = "memref<?xf32, strided<[1], offset: ?>>"
V2 = "memref<?x?xf32, strided<[?, 1], offset: ?>>"
MAPS = """
#a = affine_map<(d0) -> (d0)>
#ab = affine_map<(d0, d1) -> (d0, d1)>
#ba = affine_map<(d0, d1) -> (d1, d0)>
#col = affine_map<(d0, d1) -> (d1)>
#row = affine_map<(d0, d1) -> (d0)>
#abc = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
"""
CASES = [("late", 1), ("late", 3), ("unordered", 2), ("unordered", 4), ("early", 2)]


def case_name(case: tuple[str, int]) -> str:
    return f"{case[0]}-{case[1]}"


def view(name: str, base: str, offset: str, size: str, bound: int) -> str:
    return (
        f"%{name} = memref.reinterpret_cast {base} to offset: [{offset}], sizes: [{size}], strides: [1] "
        f"{{rung.bounds = array<i64: {bound}>}} : {F} to {V}\n"
    )


def view2(name: str, base: str, offset: str, sizes: tuple[str, str], pitch: str, bounds: tuple[int, int]) -> str:
    return (
        f"%{name} = memref.reinterpret_cast {base} to offset: [{offset}], sizes: [{sizes[0]}, {sizes[1]}], "
        f"strides: [{pitch}, 1] {{rung.bounds = array<i64: {bounds[0]}, {bounds[1]}>}} : {F} to {V2}\n"
    )


def nest(maps: str, iterators: str, ins: str, outs: str, body: str) -> str:
    kinds = ", ".join(f'"{kind}"' for kind in iterators.split())
    inputs = f"ins({ins})" if ins else ""
    return f"linalg.generic {{indexing_maps = [{maps}], iterator_types = [{kinds}]}} {inputs} outs({outs}) {{\n{body}\n}}\n"


def kernel(arguments: str, body: str, before: str = "") -> str:
    return f"""{MAPS}
func.func @kernel({arguments}, %lo: index, %hi: index, %st: index) {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %zero = arith.constant 0.0 : f32
  {before}
  scf.for %p = %lo to %hi step %st {{
    {body}
  }} {{rung.grid_loop}}
  return
}}"""


def tile_1d(block: int = 64) -> str:
    return f"""
    %block = arith.constant {block} : index
    %o = arith.muli %p, %block : index
    %left = arith.subi %n, %o : index
    %s0 = arith.minsi %left, %block : index
    %s = arith.maxsi %s0, %c0 : index
    """


DOUBLE = "^bb0(%a: f32, %c: f32):\n%r = arith.addf %a, %a : f32\nlinalg.yield %r : f32"


def random(*shape: int) -> np.ndarray:
    return np.random.default_rng(7).standard_normal(shape).astype(np.float32)
