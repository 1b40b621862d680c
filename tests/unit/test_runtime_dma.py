"""The copy engine: what NumPy slicing copies, in any number of transfers from any number of threads."""

import ctypes
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.runtime import _native, library_path

LIBRARY = ctypes.CDLL(str(library_path()))
LIBRARY.rung_dma_start.argtypes = [ctypes.c_void_p] * 2 + [ctypes.c_int64] * 4 + [ctypes.c_void_p]
LIBRARY.rung_dma_wait.argtypes = [ctypes.c_void_p]


def start(dst: np.ndarray, src: np.ndarray, tags: np.ndarray, tag: int = 0) -> None:
    """Copy a 2-D byte view whose rows are contiguous."""
    rows, row_bytes = src.shape
    LIBRARY.rung_dma_start(
        dst.ctypes.data,
        src.ctypes.data,
        rows,
        row_bytes,
        dst.strides[0],
        src.strides[0],
        tags.ctypes.data + 4 * tag,
    )


def wait(tags: np.ndarray, tag: int = 0) -> None:
    LIBRARY.rung_dma_wait(tags.ctypes.data + 4 * tag)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 255, shape, np.uint8)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(1, 20),
    row_bytes=st.integers(1, 200),
    gaps=st.tuples(st.sampled_from([0, 0, 1, 7, 64]), st.sampled_from([0, 0, 3, 64])),
)
def test_rows_with_strides(rows: int, row_bytes: int, gaps: tuple[int, int]) -> None:
    src = noise(rows, row_bytes + gaps[0])[:, :row_bytes]
    whole = noise(rows, row_bytes + gaps[1]) ^ 0x5A
    expected = whole.copy()
    expected[:, :row_bytes] = src
    tags = np.full(1, 7, np.int32)
    start(whole[:, :row_bytes], src, tags)
    wait(tags)
    assert tags[0] == 0
    np.testing.assert_array_equal(whole, expected)


def test_a_row_repeated_and_rows_reversed() -> None:
    src, dst, tags = noise(5, 32), np.zeros((5, 32), np.uint8), np.zeros(2, np.int32)
    start(dst, np.broadcast_to(src[2], (5, 32)), tags)
    wait(tags)
    np.testing.assert_array_equal(dst, np.broadcast_to(src[2], (5, 32)))
    start(dst, src[::-1], tags, 1)
    wait(tags, 1)
    np.testing.assert_array_equal(dst, src[::-1])


@pytest.mark.parametrize("shape", [(0, 8), (8, 0)])
def test_nothing_to_copy_is_complete_at_once(shape: tuple[int, int]) -> None:
    tags = np.full(1, 7, np.int32)
    start(np.zeros(shape, np.uint8), np.zeros(shape, np.uint8), tags)
    assert tags[0] == 0
    wait(tags)


def test_a_full_queue_blocks_and_drops_nothing() -> None:
    _native.reset_counters()
    count, row = 1000, 256
    src, dst, tags = noise(count, row), np.zeros((count, row), np.uint8), np.zeros(count, np.int32)
    for i in range(count):
        start(dst[i : i + 1], src[i : i + 1], tags, i)
    for i in range(count):
        wait(tags, i)
    np.testing.assert_array_equal(dst, src)
    counters = _native.counters()
    assert counters["dma_transfers"] == count
    assert counters["dma_bytes"] == count * row
    assert 1 <= counters["dma_max_in_flight"] <= 64


needs_a_core_for_the_engine = pytest.mark.skipif(
    hasattr(os, "sched_getaffinity") and len(os.sched_getaffinity(0)) == 1, reason="one core: only waits copy"
)


def poll(tags: np.ndarray) -> None:
    deadline = time.monotonic() + 30
    while tags[0]:
        assert time.monotonic() < deadline, "the engine does not come"
        time.sleep(0)


@needs_a_core_for_the_engine
def test_the_engine_copies_by_itself() -> None:
    src, dst, tags = noise(1, 1 << 20), np.zeros((1, 1 << 20), np.uint8), np.zeros(1, np.int32)
    start(dst, src, tags)
    poll(tags)
    np.testing.assert_array_equal(dst, src)


def test_one_queue_per_thread() -> None:
    results = [False] * 4

    def copy(me: int) -> None:
        src = noise(200, 64) ^ me
        dst, tags = np.zeros_like(src), np.zeros(200, np.int32)
        for i in range(200):
            start(dst[i : i + 1], src[i : i + 1], tags, i)
            if i >= 10:
                wait(tags, i - 10)
        for i in range(190, 200):
            wait(tags, i)
        results[me] = bool((dst == src).all())

    for _ in range(3):  # later threads get the queues of earlier ones
        threads = [threading.Thread(target=copy, args=(i,)) for i in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert all(results)


@needs_a_core_for_the_engine
def test_the_engine_wakes_up_again() -> None:
    src, dst, tags = noise(1, 100), np.zeros((1, 100), np.uint8), np.zeros(1, np.int32)
    for round_ in range(5):
        time.sleep(0.002)  # far longer than it spins
        src += 1
        start(dst, src, tags)
        poll(tags)
        np.testing.assert_array_equal(dst, src, err_msg=str(round_))


SCRIPT = """if True:
    import ctypes, os
    from rung.runtime import library_path
    {before}
    lib = ctypes.CDLL(str(library_path()))
    src, dst = ctypes.create_string_buffer(b"rung" * 100), ctypes.create_string_buffer(401)
    tag = ctypes.c_int32()
    def copy():
        ctypes.memset(dst, 0, 400)
        n = ctypes.c_int64
        lib.rung_dma_start(dst, src, n(1), n(400), n(0), n(0), ctypes.byref(tag))
        lib.rung_dma_wait(ctypes.byref(tag))
        return dst.raw == src.raw
    {first}
    {after}
"""


def run_alone(before: str, after: str, *, first: str = "assert copy()") -> None:
    script = SCRIPT.format(before=before, after=after, first=first)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_child_gets_an_engine_of_its_own() -> None:
    run_alone(
        "",
        "child = os.fork()\n"
        "    ok = all(copy() for _ in range(10))\n"
        "    if child == 0: os._exit(0 if ok else 1)\n"
        "    assert ok and os.waitpid(child, 0)[1] == 0",
    )


@needs_a_core_for_the_engine
def test_a_pinned_worker_may_be_the_first_to_copy() -> None:
    """The engine's core is one of the process, not of the worker whose transfer started it."""
    run_alone(
        """import threading, time
    task = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)
    main, copied = threading.get_native_id(), []
    def body(_frame, _context):
        if threading.get_native_id() != main: copied.append(copy())""",
        """while not copied: lib.rung_fork(task(body), None, ctypes.c_int64(2))
    ctypes.memset(dst, 0, 400)
    lib.rung_dma_start(dst, src, *map(ctypes.c_int64, (1, 400, 0, 0)), ctypes.byref(tag))
    deadline = time.monotonic() + 30
    while tag.value: assert time.monotonic() < deadline, 'no core was left for the engine'
    assert all(copied) and dst.raw == src.raw""",
        first="",
    )


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity masks")
def test_one_core_for_producer_and_engine() -> None:
    run_alone("os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})", "assert all(copy() for _ in range(200))")


@needs_a_core_for_the_engine
@pytest.mark.skipif(sys.platform != "linux", reason="threads are listed by /proc")
def test_the_engine_moves_with_the_affinity_mask() -> None:
    """It is awake for a while after a transfer, and then goes where the mask, read again, lets it."""
    run_alone(
        """import time
    from rung.runtime import _native
    known, cores = set(os.listdir("/proc/self/task")), sorted(os.sched_getaffinity(0))
    def allow(mask):
        os.sched_setaffinity(0, mask)
        _native.set_contexts(None)
    deadline = time.monotonic() + 30
    def engine_is_on(core):
        allow(set(cores))
        lib.rung_dma_start(dst, src, *map(ctypes.c_int64, (1, 400, 0, 0)), ctypes.byref(tag))
        while tag.value: assert time.monotonic() < deadline, "no core was left for the engine"
        allow({core})
        time.sleep(0.001)
        threads = [os.sched_getaffinity(int(thread)) for thread in set(os.listdir("/proc/self/task")) - known]
        return threads == [{core}]""",
        """for core in cores[:2]:
        while not engine_is_on(core): assert time.monotonic() < deadline, "the engine stayed where it was"
    time.sleep(0.01)
    before = _native.counters()["dma_waiter_copies"]
    assert all(copy() for _ in range(20))
    assert _native.counters()["dma_waiter_copies"] == before + 20, 'one core was taken for several'""",
    )
