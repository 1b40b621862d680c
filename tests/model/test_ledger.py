"""The ledger of idle time: closed forms, and that the causes of random launches add up."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from rung.machine import Machine
from rung.targets.npu.ledger import Cause, Ledger, ledger, of
from rung.targets.npu.timeline import Kind, replay
from rung.targets.npu.trace import Compute, Region, Repeat, Start, Trace, Wait, Work
from tests.model.test_against_simpy import devices, traces
from tests.model.traces import computing, device, launch, pipelined, single


def causes(found: Ledger) -> dict[str, float]:
    return {cause.value: cycles for cause, cycles in found.contexts.items()}


def test_single_buffering_waits_for_bytes() -> None:
    """8 bytes a cycle: a tile of 800 takes 100 cycles, there and back."""
    found = ledger(launch([single(5, 800)], computing(40)), device(contexts=1))
    assert causes(found) == {"compute": 200, "DMA bandwidth": 500, "buffer not free": 500}
    assert found.verdict == "bound by DMA bandwidth; contexts idle 83%"
    assert found.engine == {"bytes": 1000, "rows": 0, "descriptors": 0, "nothing to do": 200}


def test_double_buffering_waits_for_what_computing_does_not_cover() -> None:
    found = ledger(launch([pipelined(50, 800)], computing(1000)), device(contexts=1))
    assert found.contexts[Cause.COMPUTE] == 50_000
    # The first load, and the last store.
    assert causes(found) == {"compute": 50_000, "DMA bandwidth": 100, "buffer not free": 100}
    assert found.verdict == "bound by compute; contexts idle 0%"


def test_latency_fetches_rows_and_starts() -> None:
    machine = device(
        "dma.latency_cycles=7", "dma.fetch_cycles=30", "dma.row_cycles=5", "dma.issue_cycles=3", contexts=1
    )
    stream = (Start(0, 4, 20, False), Wait(0), Compute(0))
    found = ledger(launch([stream], computing(2)), machine)
    assert causes(found) == pytest.approx(
        {"compute": 2, "transfer start": 3, "DMA latency": 7, "DMA bandwidth": 10, "DMA descriptors": 50}
    )
    assert found.engine == pytest.approx({"bytes": 10, "rows": 20, "descriptors": 30, "nothing to do": 12})


def test_others_transfers_and_imbalance() -> None:
    """Both start 80 bytes at once; the second one's move begins when the first one's is over."""
    stream = (Start(0, 1, 80, False), Wait(0), Compute(0))
    found = ledger(launch([stream, stream], computing(5)), device(contexts=2))
    assert causes(found) == {
        "compute": 10,
        "DMA bandwidth": 20,
        "transfers of other contexts": 10,
        "load imbalance": 10,
    }
    assert found.verdict == "bound by DMA bandwidth; contexts idle 80%"


def test_a_full_queue_and_contexts_without_work() -> None:
    stream = (Start(0, 1, 80, False), Start(1, 1, 80, False), Wait(1))
    found = ledger(launch([stream], computing(1)), device("dma.queue_depth=1", contexts=2))
    assert causes(found) == {"full queue": 10, "DMA bandwidth": 10, "no work for a context": 20}


def test_launch_forks_and_memory() -> None:
    machine = device("fork_join_ns=50", "npu.launch_cycles=9", "npu.dram_vector_cycles=4", contexts=2)
    work = Work(packets=10, dram_vector=3, dram_vector_bytes=32)
    region = Region(((Compute(0),), (Repeat(3, (Compute(0),)),)), True)
    found = ledger(Trace((work,), (region,)), machine)
    one = 10 + 3 * 4 + 32 / 16
    assert causes(found) == {
        "compute": 40,
        "DRAM access": 4 * (one - 10),
        "fork and join": 100,
        "launch": 18,
        "load imbalance": 2 * one,
    }


def test_sharing() -> None:
    """Two contexts on one vector unit: each is slowed to half."""
    streams = [(Compute(0),), (Compute(0),)]
    found = ledger(launch(streams, computing(30, 30)), device("npu.vector_units=1", contexts=2))
    assert causes(found) == {"compute": 60, "shared vector units and buses": 60}


def test_an_empty_launch() -> None:
    found = ledger(launch([()]), device())
    assert found.cycles == 0 and found.verdict == "nothing to do"


@given(traces, devices())
@settings(max_examples=300, deadline=None, derandomize=True)
def test_every_cycle_has_one_cause(trace: Trace, machine: Machine) -> None:
    found = ledger(trace, machine)
    assert sum(found.contexts.values()) == pytest.approx(found.cycles * machine.contexts, rel=1e-9, abs=1e-6)
    assert sum(found.engine.values()) == pytest.approx(found.cycles, rel=1e-9, abs=1e-6)
    assert all(cycles >= -1e-9 * found.cycles for cycles in (*found.contexts.values(), *found.engine.values()))


@given(traces, devices())
@settings(max_examples=300, deadline=None, derandomize=True)
def test_every_wait_is_charged_whole(trace: Trace, machine: Machine) -> None:
    """By what the engine did meanwhile, which the sums above are not made of: nothing is left over, as long as it is
    never idle while a transfer stands in a queue, and every wait ends with a delivery."""
    timeline = replay(trace, machine, record=True)
    found = of(trace, machine, timeline)
    waits = [place for place, each in enumerate(timeline.intervals) if each.kind == Kind.WAIT]
    assert list(found.waits) == waits
    for place in waits:
        wait = timeline.intervals[place]
        assert sum(found.waits[place].values()) == pytest.approx(wait.end - wait.begin, rel=1e-9, abs=1e-6)
        if machine.dma.latency_cycles == 0:
            assert Cause.LATENCY not in found.waits[place]
