"""Products of which a mask keeps rows or columns from being stored: what is stored is right, the rest untouched."""
# pyright: basic

from __future__ import annotations

import re
from functools import cache

import pytest
import torch
import triton
import triton.language as tl
from hypothesis import given, settings
from hypothesis import strategies as st

from rung import machine
from rung.compile import Executable, compile_kernel
from rung.schedule import Schedule

M, N, K = 32, 48, 16
BM, BN, BK = 32, 64, 16
WAYS = ("once", "twice", "from the middle", "with its sum", "transposed", "two products", "without rows")


@triton.jit
def stored(
    a, b, c, d, rows, columns, more, WAY: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr
):  # fmt: skip
    i, j, k = tl.arange(0, BM), tl.arange(0, BN), tl.arange(0, BK)
    total = tl.full((BM, BN), 3, c.dtype.element_ty)
    one = tl.load(a + i[:, None] * BK + k[None, :], i[:, None] < rows, 1)
    two = tl.load(b + k[:, None] * BN + j[None, :], j[None, :] < columns, 1)
    total = tl.dot(one, two, total, input_precision="ieee", out_dtype=c.dtype.element_ty)
    if WAY == 5:
        total = tl.dot(one, two, total, input_precision="ieee", out_dtype=c.dtype.element_ty)
    to = i[:, None] * BN + j[None, :]
    if WAY == 2:
        tl.store(c + to, total, (i[:, None] >= more) & (i[:, None] < rows) & (j[None, :] < columns))
    elif WAY == 4:
        tl.store(c + i[:, None] + j[None, :] * BM, total, (i[:, None] < rows) & (j[None, :] < columns))
    elif WAY == 6:
        tl.store(c + to, total, j[None, :] < columns)
    else:
        tl.store(c + to, total, (i[:, None] < rows) & (j[None, :] < columns))
    if WAY == 1:
        tl.store(d + to, total * 2, (i[:, None] < more) & (j[None, :] < columns))
    if WAY == 3:
        tl.store(d + i, tl.sum(total, 1))


@cache
def compiled(dtype: torch.dtype, way: int, schedule: str) -> Executable:
    constants = {"WAY": way, "BM": BM, "BN": BN, "BK": BK}
    narrow, wide = ("*i8", "*i32") if dtype == torch.int8 else ("*fp32", "*fp32")
    signature = {"a": narrow, "b": narrow, "c": wide, "d": wide, "rows": "i32", "columns": "i32", "more": "i32"}
    found = compile_kernel(
        stored,
        signature | dict.fromkeys(constants, "constexpr"),
        constants,
        machine=machine.host(),
        schedule=Schedule.parse(schedule),
    )
    assert isinstance(found, Executable)
    return found


@pytest.mark.parametrize("dtype", [torch.float32, torch.int8])
@pytest.mark.parametrize("way", range(len(WAYS)), ids=WAYS)
@settings(max_examples=6, deadline=None)
@given(
    st.integers(0, BM),
    st.integers(0, BN),
    st.integers(0, BM),
    st.sampled_from(["", "vectorize=off", "double_buffer=on"]),
    st.integers(0, 2**31),
)
def test_what_is_stored(dtype: torch.dtype, way: int, rows: int, columns: int, more: int, schedule: str, seed: int):
    """Small whole numbers, of which every sum is exact."""
    generator = torch.Generator().manual_seed(seed)
    a, b = (torch.randint(-9, 10, shape, generator=generator).to(dtype) for shape in ((BM, BK), (BK, BN)))
    wide = torch.int32 if dtype == torch.int8 else torch.float32
    c, d = torch.full((BM * BN,), 77, dtype=wide), torch.full((BM * BN,), 77, dtype=wide)
    executable = compiled(dtype, way, schedule)
    executable.run([a, b, c, d, rows, columns, more], (1, 1, 1))
    a[rows:], b[:, columns:] = 1, 1
    total = 3 + (a.long() @ b.long()) * (2 if way == WAYS.index("two products") else 1)
    i, j = torch.arange(BM)[:, None], torch.arange(BN)[None, :]
    to = (i < rows) & (j < columns)
    if WAYS[way] == "from the middle":
        to &= i >= more
    elif WAYS[way] == "without rows":
        to = (j < columns).expand(BM, BN)
    want = torch.where(to, total, 77)
    assert torch.equal(c.long(), want.T.flatten() if WAYS[way] == "transposed" else want.flatten())
    if WAYS[way] == "twice":
        assert torch.equal(d.long(), torch.where((i < more) & (j < columns), total * 2, 77).flatten())
    if WAYS[way] == "with its sum":
        assert torch.equal(d[:BM].long(), total.sum(1))


@pytest.mark.parametrize(("way", "ends"), [(0, 2), (1, 2), (2, 0), (3, 0), (4, 2), (5, 2), (6, 1)])
def test_what_is_not_summed(way: int, ends: int) -> None:
    """How many of the loops over columns and rows of C, of the last product, end where a mask does. What begins
    elsewhere is taken to want all."""
    text = compiled(torch.float32, way, "").stages["vector"]
    before = text[: text.rindex("rung.contraction")].splitlines()
    loops = [line for line in before if "scf.for" in line][-3:-1]
    limits = [found[1] for line in loops if (found := re.search(r" to (%\w+) step", line))]
    assert sum(f"{limit} = arith.minsi" in text for limit in limits) == ends
