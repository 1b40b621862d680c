"""First launches that go wrong in a copy of this process: which argument, where; and this process goes on."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
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
def go_round(x, y, n, BLOCK: tl.constexpr):
    i = 0
    while i < n:
        i = tl.minimum(i + 1, n - 1)
        tl.store(y + i, tl.load(x + i))
"""
SCALAR = Schedule(vectorize=False, threads=1)
EVERY = (
    SCALAR, Schedule(threads=1), Schedule(threads=2, profitability=False),
    Schedule(threads=2, profitability=False, double_buffer=True),
)  # fmt: skip
N = 3001


def tried(
    folder: Path,
    name: str,
    signature: str,
    schedule: Schedule,
    device: str = "host",
    limit_s: float = 60.0,
    **ranges: tuple[float, float],
) -> None:
    file = folder / "own.py"
    file.write_text(KERNELS)
    case = adhoc.case(f"{file}::{name}", (N,), "f32", 0, signature, grid=(12, 1, 1), given=Given(ranges))
    constexprs = dict(case.problem.constexprs)
    target = machine.load(device)
    executable = native().compile(case.kernel, case.signature, constexprs, machine=target, schedule=schedule)
    before = group.snapshot(case.problem)
    launch = case.launch(executable, case.problem.args, schedule)
    assert launch is not None
    try:
        try_launch(launch, limit_s=limit_s)
    finally:
        for value, copy in zip(case.problem.args, before, strict=True):
            assert copy is None or torch.equal(value, copy)
        with pytest.raises(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)


@pytest.mark.parametrize(
    "device, schedule",
    [*(("host", schedule) for schedule in EVERY), ("hexagon-v73", EVERY[-1])],
    ids=lambda value: getattr(value, "rung", value),
)
@pytest.mark.parametrize(
    "load, store, masked, words",
    [
        (0, 0, False, r"`y` is written .* its end \(element 3,0\d\d of 3,001\) by `double`"),
        (0, 100, True, r"`y` is written .* its end \(element 3,\d\d\d of 3,001\)"),
        (9, 0, True, r"`x` is read .* its end \(element 3,0\d\d of 3,001\) .* does the load lack a mask"),
        (-1, 0, True, r"`x` is read 4 bytes before its beginning \(element -1 of 3,001\)"),
        (0, -5, True, r"`y` is written \d+ bytes before its beginning \(element -\d of 3,001\)"),
    ],
)  # fmt: skip
def test_a_step_too_far_is_told(
    load: int, store: int, masked: bool, words: str, device: str, schedule: Schedule, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=words) as told:
        tried(tmp_path, "double", f"*fp32, *fp32, i32, 256, {load}, {store}, {masked}", schedule, device)
    assert f"as {schedule.rung} (`{schedule}`) in its first launch" in str(told.value)


@pytest.mark.parametrize("schedule", EVERY, ids=lambda schedule: schedule.rung)
def test_a_kernel_that_keeps_to_its_arrays_passes(schedule: Schedule, tmp_path: Path) -> None:
    tried(tmp_path, "double", "*fp32, *fp32, i32, 256, 0, 0, True", schedule)


@pytest.mark.parametrize("device", ["host", "hexagon-v73"])
@pytest.mark.parametrize("name, shape", [("rms-norm", (7, 203)), ("matmul", (37, 45, 51)), ("gelu-erf", (1003,))])
def test_compiled_kernels_do_not_read_beyond_what_they_are_given(
    name: str, shape: tuple[int, ...], device: str
) -> None:
    """Vectors and transfers end where the arrays end, whatever the remainder."""
    target = machine.load(device)
    block = suite.block_elements(target)
    case = replace(group.case_of(suite.find(name), shape, "f32", 0, block), own=Own())
    for schedule in (EVERY[1], EVERY[3]):
        constexprs = dict(case.problem.constexprs)
        executable = native().compile(case.kernel, case.signature, constexprs, machine=target, schedule=schedule)
        launch = case.launch(executable, case.problem.args, schedule)
        assert launch is not None
        try_launch(launch)


def test_indices_that_the_kernel_moves_are_found_in_the_second_launch(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"`y` is written right behind its end .* launch 2, on what those before"
    ) as it:
        tried(tmp_path, "count_up", "*i32, *fp32, i32, 256", SCALAR)
    assert "are its indices too large (`places`, drawn from 0 to 3,000: give --range places=LOW:HIGH)?" in str(it.value)


def test_indices_that_grow_are_found_in_a_later_launch(tmp_path: Path) -> None:
    """Below 1 at first, above 3001 after 12 doublings."""
    with pytest.raises(UsageError, match=r"`y` is written .* beyond its end .* in launch 1[34], on what those before"):
        tried(tmp_path, "grow", "*fp32, *fp32, i32, 256", SCALAR, x=(0.0, 1.0))


def test_a_launch_that_does_not_end_is_ended(tmp_path: Path) -> None:
    start = time.monotonic()
    with pytest.raises(UsageError, match=r"`go_round` as Scalar .* did not end in its first launch within 0.5 s: does"):
        tried(tmp_path, "go_round", "*fp32, *fp32, i32, 256", SCALAR, limit_s=0.5)
    assert time.monotonic() - start < 30


# ---- what no kernel does in one instruction


@dataclass
class Fake:
    """An executable that does `act` with the addresses of its arguments."""

    act: Callable[[Sequence[int]], object]

    def bind(self, args: Sequence[Any], grid: tuple[int, int, int]) -> Callable[[], object]:
        return lambda: self.act([value.ctypes.data for value in args])


def launch_of(act: Callable[[Sequence[int]], object], elements: int = 5) -> Launch:
    tensor = torch.arange(elements)
    fake: Any = Fake(act)
    return Launch("`it`", fake, ["x"], [tensor], (1, 1, 1), Own())


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
        (lambda at: ctypes.memset(1 << 62, 1, 1), r"at an address that does not exist, far from all of its arrays"),
        (lambda at: ctypes.memset(4096, 1, 1), r"touches memory at address 0x1000, far from all of its arrays"),
        (lambda at: ctypes.memset(at[0] + (8 << 31), 1, 1), r"is written 17,179,869,144 bytes beyond its end"),
        (lambda at: os._exit(0), r"ended the process in its first launch: without a word"),
    ],
    ids=["abort", "words", "no address", "far", "32 bits", "exit"],
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


def test_whole_pages_are_flush_on_both_sides_at_once() -> None:
    """Then one copy is enough: the first one sees both ends."""
    for offset in (-1, 4096 * 8):
        with pytest.raises(UsageError, match="`x` is written"):
            try_launch(launch_of(lambda at, offset=offset: ctypes.memset(at[0] + offset, 1, 1), 4096))


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
    """As the first launch of a study tells it: the copy dies, the watched launch knows where."""
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
    assert "error: lines.py:6: `y_ptr` is written right behind its end (element 100,000 of 100,000)" in done.stderr
