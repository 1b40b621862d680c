"""`tl.device_print` in Triton's format: pid (x, y, z) idx (i, j) prefix: (operand n) value."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import triton
import triton.language as tl

SCHEDULES = [
    "threads=1",
    "vectorize=off threads=1",
    "threads=2 profitability=off",
    "threads=2 profitability=off double_buffer=on tile_elements=64",
]
Output = pytest.CaptureFixture[str]


@pytest.fixture(params=SCHEDULES, ids=["vector", "scalar", "threads", "buffers"])
def schedule(request: pytest.FixtureRequest) -> str:
    return request.param


def printed(capfd: Output) -> list[str]:
    return capfd.readouterr().out.splitlines()


@triton.jit
def show(x, BLOCK: tl.constexpr, HEX: tl.constexpr):
    tl.device_print("x", tl.load(x + tl.arange(0, BLOCK)), hex=HEX)


INTEGERS = [torch.int8, torch.int16, torch.int32, torch.int64, torch.uint8, torch.uint16, torch.uint32, torch.uint64]
FLOATS = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


def extremes(dtype: torch.dtype) -> torch.Tensor:
    if dtype == torch.bool:
        return torch.tensor([True, False] * 4)
    if not dtype.is_floating_point:
        info = torch.iinfo(dtype)
        return torch.tensor([0, 1, 5, 42, 100, info.max - 1, info.max, info.min], dtype=dtype)
    info = torch.finfo(dtype)
    values = [0.0, -0.0, 1.5, -2.625, float("inf"), -float("inf"), info.max, -info.smallest_normal]
    return torch.tensor(values, dtype=dtype)


@pytest.mark.parametrize("dtype", [*INTEGERS, *FLOATS, torch.bool], ids=str)
def test_numbers_of_every_type(capfd: Output, dtype: torch.dtype) -> None:
    x = extremes(dtype)
    show[(1,)](x, BLOCK=8, HEX=False)
    words = [f"{v:f}" if dtype.is_floating_point else str(int(v)) for v in x.tolist()]
    assert printed(capfd) == [f"pid (0, 0, 0) idx ({k}) x: {word}" for k, word in enumerate(words)]


@pytest.mark.parametrize("dtype", [*INTEGERS, *FLOATS], ids=str)
def test_their_bits(capfd: Output, dtype: torch.dtype) -> None:
    x = extremes(dtype)
    show[(1,)](x, BLOCK=8, HEX=True)
    bits = x.view(torch.uint8).numpy().view(f"<u{dtype.itemsize}")
    digits = 2 * dtype.itemsize
    assert printed(capfd) == [f"pid (0, 0, 0) idx ({k}) x: 0x{int(b):0{digits}x}" for k, b in enumerate(bits)]


def test_nan_and_subnormal_numbers(capfd: Output) -> None:
    for dtype in FLOATS:
        x = torch.tensor([float("nan"), -float("nan"), 6e-8, 0], dtype=dtype)
        show[(1,)](x, BLOCK=4, HEX=False)
        assert [line.split(": ")[1] for line in printed(capfd)] == ["nan", "nan", "0.000000", "0.000000"]


@triton.jit
def cube(x):
    i, j, k = tl.arange(0, 2)[:, None, None], tl.arange(0, 16)[None, :, None], tl.arange(0, 128)[None, None, :]
    value = tl.load(x + i * 2048 + j * 128 + k)
    tl.device_print("x: ", tl.trans(value, 0, 2, 1))


def test_places_in_blocks_of_several_dimensions(capfd: Output, schedule: str) -> None:
    x = torch.arange(4096, dtype=torch.int32)
    cube[(1,)](x, schedule=schedule)
    expected = [
        f"pid (0, 0, 0) idx ({i}, {k:3}, {j:2}) x: {i * 2048 + j * 128 + k}"
        for i, k, j in product(range(2), range(128), range(16))
    ]
    assert printed(capfd) == expected


@triton.jit
def kinds(x, n, scale):
    pid = tl.program_id(0)
    tl.device_print("pid", pid, tl.program_id(1), tl.program_id(2))
    tl.device_print("here")
    tl.device_print(" spaced: ", n)
    tl.device_print("", scale)
    tl.device_print("constant", 7, 1 << 40)
    print("block and scalar", tl.load(x + tl.arange(0, 2)) * scale, n > 3)
    tl.device_print("percent %d {braces}", n)


def test_prefixes_scalars_and_several_operands(capfd: Output) -> None:
    """As Triton's language writes the prefix: it ends in `: `, and begins with a space unless it is empty."""
    kinds[(1, 2, 1)](torch.tensor([1.5, -2.0]), 5, 0.5, schedule="threads=1")
    lines: list[str] = []
    for y in range(2):
        at = f"pid (0, {y}, 0)"
        lines += [f"{at} idx () pid: (operand {k}) {v}" for k, v in enumerate((0, y, 0))]
        lines += [f"{at} here", f"{at} idx () spaced: 5", f"{at} idx (): 0.500000"]
        lines += [f"{at} idx () constant: (operand 0) 7", f"{at} idx () constant: (operand 1) {1 << 40}"]
        lines += [f"{at} idx ({k}) block and scalar: (operand 0) {v}" for k, v in ((0, "0.750000"), (1, "-1.000000"))]
        lines += [f"{at} idx () block and scalar: (operand 1) 1", f"{at} idx () percent %d {{braces}}: 5"]
    assert printed(capfd) == lines


@triton.jit
def pointers(x, BLOCK: tl.constexpr):
    tl.device_print("one", x + 3)
    tl.device_print("all", x + tl.arange(0, BLOCK))


@triton.jit
def programs(x, y, n, BLOCK: tl.constexpr):
    i = (tl.program_id(1) * tl.num_programs(0) + tl.program_id(0)) * BLOCK + tl.arange(0, BLOCK)
    value = tl.load(x + i, mask=i < n, other=-1)
    tl.device_print("x", value)
    tl.store(y + i, value * 2, mask=i < n)
    tl.device_print("y", tl.load(y + i, mask=i < n, other=-1))


def test_programs(capfd: Output, schedule: str) -> None:
    """In their order where one context runs; the lines of one print are together in any case."""
    x, y = torch.arange(90, dtype=torch.int32), torch.zeros(90, dtype=torch.int32)
    programs[(3, 2)](x, y, 90, BLOCK=16, schedule=schedule)
    expected: list[list[str]] = []
    for p in range(6):
        for name, factor in (("x", 1), ("y", 2)):
            numbers = [v * factor if v < 90 else -1 for v in range(p * 16, p * 16 + 16)]
            at = f"pid ({p % 3}, {p // 3}, 0)"
            expected.append([f"{at} idx ({k:2}) {name}: {v}" for k, v in enumerate(numbers)])
    lines = printed(capfd)
    groups = [lines[k : k + 16] for k in range(0, len(lines), 16)]
    assert groups == expected if "threads=1" in schedule else sorted(groups) == sorted(expected)
    assert torch.equal(y, x * 2)


@triton.jit
def inner(value, k):
    tl.device_print("inner", value, k)
    return value + 1


@triton.jit(noinline=True)
def outlined(number):
    tl.device_print("outlined", number)
    return number * 2


@triton.jit
def nested(x, n, BLOCK: tl.constexpr):
    value = tl.load(x + tl.arange(0, BLOCK))
    for k in range(n):
        if k % 2 == 1:
            value = inner(value, k)
        elif k == 2:
            tl.device_print("two")
    k = n
    while k > 1:
        value += outlined(k)
        k -= 1
    if n == 3:
        return
    tl.device_print("end", value)


def test_in_loops_branches_and_functions(capfd: Output, schedule: str) -> None:
    for n in (3, 4):
        x = torch.tensor([1, 10], dtype=torch.int64)
        nested[(1,)](x, n, BLOCK=2, schedule=schedule)
        value, lines = [1, 10], []
        for k in range(n):
            if k % 2 == 1:
                lines += [f"idx ({i}) inner: (operand 0) {v}" for i, v in enumerate(value)]
                lines += [f"idx () inner: (operand 1) {k}"]
                value = [v + 1 for v in value]
            elif k == 2:
                lines += ["two"]
        for k in range(n, 1, -1):
            lines += [f"idx () outlined: {k}"]
            value = [v + 2 * k for v in value]
        if n != 3:
            lines += [f"idx ({i}) end: {v}" for i, v in enumerate(value)]
        assert printed(capfd) == [f"pid (0, 0, 0) {line}" for line in lines]


@triton.jit
def between(x, BLOCK: tl.constexpr):
    """What is printed is what memory held there, whatever is stored behind it."""
    i = tl.arange(0, BLOCK)
    before = tl.load(x + i)
    tl.store(x + i, before + 1)
    tl.device_print("before", before)
    tl.store(x + i, 0)
    tl.device_print("after", tl.load(x + i))


def test_between_stores(capfd: Output, schedule: str) -> None:
    between[(1,)](torch.arange(4, dtype=torch.int32), BLOCK=4, schedule=schedule)
    expected = [f"idx ({k}) before: {k}" for k in range(4)] + [f"idx ({k}) after: 0" for k in range(4)]
    assert printed(capfd) == [f"pid (0, 0, 0) {line}" for line in expected]


@triton.jit
def takes_turns(turn, BLOCK: tl.constexpr):
    pid = tl.program_id(0)
    while tl.load(turn, volatile=True) != tl.num_programs(0) - 1 - pid:
        pass
    tl.device_print("f64", tl.arange(0, BLOCK).to(tl.float64) * 1e300)
    tl.atomic_xchg(turn, tl.num_programs(0) - pid)


def test_programs_that_wait_for_one_another(capfd: Output) -> None:
    """The last program first; each has a stack of its own, on which a long number is written."""
    takes_turns[(20,)](torch.zeros(1, dtype=torch.int32), BLOCK=2)
    numbers = ["0.000000", f"{1e300:f}"]
    expected = [f"pid ({p}, 0, 0) idx ({k}) f64: {numbers[k]}" for p in reversed(range(20)) for k in range(2)]
    assert printed(capfd) == expected


def test_a_kernel_that_prints_nothing_is_what_it_was() -> None:
    @triton.jit
    def plain(x, y, BLOCK: tl.constexpr):
        i = tl.arange(0, BLOCK)
        tl.store(y + i, tl.load(x + i) * 2)

    compiled = plain.warmup(torch.float32, torch.float32, BLOCK=64, grid=(1,))
    assert "rung_print" not in compiled.asm["llvm"]


CRASH = """
    import ctypes
    import torch, triton, triton.language as tl

    @triton.jit
    def kernel(x, table, BLOCK: tl.constexpr):
        i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
        tl.device_print("before", tl.load(x + i))
        address = tl.load(table + tl.program_id(0)).to(tl.pointer_type(tl.int32))
        value = tl.load(address + tl.arange(0, BLOCK))
        tl.device_print("read")
        tl.store(x + i, value)

    x = torch.arange(8, dtype=torch.int32)
    kernel[(2,)](x, torch.tensor([x.data_ptr(), 8]), BLOCK=4, schedule="threads=1")
"""


def test_it_is_out_before_a_crash(tmp_path: Path) -> None:
    file = tmp_path / "crash.py"
    file.write_text(textwrap.dedent(CRASH))
    ended = subprocess.run([sys.executable, str(file)], capture_output=True, text=True, timeout=100)
    assert ended.returncode < 0, "the second program reads at address 8"
    blocks = [[f"pid ({p}, 0, 0) idx ({k}) before: {4 * p + k}" for k in range(4)] for p in range(2)]
    assert ended.stdout.splitlines() == [*blocks[0], "pid (0, 0, 0) read", *blocks[1]]


def addresses(x: torch.Tensor, offsets: Any) -> list[str]:
    return [f"0x{x.data_ptr() + 4 * int(k):x}" for k in np.atleast_1d(offsets)]


def test_pointers(capfd: Output) -> None:
    x = torch.zeros(8)
    pointers[(1,)](x, BLOCK=4)
    lines = [f"idx () one: {addresses(x, 3)[0]}"]
    lines += [f"idx ({k}) all: {address}" for k, address in enumerate(addresses(x, np.arange(4)))]
    assert printed(capfd) == [f"pid (0, 0, 0) {line}" for line in lines]
