"""A process that forks, whatever its other threads are at: the copy compiles and launches as if it had just begun."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import overlap_kernels as kernels
import pytest
import torch
import triton
import triton.language as tl

from rung import forks, machine
from rung.compile import compile_kernel, load
from rung.passes import Stage
from rung.runtime import _native, library_path
from rung.schedule import Schedule
from rung.targets.npu import device_code
from rung.targets.npu.guarded import guarded

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
LIBRARY = ctypes.CDLL(str(library_path()))
LIMIT_S = 60


def in_a_copy(work: Callable[[], object]) -> int:
    """The exit status of a forked process that does `work`: 0 when that ends, negative when it hangs or dies."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    status = 1
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(LIMIT_S)
        work()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def compiled(schedule: str, device: str = "host", **options: Any) -> Any:
    """Softmax; on the host, as if forking cost nothing, so that every launch forks over the pool."""
    target = machine.load(device)
    if device == "host":
        target = target.model_copy(update={"fork_join_ns": 0.0})
    types = {"x_ptr": "*fp32", "o_ptr": "*fp32", "n": "i32", "BLOCK": "constexpr"}
    return compile_kernel(
        kernels.softmax, types, {"BLOCK": 256}, machine=target, schedule=Schedule.parse(schedule), **options
    )


def check(executable: Any) -> None:
    """Against NumPy: torch's own threads are not in a copy, and its operators would wait for them."""
    x, out = np.random.default_rng(1).standard_normal((17, 200), np.float32), np.zeros((17, 200), np.float32)
    executable.run([x, out, 200], (17, 1, 1))
    powers = np.exp(x.astype(np.float64))
    assert np.abs(out / powers * powers.sum(1, keepdims=True) - 1).max() < 1e-5


def compile_and_launch() -> None:
    check(compiled("threads=3 double_buffer=on depth=3"))


@contextmanager
def meanwhile(work: Callable[[threading.Event], None]) -> Iterator[None]:
    """`work` goes on in another thread until the event that it is given; an error of its own is raised here."""
    end, failures = threading.Event(), list[BaseException]()

    def run() -> None:
        try:
            work(end)
        except BaseException as failure:
            failures.append(failure)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()
    if failures:
        raise failures[0]


@contextmanager
def stopped_half_way(work: Callable[[Callable[[], None]], object]) -> Iterator[threading.Event]:
    """`work` in another thread, as far as to where it calls its argument; it goes on soon. The event: it is done."""
    there, goes_on, done = threading.Event(), threading.Event(), threading.Event()

    def half_way() -> None:
        there.set()
        assert goes_on.wait(LIMIT_S)

    def run(_end: threading.Event) -> None:
        work(half_way)
        done.set()

    with meanwhile(run):
        assert there.wait(LIMIT_S)
        threading.Timer(0.1, goes_on.set).start()
        yield done


# ---- other threads


def test_while_another_thread_compiles() -> None:
    """The fork waits for it."""

    def work(half_way: Callable[[], None]) -> None:
        compiled("threads=3", observers=[lambda event, step, _: half_way() if step == Stage("vector") else None])

    with stopped_half_way(work) as done:
        assert in_a_copy(compile_and_launch) == 0
    assert done.is_set()


def test_while_another_thread_compiles_for_the_npu() -> None:
    """Its code is written in a forked process of its own, which is at work while this process goes on, and forks."""

    def work(half_way: Callable[[], None]) -> None:
        with device_code.LOCK:
            assert guarded((lambda: time.sleep(0.2) or b"code",), "", meanwhile=half_way) == b"code"

    with stopped_half_way(work):
        assert in_a_copy(lambda: check(compiled("threads=2 double_buffer=on", "hexagon-v73"))) == 0


def test_while_another_thread_is_in_llvmlite() -> None:
    def work(half_way: Callable[[], None]) -> None:
        with device_code.LLVMLITE:
            half_way()

    with stopped_half_way(work):
        assert in_a_copy(device_code.initialize.__wrapped__) == 0


@pytest.mark.parametrize("schedule", ["threads=3", "threads=3 double_buffer=on depth=3"])
def test_while_another_thread_launches(schedule: str) -> None:
    """On the pool, and with transfers in flight; the copy has no worker and no engine until it starts its own."""
    executable = compiled(schedule)
    check(executable)

    def launch(end: threading.Event) -> None:
        while not end.is_set():
            check(executable)

    with meanwhile(launch):
        for _ in range(10):
            assert in_a_copy(lambda: check(executable)) == 0


def test_while_another_thread_loads_and_frees_code() -> None:
    made = compiled("threads=3").compiled

    def churn(end: threading.Event) -> None:
        while not end.is_set():
            load(made)

    with meanwhile(churn):
        for _ in range(5):
            assert in_a_copy(lambda: load(made)) == 0


def test_while_other_threads_find_violations() -> None:
    """The list has a lock, and what was found before the fork is told by the parent."""
    where = ctypes.create_string_buffer(b"a wait")

    def wait_for_nothing() -> None:
        LIBRARY.rung_dma_at(where, ctypes.c_int64(0), ctypes.c_int64(0))
        LIBRARY.rung_checked_dma_wait(ctypes.byref(ctypes.c_int32(1)))

    def find(end: threading.Event) -> None:
        while not end.is_set():
            wait_for_nothing()

    def none_and_then_one() -> None:
        assert _native.take_dma_violations() == (0, "")
        wait_for_nothing()
        assert _native.take_dma_violations() == (1, "a wait, iteration 0: waits for a transfer that was never started")

    with meanwhile(find):
        for _ in range(30):
            assert in_a_copy(none_and_then_one) == 0
    assert _native.take_dma_violations()[0] > 0


# ---- the thread that forks


def test_the_thread_that_forks_is_compiling_itself() -> None:
    statuses: list[int] = []

    def observer(_event: str, step: object, _module: object) -> None:
        if step == Stage("vector"):
            statuses.append(in_a_copy(compile_and_launch))

    check(compiled("threads=3", observers=[observer]))
    assert statuses == [0]
    assert in_a_copy(compile_and_launch) == 0


def test_a_thread_forks_and_its_copy_does() -> None:
    def work() -> None:
        check(executable)
        assert in_a_copy(compile_and_launch) == 0
        compile_and_launch()

    executable, statuses = compiled("threads=3"), list[int]()
    check(executable)
    thread = threading.Thread(target=lambda: statuses.append(in_a_copy(work)))
    thread.start()
    thread.join()
    assert statuses == [0]


def test_transfers_of_the_thread_that_forks_arrive_in_both() -> None:
    src, dst = np.arange(1 << 16, dtype=np.int64), np.zeros(1 << 16, np.int64)
    tags = (ctypes.c_int32 * 8)()

    def arrived() -> None:
        for tag in range(8):
            LIBRARY.rung_dma_wait(ctypes.byref(tags, 4 * tag))
        np.testing.assert_array_equal(dst, src)

    size = dst.nbytes // 8
    for tag in range(8):
        places = (ctypes.c_void_p(array.ctypes.data + tag * size) for array in (dst, src))
        LIBRARY.rung_dma_start(*places, *map(ctypes.c_int64, (1, size, 0, 0)), ctypes.byref(tags, 4 * tag))
    assert in_a_copy(arrived) == 0
    arrived()


def test_a_signal_does_not_end_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python reports what a handler of `os.fork` raises, and forks all the same: it must have taken the locks."""

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    def work(half_way: Callable[[], None]) -> None:
        with forks.COMPILER:
            half_way()

    reported: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda report: reported.append(report.exc_type))
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with stopped_half_way(work) as done:
            signal.setitimer(signal.ITIMER_REAL, 0.03)
            assert in_a_copy(lambda: check(compiled("threads=1"))) == 0
            assert done.wait(LIMIT_S)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert reported == [KeyboardInterrupt]


# ---- what waits for what


def test_the_process_that_writes_code_for_the_npu_waits_for_no_compilation() -> None:
    """A thread that compiles may want llvmlite's lock, which the thread that forks this process has."""
    with meanwhile(lambda end: forks.COMPILER.acquire() and end.wait() and forks.COMPILER.release()):
        while forks.COMPILER.acquire(blocking=False):
            forks.COMPILER.release()
        assert guarded((lambda: b"code",), "it fails") == b"code"


def test_a_fork_waits_for_a_lock_with_no_other_in_hand() -> None:
    held: list[str] = []
    tries = dict.fromkeys("abc", 0)

    class Spy:
        """Another thread has each of them when it is tried for the first time without waiting."""

        def __init__(self, name: str) -> None:
            self.name = name

        def acquire(self, blocking: bool = True) -> bool:
            assert not (blocking and held)
            tries[self.name] += not blocking
            if not blocking and tries[self.name] == 1:
                return False
            held.append(self.name)
            return True

        def release(self) -> None:
            held.remove(self.name)

    with forks._take(tuple(map(Spy, "abc"))):
        assert sorted(held) == ["a", "b", "c"]
    assert not held and min(tries.values()) >= 1


# ---- Python's own ways to fork


@triton.jit
def powers(x_ptr, o_ptr, n, TIMES: tl.constexpr, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < n)
    for _ in tl.static_range(TIMES):
        x = x * 2
    tl.store(o_ptr + i, x, mask=i < n)


def power(times: int) -> torch.Tensor:
    x, out = torch.ones(100), torch.zeros(100)
    powers[(1,)](x, out, 100, times, BLOCK=128)
    return out


class Powers(torch.utils.data.Dataset[torch.Tensor]):
    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> torch.Tensor:
        return power(20 + index)


def test_workers_of_a_data_loader_launch_kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a thread of their parent launches and compiles."""
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))

    def compile_on(end: threading.Event) -> None:
        times = 0
        while not end.is_set():
            times = (times + 1) % 16
            assert power(times)[99] == 2**times

    with meanwhile(compile_on):
        loader = torch.utils.data.DataLoader(Powers(), num_workers=2, multiprocessing_context="fork", timeout=LIMIT_S)
        found = [batch[0, 0].item() for batch in loader]
    assert found == [2.0 ** (20 + index) for index in range(4)]


IMPORTING = """
import os, signal, sys, threading, time, torch, triton, triton.language as tl
@triton.jit
def copy(x, o, B: tl.constexpr):
    i = tl.arange(0, B)
    tl.store(o + i, tl.load(x + i))

x, out = torch.arange(16.0), torch.zeros(16)
thread = threading.Thread(target=lambda: copy[(1,)](x, out, 16))
thread.start()
children = []
for module in ("rung.pipelines", "rung.frontends.triton.blocks"):
    while module not in sys.modules: time.sleep(1e-4)
    children.append(os.fork())
    if not children[-1]:
        signal.alarm(60)
        out.zero_()
        copy[(1,)](x, out, 16)
        os._exit(int(not torch.equal(x, out)))
thread.join()
print([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children])
"""


def test_while_another_thread_imports_the_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a first launch does. At a fork Python waits for the lock of all imports, not for those of modules.

    Nobody finds in the cache what another of the processes has put there: each is to import all.
    """
    program = tmp_path / "program.py"
    program.write_text(IMPORTING)
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("TRITON_ALWAYS_COMPILE", "1")
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, timeout=2 * LIMIT_S, check=False)
    assert (done.returncode, done.stdout) == (0, "[0, 0]\n"), done.stderr
