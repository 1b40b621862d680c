"""Scratch memory: a stack of aligned blocks per thread, kept between launches."""

import ctypes
import subprocess
import sys
import threading
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from rung.machine import MOST_ALIGNMENT
from rung.runtime import library_path

LIBRARY = ctypes.CDLL(str(library_path()))
LIBRARY.rung_arena_enter.restype = ctypes.c_void_p
LIBRARY.rung_arena_exit.argtypes = [ctypes.c_void_p]
MIB = 1 << 20


def enter(size: int) -> int:
    return LIBRARY.rung_arena_enter(ctypes.c_int64(size))


def leave(block: int) -> None:
    LIBRARY.rung_arena_exit(block)


def test_blocks_nest_like_a_stack() -> None:
    a = enter(100)
    b = enter(1)
    assert b == a + MOST_ALIGNMENT
    leave(b)
    assert enter(5000) == b
    leave(b)
    leave(a)
    assert enter(7) == a
    leave(a)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from([0, 1, 63, 64, 65, 4096, MIB - 1, MIB, 3 * MIB + 5]), max_size=12))
def test_blocks_are_aligned_and_apart(sizes: list[int]) -> None:
    blocks = [(enter(size), size) for size in sizes]
    for block, size in blocks:
        assert block % MOST_ALIGNMENT == 0
        ctypes.memset(block, 0xA5, size)
    for (low, size), (high, _) in pairwise(sorted(blocks)):
        assert low + max(size, 1) <= high
    for block, _ in reversed(blocks):
        leave(block)


def test_memory_is_kept_between_launches() -> None:
    def launch() -> tuple[int, int, int]:
        blocks = enter(MIB), enter(5 * MIB), enter(64)
        for block in reversed(blocks):
            leave(block)
        return blocks

    launch()  # grows chunk by chunk, then makes one chunk of them
    second = launch()
    assert second[1] == second[0] + MIB
    assert second[2] == second[0] + 6 * MIB
    assert launch() == second


def test_leaving_an_outer_block_leaves_the_inner_ones() -> None:
    a = enter(64)
    b = enter(64)
    enter(8 * MIB)
    enter(64)
    leave(b)
    assert enter(64) == b
    leave(a)


def test_threads_have_arenas_of_their_own() -> None:
    mine = enter(64)
    theirs: list[int] = []

    def use() -> None:
        block = enter(64)
        theirs.append(block)
        leave(block)

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    leave(mine)
    assert theirs[0] != mine


def test_out_of_memory_says_so() -> None:
    script = f"""if True:
        import ctypes
        ctypes.CDLL({str(library_path())!r}).rung_arena_enter(ctypes.c_int64(1 << 60))
    """
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode != 0
    assert "out of memory: a kernel needs" in done.stderr
