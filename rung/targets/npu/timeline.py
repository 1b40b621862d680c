"""Replays a trace on a machine: how many cycles it takes, and who waits for what. All of it is modelled.

**Contexts** run in order and do one thing at a time. A region's first streams go to one context each; when there are
more streams than contexts, the next one goes to the context that is free first. A fork and its join cost
`fork_join_ns`, charged before the region.

**Computing.** A work's time on a lone context is the sum of its packets, its helpers, its stalls on DRAM (one latency
per access) and the time of its vector accesses on DRAM's data bus. Vector units (vector packets) and that bus are
shared: where all contexts together want more than there is, no context gets more than a fair share, those that want
less get what they want, and a context's whole work slows down in proportion. Scalar accesses to DRAM do not
contend with anything, nor vector accesses with the DMA engine.

Where the machine has a cache and all memory of the arguments fits into it, "DRAM" is that cache in all of this: a
benchmark launches again and again. Multiply-adds of a matrix unit take their time beside packets, not under them.

**DMA.** One queue per context, one data path for all. Starting a descriptor takes the context `issue_cycles`; when
`queue_depth` of its descriptors have not moved yet, it is blocked until one has. The engine serves the queues
round-robin (or the oldest descriptor first), one descriptor at a time:

    gap + exposed fetch + turnaround + rows * row_cycles (if rows > 1) + bytes / bytes_per_cycle

and `latency_cycles` after the last byte the wait for it ends; latencies overlap later transfers.

*Exposed fetch* is the part of `fetch_cycles` that is not hidden. A descriptor that arrives at an empty queue is fetched
when its turn comes, and the data path waits for the whole fetch. From the moment it moves, the engine fetches along the
queue's chain, as far as the chain goes: a descriptor that was enqueued behind another has its fetch begin when it is
enqueued, or when the first one of the chain moves, if that is later; only what is left of it at its turn is exposed.
Double buffering keeps the queues filled; single buffering pays for each group of transfers, even where other contexts
keep the data path busy.

A region ends when its streams have ended and all transfers are delivered.
"""

from __future__ import annotations

import struct
from array import array
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from ...errors import UsageError
from ...machine import Machine, Npu
from ._replay import replay as replay_region
from .program import flatten
from .trace import Trace, Work

if TYPE_CHECKING:
    from ._replay import Parameters

_INTERVAL = struct.Struct("=iiddqqqq")


class Kind(IntEnum):
    """What an interval is. The numbers are those of `replay.c`."""

    COMPUTE = 1
    ISSUE = 2
    """The context starts a descriptor."""
    BLOCKED = 3
    """The context's queue is full."""
    WAIT = 4
    """The context waits for a transfer."""
    MOVE = 5
    """The engine serves a descriptor of the context's queue."""
    FORK = 6
    LAUNCH = 7


@dataclass(frozen=True)
class Interval:
    """`context` did, or had done for it, something from `begin` to `end`, in cycles. The last three are of a MOVE."""

    context: int
    kind: Kind
    begin: float
    end: float
    stream: int = 0
    bytes: int = 0
    rows: int = 0
    write: bool = False


@dataclass(frozen=True)
class Span:
    """When a region of the trace ran, behind its fork if it had one, and on how many contexts; `first` and `end_of` say
    which of the timeline's intervals are its own."""

    begin: float
    end: float
    contexts: int
    first: int
    end_of: int


@dataclass(frozen=True)
class Timeline:
    """One launch, in modelled cycles. Sums are over all contexts."""

    cycles: float
    contexts: int
    """That took part."""
    compute_cycles: float
    issue_cycles: float
    blocked_cycles: float
    """Full queues."""
    wait_cycles: float
    shared_cycles: float
    """The part of `compute_cycles` that is due to sharing vector units and DRAM."""
    overhead_cycles: float
    """Launch, forks and joins."""
    dma_busy_cycles: float
    dma_bytes: int
    dma_transfers: int
    dma_max_in_flight: int
    intervals: tuple[Interval, ...] = ()
    """In order of their ends within each region; empty unless recorded."""
    spans: tuple[Span, ...] = ()
    """Of the regions; empty unless recorded."""

    @property
    def stall_cycles(self) -> float:
        return self.blocked_cycles + self.wait_cycles

    @property
    def compute_utilisation(self) -> float:
        """Part of the launch in which a context computes, on average."""
        return self.compute_cycles / (self.cycles * self.contexts) if self.cycles else 0.0

    @property
    def dma_utilisation(self) -> float:
        return self.dma_busy_cycles / self.cycles if self.cycles else 0.0


class Replayer:
    """A trace made ready once, to be replayed on many machines."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._programs = tuple(flatten(region.streams) for region in trace.regions)

    def on(self, machine: Machine, record: bool = False) -> Timeline:
        """The timeline on `machine`; `record` keeps the intervals.

        Raises UsageError for a machine of kind `host`, and when the trace used more scratchpad than the machine's
        contexts have.
        """
        npu = machine.npu
        if npu is None or machine.dma.bytes_per_cycle is None:
            raise UsageError(f"machine {machine.name} is not modelled: it has no cycles; choose one of kind `npu`")
        self._check_scratchpad(machine)
        cached = is_cached(self._trace, npu)
        costs = (cost(work, npu, cached) for work in self._trace.works)
        works = array("d", [number for each in costs for number in (each.cycles, each.vector, each.bus)]).tobytes()
        parameters = _parameters(machine, npu, machine.dma.bytes_per_cycle)
        now = npu.launch_cycles
        contexts = 1
        sums = [0.0] * 7
        transfers = most = 0
        intervals: list[Interval] = []
        spans: list[Span] = []
        if record and now:
            intervals.append(Interval(0, Kind.LAUNCH, 0.0, now))
        for region, program in zip(self._trace.regions, self._programs, strict=True):
            begin = now + (machine.fork_join_cycles if region.forked else 0.0)
            if record and begin > now:
                intervals.append(Interval(0, Kind.FORK, now, begin))
            used, first = min(machine.contexts, len(region.streams)), len(intervals)
            contexts = max(contexts, used)
            now, *more, count, in_flight, found = replay_region(
                program.code, program.entries, works, parameters, used, program.tags, begin, record
            )
            sums = [total + one for total, one in zip(sums, more, strict=True)]
            transfers, most = transfers + count, max(most, in_flight)
            for context, kind, start, end, stream, moved, rows, write in _INTERVAL.iter_unpack(found):
                intervals.append(Interval(context, Kind(kind), start, end, stream, moved, rows, bool(write)))
            if record:
                spans.append(Span(begin, now, used, first, len(intervals)))
        forks = sum(region.forked for region in self._trace.regions)
        compute, issue, blocked, wait, shared, busy, dma_bytes = sums
        return Timeline(
            cycles=now,
            contexts=contexts,
            compute_cycles=compute,
            issue_cycles=issue,
            blocked_cycles=blocked,
            wait_cycles=wait,
            # What is left of subtractions may be a rounding below nothing.
            shared_cycles=max(shared, 0.0),
            overhead_cycles=npu.launch_cycles + forks * machine.fork_join_cycles,
            dma_busy_cycles=busy,
            dma_bytes=int(dma_bytes),
            dma_transfers=transfers,
            dma_max_in_flight=most,
            intervals=tuple(intervals),
            spans=tuple(spans),
        )

    def _check_scratchpad(self, machine: Machine) -> None:
        needed, there = self._trace.scratchpad_bytes, machine.scratchpad_bytes_per_context
        if needed > there:
            raise UsageError(
                f"the trace needs {needed} bytes of scratchpad per context, machine {machine.name} has {there}; "
                "compile for that machine"
            )


def replay(trace: Trace, machine: Machine, record: bool = False) -> Timeline:
    """The timeline of one trace on one machine; see `Replayer.on`."""
    return Replayer(trace).on(machine, record)


@dataclass(frozen=True)
class Cost:
    """Of work on a lone context, in cycles."""

    cycles: float
    """In all."""
    vector: float
    """With a vector unit."""
    bus: float
    """With the data bus of DRAM, or of the cache that holds all of the launch's memory."""
    memory: float
    """Stalls and bus together."""


def is_cached(trace: Trace, npu: Npu) -> bool:
    """Whether all memory of a launch fits into the cache, where there is one."""
    return npu.cache is not None and 0 < trace.memory_bytes <= npu.cache.bytes


def cost(work: Work, npu: Npu, cached: bool = False) -> Cost:
    """What `work` takes; `cached`: its memory is in the cache. Raises UsageError for products of a type that the
    machine has no unit for."""
    helpers = sum(n * npu.helper_cycles.get(name, npu.default_helper_cycles) for name, n in work.calls)
    scalar, vector, rate = npu.dram_scalar_cycles, npu.dram_vector_cycles, npu.dram_bytes_per_cycle
    if cached and npu.cache is not None:
        scalar, vector, rate = npu.cache.scalar_cycles, npu.cache.vector_cycles, npu.cache.bytes_per_cycle
    bus = work.dram_vector_bytes / rate
    memory = work.dram_scalar * scalar + work.dram_vector * vector + bus
    matrix = sum(count / _macs_per_cycle(npu, element) for element, count in work.macs)
    total = work.packets * npu.cycles_per_packet + helpers + memory + matrix + work.steps * npu.step_cycles
    return Cost(total, work.vector_packets * npu.cycles_per_packet, bus, memory)


def _macs_per_cycle(npu: Npu, element: str) -> float:
    rate = npu.matrix_macs_per_cycle.get(element)
    if rate is None:
        known = ", ".join(npu.matrix_macs_per_cycle)
        raise UsageError(
            f"machine field `npu.matrix_macs_per_cycle`: has no `{element}`, which the trace multiplies; "
            f"known: {known or 'none'}"
        )
    return rate


def _parameters(machine: Machine, npu: Npu, bytes_per_cycle: float) -> Parameters:
    dma = machine.dma
    return (
        bytes_per_cycle,
        dma.latency_cycles,
        dma.gap_cycles,
        dma.fetch_cycles,
        dma.row_cycles,
        dma.turnaround_cycles,
        dma.issue_cycles,
        float(npu.vector_units or machine.contexts),
        dma.queue_depth,
        dma.arbitration == "oldest-first",
    )
