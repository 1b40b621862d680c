"""What the sanitizer says of a fault: what the kernel wrote is asked for, and the calls that led there are told."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
import triton
import triton.language as tl
from triton.tools.tensor_descriptor import TensorDescriptor

from rung.errors import SanitizerError


def fault(kernel: Any, *args: Any, **constants: Any) -> str:
    with pytest.raises(SanitizerError) as raised:
        kernel[(1,)](*args, **constants, sanitize="1")
    return str(raised.value)


@triton.jit
def store_described(o, m, B: tl.constexpr):
    o = tl.make_tensor_descriptor(o, [m, 8], [8, 1], [B, B])
    o.store([0, 0], tl.full((B, B), 1.0, tl.float32))


@triton.jit
def add_described(o, m, B: tl.constexpr):
    o = tl.make_tensor_descriptor(o, [m, 8], [8, 1], [B, B])
    o.atomic_add([0, 0], tl.full((B, B), 1.0, tl.float32))


@triton.jit
def store_block(o, m, B: tl.constexpr):
    p = tl.make_block_ptr(o, (m, 8), (8, 1), (0, 0), (B, B), (1, 0))
    tl.store(p, tl.full((B, B), 1.0, tl.float32), boundary_check=(0, 1))


@triton.jit
def store_block_unchecked(o, m, B: tl.constexpr):
    p = tl.make_block_ptr(o, (m, 8), (8, 1), (0, 0), (B, B), (1, 0))
    tl.store(p, tl.full((B, B), 1.0, tl.float32))


@triton.jit
def store_by_mask(o, m, B: tl.constexpr):
    i = tl.arange(0, B)
    tl.store(o + i[:, None] * 8 + i, 1.0, mask=(i < m)[:, None] & (i < 8))


@pytest.mark.parametrize(
    ("kernel", "asks", "advises"),
    [
        (store_described, "is the shape that the descriptor was given the right one?", "shape and strides of the desc"),
        (add_described, "is the shape that the descriptor was given the right one?", "shape and strides of the descr"),
        (store_block, "is the shape that the block pointer was given the right one?", "strides of the block pointer"),
        (store_block_unchecked, "is `boundary_check` missing?", "`boundary_check=`: without one, all 256 elements"),
        (store_by_mask, "is its mask the right one?", "the mask: the bound that it compares with"),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
@pytest.mark.filterwarnings("ignore:tl.make_block_ptr is deprecated")
def test_what_is_asked_is_what_the_kernel_wrote(kernel: Any, asks: str, advises: str) -> None:
    """Triton makes masks of the shapes of descriptors and block pointers."""
    headline, *rest = fault(kernel, torch.zeros(8, 8), 12, B=16).splitlines()
    assert headline.endswith(asks)
    assert advises in rest[-1]


@triton.jit
def copy_tile(x, out, B: tl.constexpr):
    out.store([0, 0], x.load([0, 0]))


def test_a_descriptor_of_the_host_is_asked_for_its_shape() -> None:
    tiles = [TensorDescriptor(torch.zeros(n, 8), [8, 8], [8, 1], [8, 8]) for n in (8, 7)]
    for pair in (tiles, tiles[::-1]):
        assert "is the shape that the descriptor was given the right one?" in fault(copy_tile, *pair, B=8)


# ---- functions that a kernel calls


@triton.jit
def put(p, i, v):
    tl.store(p + i, v)


@triton.jit
def put_one_behind(p, i, v):
    put(p, i + 1, v)


@triton.jit
def puts(o, B: tl.constexpr):
    i = tl.arange(0, B)
    put(o, i, 0.0)
    put_one_behind(o, i, 1.0)
    tl.store(o + tl.max(i), tl.load(o + tl.sum(i)))


def frames(text: str) -> list[tuple[str, str]]:
    """(function, source) from the kernel inwards."""
    return re.findall(r'^  File ".*", line \d+, in (\w+)\n    (.*)$', text, re.M)


def test_calls_that_led_to_a_fault() -> None:
    direct, stored = ("puts", "put(o, i, 0.0)"), ("put", "tl.store(p + i, v)")
    assert frames(fault(puts, torch.zeros(63), B=64)) == [direct, stored]
    called = [("puts", "put_one_behind(o, i, 1.0)"), ("put_one_behind", "put(p, i + 1, v)"), stored]
    assert frames(fault(puts, torch.zeros(64), B=64)) == called
    library = [("puts", "tl.store(o + tl.max(i), tl.load(o + tl.sum(i)))")]
    assert frames(fault(puts, torch.zeros(65), B=64)) == library


def test_report_says_from_where_it_was_called(capfd: pytest.CaptureFixture[str]) -> None:
    puts[(1,)](torch.zeros(63), B=64, sanitize="report")
    lines = capfd.readouterr().err.splitlines()[1:]
    in_put = r"  test_words.py:(\d+):\d+, called from line \d+"
    assert re.match(rf"{in_put}: 1 element past the end of `o` is written", lines[0])
    assert re.match(rf"{in_put}, from line \d+: 2 elements past the end of `o` are written", lines[1])
    assert re.match(r"  test_words.py:\d+:\d+: `o` is read", lines[2])


@triton.jit
def root_over(x, o, B: tl.constexpr):
    v = tl.load(x + tl.arange(0, B))
    tl.store(o + tl.arange(0, B), tl.sqrt(v) / v)


def test_lines_of_report_tell_faults_of_one_line_apart(capfd: pytest.CaptureFixture[str]) -> None:
    root_over[(1,)](torch.tensor([-1.0, 0.0]), torch.zeros(2), B=2, sanitize="report,nan")
    head, *lines = capfd.readouterr().err.splitlines()
    assert head == "rung: 2 faults in a launch of `root_over`"
    assert len(set(lines)) == 2
    for line in lines:
        assert re.match(r"  test_words.py:\d+:\d+: a number .* \(line \d+:\d+\) is stored \(line \d+:\d+\)$", line)
