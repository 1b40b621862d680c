"""An operand of products that stays packed from program to program: the same sums, bit for bit."""
# pyright: basic

from __future__ import annotations

import re
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

TYPES = {torch.float32: "*fp32", torch.bfloat16: "*bf16", torch.int8: "*i8"}
BLOCKS = {"BM": 16, "BN": 32, "BK": 32}
SMALL = machine.host().model_copy(update={"l1_bytes": 8192, "l2_bytes": 32768})
"""Keeps four steps of f32, sixteen of bytes: others are filled by every program."""


@triton.jit
def products(
    a, b, c, d, M, N, K, TURNED: tl.constexpr, ORDER: tl.constexpr,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr,
):  # fmt: skip
    """One program for each block of C, in several orders; or programs that go over several blocks."""
    down, across = tl.cdiv(M, BM), tl.cdiv(N, BN)
    first, last, batch = tl.program_id(0), tl.program_id(0) + 1, tl.program_id(2)
    if ORDER == "persistent":
        first, last = tl.program_id(0) * 5, min(tl.program_id(0) * 5 + 5, down * across)
    for block in range(first, last):
        if ORDER == "plain" or ORDER == "persistent":
            x, y = block % down, block // down
        elif ORDER == "other":
            x, y = block // across, block % across
        else:  # three rows of blocks at a time
            group = block // (3 * across)
            size = min(down - group * 3, 3)
            x, y = group * 3 + block % (3 * across) % size, block % (3 * across) // size
        rows, columns = x * BM + tl.arange(0, BM), y * BN + tl.arange(0, BN)
        ACC: tl.constexpr = tl.int32 if a.dtype.element_ty == tl.int8 else tl.float32
        total = tl.zeros((BM, BN), ACC)
        # How far the sum goes differs from block to block.
        steps = K - (x % 3) * BK if TURNED else K
        for start in range(0, steps, BK):
            k = start + tl.arange(0, BK)
            one = tl.load(a + batch * M * K + rows[:, None] * K + k[None, :], (rows[:, None] < M) & (k[None, :] < K), 0)
            at = b + batch * K * N
            inside = (k[:, None] < K) & (columns[None, :] < N)
            if TURNED:
                two = tl.load(at + columns[None, :] * K + k[:, None], inside, 0)
            else:
                two = tl.load(at + k[:, None] * N + columns[None, :], inside, 0)
            total = tl.dot(one, two, total, input_precision="ieee", out_dtype=ACC)
        inside = (rows[:, None] < M) & (columns[None, :] < N)
        tl.store(c + batch * M * N + rows[:, None] * N + columns[None, :], total, inside)


@cache
def product(dtype: torch.dtype, turned: bool, order: str, small: bool, schedule: str) -> Executable:
    constants = {**BLOCKS, "TURNED": turned, "ORDER": order}
    out = "*fp32" if dtype.is_floating_point else "*i32"
    signature = {"a": TYPES[dtype], "b": TYPES[dtype], "c": out, "d": out, **dict.fromkeys("MNK", "i32")}
    found = compile_kernel(
        products,
        signature | dict.fromkeys(constants, "constexpr"),
        constants,
        machine=SMALL if small else machine.host(),
        schedule=Schedule.parse(schedule),
    )
    assert isinstance(found, Executable)
    return found


def kept(executable: Executable) -> list[tuple[str, int]]:
    found = re.findall(r"rung\.contraction = \{[^}]*kept_([ab]) = (\d+)", executable.stages["vector"])
    return [(operand, int(slots)) for operand, slots in found]


def launch(executable: Executable, order: str, batch: int, shape: tuple[int, int, int], a: Any, b: Any) -> torch.Tensor:
    m, n, _ = shape
    blocks = -(-m // BLOCKS["BM"]) * -(-n // BLOCKS["BN"])
    c = torch.full((batch, m, n), 7, dtype=torch.int32 if a.dtype == torch.int8 else torch.float32)
    executable.run([a, b, c, c, *shape], (-(-blocks // 5) if order == "persistent" else blocks, 1, batch))
    return c


ORDERS = ["plain", "other", "grouped", "persistent"]
SCHEDULES = ["", "threads=1", "distribution=block-cyclic profitability=off", "profitability=off gather_steps=off"]


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("order", ORDERS)
@settings(max_examples=6, deadline=None)
@given(
    st.booleans(),
    st.booleans(),
    st.sampled_from(SCHEDULES),
    st.integers(1, 2),
    st.tuples(st.integers(1, 90), st.integers(1, 90), st.integers(0, 600)),
    st.integers(0, 2**31),
)
def test_any_grid(
    dtype: torch.dtype, order: str, turned: bool, small: bool, schedule: str, batch: int, shape: Any, seed: int
) -> None:
    """Grids whose innermost dimension moves A, or B, or sometimes one; masks in every dimension; sums that end sooner
    or later than that of the program before; slots for all steps, and for some."""
    m, n, depth = shape
    rng = np.random.default_rng(seed)
    a, b = (torch.from_numpy(rng.standard_normal(s) * 40).to(dtype) for s in ((batch, m, depth), (batch, depth, n)))
    laid = b.transpose(1, 2).contiguous() if turned else b
    executable = product(dtype, turned, order, small, schedule)
    (operand, slots), *_ = kept(executable) or [("", 0)]
    assert operand == ("a" if order == "other" else "b") and slots >= 4
    without = product(dtype, turned, order, small, f"{schedule} keep_panels=off")
    assert not kept(without)
    found = launch(executable, order, batch, shape, a, laid)
    assert torch.equal(found, launch(without, order, batch, shape, a, laid))
    # What was kept is of one launch: memory is another one now.
    again = (laid.double() * -1).to(dtype)
    assert torch.equal(
        launch(executable, order, batch, shape, a, again), launch(without, order, batch, shape, a, again)
    )
    if not turned:
        scale = (a.double().abs() @ b.double().abs()).max() if depth else 1.0
        difference = (found.double() - a.double() @ b.double()).abs().max()
        assert difference <= (1e-5 * scale if dtype.is_floating_point else 0)
