"""The event loop against the same model in simpy, on random traces and machines."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rung.machine import Machine
from rung.targets.npu.timeline import Kind, replay
from rung.targets.npu.trace import Compute, Event, Region, Repeat, Start, Stream, Trace, Wait, Work
from tests.model import simpy_timeline
from tests.model.traces import device

TAGS = 3
WORKS = (
    Work(packets=97),
    Work(packets=1009, vector_packets=1009),
    Work(packets=531, vector_packets=173),
    Work(packets=211, vector_packets=89, dram_vector=3, dram_vector_bytes=5760),
    Work(packets=10_007, vector_packets=7001, dram_vector_bytes=11_392),
)
LEAVES = (
    st.builds(Compute, st.integers(0, len(WORKS) - 1)),
    st.builds(Start, st.integers(0, TAGS - 1), st.integers(1, 5), st.integers(1, 3000), st.booleans()),
    st.builds(Wait, st.integers(0, TAGS - 1)),
)


def streams() -> st.SearchStrategy[Stream]:
    flat = st.lists(st.one_of(LEAVES), max_size=6).map(tuple)
    loop = st.builds(Repeat, st.integers(0, 4), flat)
    return st.lists(st.one_of(*LEAVES, loop), max_size=10).map(tuple)


def regions() -> st.SearchStrategy[Region]:
    return st.builds(Region, st.lists(streams(), min_size=1, max_size=4).map(tuple), st.booleans())


traces = st.builds(Trace, st.just(WORKS), st.lists(regions(), min_size=1, max_size=2).map(tuple))


@st.composite
def devices(draw: st.DrawFn) -> Machine:
    dma = {
        "latency_cycles": (0, 17, 613),
        "gap_cycles": (0, 5),
        "fetch_cycles": (0, 41, 900),
        "row_cycles": (0, 7),
        "turnaround_cycles": (0, 11),
        "issue_cycles": (0, 3, 29),
        "queue_depth": (1, 2, 64),
        "arbitration": ("round-robin", "oldest-first"),
    }
    chosen = [f"dma.{name}={draw(st.sampled_from(values))}" for name, values in dma.items()]
    units = draw(st.integers(1, 4))
    return device(*chosen, f"npu.vector_units={units}", "npu.dram_vector_cycles=31", "npu.launch_cycles=13")


OVER_AT_ONCE = Region(((Start(0, 1, 1, False),), (Start(0, 1, 1, False), Compute(0))), False)
"""The first stream takes no time; its context leaves the second stream to its neighbour all the same."""

ALTERNATING = Region(((Compute(1),), (Repeat(2, (Compute(0), Compute(1))),)), False)
"""Only the second work wants the vector unit: the order of works matters."""


@given(traces, devices())
@example(Trace(WORKS, (ALTERNATING,)), device("npu.vector_units=1"))
@example(Trace(WORKS, (OVER_AT_ONCE,)), device("dma.queue_depth=1", "npu.vector_units=1"))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_cycle_for_cycle(trace: Trace, machine: Machine) -> None:
    assert replay(trace, machine).cycles == pytest.approx(simpy_timeline.cycles(trace, machine), rel=1e-9)


@given(traces, devices())
@settings(max_examples=100, deadline=None, derandomize=True)
def test_what_holds_of_every_timeline(trace: Trace, machine: Machine) -> None:
    found = replay(trace, machine, record=True)
    assert found == replay(trace, machine, record=True)
    assert found.dma_bytes == sum(_bytes(stream) for region in trace.regions for stream in region.streams)
    for kind, total in (
        (Kind.COMPUTE, found.compute_cycles),
        (Kind.WAIT, found.wait_cycles),
        (Kind.BLOCKED, found.blocked_cycles),
        (Kind.ISSUE, found.issue_cycles),
        (Kind.MOVE, found.dma_busy_cycles),
    ):
        assert sum(i.end - i.begin for i in found.intervals if i.kind == kind) == pytest.approx(total)
    for row in ([i for i in found.intervals if i.kind == Kind.MOVE], *_rows(found.intervals)):
        ordered = sorted(row, key=lambda interval: interval.begin)
        assert all(a.end <= b.begin for a, b in pairwise(ordered)), "one thing at a time"
        assert all(0 <= interval.begin < interval.end <= found.cycles for interval in ordered)


def _rows(intervals: tuple[object, ...]) -> list[list[object]]:
    own = [i for i in intervals if i.kind != Kind.MOVE]
    return [[i for i in own if i.context == context] for context in {i.context for i in own}]


def _bytes(events: tuple[Event, ...]) -> int:
    total = 0
    for event in events:
        if isinstance(event, Start):
            total += event.rows * event.row_bytes
        elif isinstance(event, Repeat):
            total += event.count * _bytes(event.body)
    return total
