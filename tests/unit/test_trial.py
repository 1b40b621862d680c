"""First launches that go wrong in a copy of this process: which argument, where; and this process goes on."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from rung import machine
from rung.bench import adhoc, group, suite
from rung.bench.given import Given
from rung.bench.toolchain import native
from rung.bench.trial import Launch, Own, try_launch
from rung.errors import UsageError
from rung.schedule import Schedule
from tests.guarded_memory import GuardedMemory

KERNELS = """
import triton
import triton.language as tl


@triton.jit
def double(x, y, n, BLOCK: tl.constexpr, LOAD: tl.constexpr, STORE: tl.constexpr, MASKED: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    value = tl.load(x + i + LOAD, mask=i < n, other=0.0) * 2
    if MASKED:
        tl.store(y + i + STORE, value, mask=i < n)
    else:
        tl.store(y + i + STORE, value)


@triton.jit
def count_up(places, y, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    place = tl.load(places + i, mask=i < n, other=0)
    tl.store(y + place, 1.0, mask=i < n)
    tl.store(places + i, place + 1, mask=i < n)


@triton.jit
def grow(x, y, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    value = tl.load(x + i, mask=i < n, other=0.0)
    tl.store(y + tl.minimum(value, 1e6).to(tl.int32), 1.0, mask=i < n)
    tl.store(x + i, value * 2, mask=i < n)


@triton.jit
def share(x, y, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(y + i, tl.load(x + i) + tl.program_id(0))


@triton.jit
def wild(x, n, BLOCK: tl.constexpr):
    p = (n.to(tl.int64) * 8).to(tl.pointer_type(tl.float32))
    tl.store(x, tl.load(p))


@triton.jit
def go_round(x, y, n, BLOCK: tl.constexpr):
    i = 0
    while i < n:
        i = tl.minimum(i + 1, n - 1)
        tl.store(y + i, tl.load(x + i))
"""
N = 3001


def tried(folder: Path, name: str, signature: str, limit_s: float = 60.0, **ranges: tuple[float, float]) -> None:
    file = folder / "own.py"
    file.write_text(KERNELS)
    case = adhoc.case(f"{file}::{name}", (N,), "f32", 0, signature, grid=(12, 1, 1), given=Given(ranges))
    before = group.snapshot(case.problem)
    try:
        try_launch(case.watched(), limit_s=limit_s)
    finally:
        for value, copy in zip(case.problem.args, before, strict=True):
            assert copy is None or torch.equal(value, copy)
        with pytest.raises(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)


@pytest.mark.parametrize(
    "load, store, masked, words, line",
    [
        (0, 0, False, "71 elements past the end of `y` are written; is a mask missing?", 13),
        (0, 100, True, "100 elements past the end of `y` are written; is its mask the right one?", 11),
        (9, 0, True, "9 elements past the end of `x` are read; is its mask the right one?", 9),
        (-1, 0, True, "1 element before the beginning of `x` is read; is its mask the right one?", 9),
        (0, -5, True, "5 elements before the beginning of `y` are written; is its mask the right one?", 11),
    ],
)
def test_a_step_too_far_is_told(load: int, store: int, masked: bool, words: str, line: int, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as told:
        tried(tmp_path, "double", f"*fp32, *fp32, i32, 256, {load}, {store}, {masked}")
    text = str(told.value)
    assert text.startswith(words)
    assert f'own.py", line {line}, in double' in text
    assert "what those before it left behind" not in text


def test_a_kernel_that_keeps_to_its_arrays_passes(tmp_path: Path) -> None:
    tried(tmp_path, "double", "*fp32, *fp32, i32, 256, 0, 0, True")


def test_a_kernel_that_races_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^programs \(0, 0, 0\) and \(1, 0, 0\) race for `y`"):
        tried(tmp_path, "share", "*fp32, *fp32, i32, 256")


@pytest.mark.parametrize("device", ["host", "hexagon-v73"])
@pytest.mark.parametrize("at_end", [True, False])
@pytest.mark.parametrize("name, shape", [("rms-norm", (7, 203)), ("matmul", (37, 45, 51)), ("gelu-erf", (1003,))])
def test_compiled_kernels_do_not_read_beyond_what_they_are_given(
    name: str, shape: tuple[int, ...], at_end: bool, device: str
) -> None:
    """Vectors and transfers end where the arrays end, whatever the remainder: the process would end, too."""
    target = machine.load(device)
    case = group.case_of(suite.find(name), shape, "f32", 0, suite.block_elements(target))
    for schedule in (Schedule(threads=1), Schedule(threads=2, profitability=False, double_buffer=True)):
        constexprs = dict(case.problem.constexprs)
        executable = native().compile(case.kernel, case.signature, constexprs, machine=target, schedule=schedule)
        rooms, args = [], list(case.problem.args)
        for number, value in enumerate(args):
            if hasattr(value, "data_ptr"):
                rooms.append(GuardedMemory(value.numel() * value.element_size(), at_end))
                args[number] = torch.from_numpy(rooms[-1].open()).view(value.dtype).view(value.shape)
                args[number].copy_(value)
        executable.bind(args, case.problem.grid)()


def test_indices_that_the_kernel_moves_are_found_in_the_second_launch(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^1 element past the end of `y` is written") as told:
        tried(tmp_path, "count_up", "*i32, *fp32, i32, 256", y=(0, 1))
    text = str(told.value)
    assert "in launch 2, on what those before it left behind" in text
    assert "`places` was drawn from 0 to 3,000; give --range places=LOW:HIGH if that is too far" in text


def test_indices_that_grow_are_found_in_a_later_launch(tmp_path: Path) -> None:
    """Below 1 at first, above 3001 after 12 doublings."""
    with pytest.raises(UsageError, match=r"`y` .*written.*") as told:
        tried(tmp_path, "grow", "*fp32, *fp32, i32, 256", x=(0.0, 1.0))
    assert re.search(r"in launch 1[34], on what those before", str(told.value))


def test_a_launch_that_does_not_end_is_ended(tmp_path: Path) -> None:
    start = time.monotonic()
    with pytest.raises(UsageError, match=r"`go_round` did not end in its first launch within 0.5 s: does"):
        tried(tmp_path, "go_round", "*fp32, *fp32, i32, 256", limit_s=0.5)
    assert time.monotonic() - start < 30


def test_an_address_where_nothing_is_mapped_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^memory of no argument, and not mapped, is read\n\n  File .*own.py"):
        tried(tmp_path, "wild", "*fp32, i32, 256")


# ---- what no kernel does by itself


@dataclass
class Fake:
    """An executable that does `act` with the addresses of its arguments."""

    act: Callable[[Sequence[int]], object]

    def run(self, args: Sequence[Any], grid: tuple[int, int, int]) -> None:
        self.act([value.data_ptr() for value in args])


def launch_of(act: Callable[[Sequence[int]], object], elements: int = 5) -> Launch:
    return Launch("`it`", Fake(act), [torch.arange(elements)], (1, 1, 1), Own())


def test_the_arrays_hold_what_the_study_has() -> None:
    def check(addresses: Sequence[int]) -> None:
        found = (ctypes.c_int64 * 5).from_address(addresses[0])
        if list(found) != [0, 1, 2, 3, 4]:
            os.abort()

    try_launch(launch_of(check))


@pytest.mark.parametrize(
    "act, words",
    [
        (lambda at: os.abort(), r"`it` ended the process in its first launch: SIGABRT"),
        (lambda at: (os.write(2, b"no more scratch\n"), os.abort()), r"first launch: SIGABRT \(no more scratch\)"),
        (lambda at: ctypes.memset(4096, 1, 1), r"in its first launch: SIGSEGV"),
        (lambda at: os._exit(0), r"ended the process in its first launch: without a word"),
    ],
    ids=["abort", "words", "no address", "exit"],
)
def test_other_ends_are_told(act: Callable[[Sequence[int]], object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        try_launch(launch_of(act))


def test_an_end_after_many_launches_is_no_fault() -> None:
    launches: list[int] = []

    def act(_: Sequence[int]) -> None:
        launches.append(0)
        if len(launches) == 40:
            os.abort()

    with pytest.raises(
        UsageError, match="`it` ended the process in launch 40, on what those before it left behind: SIGA"
    ):
        try_launch(launch_of(act))


def test_what_is_raised_in_order_is_left_to_the_study() -> None:
    def fail(_: Sequence[int]) -> None:
        raise ValueError("race")

    try_launch(launch_of(fail))


def test_an_interruption_ends_the_copy() -> None:
    turns: list[int] = []

    def interrupt() -> None:
        turns.append(0)
        if len(turns) > 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        try_launch(launch_of(lambda at: time.sleep(60)), interrupt)
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


MASKS = """
import time
from pathlib import Path
from rung.runtime import _native

_native.empty_fork(2, 3)
time.sleep(0.2)  # a thread that is being created or ends blocks everything
found = []
while len(found) < 2 or any(mask & (1 << 31) for mask in found):
    status = [(task / "status").read_text() for task in Path("/proc/self/task").iterdir()]
    found = [int(line.split()[1], 16) for text in status for line in text.splitlines() if line.startswith("SigBlk")]
print(*found)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="threads are listed by the kernel")
def test_a_worker_s_own_faults_reach_the_handler() -> None:
    """Its other signals stay blocked: Python's handlers belong on the main thread."""
    done = subprocess.run([sys.executable, "-c", MASKS], capture_output=True, text=True, check=True, timeout=60)
    workers = [mask for mask in map(int, done.stdout.split()) if mask & (1 << (signal.SIGUSR1 - 1))]
    assert workers and not any(mask & (1 << (signal.SIGSEGV - 1)) for mask in workers)


def test_a_stray_access_is_told_with_its_line(tmp_path: Path) -> None:
    """As a study tells it, before anything is measured."""
    file = tmp_path / "lines.py"
    file.write_text(
        "import triton, triton.language as tl\n"
        "@triton.jit\n"
        "def f(x_ptr, y_ptr, n, BLOCK: tl.constexpr):\n"
        "    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)\n"
        "    v = tl.load(x_ptr + i, mask=i < n)\n"
        "    tl.store(y_ptr + i, v)\n"
    )
    command = [sys.executable, "-m", "rung.cli", "ladder", "--kernel", f"{file}::f", "--size", "100000"]
    done = subprocess.run([*command, "--constexpr", "BLOCK=1024"], capture_output=True, text=True)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "error: 352 elements past the end of `y_ptr` are written; is a mask missing?" in done.stderr
    assert 'lines.py", line 6, in f' in done.stderr
    assert "352 elements between y_ptr[100000] and y_ptr[100351]" in done.stderr
    assert "n=100000 (guessed), BLOCK=1024; grid 98x1x1 (guessed)" in " ".join(done.stderr.split())
