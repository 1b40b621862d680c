"""Sorts, selections and flips, whose neighbours change places in registers, against PyTorch and NumPy."""
# pyright: basic

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import triton
import triton.language as tl
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.passes import Pass
from rung.transforms.collapse_nests import CollapseNests
from rung.transforms.join_lanes import JoinLanes
from tests.filecheck.test_exchanges_ir import elsewhere
from tests.harness import jit
from tests.numeric.vectorize_nests import CONFIGS


@triton.jit
def orders(x, up, down, best, back, ROWS: tl.constexpr, N: tl.constexpr, K: tl.constexpr):
    i = tl.arange(0, ROWS)[:, None] * N + tl.arange(0, N)[None, :]
    v = tl.load(x + i)
    tl.store(up + i, tl.sort(v))
    tl.store(down + i, tl.sort(v, descending=True))
    tl.store(best + tl.arange(0, ROWS)[:, None] * K + tl.arange(0, K)[None, :], tl.topk(v, K))
    tl.store(back + i, tl.flip(v, 0))


@pytest.mark.parametrize(("rows", "n", "k"), [(1, 128, 16), (4, 64, 32), (2, 8, 2)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64, torch.int8, torch.int64])
def test_rows_in_order(dtype: torch.dtype, rows: int, n: int, k: int) -> None:
    x = torch.randn(rows, n, generator=torch.Generator().manual_seed(rows)).mul(50).to(dtype)
    up, down, back, best = torch.empty_like(x), torch.empty_like(x), torch.empty_like(x), x.new_empty(rows, k)
    orders[(1,)](x, up, down, best, back, rows, n, k)
    assert torch.equal(up, x.sort(1).values) and torch.equal(down, x.sort(1, descending=True).values)
    assert torch.equal(best, x.topk(k).values) and torch.equal(back, x.flip(0))


def test_a_sum_that_is_spread_elsewhere() -> None:
    x = torch.randint(1 << 20, (8,), dtype=torch.int32, generator=torch.Generator().manual_seed(0))
    y = torch.empty_like(x)
    elsewhere[(1,)](x, y)
    v = x.numpy().reshape(2, 2, 2)
    s = (v[0] ^ v[1]).reshape(2, 1, 2)
    np.testing.assert_array_equal(y.numpy().reshape(2, 2, 2), v ^ s)


@given(
    config=st.sampled_from(list(CONFIGS.values())),
    element=st.sampled_from(["i8", "i16", "i32", "i64"]),
    extents=st.lists(st.sampled_from([1, 2, 4, 8, 3]), min_size=1, max_size=5),
    data=st.data(),
)
@settings(max_examples=25, deadline=None)
def test_any_way_round(config: Pass, element: str, extents: list[int], data: st.DataObject) -> None:
    """y[i...] = x[turned i...] - 3 * i[asked], after the loops have become lanes."""
    dtype = np.dtype(element.replace("i", "int"))
    turned = data.draw(st.lists(st.booleans(), min_size=len(extents), max_size=len(extents)))
    asked = data.draw(st.integers(0, len(extents) - 1))
    steps = [math.prod(extents[d + 1 :]) for d in range(len(extents))]
    offset = sum((n - 1) * s for n, s, t in zip(extents, steps, turned, strict=True) if t)
    signed = [-s if t else s for s, t in zip(steps, turned, strict=True)]
    size = "x".join(map(str, extents))
    view = f"memref<{size}x{element}, strided<{signed}, offset: {offset}>>"
    dims = ", ".join(f"d{d}" for d in range(len(extents)))
    same, kinds = f"affine_map<({dims}) -> ({dims})>", ", ".join(['"parallel"'] * len(extents))
    text = f"""
func.func @kernel(%x: memref<{math.prod(extents)}x{element}>, %y: memref<{size}x{element}>) {{
  %three = arith.constant 3 : {element}
  %v = memref.reinterpret_cast %x to offset: [{offset}], sizes: {extents}, strides: {signed}
      : memref<{math.prod(extents)}x{element}> to {view}
  linalg.generic {{indexing_maps = [{same}, {same}], iterator_types = [{kinds}]}}
      ins(%v : {view}) outs(%y : memref<{size}x{element}>) {{
  ^bb0(%a: {element}, %old: {element}):
    %i = linalg.index {asked} : index
    %j = arith.index_cast %i : index to {element}
    %b = arith.muli %j, %three : {element}
    %r = arith.subi %a, %b : {element}
    linalg.yield %r : {element}
  }}
  return
}}"""
    x = np.random.default_rng(0).integers(0, 100, math.prod(extents)).astype(dtype)
    y = np.zeros(extents, dtype)
    jit(text, [CollapseNests(), JoinLanes(), config])(x, y)
    right = np.flip(x.reshape(extents), tuple(d for d, t in enumerate(turned) if t))
    number = np.arange(extents[asked], dtype=dtype).reshape([-1 if d == asked else 1 for d in range(len(extents))])
    np.testing.assert_array_equal(y, right - 3 * number)
