"""Programs in bands of the grid: every program runs once, whatever the grid, the contexts and the distribution."""

from __future__ import annotations

import pytest
import torch
import triton
import triton.language as tl
from hypothesis import given, settings
from hypothesis import strategies as st

from rung import machine
from rung.compile import compile_ttir
from rung.frontends.triton.capture import make_ttir
from rung.schedule import Schedule

SCHEDULES = ("", "threads=1", "threads=3", "threads=3 distribution=block-cyclic", "vectorize=off", "profitability=off")


@triton.jit
def transposed(x_ptr, out_ptr, m, n, TILE: tl.constexpr):
    """Of a batch; every program adds 1 to what it read, in place of nothing else."""
    batch = tl.program_id(2) * m * n
    row = tl.program_id(0) * TILE + tl.arange(0, TILE)
    column = tl.program_id(1) * TILE + tl.arange(0, TILE)
    mask = (row[:, None] < m) & (column[None, :] < n)
    x = tl.load(x_ptr + batch + row[:, None] * n + column[None, :], mask=mask)
    at = out_ptr + batch + column[:, None] * m + row[None, :]
    tl.store(at, tl.load(at, mask=tl.trans(mask), other=0.0) + tl.trans(x), mask=tl.trans(mask))


@settings(max_examples=40, deadline=None)
@given(
    m=st.integers(1, 150),
    n=st.integers(1, 150),
    batch=st.integers(1, 3),
    tile=st.sampled_from([4, 16, 32, 128]),
    schedule=st.sampled_from(SCHEDULES),
)
def test_every_program_runs_once(m: int, n: int, batch: int, tile: int, schedule: str) -> None:
    x, out = torch.randn(batch, m, n), torch.zeros(batch, n, m)
    grid = (triton.cdiv(m, tile), triton.cdiv(n, tile), batch)
    for _ in range(2):
        transposed[grid](x, out, m, n, TILE=tile, schedule=schedule)
    assert torch.equal(out, 2 * x.transpose(1, 2))


@pytest.mark.parametrize(("schedule", "expected"), [("", True), ("band_grid=off", False), ("scratchpad=on", False)])
def test_it_can_be_taken_out(schedule: str, expected: bool) -> None:
    signature = {"x_ptr": "*fp32", "out_ptr": "*fp32", "m": "i32", "n": "i32", "TILE": "constexpr"}
    ttir = make_ttir(transposed, signature, {"TILE": 32})
    compiled = compile_ttir(ttir, machine=machine.host(), schedule=Schedule.parse(schedule))
    assert ("rung.band = 4" in compiled.stages["scheduled"]) == expected


@triton.jit
def first_come(out_ptr, counter_ptr, n, TILE: tl.constexpr):
    """A store to pieces of rows, of the number of programs that came before."""
    i, j = tl.program_id(0) * TILE + tl.arange(0, TILE), tl.program_id(1) * TILE + tl.arange(0, TILE)
    tl.store(out_ptr + i[:, None] * n + j[None, :], tl.zeros((TILE, TILE), tl.int32) + tl.atomic_add(counter_ptr, 1))


def test_programs_that_synchronize_keep_the_grid_s_order() -> None:
    out, counter = torch.zeros(32, 32, dtype=torch.int32), torch.zeros(1, dtype=torch.int32)
    first_come[(4, 4)](out, counter, 32, TILE=8, schedule="threads=1")
    assert torch.equal(out[::8, ::8].T.flatten(), torch.arange(16, dtype=torch.int32))
