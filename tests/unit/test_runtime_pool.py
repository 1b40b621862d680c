"""Forks over the pool of contexts: every context runs once, whatever the threads, launchers and cores."""

import ctypes
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from torch_mlir import ir
from torch_mlir.execution_engine import ExecutionEngine

from rung.runtime import _native, library_path, threads_as_before

TASK = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)
LIBRARY = ctypes.CDLL(str(library_path()))


def fork(body: Callable[[int], object], contexts: int) -> None:
    def run(_frame: int | None, context: int) -> None:
        body(context)

    LIBRARY.rung_fork(TASK(run), None, ctypes.c_int64(contexts))


@pytest.fixture(autouse=True)
def two_contexts() -> Iterator[None]:
    _native.set_contexts(2)
    _native.reset_counters()
    yield
    _native.set_contexts(None)


TEAM = ctypes.CFUNCTYPE(None, ctypes.CFUNCTYPE(None, ctypes.c_void_p), ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint)


@pytest.mark.parametrize("most", [1, 2, 64])
@pytest.mark.parametrize(("delivered", "contexts"), [(1, 2), (1, 17), (2, 2), (2, 17), (3, 17)])
def test_borrowed_threads_run_every_context_once(delivered: int, contexts: int, most: int) -> None:
    """However many come: OpenMP may give fewer than it is asked for, its user fewer than we have, and a fork within a
    context is serial."""
    asked: list[int] = []

    def team(body: Callable[[int | None], None], argument: int | None, threads: int, _flags: int) -> None:
        asked.append(threads)
        others = [threading.Thread(target=body, args=(argument,)) for _ in range(delivered - 1)]
        for thread in others:
            thread.start()
        body(argument)
        for thread in others:
            thread.join()

    made, lent = TEAM(team), ctypes.CFUNCTYPE(ctypes.c_int)(lambda: most)
    _native.borrow_threads(ctypes.cast(made, ctypes.c_void_p).value, ctypes.cast(lent, ctypes.c_void_p).value)
    ran: list[int] = []
    fork(lambda c: fork(lambda inner: ran.append(100 * c + inner), 3), contexts)
    assert sorted(ran) == [100 * c + inner for c in range(contexts) for inner in range(3)]
    assert asked == [min(most, 2)]
    _native.borrow_threads(None, None)
    fork(ran.append, contexts)
    assert len(asked) == 1 and len(ran) == 4 * contexts


def test_threads_that_come_late_are_not_asked_for_a_while() -> None:
    """A team is joined when all have come: on a busy machine that may be long after the last context has ended."""
    asked: list[int] = []

    def team(body: Callable[[int | None], None], argument: int | None, _threads: int, _flags: int) -> None:
        asked.append(1)
        body(argument)
        time.sleep(0.003)

    made, lent = TEAM(team), ctypes.CFUNCTYPE(ctypes.c_int)(lambda: 2)
    addresses = [ctypes.cast(function, ctypes.c_void_p).value for function in (made, lent)]
    assert _native.borrow_threads(*addresses) == (None, None)
    begun = time.monotonic()
    for _ in range(60):
        ran: list[int] = []
        fork(ran.append, 5)
        assert sorted(ran) == list(range(5))
        time.sleep(0.001)
    assert 1 <= len(asked) <= 8 + (time.monotonic() - begun) / 0.64  # 10, 20, ... 640 ms apart
    assert list(_native.borrow_threads(*addresses)) == addresses
    _native.borrow_threads(None, None)


def test_what_borrows_threads_for_a_while_gives_them_back() -> None:
    made, lent = TEAM(lambda *_: None), ctypes.CFUNCTYPE(ctypes.c_int)(lambda: 2)
    addresses = [ctypes.cast(function, ctypes.c_void_p).value for function in (made, lent)]
    with pytest.raises(ValueError, match="measured"), threads_as_before():
        _native.borrow_threads(*addresses)
        raise ValueError("measured")
    assert _native.borrow_threads(None, None) == (None, None)


def test_borrowed_threads_are_counted_once() -> None:
    """A thread that takes several contexts is one."""

    def team(body: Callable[[int | None], None], argument: int | None, _threads: int, _flags: int) -> None:
        body(argument)

    made, lent = TEAM(team), ctypes.CFUNCTYPE(ctypes.c_int)(lambda: 8)
    _native.borrow_threads(ctypes.cast(made, ctypes.c_void_p).value, ctypes.cast(lent, ctypes.c_void_p).value)
    fork(lambda _: None, 8)
    assert (_native.counters()["contexts_ran"], _native.counters()["threads_ran"]) == (8, 1)
    _native.borrow_threads(None, None)


@pytest.mark.parametrize("contexts", [1, 2, 3, 17, 100])
def test_every_context_runs_once(contexts: int) -> None:
    for _ in range(20):
        ran: list[int] = []
        fork(ran.append, contexts)
        assert sorted(ran) == list(range(contexts))


def test_no_context_runs_nothing() -> None:
    ran: list[int] = []
    fork(ran.append, 0)
    assert ran == []


def test_one_context_is_a_direct_call() -> None:
    where: list[int] = []
    fork(lambda _: where.append(threading.get_native_id()), 1)
    assert where == [threading.get_native_id()]
    assert _native.counters()["forks"] == 0


def test_contexts_run_on_different_threads() -> None:
    where: dict[int, int] = {}

    def body(context: int) -> None:
        where[context] = threading.get_native_id()
        time.sleep(0.02)

    for _ in range(100):  # on a busy machine the worker may come too late for some forks
        fork(body, 2)
        if where[0] != where[1]:
            break
    assert where[0] == threading.get_native_id() != where[1]
    counters = _native.counters()
    assert counters["threads_ran"] == 2
    assert counters["contexts_ran"] == 2


def test_nested_forks_run_on_their_own_thread() -> None:
    inner: list[tuple[int, int, bool]] = []

    def body(outer: int) -> None:
        home = threading.get_native_id()
        fork(lambda c: inner.append((outer, c, threading.get_native_id() == home)), 3)

    fork(body, 2)
    assert sorted(inner) == [(o, c, True) for o in range(2) for c in range(3)]
    assert _native.counters()["forks_serial"] == 2


def test_launchers_from_several_python_threads() -> None:
    sums = [0] * 4

    def launch(me: int) -> None:
        lock = threading.Lock()

        def add(context: int) -> None:
            with lock:
                sums[me] += context

        for _ in range(100):
            fork(add, 4)

    threads = [threading.Thread(target=launch, args=(i,)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sums == [600] * 4
    counters = _native.counters()
    assert counters["forks"] + counters["forks_serial"] == 400


def test_a_sleeping_worker_comes_back() -> None:
    for _ in range(5):
        time.sleep(0.002)  # far longer than workers spin
        ran: list[int] = []
        fork(ran.append, 2)
        assert sorted(ran) == [0, 1]


def test_number_of_contexts() -> None:
    assert _native.contexts() == 2
    _native.set_contexts(None)
    if sys.platform == "linux":
        assert _native.contexts() == len(os.sched_getaffinity(0))
    for wrong in (0, -1):
        with pytest.raises(ValueError, match="at least 1"):
            _native.set_contexts(wrong)


def test_measurements_are_plausible() -> None:
    assert 0 < _native.empty_fork(2, 50) < 1
    assert 0 < _native.copy_bandwidth(1 << 16, 2) < 1e5


def test_symbol_addresses() -> None:
    names = ("rung_fork", "rung_run_programs", "rung_yield", "rung_arena_enter", "rung_arena_exit", "rung_dma_start")
    for name in (*names, "rung_dma_wait"):
        address = ctypes.cast(getattr(LIBRARY, name), ctypes.c_void_p).value
        assert _native.symbol_address(name) == address
    with pytest.raises(KeyError):
        _native.symbol_address("rung_none")


def run_alone(script: str) -> str:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_child_gets_workers_of_its_own() -> None:
    script = """if True:
        import os
        from rung.runtime import _native, threads_as_before
        _native.set_contexts(3)
        _native.empty_fork(3, 100)
        child = os.fork()
        _native.empty_fork(3, 100)
        if child == 0:
            with open("/proc/self/status") as status:
                threads = [int(line.split()[1]) for line in status if line.startswith("Threads:")]
            os._exit(0 if threads == [3] and _native.contexts() == 3 else 1)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    assert run_alone(script) == "0\n"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity masks")
def test_more_threads_than_cores() -> None:
    script = """if True:
        import os
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        from rung.runtime import _native
        assert _native.contexts() == 1
        _native.set_contexts(4)
        _native.empty_fork(4, 300)
        c = _native.counters()
        print(c["forks"], c["contexts_ran"])
    """
    assert run_alone(script) == "300 4\n"


COUNT = """
llvm.func @rung_fork(!llvm.ptr, !llvm.ptr, i64)
llvm.func @task(%counts: !llvm.ptr, %context: i64) {
  %slot = llvm.getelementptr %counts[%context] : (!llvm.ptr, i64) -> !llvm.ptr, i64
  %old = llvm.load %slot : !llvm.ptr -> i64
  %one = llvm.mlir.constant(1 : i64) : i64
  %new = llvm.add %old, %one : i64
  llvm.store %new, %slot : i64, !llvm.ptr
  llvm.return
}
llvm.func @kernel_packed(%slots: !llvm.ptr) {
  %counts = llvm.load %slots : !llvm.ptr -> !llvm.ptr
  %task = llvm.mlir.addressof @task : !llvm.ptr
  %contexts = llvm.mlir.constant(5 : i64) : i64
  llvm.call @rung_fork(%task, %counts, %contexts) : (!llvm.ptr, !llvm.ptr, i64) -> ()
  llvm.return
}
llvm.func @address() -> !llvm.ptr {
  %kernel = llvm.mlir.addressof @kernel_packed : !llvm.ptr
  llvm.return %kernel : !llvm.ptr
}
"""


def pointers(*objects: ctypes.Array[ctypes.c_int64] | ctypes.c_int64) -> bytearray:
    return bytearray(b"".join(ctypes.addressof(o).to_bytes(8, sys.byteorder) for o in objects))


def test_compiled_code_shares_the_pool_with_python() -> None:
    with ir.Context(), ir.Location.unknown():
        engine = ExecutionEngine(ir.Module.parse(COUNT), opt_level=1, shared_libs=[str(library_path())])
    # The engine's lookup finds `_mlir_address`, a wrapper that takes pointers to arguments and to the result.
    kernel, counts = ctypes.c_int64(), (ctypes.c_int64 * 5)()
    _native.call_packed(engine.raw_lookup("address"), pointers(kernel))
    for _ in range(10):
        _native.call_packed(kernel.value, pointers(counts))
    assert list(counts) == [10] * 5
    counters = _native.counters()
    assert (counters["forks"], counters["contexts_ran"]) == (10, 5)
