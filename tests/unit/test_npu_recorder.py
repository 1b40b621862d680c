"""The modelled device on hand-written LLVM IR: what it records, and the races that it reports."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pytest

from rung import machine
from rung.errors import RungError, TransferError, UsageError
from rung.ir.violations import Violation
from rung.targets.npu.executable import NpuExecutable, build
from rung.targets.npu.trace import Event, Repeat, Start, Trace, Wait

MACHINE = machine.load("hexagon-v73")
DECLARATIONS = """
declare void @rung_dma_start(ptr, ptr, i64, i64, i64, i64, ptr)
declare void @rung_dma_wait(ptr)
declare noalias ptr @rung_arena_enter(i64)
declare void @rung_arena_exit(ptr)
declare void @rung_fork(ptr, ptr, i64)
"""
# @k(x, sizes, n): a load of sizes[i] bytes from x, and its wait, for every i.
LOADS = (
    DECLARATIONS
    + """
define void @k(ptr %x, ptr %sizes, i64 %n) noinline {
  %arena = call ptr @rung_arena_enter(i64 4096)
  %tag = call ptr @rung_arena_enter(i64 128)
  store i32 0, ptr %tag
  br label %head
head:
  %i = phi i64 [ 0, %0 ], [ %next, %body ]
  %more = icmp slt i64 %i, %n
  br i1 %more, label %body, label %done
body:
  %at = getelementptr i64, ptr %sizes, i64 %i
  %bytes = load i64, ptr %at
  call void @rung_dma_start(ptr %arena, ptr %x, i64 1, i64 %bytes, i64 %bytes, i64 %bytes, ptr %tag)
  call void @rung_dma_wait(ptr %tag)
  %next = add i64 %i, 1
  br label %head
done:
  call void @rung_arena_exit(ptr %tag)
  call void @rung_arena_exit(ptr %arena)
  ret void
}
define void @k_packed(ptr %slots) {
  %x = load ptr, ptr %slots
  %s1 = getelementptr i64, ptr %slots, i64 1
  %sizes = load ptr, ptr %s1
  %s2 = getelementptr i64, ptr %slots, i64 2
  %n = load i64, ptr %s2
  call void @k(ptr %x, ptr %sizes, i64 %n)
  ret void
}
"""
)


def executable(text: str, kinds: str, names: tuple[str, ...] = ()) -> NpuExecutable:
    return NpuExecutable("k", kinds, {"decisions": {}}, MACHINE, build(text, "k", MACHINE, "k_packed"), names)


def expand(events: tuple[Event, ...]) -> Iterator[Event]:
    for event in events:
        if isinstance(event, Repeat):
            for _ in range(event.count):
                yield from expand(event.body)
        else:
            yield event


def transfers(trace: Trace) -> list[int]:
    (region,) = trace.regions
    return [event.row_bytes for event in expand(region.streams[0]) if isinstance(event, Start)]


@pytest.fixture(scope="module")
def loads() -> NpuExecutable:
    return executable(LOADS, "PPi", ("x", "sizes"))


PATTERNS = {
    "one": [8],
    "equal": [64] * 1000,
    "alternating": [8, 16] * 500 + [8],
    "nested": ([8] * 7 + [16] * 3 + [24]) * 90,
    "shifted": [8, 16, 24] * 50 + [16, 24, 8] * 50,
    "random": [8 * int(x) for x in np.random.default_rng(0).integers(1, 4, 1000)],
    "growing": [8 * (i % 40 + 1) for i in range(1000)],
}


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_compressed_stream_tells_what_happened(loads: NpuExecutable, pattern: str) -> None:
    sizes = np.array(PATTERNS[pattern], np.int64)
    trace = loads.run((np.zeros(4096, np.uint8), sizes, len(sizes)), (1, 1, 1))
    assert transfers(trace) == sizes.tolist()
    (region,) = trace.regions
    if pattern in ("equal", "alternating", "nested", "growing"):
        assert len(str(region)) < 16000, "repeats are found"


def test_the_same_run_gives_the_same_trace(loads: NpuExecutable) -> None:
    bound = loads.bind((np.zeros(4096, np.uint8), np.array(PATTERNS["random"]), 1000), (1, 1, 1))
    assert bound.trace() == bound.trace()
    assert bound.time(3) == [bound.timeline().cycles] * 3


def test_the_work_is_that_of_the_machine_code(loads: NpuExecutable) -> None:
    """Every turn of the loop costs the same, and one element of `sizes` comes from DRAM."""
    totals: list[int] = []
    for n in (100, 101, 102):
        trace = loads.run((np.zeros(4096, np.uint8), np.full(n, 8), n), (1, 1, 1))
        work = [trace.works[e.work] for e in expand(trace.regions[0].streams[0]) if hasattr(e, "work")]
        totals.append(sum(w.packets for w in work))
        assert sum(w.dram_scalar for w in work) == n
    body = next(b for (_, _), (b, _) in loads.program.weights.executions.items() if "rung_dma_start" in b.calls)
    assert totals[1] - totals[0] == totals[2] - totals[1] >= len(body.packets)


WAIT = "  call void @rung_dma_wait(ptr %tag)\n"


def other(destination: str, source: str) -> str:
    """One more transfer before the wait, of 8 bytes under a tag of its own."""
    return f"""  %other = getelementptr i32, ptr %tag, i64 1
  call void @rung_dma_start(ptr {destination}, ptr {source}, i64 1, i64 8, i64 8, i64 8, ptr %other)
  call void @rung_dma_wait(ptr %other)
{WAIT}"""


V = Violation
RACES = {
    "the wait is missing": ("", V.TAG_IN_USE),
    "the destination is written in flight": (f"  store volatile i32 5, ptr %arena\n{WAIT}", V.DESTINATION_WRITTEN),
    "the source is written in flight": (f"  store volatile i32 5, ptr %x\n{WAIT}", V.SOURCE_WRITTEN),
    "the tag is written in flight": (f"  store volatile i32 0, ptr %tag\n{WAIT}", V.TAG_WRITTEN),
    "two transfers go to one buffer": (other("%arena", "%x"), V.INTO_DESTINATION),
    "a buffer is stored before it is loaded": (other("%sizes", "%arena"), V.FROM_DESTINATION),
    "memory is stored to while it is loaded": (other("%x", "%arena"), V.INTO_SOURCE),
    "a transfer goes onto itself": (
        f"  %near = getelementptr i8, ptr %sizes, i64 4\n{other('%near', '%sizes')}",
        V.ONTO_ITSELF,
    ),
    "the wait is on another tag": (
        "  %other = getelementptr i32, ptr %tag, i64 1\n  call void @rung_dma_wait(ptr %other)\n" + WAIT,
        V.NEVER_STARTED,
    ),
}


@pytest.mark.parametrize("race", RACES)
def test_races_are_reported(race: str) -> None:
    bad, violation = RACES[race]
    kernel = executable(LOADS.replace(WAIT, bad), "PPi", ("x", "sizes"))
    x = np.full(4096, 255, np.uint8) if violation is V.INTO_SOURCE else np.arange(4096, dtype=np.uint8)
    with pytest.raises(TransferError) as raised:
        kernel.run((x, np.full(3, 64), 3), (1, 1, 1))
    found = [line for line in raised.value.lines.splitlines() if f": {violation.value}" in line]
    assert found and all(re.search(r"of block `b\d*` in `k`, run \d", line) for line in found)


def test_what_befalls_a_transfer_is_told_once() -> None:
    bad = "  store volatile i32 5, ptr %arena\n" + other("%x", "%sizes")
    with pytest.raises(TransferError) as raised:
        executable(LOADS.replace(WAIT, bad), "PPi", ("x", "sizes")).run(
            (np.arange(64, dtype=np.uint8), np.full(1, 64), 1), (1, 1, 1)
        )
    assert [line.split(": ")[1] for line in raised.value.lines.splitlines()] == [
        V.INTO_SOURCE.value,
        V.DESTINATION_WRITTEN.value,
    ]


STORES = (
    LOADS.replace(
        WAIT,
        """  %other = getelementptr i32, ptr %tag, i64 1
  %next = getelementptr i8, ptr %sizes, i64 12
  %far = getelementptr i8, ptr %sizes, i64 8
  %row = getelementptr i8, ptr %arena, i64 128
  call void @rung_dma_wait(ptr %tag)
  call void @rung_dma_start(ptr %far, ptr %arena, i64 1, i64 8, i64 8, i64 8, ptr %tag)
  call void @rung_dma_start(ptr %next, ptr %row, i64 1, i64 8, i64 8, i64 8, ptr %other)
  BETWEEN
  call void @rung_dma_wait(ptr FIRST)
  call void @rung_dma_wait(ptr SECOND)
""",
    )
    .replace("%next = add i64 %i, 1", "%i1 = add i64 %i, 1")
    .replace("[ %next, %body ]", "[ %i1, %body ]")
)


@pytest.mark.parametrize("order", [("%tag", "%other"), ("%other", "%tag")])
@pytest.mark.parametrize(
    ("between", "violation"),
    [
        ("", None),
        ("store volatile i8 5, ptr %arena", V.SOURCE_WRITTEN),
        ("store volatile i64 5, ptr %next", V.DESTINATION_WRITTEN),
    ],
)
def test_stores_take_effect_in_order_and_are_watched(
    order: tuple[str, str], between: str, violation: Violation | None
) -> None:
    text = STORES.replace("FIRST", order[0]).replace("SECOND", order[1]).replace("BETWEEN", between)
    x, sizes = np.arange(256, dtype=np.uint8), np.array([256, 0, 0, 0])
    kernel = executable(text, "PPi", ("x", "sizes"))
    if violation is None:
        kernel.run((x, sizes, 1), (1, 1, 1))
    else:
        with pytest.raises(TransferError, match=violation.value):
            kernel.run((x, sizes, 1), (1, 1, 1))
    assert sizes.view(np.uint8)[8:20].tolist() == [0, 1, 2, 3, *range(128, 136)]


def test_a_transfer_that_is_never_awaited() -> None:
    text = LOADS.replace("  call void @rung_dma_wait(ptr %tag)\n", "")
    with pytest.raises(TransferError) as raised:
        executable(text, "PPi", ("x", "sizes")).run((np.zeros(64, np.uint8), np.full(1, 64), 1), (1, 1, 1))
    heading, line = str(raised.value).splitlines()
    assert heading == "a violation of the contract of transfers:"
    assert re.fullmatch(r"a transfer of 1 x 64 bytes from `x` at byte 0 to the scratchpad .*: is never awaited", line)


def test_what_is_read_before_its_wait_is_nan() -> None:
    """A load that is used too early: the values are wrong, and stay so whatever the timing."""
    text = LOADS.replace(
        "  call void @rung_dma_wait(ptr %tag)\n",
        "  %early = load volatile float, ptr %arena\n  store float %early, ptr %sizes\n"
        "  call void @rung_dma_wait(ptr %tag)\n",
    )
    sizes = np.full(1, 64)
    executable(text, "PPi").run((np.ones(1024, np.float32), sizes, 1), (1, 1, 1))
    assert np.isnan(sizes.view(np.float32)[0])


FORK = (
    DECLARATIONS
    + """
define internal void @task(ptr %frame, i64 %context) {
  %x = load ptr, ptr %frame
  %at = getelementptr i64, ptr %x, i64 %context
  store i64 %context, ptr %at
  ret void
}
define void @k(ptr %x, i64 %n) noinline {
  %frame = alloca i64
  store ptr %x, ptr %frame
  call void @rung_fork(ptr @task, ptr %frame, i64 %n)
  ret void
}
define void @k_packed(ptr %slots) {
  %x = load ptr, ptr %slots
  %s1 = getelementptr i64, ptr %slots, i64 1
  %n = load i64, ptr %s1
  call void @k(ptr %x, i64 %n)
  ret void
}
"""
)


def test_contexts_have_their_own_streams() -> None:
    x = np.full(4, -1)
    trace = executable(FORK, "Pi").run((x, 4), (1, 1, 1))
    assert x.tolist() == [0, 1, 2, 3]
    assert [(region.forked, len(region.streams)) for region in trace.regions if region.forked] == [(True, 4)]
    forked = next(region for region in trace.regions if region.forked)
    assert len(set(forked.streams)) == 1, "equal work"
    (event,) = forked.streams[0]
    assert trace.works[event.work].dram_scalar == 1, "the element, not the frame"  # type: ignore[union-attr]


def test_one_context_is_no_fork() -> None:
    x = np.full(4, -1)
    trace = executable(FORK, "Pi").run((x, 1), (1, 1, 1))
    assert x.tolist() == [0, -1, -1, -1] and not any(region.forked for region in trace.regions)


def test_an_empty_grid_does_nothing() -> None:
    x = np.full(4, -1)
    assert executable(FORK, "Pi").run((x, 4), (0, 1, 1)).regions == ()
    assert (x == -1).all()


def test_memory_in_use_is_limited() -> None:
    share = MACHINE.scratchpad_bytes_per_context
    text = LOADS.replace("rung_arena_enter(i64 4096)", f"rung_arena_enter(i64 {share + 1})")
    with pytest.raises(RungError, match=f"`hexagon-v73` has {share} per context"):
        executable(text, "PPi").run((np.zeros(64, np.uint8), np.full(1, 64), 1), (1, 1, 1))


def test_atomics_are_plain_where_contexts_run_in_turn_and_real_in_the_object() -> None:
    text = FORK.replace("store i64 %context, ptr %at", "%old = atomicrmw add ptr %x, i64 %context seq_cst")
    assert text != FORK
    kernel = executable(text, "Pi")
    x = np.zeros(1, np.int64)
    kernel.run((x, 4), (1, 1, 1))
    assert x[0] == 0 + 1 + 2 + 3
    assert "_locked" not in kernel.stages["asm"] and "atomicrmw" not in kernel.stages["llvm-ir"]
    assert kernel.object_code() != executable(FORK, "Pi").object_code()


def test_pointers_from_integers_are_refused() -> None:
    text = "define void @k(i64 %a) {\n  %p = inttoptr i64 %a to ptr\n  store i32 1, ptr %p\n  ret void\n}\n"
    with pytest.raises(UsageError, match="turns integers into pointers"):
        build(text, "k", MACHINE, "k_packed")


def test_tags_are_small_numbers(loads: NpuExecutable) -> None:
    trace = loads.run((np.zeros(64, np.uint8), np.full(2, 64), 2), (1, 1, 1))
    events = list(expand(trace.regions[0].streams[0]))
    assert {e.tag for e in events if isinstance(e, Start | Wait)} == {0}
