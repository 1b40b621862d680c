"""Machines without side costs, and traces of loops over tiles, whose cycles have closed forms."""

from __future__ import annotations

from collections.abc import Sequence

from rung import machine as machines
from rung.machine import Machine
from rung.targets.npu.trace import Compute, Event, Region, Repeat, Start, Stream, Trace, Wait, Work

PLAIN = (
    "fork_join_ns=0",
    "clock_ghz=1",
    "dma.bytes_per_cycle=8",
    *(f"dma.{part}_cycles=0" for part in ("latency", "gap", "fetch", "row", "turnaround", "issue")),
    *("npu.cycles_per_packet=1", "npu.launch_cycles=0", "npu.dram_vector_cycles=0", "npu.dram_bytes_per_cycle=16"),
)


def device(*overrides: str, contexts: int = 4) -> Machine:
    """hexagon-v73 with everything free but packets (1 cycle) and DMA bytes (8 per cycle)."""
    return machines.load("hexagon-v73", [*PLAIN, f"contexts={contexts}", *overrides])


def computing(packets: int, vector_packets: int = 0) -> Work:
    return Work(packets=packets, vector_packets=vector_packets)


def launch(streams: Sequence[Stream], *works: Work, scratchpad_bytes: int = 0) -> Trace:
    """One region; forked when it has several streams."""
    return Trace(tuple(works), (Region(tuple(streams), len(streams) > 1),), scratchpad_bytes)


def single(trips: int, tile_bytes: int) -> Stream:
    """Load, wait, compute, store, wait: nothing overlaps."""
    load, store = Start(0, 1, tile_bytes, False), Start(1, 1, tile_bytes, True)
    return (Repeat(trips, (load, Wait(0), Compute(0), store, Wait(1))),)


def pipelined(trips: int, tile_bytes: int, depth: int = 2) -> Stream:
    """`depth` buffers: loads run ahead of the computation, stores drain behind it."""
    events: list[Event] = []
    for tile in range(min(depth - 1, trips)):
        events.append(Start(tile % depth, 1, tile_bytes, False))
    for tile in range(trips):
        ahead = tile + depth - 1
        if ahead < trips:
            events.append(Start(ahead % depth, 1, tile_bytes, False))
        events.append(Wait(tile % depth))
        if tile >= depth:
            events.append(Wait(depth + tile % depth))
        events += [Compute(0), Start(depth + tile % depth, 1, tile_bytes, True)]
    events += [Wait(depth + tile % depth) for tile in range(max(0, trips - depth), trips)]
    return tuple(events)
