"""Stores past the caches: the same values, whatever is aligned, and the instructions for it in the object code."""
# pyright: basic

from __future__ import annotations

from functools import cache

import pytest
import torch
import triton
import triton.language as tl
from hypothesis import given, settings
from hypothesis import strategies as st

from rung import machine
from rung.compile import Executable, compile_kernel
from rung.evidence import HostCode
from rung.schedule import Schedule

X86 = pytest.mark.skipif(machine.host().arch != "x86_64", reason="reads x86 instructions")
TYPES = {
    torch.float32: "*fp32",
    torch.float16: "*fp16",
    torch.bfloat16: "*bf16",
    torch.float64: "*fp64",
    torch.int8: "*i8",
    torch.int32: "*i32",
}


@triton.jit
def scaled(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + at, mask=at < n)
    tl.store(out_ptr + at, x + x, mask=at < n)


@triton.jit
def transposed(x_ptr, out_ptr, rows, columns, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    j = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = (i[:, None] < rows) & (j[None, :] < columns)
    x = tl.load(x_ptr + i[:, None] * columns + j[None, :], mask=inside)
    tl.store(out_ptr + j[None, :] * rows + i[:, None], x, mask=inside)


@triton.jit
def in_place(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(x_ptr + at, tl.load(x_ptr + at, mask=at < n) + 1, mask=at < n)


@cache
def compiled(kernel, dtype: torch.dtype, block: int = 256, streamed: bool = True) -> Executable:
    sizes = ("rows", "columns") if kernel is transposed else ("n",)
    signature = {"x_ptr": TYPES[dtype], "out_ptr": TYPES[dtype], **dict.fromkeys(sizes, "i32"), "BLOCK": "constexpr"}
    # A cache of one page: launches of a few programs write more.
    host = machine.host().model_copy(update={"last_cache_bytes": 4096})
    schedule = Schedule(stream_stores=streamed)
    found = compile_kernel(kernel, signature, {"BLOCK": block}, machine=host, schedule=schedule)
    assert isinstance(found, Executable)
    return found


def stores(executable: Executable) -> int:
    code = executable.evidence.object
    return code.streaming_stores if isinstance(code, HostCode) else executable.evidence.streamed


def values(n: int, dtype: torch.dtype, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-60, 60, (n,), generator=generator).to(dtype)


@X86
@pytest.mark.parametrize("dtype", TYPES, ids=str)
@settings(max_examples=12, deadline=None)
@given(st.integers(1, 9000), st.integers(0, 70), st.integers(0, 2**31))
def test_any_size_and_beginning(dtype: torch.dtype, n: int, offset: int, seed: int) -> None:
    x, out = values(n, dtype, seed), torch.full((n + offset + 80,), 7, dtype=dtype)
    executable = compiled(scaled, dtype)
    # LLVM makes one instruction of narrowing to bf16 and storing, and there is none past the caches.
    assert executable.evidence.streamed > 0 and (stores(executable) > 0) == (dtype != torch.bfloat16)
    executable.run([x, out[offset : offset + n], n], (-(-n // 256), 1, 1))
    assert torch.equal(out[offset : offset + n], x + x)
    assert torch.all(out[:offset] == 7) and torch.all(out[offset + n :] == 7)


@X86
@pytest.mark.parametrize("dtype", TYPES, ids=str)
@settings(max_examples=12, deadline=None)
@given(st.integers(1, 200), st.integers(1, 200), st.integers(0, 3), st.integers(0, 2**31))
def test_transposes(dtype: torch.dtype, rows: int, columns: int, even: int, seed: int) -> None:
    """With rows that are whole lines apart, and others."""
    rows = -(-rows // 64) * 64 if even else rows
    x, out = values(rows * columns, dtype, seed).view(rows, columns), torch.zeros((columns, rows), dtype=dtype)
    executable = compiled(transposed, dtype, 64)
    tile = max(d.vectorized.tile for d in executable.evidence.decided if d.vectorized)
    assert (stores(executable) > 0) == (tile * dtype.itemsize % 64 == 0), "whole lines, each of another row"
    executable.run([x, out, rows, columns], (-(-rows // 64), -(-columns // 64), 1))
    assert torch.equal(out, x.t())


@X86
def test_what_is_read_stays_in_the_caches_and_the_schedule_takes_it_out() -> None:
    assert stores(compiled(in_place, torch.float32)) == 0
    assert stores(compiled(scaled, torch.float32, streamed=False)) == 0
