"""The timeline against closed forms, to 0.1%."""

from __future__ import annotations

import pytest

from rung import machine as machines
from rung.errors import UsageError
from rung.targets.npu.timeline import replay
from rung.targets.npu.trace import Compute, Region, Repeat, Start, Trace, Wait, Work
from tests.model.traces import computing, device, launch, pipelined, single

TRIPS, TILE = 2000, 4096
MOVE = TILE / 8
"""Cycles of one tile's transfer."""


def about(cycles: float) -> object:
    return pytest.approx(cycles, rel=1e-3)


@pytest.mark.parametrize("contexts", [1, 2, 4, 8])
def test_computing_alone_scales_with_the_contexts(contexts: int) -> None:
    trace = launch([(Repeat(800 // contexts, (Compute(0),)),)] * contexts, computing(123))
    assert replay(trace, device(contexts=contexts)).cycles == 123 * 800 / contexts


def test_a_work_is_the_sum_of_its_parts() -> None:
    work = Work(packets=100, dram_scalar=3, dram_vector=5, dram_vector_bytes=640, calls=(("expf", 2), ("other", 4)))
    found = device(
        "npu.cycles_per_packet=1.5", "npu.dram_scalar_cycles=40", "npu.dram_vector_cycles=7",
        "npu.helper_cycles.expf=120", "npu.default_helper_cycles=9", "npu.launch_cycles=1000",
    )  # fmt: skip
    expected = 1000 + 100 * 1.5 + 3 * 40 + 5 * 7 + 640 / 16 + 2 * 120 + 4 * 9
    assert replay(launch([(Compute(0),)], work), found).cycles == expected


def test_a_fork_alone() -> None:
    trace = launch([(), (), (), ()])
    assert replay(trace, device("fork_join_ns=90000", "clock_ghz=1.4")).cycles == about(126_000)


def test_regions_run_one_after_another_and_only_forked_ones_fork() -> None:
    alone, together = Region(((Compute(0),),), False), Region(((Compute(0),),) * 4, True)
    trace = Trace((computing(500),), (alone, together, together, alone))
    found = replay(trace, device("fork_join_ns=100"))
    assert found.cycles == 4 * 500 + 2 * 100
    assert found.overhead_cycles == 200
    assert found.contexts == 4


@pytest.mark.parametrize("contexts", [1, 2, 4, 8])
def test_transfers_alone_are_bound_by_the_bandwidth(contexts: int) -> None:
    stream = (Repeat(TRIPS // contexts, (Start(0, 1, TILE, False),)), Wait(0))
    found = replay(launch([stream] * contexts), device("dma.latency_cycles=100", contexts=contexts))
    assert found.cycles == TRIPS * MOVE + 100
    assert found.dma_bytes == TRIPS * TILE
    assert found.dma_busy_cycles == TRIPS * MOVE
    assert found.dma_utilisation == about(1)


@pytest.mark.parametrize("packets", [50, 1000, 40_000])
@pytest.mark.parametrize("latency", [0, 300])
def test_single_buffering_is_the_sum(packets: int, latency: int) -> None:
    found = replay(launch([single(TRIPS, TILE)], computing(packets)), device(f"dma.latency_cycles={latency}"))
    assert found.cycles == TRIPS * (2 * (MOVE + latency) + packets)
    assert found.compute_cycles == TRIPS * packets
    assert found.wait_cycles == TRIPS * 2 * (MOVE + latency)


@pytest.mark.parametrize("depth", [2, 3, 4])
@pytest.mark.parametrize("packets", [50, 500, 4000, 40_000])
def test_double_buffering_is_the_maximum(packets: int, depth: int) -> None:
    found = replay(launch([pipelined(TRIPS, TILE, depth)], computing(packets)), device())
    assert found.cycles == about(max(2 * MOVE, packets) * TRIPS)
    assert found.dma_bytes == 2 * TRIPS * TILE
    assert found.dma_max_in_flight == depth if packets > 2 * MOVE else found.dma_max_in_flight <= 2 * depth


def test_more_buffers_hide_more_latency() -> None:
    """Loads only, no store: a tile is asked for `depth - 1` tiles ahead, so that much of its latency is hidden."""

    def cycles(depth: int) -> float:
        start = [Start(tile, 1, TILE, False) for tile in range(depth)]
        body = tuple(
            event
            for tile in range(depth)
            for event in (Wait(tile), Compute(0), start[tile])
        )  # fmt: skip
        stream = (*start, Repeat(TRIPS // depth, body))
        return replay(launch([stream], computing(1000)), device("dma.latency_cycles=3488")).cycles

    for depth in (1, 2, 3, 4, 5):
        period = max(1000, (MOVE + 3488 + 1000) / depth)
        trips = TRIPS // depth * depth
        assert cycles(depth) == pytest.approx(period * trips, rel=5e-3)


@pytest.mark.parametrize("contexts", [1, 2, 4, 8])
@pytest.mark.parametrize("packets", [100, 1024, 20_000])
def test_double_buffering_on_many_contexts_shares_the_bandwidth(contexts: int, packets: int) -> None:
    trips = 4000 // contexts
    trace = launch([pipelined(trips, TILE)] * contexts, computing(packets))
    found = replay(trace, device("dma.latency_cycles=20", contexts=contexts))
    work, moves = trips * packets, contexts * trips * 2 * MOVE
    assert found.cycles == pytest.approx(max(work, moves), rel=1e-3 if work != moves else 0.05)
    assert found.dma_bytes == contexts * trips * 2 * TILE


def test_waves() -> None:
    trace = launch([(Compute(0),)] * 10, computing(700))
    assert replay(trace, device()).cycles == 3 * 700
    assert replay(trace, device(contexts=1)).cycles == 10 * 700


def test_the_next_stream_goes_to_the_context_that_is_free_first() -> None:
    streams = [(Repeat(count, (Compute(0),)),) for count in (5, 1, 1, 1)]
    assert replay(launch(streams, computing(10)), device(contexts=2)).cycles == 50


def test_a_full_queue_blocks_its_context() -> None:
    stream = (Repeat(100, (Start(0, 1, TILE, False),)), Compute(0), Wait(0))
    deep = replay(launch([stream], computing(40)), device("dma.queue_depth=128"))
    assert (deep.cycles, deep.blocked_cycles, deep.dma_max_in_flight) == (100 * MOVE, 0, 100)
    for depth in (1, 3):
        found = replay(launch([stream], computing(40)), device(f"dma.queue_depth={depth}"))
        assert (found.cycles, found.dma_max_in_flight) == (100 * MOVE, depth)
        assert found.blocked_cycles == (100 - depth) * MOVE
        assert found.stall_cycles == 100 * MOVE - 40


def test_rows_gap_and_issue_are_paid_per_descriptor() -> None:
    flat = (Repeat(100, (Start(0, 1, TILE, False), Wait(0))),)
    rows = (Repeat(100, (Start(0, 16, TILE // 16, False), Wait(0))),)
    found = device("dma.gap_cycles=30", "dma.row_cycles=4", "dma.issue_cycles=11")
    assert replay(launch([flat]), found).cycles == 100 * (MOVE + 30 + 11)
    assert replay(launch([rows]), found).cycles == 100 * (MOVE + 30 + 11 + 16 * 4)


def test_turning_the_bus_around_is_paid_where_the_direction_changes() -> None:
    mixed = (Repeat(100, (Start(0, 1, TILE, False), Start(1, 1, TILE, True))), Wait(1))
    alike = (Repeat(100, (Start(0, 1, TILE, True), Start(1, 1, TILE, True))), Wait(1))
    found = device("dma.turnaround_cycles=9")
    assert replay(launch([mixed]), found).cycles == 200 * MOVE + 199 * 9
    assert replay(launch([alike]), found).cycles == 200 * MOVE


def test_a_fetch_is_hidden_behind_what_is_before_it_in_the_queue() -> None:
    chained = (Repeat(100, (Start(0, 1, TILE, False),)), Wait(0))
    lone = (Repeat(100, (Start(0, 1, TILE, False), Wait(0))),)
    found = device("dma.fetch_cycles=300")
    assert replay(launch([chained]), found).cycles == 300 + 100 * MOVE
    assert replay(launch([lone]), found).cycles == 100 * (300 + MOVE)
    longer = device("dma.fetch_cycles=700")
    assert replay(launch([chained]), longer).cycles == 700 + 100 * MOVE + (700 - MOVE), "fetches overlap each other"


def test_only_full_queues_hide_the_fetch_of_a_bound_engine() -> None:
    """What double buffering is worth where four contexts keep the data path busy already."""
    found = device("dma.fetch_cycles=80", "dma.latency_cycles=50")
    one = replay(launch([single(500, TILE)] * 4, computing(100)), found)
    two = replay(launch([pipelined(500, TILE)] * 4, computing(100)), found)
    assert one.cycles == about(4 * 500 * 2 * (MOVE + 80))
    assert two.cycles == about(4 * 500 * 2 * MOVE)


@pytest.mark.parametrize("arbitration", ["round-robin", "oldest-first"])
def test_arbitration(arbitration: str) -> None:
    """Context 0 asks for a hundred tiles, then context 1 for one: round-robin serves it second."""
    many = (Repeat(100, (Start(0, 1, TILE, False),)), Wait(0))
    one = (Compute(0), Start(0, 1, TILE, False), Wait(0))
    machine = device(f"dma.arbitration={arbitration}", "dma.queue_depth=128")
    found = replay(launch([many, one], computing(1)), machine, record=True)
    end = max(interval.end for interval in found.intervals if interval.context == 1)
    assert end == (2 * MOVE if arbitration == "round-robin" else 101 * MOVE)


@pytest.mark.parametrize("units", [1, 2, 3, 4])
def test_vector_units_are_shared(units: int) -> None:
    trace = launch([(Repeat(100, (Compute(0),)),)] * 4, computing(1000, vector_packets=1000))
    found = replay(trace, device(f"npu.vector_units={units}"))
    assert found.cycles == about(100 * 1000 * 4 / units)
    assert found.shared_cycles == about(4 * 100_000 * (4 / units - 1))


def test_scalar_packets_leave_the_vector_units_to_others() -> None:
    trace = launch([(Repeat(100, (Compute(0),)),)] * 4, computing(1000, vector_packets=250))
    assert replay(trace, device("npu.vector_units=1")).cycles == 100_000
    uneven = (computing(1000, 1000), computing(1000, 100))
    mixed = launch([(Compute(0),), (Compute(0),), (Compute(1),)], *uneven)
    found = replay(mixed, device("npu.vector_units=1"))
    # The third wants a tenth of the unit and gets it; the others share nine tenths until it ends.
    assert found.cycles == about(1000 + (1000 - 450) * 2)


@pytest.mark.parametrize("contexts", [1, 2, 4, 8])
def test_contexts_share_the_bandwidth_of_dram(contexts: int) -> None:
    """Half of a lone context's time is the bus: up to two run at full speed."""
    work = Work(packets=100, dram_vector=10, dram_vector_bytes=1600)
    trace = launch([(Repeat(50, (Compute(0),)),)] * contexts, work)
    assert replay(trace, device(contexts=contexts)).cycles == about(50 * max(200, 100 * contexts))


def test_a_wait_for_what_was_never_started_does_not_wait() -> None:
    assert replay(launch([(Wait(3), Compute(0))], computing(5)), device()).cycles == 5


def test_a_tag_started_twice_is_awaited_for_its_last_transfer() -> None:
    stream = (Start(0, 1, TILE, False), Start(0, 1, 2 * TILE, False), Wait(0), Compute(0))
    assert replay(launch([stream], computing(5)), device()).cycles == 3 * MOVE + 5


def test_a_launch_ends_when_nothing_is_in_flight() -> None:
    found = replay(launch([(Start(0, 1, TILE, True),)]), device("dma.latency_cycles=10"))
    assert found.cycles == MOVE + 10


def test_the_host_has_no_cycles() -> None:
    with pytest.raises(UsageError, match="machine host is not modelled"):
        replay(launch([()]), machines.host())


def test_a_trace_must_fit_into_the_scratchpad() -> None:
    trace = launch([()], scratchpad_bytes=1 << 20)
    with pytest.raises(UsageError, match="needs 1048576 bytes of scratchpad per context"):
        replay(trace, device("scratchpad_bytes=65536"))


def test_loops_nested_too_deep_are_refused() -> None:
    event: Repeat = Repeat(2, (Wait(0),))
    for _ in range(20):
        event = Repeat(2, (event,))
    with pytest.raises(Exception, match="nested deeper than 16"):
        replay(launch([(event,)]), device())
