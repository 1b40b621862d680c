"""Pointers that are loaded or computed, and point into no argument: told before they end the process."""

from __future__ import annotations

import mmap
import re
import time
from typing import Any

import numpy as np
import pytest
import torch
import triton
import triton.language as tl

from rung.errors import SanitizerError
from tests.guarded_memory import GuardedMemory

FREE = 1 << 46
"""Where nothing is mapped: behind Linux's libraries and stacks, in a part of the addresses that no system gives out."""


@triton.jit
def read(table, out, STEP: tl.constexpr, B: tl.constexpr):
    p = tl.load(table).to(tl.pointer_type(tl.float32))
    i = tl.arange(0, B) * STEP
    tl.store(out + tl.arange(0, B), tl.load(p + i))  # here


@triton.jit
def read_each(table, out, B: tl.constexpr):
    p = tl.load(table + tl.arange(0, B)).to(tl.pointer_type(tl.float32))
    tl.store(out + tl.arange(0, B), tl.load(p))  # here


@triton.jit
def read_one(address, out):
    tl.store(out, tl.load(address.to(tl.int64).to(tl.pointer_type(tl.float32))))  # here


@triton.jit
def write(table, B: tl.constexpr):
    p = tl.load(table).to(tl.pointer_type(tl.float32))
    tl.store(p + tl.arange(0, B), 1.0)


@triton.jit
def update(table, B: tl.constexpr):
    p = tl.load(table).to(tl.pointer_type(tl.int32))
    tl.atomic_add(p + tl.arange(0, B), 1)


@triton.jit
def swap(table):
    tl.atomic_cas(tl.load(table).to(tl.pointer_type(tl.int32)), 0, 1)


def table(*addresses: int) -> torch.Tensor:
    return torch.tensor(addresses)


def told(kernel: Any, *args: Any, sanitize: str = "1", **constants: Any) -> str:
    with pytest.raises(SanitizerError) as raised:
        kernel[(1,)](*args, **constants, sanitize=sanitize)
    return str(raised.value)


@pytest.mark.parametrize("address", [0x7FF000000000000, FREE, -64, -(1 << 63), 8192])
def test_what_is_not_mapped(address: int) -> None:
    for text in (told(read, table(address), torch.zeros(8), STEP=1, B=8), told(read_one, address, torch.zeros(1))):
        assert text.startswith("memory of no argument, and not mapped, is read\n")
        assert re.search(r'File ".*test_wild_pointers.py", line \d+, in read(_one)?\n    .*# here\n', text)
        assert "program  (0, 0, 0) of a grid of (1, 1, 1)" in text
        assert f"address  {address % (1 << 64):#x}" in text


@pytest.mark.parametrize(("kernel", "does"), [(write, "written"), (update, "updated")])
def test_writing_and_updating(kernel: Any, does: str) -> None:
    assert told(kernel, table(FREE), B=4).startswith(f"memory of no argument, and not mapped, is {does}\n")


def test_what_may_not_be_written() -> None:
    page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ)
    begin = np.frombuffer(page, np.uint8).__array_interface__["data"][0]
    out = torch.ones(8)
    read[(1,)](table(begin), out, STEP=1, B=8, sanitize="1")
    assert out.count_nonzero() == 0
    assert told(write, table(begin), B=8).startswith("memory of no argument, and protected, is written\n")
    assert told(update, table(begin), B=8).startswith("memory of no argument, and protected, is updated\n")


def test_a_mapping_that_ends() -> None:
    """64 bytes, and behind them a page that nobody may access."""
    guarded = GuardedMemory(64, at_end=True)
    guarded.open()
    end = guarded.address + 64
    out = torch.ones(8)
    read[(1,)](table(end - 16), out, STEP=1, B=4, sanitize="1")
    text = told(read, table(end - 16), out, STEP=1, B=8)
    assert text.startswith("memory of no argument, and protected, is read\n")
    assert f"address  {end:#x}, the first of 4 elements between {end:#x} and {end + 12:#x}" in text
    assert told(read_one, end - 1, out).startswith("memory of no argument, and protected")  # but for the first byte
    assert told(read_one, end - 5, out).startswith("an address that belongs to no argument is read at no multiple")


def test_report_leaves_it_out(capfd: pytest.CaptureFixture[str]) -> None:
    known = torch.full((2,), 7.0)
    out = torch.ones(4)
    read_each[(1,)](table(known.data_ptr(), FREE, -64, known.data_ptr() + 4), out, B=4, sanitize="report")
    assert out.tolist() == [7, 0, 0, 7]
    head, line = capfd.readouterr().err.splitlines()
    assert head == "rung: 1 fault in a launch of `read_each`"
    assert re.fullmatch(r"  test_wild_pointers.py:\d+:\d+: memory of no argument, and not mapped, is read", line)


def test_a_compare_and_swap_ends_the_launch_under_report() -> None:
    assert told(swap, table(FREE), sanitize="report").startswith("memory of no argument, and not mapped, is updated")


def test_memory_that_comes_while_the_launches_go_on() -> None:
    out = torch.zeros(4)
    for number in range(3):
        made = torch.full((1 << 20,), float(number))  # 4 MiB: a mapping of its own
        read[(1,)](table(made.data_ptr()), out, STEP=1000, B=4, sanitize="1")
        assert out.tolist() == [number] * 4


def test_tables_of_pointers_stay_affordable() -> None:
    """A look-up of each element in the process's mappings would take milliseconds."""
    n = 4096
    each = [torch.full((1,), float(k)) for k in range(n)]
    addresses, out = table(*(x.data_ptr() for x in each)), torch.zeros(n)
    read_each[(1,)](addresses, out, B=n, sanitize="1")
    begun = time.perf_counter()
    read_each[(1,)](addresses, out, B=n, sanitize="1")
    assert time.perf_counter() - begun < 1
    assert torch.equal(out, torch.arange(float(n)))
