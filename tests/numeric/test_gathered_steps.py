"""Steps of a loop around a short contraction, summed several at a time: the same sums, bit for bit."""
# pyright: basic

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
import triton
import triton.language as tl
from hypothesis import given, settings
from hypothesis import strategies as st

from rung import machine
from rung.compile import Executable, compile_kernel
from rung.schedule import Schedule
from rung.transforms.contract import TileContractions
from rung.transforms.vectorize import Vectorize
from tests.harness import jit, transform
from tests.numeric import triton_kernels as k

TYPES = {torch.float32: "*fp32", torch.bfloat16: "*bf16", torch.float16: "*fp16", torch.int8: "*i8"}


def compiled(kernel: Any, signature: dict[str, str], constants: dict[str, int], **schedule: Any) -> Executable:
    found = compile_kernel(
        kernel,
        signature | dict.fromkeys(constants, "constexpr"),
        constants,
        machine=machine.host(),
        schedule=Schedule(**schedule),
    )
    assert isinstance(found, Executable)
    return found


def steps(executable: Executable) -> list[int]:
    return [int(n) for n in re.findall(r"rung\.contraction = \{[^}]*steps = (\d+)", executable.stages["vector"])]


@cache
def product(dtype: torch.dtype, block: tuple[int, int, int], gathered: bool) -> Executable:
    whole = not dtype.is_floating_point
    signature = {"a": TYPES[dtype], "b": TYPES[dtype], "c": "*i32" if whole else "*fp32"}
    kernel = k.dot_bytes if whole else k.dot_halves
    blocks: dict[str, int] = dict(zip(("BM", "BN", "BK"), block, strict=True))
    return compiled(kernel, signature | dict.fromkeys("MNK", "i32"), blocks, gather_steps=gathered)


@pytest.mark.parametrize("dtype", TYPES)
@settings(max_examples=6, deadline=None)
@given(
    st.tuples(st.integers(1, 40), st.integers(1, 40), st.integers(0, 300)),
    st.sampled_from([(16, 16, 16), (32, 16, 16)]),
    st.integers(0, 2**31),
)
def test_any_size(dtype: torch.dtype, shape: tuple[int, int, int], block: tuple[int, int, int], seed: int) -> None:
    """Steps that fill the last slots or not, none at all, and masks in every dimension."""
    m, n, depth = shape
    rng = np.random.default_rng(seed)
    a, b = (torch.from_numpy(rng.standard_normal(s) * 40).to(dtype) for s in ((m, depth), (depth, n)))
    whole = not dtype.is_floating_point
    found: list[torch.Tensor] = []
    for gathered in (True, False):
        executable = product(dtype, block, gathered)
        assert bool(steps(executable)) == gathered
        c = torch.full((m, n), 7, dtype=torch.int32 if whole else torch.float32)
        executable.run([a, b, c, m, n, depth], (-(-m // block[0]), -(-n // block[1]), 1))
        found.append(c)
    assert torch.equal(*found)
    reference = a.double() @ b.double()
    scale = (a.double().abs() @ b.double().abs()).max() if depth else 1.0
    assert (found[0].double() - reference).abs().max() <= (0 if whole else 1e-5 * scale)


@triton.jit
def moved(a, b, c, x, M: tl.constexpr, K: tl.constexpr, T):
    """Blocks of pointers that a loop carries, a store in every step, a sum that begins with other numbers."""
    i, j = tl.arange(0, M), tl.arange(0, K)
    left, right = a + i[:, None] * K * T + j[None, :], b + j[:, None] * M + i[None, :]
    total = tl.load(c + i[:, None] * M + i[None, :])
    seen = 0.0
    for t in range(T):
        one, two = tl.load(left), tl.load(right) * 2.0
        seen += tl.sum(tl.sum(one, 1), 0)
        tl.store(x + t, seen)
        total = tl.dot(one, two, total, input_precision="ieee")
        left += K
        right += K * M
    tl.store(c + i[:, None] * M + i[None, :], total)


@triton.jit
def scaled(a, b, c, x, M: tl.constexpr, K: tl.constexpr, T):
    """The sum is read in every step."""
    i, j = tl.arange(0, M), tl.arange(0, K)
    total = tl.zeros((M, M), tl.float32)
    for t in range(T):
        one = tl.load(a + i[:, None] * K * T + t * K + j[None, :])
        two = tl.load(b + (t * K + j[:, None]) * M + i[None, :])
        total = tl.dot(one, two, total * 0.5, input_precision="ieee")
    tl.store(c + i[:, None] * M + i[None, :], total)


@triton.jit
def kept(a, b, c, x, M: tl.constexpr, K: tl.constexpr, T):
    """One operand is the same in all steps."""
    i, j = tl.arange(0, M), tl.arange(0, K)
    two = tl.load(b + j[:, None] * M + i[None, :])
    total = tl.zeros((M, M), tl.float32)
    for t in range(T):
        one = tl.load(a + i[:, None] * K * T + t * K + j[None, :])
        total = tl.dot(one, two, total, input_precision="ieee")
    tl.store(c + i[:, None] * M + i[None, :], total)


@pytest.mark.parametrize("count", [1, 2, 9, 19])
@pytest.mark.parametrize(("kernel", "gathered"), [(moved, True), (scaled, False), (kept, False)])
def test_what_else_is_in_the_loop(kernel: Any, gathered: bool, count: int) -> None:
    m, depth = 16, 16
    rng = np.random.default_rng(count)
    shapes = ((m, depth * count), (depth * count, m), (m, m))
    a, b, c = (torch.from_numpy(rng.standard_normal(shape)).float() for shape in shapes)
    x, before = torch.zeros(count), c.double()
    executable = compiled(
        kernel, {"a": "*fp32", "b": "*fp32", "c": "*fp32", "x": "*fp32", "T": "i32"}, {"M": m, "K": depth}
    )
    assert bool(steps(executable)) == gathered
    executable.run([a, b, c, x, count], (1, 1, 1))
    parts = [a.double()[:, depth * t : depth * (t + 1)] for t in range(count)]
    others = [b.double()[depth * t : depth * (t + 1)] for t in range(count)]
    if kernel is moved:
        want = before + 2 * a.double() @ b.double()
        seen = torch.cumsum(torch.stack([part.sum() for part in parts]), 0)
        torch.testing.assert_close(x.double(), seen, rtol=1e-4, atol=1e-4)
    elif kernel is scaled:
        want = torch.zeros(m, m, dtype=torch.float64)
        for one, two in zip(parts, others, strict=True):
            want = want * 0.5 + one @ two
    else:
        want = torch.stack(parts).sum(0) @ others[0]
    torch.testing.assert_close(c.double(), want, rtol=1e-4, atol=1e-4)


def looped(body: str = "", before: str = "", bounds: str = "%c0 to %n step %c1", after: str = "") -> str:
    return f"""
#map = affine_map<(i, j) -> (i, j)>
func.func @kernel(%x: memref<?xf32>, %y: memref<4x16xf32>, %z: memref<?xf32>, %n: index) {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %c32 = arith.constant 32 : index
  %a = memref.alloca() : memref<4x8xf32>
  %b = memref.alloca() : memref<8x16xf32>
  %c = memref.alloca() : memref<4x16xf32>
  linalg.generic {{indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]}}
    ins(%y : memref<4x16xf32>) outs(%c : memref<4x16xf32>) {{ ^bb0(%e: f32, %o: f32): linalg.yield %e : f32 }}
  {before}
  scf.for %k = {bounds} {{
    %at = arith.muli %k, %c32 : index
    %from = memref.reinterpret_cast %x to offset: [%at], sizes: [4, 8], strides: [8, 1]
      : memref<?xf32> to memref<4x8xf32, strided<[8, 1], offset: ?>>
    %part = memref.reinterpret_cast %a to offset: [0], sizes: [4, 8], strides: [8, 1]
      : memref<4x8xf32> to memref<4x8xf32, strided<[8, 1]>>
    linalg.generic {{indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]}}
      ins(%from : memref<4x8xf32, strided<[8, 1], offset: ?>>) outs(%part : memref<4x8xf32, strided<[8, 1]>>) {{
      ^bb0(%e: f32, %o: f32): linalg.yield %e : f32
    }}
    %rows = arith.muli %k, %c8 : index
    %first = arith.muli %rows, %c8 : index
    %other = memref.reinterpret_cast %z to offset: [%first], sizes: [8, 16], strides: [16, 1]
      : memref<?xf32> to memref<8x16xf32, strided<[16, 1], offset: ?>>
    linalg.generic {{indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]}}
      ins(%other : memref<8x16xf32, strided<[16, 1], offset: ?>>) outs(%b : memref<8x16xf32>) {{
      ^bb0(%e: f32, %o: f32): linalg.yield %e : f32
    }}
    linalg.matmul ins(%a, %b : memref<4x8xf32>, memref<8x16xf32>) outs(%c : memref<4x16xf32>)
    {body}
  }}
  {after}
  linalg.generic {{indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]}}
    ins(%c : memref<4x16xf32>) outs(%y : memref<4x16xf32>) {{ ^bb0(%e: f32, %o: f32): linalg.yield %e : f32 }}
  return
}}"""


STORE = "memref.store %one, %y[%c0, %c1] : memref<4x16xf32>"
PASS = TileContractions(panel_bytes=2048)
"""A panel of 16 columns has 64 bytes a term: 4 steps of 8 terms."""


def test_slots_in_the_ir() -> None:
    text = transform(looped(), [PASS])
    assert "memref<4x4x8xf32>" in text and "memref<4x8x16xf32>" in text and "steps = 4" in text
    assert "memref<4x8xf32>" not in text and "memref<8x16xf32>" not in text  # the single blocks are gone
    loops = re.findall(r"( *)(?:%\S+ = )?scf\.for .* to (\S+) step", text)
    # Over four steps at a time, over steps, over slots, over terms.
    assert [len(indent) for indent, _ in loops] == [4, 6, 6, 8]


@pytest.mark.parametrize(
    "text",
    [
        looped(body=f"%one = memref.load %c[%c0, %c1] : memref<4x16xf32>\n{STORE}"),
        looped(before=f"%one = memref.load %a[%c0, %c1] : memref<4x8xf32>\n{STORE}"),
        looped(after=f"%one = memref.load %b[%c0, %c1] : memref<8x16xf32>\n{STORE}"),
        looped(bounds="%c0 to %c1 step %c1"),
        looped()
        .replace("4x8xf32", "4x24xf32")
        .replace("8x16xf32", "24x16xf32")
        .replace("[4, 8]", "[4, 24]")
        .replace("[8, 16]", "[24, 16]")
        .replace("strides: [8, 1]", "strides: [24, 1]")
        .replace("<[8, 1]", "<[24, 1]"),
    ],
    ids=["the sum is read", "an operand is touched before", "an operand is touched behind", "one step", "many terms"],
)
def test_left_alone(text: str) -> None:
    assert "steps" not in transform(text, [replace(PASS, panel_bytes=1 << 20)])


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 11])
def test_values(count: int) -> None:
    rng = np.random.default_rng(count)
    x, z = (rng.standard_normal(max(count, 1) * size).astype(np.float32) for size in (32, 128))
    y = rng.standard_normal((4, 16)).astype(np.float32)
    want = y.astype(np.float64)
    for t in range(count):
        want += x[32 * t :][:32].reshape(4, 8).astype(np.float64) @ z[64 * t :][:128].reshape(8, 16)
    alone = y.copy()
    jit(looped(), [PASS, Vectorize()])(x, y, z, count)
    jit(looped(), [TileContractions(), Vectorize()])(x, alone, z, count)
    np.testing.assert_array_equal(y, alone)
    np.testing.assert_allclose(y, want, rtol=1e-5, atol=1e-5)
