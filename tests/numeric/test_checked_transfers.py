"""The engine of RUNG_DEBUG_DMA=1 finds the bugs that the static check finds, running, and none in sound kernels."""

from __future__ import annotations

import ctypes
import random
import threading

import numpy as np
import pytest
import torch
from torch_mlir import ir

from rung.compile import compile_kernel
from rung.errors import TransferError
from rung.lowering.check_transfers import CheckTransfers
from rung.lowering.expand_math import ExpandMath
from rung.lowering.lower_abi import LowerAbi
from rung.lowering.lower_transport import LowerTransport
from rung.lowering.place_scratch import PlaceScratch
from rung.lowering.to_llvm import ToLlvm
from rung.machine import host
from rung.passes import Pass, Pipeline, Stage
from rung.runtime import _native, library_path
from rung.schedule import Schedule
from rung.targets.host import object_code
from rung.targets.loaded import link
from rung.transforms.vectorize import NestsToLoops, Vectorize
from tests.planted_transfers import BUGS, Bug, ops, pipelined, words

LIBRARY = ctypes.CDLL(str(library_path()))
LIBRARY.rung_checked_dma_start.argtypes = [ctypes.c_void_p] * 2 + [ctypes.c_int64] * 4 + [ctypes.c_void_p]
LIBRARY.rung_checked_dma_wait.argtypes = [ctypes.c_void_p]
LIBRARY.rung_dma_at.argtypes = [ctypes.c_char_p, ctypes.c_int64, ctypes.c_int64]
LIBRARY.rung_dma_touch.argtypes = [ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_char_p, ctypes.c_int64]
LIBRARY.rung_dma_enter.restype = ctypes.c_int64
LIBRARY.rung_dma_leave.argtypes = [ctypes.c_int64]


def launch(module: ir.Module, nests: Pass, trips: int = 7, step: int = 2) -> np.ndarray:
    """Run a planted kernel over rows of 50 out of 64 elements; y is returned."""
    steps = (nests, ExpandMath(), CheckTransfers(), LowerTransport(checked=True), PlaceScratch(), LowerAbi(), ToLlvm())
    Pipeline(steps).run(module)
    code = link(object_code(module))
    x, y = np.arange(64 * step * trips, dtype=np.float32), np.zeros(64 * step * trips, np.float32)
    slots = np.array([x.ctypes.data, y.ctypes.data, 50, 0, step * trips, step], np.int64)
    _native.call_packed(code.functions["kernel_packed"], slots)
    expected = np.zeros_like(y)
    for start in range(0, 64 * step * trips, 64 * step):
        expected[start : start + 50] = 2 * x[start : start + 50]
    np.testing.assert_array_equal(y, expected)
    return y


NESTS = (NestsToLoops(), Vectorize(64, 32, True), Vectorize(16, 16, False))


@pytest.mark.parametrize("nests", NESTS, ids=str)
@pytest.mark.parametrize("depth", [2, 3])
def test_a_sound_pipeline_is_silent(nests: Pass, depth: int) -> None:
    for trips in (0, 1, 2, 7):
        launch(pipelined(depth), nests, trips)


@pytest.mark.parametrize("nests", NESTS[:2], ids=str)
@pytest.mark.parametrize("depth", [2, 3])
@pytest.mark.parametrize("bug", BUGS, ids=str)
def test_planted_bugs(bug: Bug, depth: int, nests: Pass) -> None:
    module = pipelined(depth)
    with module.context, ir.Location.unknown():
        bug.plant(module)
    with pytest.raises(TransferError, match=rf"{bug.transfer}, .*: ({words(*bug.happened)})"):
        launch(module, nests)
    assert _native.take_dma_violations() == (0, "")


def test_a_report_names_buffer_loop_and_iteration() -> None:
    module = pipelined(2)
    with module.context, ir.Location.unknown():
        ops(module, "memref.dma_wait", True)[0].erase()
    with pytest.raises(TransferError) as caught:
        launch(module, NestsToLoops())
    lines = str(caught.value).splitlines()
    assert lines[0] == "14 violations of the contract of transfers; the first ones:"
    assert [lines[1], lines[3]] == [
        "load of argument 0, outside of the loop: its destination is read before it is awaited: "
        "memref.load at -:14, grid loop at -:6, iteration 0",
        "load of argument 0, grid loop at -:6, iteration 0: its destination is read before it is awaited: "
        "memref.load at -:14, grid loop at -:6, iteration 1",
    ]


# ---- the engine itself, as the modelled device calls it


class Board:
    """Bytes to move between, and tags."""

    def __init__(self) -> None:
        self.memory = np.arange(256, dtype=np.uint8)
        self.tags = np.zeros(4, np.int32)
        self.mark = LIBRARY.rung_dma_enter()

    def start(self, dst: int, src: int, rows: int = 1, row: int = 8, pitch: int = 8, tag: int = 0, store: bool = False):
        LIBRARY.rung_dma_at(b"store of b, loop" if store else b"load of a, loop", dst, int(store))
        at = self.memory.ctypes.data
        LIBRARY.rung_checked_dma_start(at + dst, at + src, rows, row, pitch, row, self.tags.ctypes.data + 4 * tag)

    def wait(self, tag: int = 0) -> None:
        LIBRARY.rung_dma_at(b"load of a, loop", 9, 0)
        LIBRARY.rung_checked_dma_wait(self.tags.ctypes.data + 4 * tag)

    def touch(self, at: int, size: int, writes: bool) -> None:
        LIBRARY.rung_dma_touch(self.memory.ctypes.data + at, size, int(writes), b"nest, loop", 3)

    def end(self) -> list[str]:
        LIBRARY.rung_dma_leave(self.mark)
        count, text = _native.take_dma_violations()
        assert count == len(text.splitlines())
        return text.splitlines()


def test_poison_until_the_wait() -> None:
    board = Board()
    board.start(64, 0, rows=2, pitch=16)
    assert (board.memory[64:72] == 255).all() and (board.memory[80:88] == 255).all() and board.tags[0] == 1
    assert board.memory[72] == 72, "between the rows"
    board.wait()
    assert board.memory[64:72].tolist() == list(range(8)) and board.memory[80:88].tolist() == list(range(8, 16))
    board.wait()
    assert board.tags[0] == 0 and board.end() == []


def test_nothing_to_move_is_complete_at_once() -> None:
    board = Board()
    board.start(64, 0, rows=0)
    assert board.tags[0] == 0 and board.end() == []


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (
            lambda b: b.start(32, 8),
            "load of a, loop, iteration 32: starts with the tag of a transfer in flight: load of a",
        ),
        (
            lambda b: b.start(68, 8, tag=1),
            "starts into the destination of a transfer in flight: load of a, loop, iteration 64",
        ),
        (lambda b: b.start(4, 128, tag=1), "starts into the source of"),
        (lambda b: b.start(128, 60, tag=1), "starts from the destination of"),
        (lambda b: b.touch(71, 1, False), "its destination is read before it is awaited: nest, loop, iteration 3"),
        (lambda b: b.touch(60, 5, True), "its destination is written before it is awaited: nest"),
        (lambda b: b.touch(0, 1, True), "its source is written before it is awaited: nest"),
        (lambda b: b.memory.__setitem__(3, 99), "its source is written before it is awaited"),
        (lambda b: b.memory.__setitem__(66, 99), "its destination is written before it is awaited"),
        (lambda b: b.tags.__setitem__(0, 0), "its tag is written before it is awaited"),
        (lambda b: b.tags.__setitem__(0, 7), "its tag is written before it is awaited"),
        (lambda b: b.start(130, 128, tag=1), "starts into its own source"),
        (
            lambda b: (b.tags.__setitem__(2, 1), b.wait(2)),
            "load of a, loop, iteration 9: waits for a transfer that was never",
        ),
    ],
)
def test_violations(act, message: str) -> None:
    board = Board()
    board.start(64, 0)
    act(board)
    board.wait()
    board.wait(1)
    assert message in board.end()[0]


def test_what_befalls_a_transfer_is_told_once() -> None:
    board = Board()
    board.start(64, 0)
    for _ in range(2):
        board.touch(64, 8, False)
    for at in (64, 0):
        board.touch(at, 1, True)
        board.memory[at] = 99
    board.start(4, 128, tag=1)
    board.wait(1)
    board.wait()
    assert [line.split(": ")[1] for line in board.end()] == [
        "its destination is read before it is awaited",
        "its destination is written before it is awaited",
        "its source is written before it is awaited",
        "starts into the source of a transfer in flight",
    ]


@pytest.mark.parametrize("at", [48, 71])
def test_rows_may_go_downwards(at: int) -> None:
    board = Board()
    board.start(64, 0, rows=2, pitch=-16)
    board.memory[at] = 99
    board.wait()
    assert board.end() == ["load of a, loop, iteration 64: its destination is written before it is awaited"]
    assert board.memory[64:72].tolist() == list(range(8)) and board.memory[48:56].tolist() == list(range(8, 16))


@pytest.mark.parametrize("at", [72, 79, 40, 96])
def test_what_lies_between_the_rows_is_not_in_flight(at: int) -> None:
    board = Board()
    board.start(64, 0, rows=2, pitch=16)
    board.touch(at, 1, True)
    board.start(88, 128, tag=1)
    board.touch(16, 4, False)
    board.wait()
    board.wait(1)
    assert board.end() == []


def test_boxes_meet_where_they_have_a_byte_in_common() -> None:
    draw = random.Random(0)
    met = 0
    for _ in range(500):
        boxes: list[tuple[int, int, int, int]] = []
        for _ in range(2):
            rows, row, pitch = draw.randint(1, 5), draw.randint(1, 9), draw.randint(-20, 20)
            reach = (rows - 1) * pitch
            boxes.append((draw.randint(max(0, -reach), 100 - max(0, reach)), rows, row, pitch))
        first, second = ({at + r * pitch + i for r in range(n) for i in range(row)} for at, n, row, pitch in boxes)
        board = Board()
        for tag, (at, rows, row, pitch) in enumerate(boxes):
            board.start(at, 150 + 50 * tag, rows, row, pitch, tag)
        board.wait()
        board.wait(1)
        assert any("starts into the destination of" in line for line in board.end()) == bool(first & second), boxes
        met += bool(first & second)
    assert 100 < met < 400


def test_an_unawaited_transfer() -> None:
    board = Board()
    board.start(64, 0)
    board.start(72, 0, tag=1)
    board.wait()
    assert board.end() == ["load of a, loop, iteration 72: is never awaited"]
    assert board.memory[72:80].tolist() == list(range(8)), "and is carried out"


def test_stores_of_one_queue_take_effect_in_order() -> None:
    board = Board()
    board.start(128, 0, store=True)
    board.start(132, 8, tag=1, store=True)
    board.wait(1)
    board.wait()
    assert board.end() == [] and board.memory[128:140].tolist() == [0, 1, 2, 3, *range(8, 16)]


@pytest.mark.parametrize("first", [0, 1])
def test_a_store_that_another_one_follows_is_watched_until_its_wait(first: int) -> None:
    board = Board()
    board.start(128, 0, store=True)
    board.start(132, 8, tag=1, store=True)
    board.memory[2] = 99
    board.wait(first)
    board.wait(1 - first)
    assert board.end() == ["store of b, loop, iteration 128: its source is written before it is awaited"]
    assert board.memory[128:140].tolist() == [0, 1, 2, 3, *range(8, 16)]


@pytest.mark.parametrize("first", [0, 1])
def test_a_store_that_follows_another_one_is_watched_until_its_wait(first: int) -> None:
    board = Board()
    board.start(128, 0, store=True)
    board.start(132, 8, tag=1, store=True)
    board.memory[139] = 99
    board.wait(first)
    board.wait(1 - first)
    assert board.end() == ["store of b, loop, iteration 132: its destination is written before it is awaited"]
    assert board.memory[128:140].tolist() == [0, 1, 2, 3, *range(8, 16)]


def test_a_wait_is_the_first_that_a_thread_does() -> None:
    tag = np.ones(1, np.int32)
    thread = threading.Thread(target=LIBRARY.rung_checked_dma_wait, args=(tag.ctypes.data,))
    thread.start()
    thread.join()
    expected = "a transfer, outside of the loop: waits for a transfer that was never started"
    assert _native.take_dma_violations() == (1, expected) and tag[0] == 0


def test_another_context_may_store_the_same_over_a_part() -> None:
    board = Board()
    board.start(128, 0, store=True)
    board.memory[132:136] = [4, 5, 6, 7]
    board.wait()
    board.start(128, 0, store=True)
    board.memory[132:136] = [4, 5, 6, 8]
    board.wait()
    assert board.end() == ["store of b, loop, iteration 128: its destination is written before it is awaited"]


# ---- through the compiler


def test_the_knob_reaches_launched_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    import scratchpad_kernels as kernels

    def drop_wait(event: str, step: Pass | Stage, module: ir.Module) -> None:
        if event == "stage" and step.name == "scheduled":
            ops(module, "memref.dma_wait", True)[0].erase()

    monkeypatch.setenv("RUNG_DEBUG_DMA", "1")
    signature = dict.fromkeys(("o_ptr", "x_ptr"), "*fp32") | dict.fromkeys(("stride", "rows", "n"), "i32")
    for observers in ((), (drop_wait,)):
        x, out = torch.randn(12, 200), torch.zeros(12, 200)
        executable = compile_kernel(
            kernels.persistent_softmax,
            signature | {"BLOCK": "constexpr"},
            {"BLOCK": 256},
            machine=host(),
            schedule=Schedule.parse("double_buffer=on"),
            observers=observers,
        )
        if not observers:
            executable.run([out, x, 200, 12, 200], (2, 1, 1))
            torch.testing.assert_close(out, torch.softmax(x, 1))
            continue
        with pytest.raises(TransferError, match=r"load of argument 1.*scratchpad_kernels.py:\d+"):
            executable.run([out, x, 200, 12, 200], (2, 1, 1))
