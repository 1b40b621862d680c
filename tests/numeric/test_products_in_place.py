"""Products whose first operand is read where it is: the same sums, bit for bit, as of a copy."""
# pyright: basic

from __future__ import annotations

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
from rung.targets.isa import INTRINSICS

TYPES = {torch.float32: "*fp32", torch.float64: "*fp64", torch.float16: "*fp16", torch.bfloat16: "*bf16",
         torch.int8: "*i8"}  # fmt: skip
SUMS = {torch.float64: torch.float64, torch.int8: torch.int32}
DOT = INTRINSICS.get(machine.host().usable_byte_dot)
EXTENDED = {torch.float16} if DOT is not None and DOT.element == "i8" else {torch.float16, torch.int8}
"""Whose products are computed in other elements."""
SHAPES = [(16, 32, 64), (32, 64, 128), (17, 32, 64), (16, 31, 64), (16, 32, 65), (5, 3, 7), (48, 40, 200), (1, 1, 1)]
BLOCKS = {"BM": 16, "BN": 32, "BK": 64}


@triton.jit
def products(
    a, b, c, M, N, K, apart, first, MASKED: tl.constexpr, OTHER: tl.constexpr, UPDATES: tl.constexpr,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr,
):  # fmt: skip
    """Rows of A lie `apart`, and begin at `first`. UPDATES: A is written to between its load and the product."""
    x, y = tl.program_id(0), tl.program_id(1)
    rows, columns = x * BM + tl.arange(0, BM), y * BN + tl.arange(0, BN)
    total = tl.zeros((BM, BN), c.dtype.element_ty)
    for start in range(0, K, BK):
        k = start + tl.arange(0, BK)
        at = a + first + rows[:, None] * apart + k[None, :]
        from_b = b + k[:, None] * N + columns[None, :]
        if MASKED:
            inside = (rows[:, None] < M) & (k[None, :] < K)
            one = tl.load(at, inside, OTHER)
            two = tl.load(from_b, (k[:, None] < K) & (columns[None, :] < N), 0)
            if UPDATES:
                tl.store(at, (one * 2).to(one.dtype), inside)
        else:
            one, two = tl.load(at), tl.load(from_b)
            if UPDATES:
                tl.store(at, (one * 2).to(one.dtype))
        total = tl.dot(one, two, total, input_precision="ieee", out_dtype=c.dtype.element_ty)
    inside = (rows[:, None] < M) & (columns[None, :] < N)
    tl.store(c + rows[:, None] * N + columns[None, :], total, inside)


@cache
def product(dtype: torch.dtype, masked: bool, other: int, updates: bool, schedule: str) -> Executable:
    constants = {**BLOCKS, "MASKED": masked, "OTHER": other, "UPDATES": updates}
    out = {torch.float64: "*fp64", torch.int32: "*i32"}.get(SUMS.get(dtype, torch.float32), "*fp32")
    numbers = dict.fromkeys(("M", "N", "K", "apart", "first"), "i32")
    signature = {"a": TYPES[dtype], "b": TYPES[dtype], "c": out} | numbers
    found = compile_kernel(
        products,
        signature | dict.fromkeys(constants, "constexpr"),
        constants,
        machine=machine.host(),
        schedule=Schedule.parse(schedule),
    )
    assert isinstance(found, Executable)
    return found


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("updates", [False, True])
@settings(max_examples=4, deadline=None)
@given(
    st.sampled_from(
        [
            (16, 32, 64),
            (32, 64, 128),
            (17, 32, 64),
            (16, 31, 64),
            (16, 32, 65),
            (5, 3, 7),
            (48, 40, 200),
            (1, 1, 1),
            (33, 65, 100),
        ]
    ),
    st.integers(0, 9),
    st.integers(0, 3),
    st.sampled_from([0, 3]),
    st.sampled_from(["", "threads=1", "keep_panels=off", "double_buffer=on", "scratchpad=on gather_steps=off"]),
    st.integers(0, 2**31),
)
def test_any_shape(
    dtype: torch.dtype,
    masked: bool,
    updates: bool,
    shape: Any,
    gap: int,
    first: int,
    other: int,
    schedule: str,
    seed: int,
) -> None:
    """Blocks that are whole beside blocks that are not; rows anywhere; masked-off numbers that count."""
    m, n, k = shape if masked else (32, 64, 128)
    other, rng = other if masked else 0, np.random.default_rng(seed)
    memory = torch.from_numpy(rng.standard_normal(first + m * (k + gap) + 64) * 9).to(dtype)
    b = torch.from_numpy(rng.standard_normal((k, n)) * 9).to(dtype)
    a = torch.as_strided(memory, (m, k), (k + gap, 1), first).clone()
    found = []
    for text in (schedule, f"{schedule} read_in_place=off"):
        executable = product(dtype, masked, other, updates, text)
        if "read_in_place" in text or updates or dtype in EXTENDED:
            assert "in_place" not in executable.stages["vector"]
        elif schedule in ("", "threads=1", "keep_panels=off"):
            assert "in_place = 1" in executable.stages["vector"]
        c = torch.full((m, n), 7, dtype=SUMS.get(dtype, torch.float32))
        # Programs of one row of blocks would double A one after another.
        grid = (-(-m // BLOCKS["BM"]), 1 if updates else -(-n // BLOCKS["BN"]), 1)
        executable.run([memory.clone(), b, c, m, n, k, k + gap, first], grid)
        found.append(c)
    assert torch.equal(*found)
    # Columns of A that are masked off meet rows of B that are.
    exact = (a.double() @ b.double())[:, : 32 if updates else n]
    scale = a.double().abs() @ b.double().abs()
    assert (found[0][:, : exact.shape[1]].double() - exact).abs().max() <= 1e-5 * scale.max()
