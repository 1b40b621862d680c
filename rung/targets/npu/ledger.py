"""Where the time went: every cycle of every context, and of the DMA engine, charged to one cause.

    contexts * cycles = sum of all causes

A **context** computes (packets, helpers, products), stands at DRAM, is slowed by sharing a vector unit or a data bus,
starts a descriptor, has a full queue, or waits for a transfer. A wait is charged to what the awaited transfer did
meanwhile, from back to front: its latency; its move, in bytes and in what comes before and between them (gaps, fetches,
turnarounds, rows); and before that its stay in the queue, to the moves of the same context, or to those of others. A
context that waits for a store waits for its buffer. One whose streams are over waits for the join (imbalance), and one
that a region has no stream for has nothing to do (idle). Launch, forks and joins hold all of them.

The **engine** moves bytes, opens rows, is held by what a descriptor needs before them, or has nothing to do.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from ...machine import Machine
from .timeline import Interval, Kind, Span, Timeline, cost, is_cached, replay
from .trace import Compute, Repeat, Stream, Trace


class Cause(StrEnum):
    """What a context's cycle went to; the values are what tables print."""

    COMPUTE = "compute"
    DRAM = "DRAM access"
    SHARING = "shared vector units and buses"
    START = "transfer start"
    FULL_QUEUE = "full queue"
    LATENCY = "DMA latency"
    BANDWIDTH = "DMA bandwidth"
    DESCRIPTOR = "DMA descriptors"
    OTHERS = "transfers of other contexts"
    BUFFER = "buffer not free"
    IMBALANCE = "load imbalance"
    IDLE = "no work for a context"
    FORK = "fork and join"
    LAUNCH = "launch"


BUSY = (Cause.COMPUTE, Cause.DRAM, Cause.SHARING)
_BUSY = 0.9
"""Of all cycles: an engine that is busy for longer is what everybody waits for."""
_CHANGES = {
    Cause.COMPUTE: "compute",
    Cause.DRAM: "DRAM access",
    Cause.SHARING: "shared units",
    Cause.BUFFER: "too few buffers",
    Cause.IDLE: "contexts without work",
    Cause.OTHERS: "DMA bandwidth",
}
"""What a verdict calls them."""


@dataclass(frozen=True)
class Ledger:
    """Cycles by cause. `contexts`: of all contexts of the machine together, so that they add up to contexts * cycles;
    `engine`: they add up to `cycles`."""

    cycles: float
    number_of_contexts: int
    contexts: dict[Cause, float]
    engine: dict[str, float]
    waits: dict[int, dict[Cause, float]] = field(default_factory=dict[int, dict[Cause, float]], repr=False)
    """Of each wait, by its place among the timeline's intervals: what it was charged to."""

    @property
    def idle(self) -> float:
        """The part of all contexts' cycles in which they do not compute."""
        total = self.cycles * self.number_of_contexts
        return 1 - sum(self.contexts.get(cause, 0.0) for cause in BUSY) / total if total else 0.0

    @property
    def bound(self) -> Cause | None:
        """What holds the launch up: the engine, where it is busy nearly all the time; otherwise the cause that most
        cycles went to, where transfers of other contexts are bandwidth. None of an empty launch."""
        moving, *before = (self.engine.get(name, 0.0) for name in ("bytes", "rows", "descriptors"))
        preparing = sum(before)
        if self.cycles and moving + preparing >= _BUSY * self.cycles:
            return Cause.BANDWIDTH if moving >= preparing else Cause.DESCRIPTOR
        merged: dict[Cause, float] = {}
        for cause, spent in self.contexts.items():
            merged[_merged(cause)] = merged.get(_merged(cause), 0.0) + spent
        return max(merged, key=lambda cause: merged[cause]) if any(merged.values()) else None

    @property
    def verdict(self) -> str:
        """One line: `bound by DMA bandwidth; contexts idle 83%`."""
        if self.bound is None:
            return "nothing to do"
        return f"bound by {_CHANGES.get(self.bound, self.bound.value)}; contexts idle {self.idle:.0%}"


def _merged(cause: Cause) -> Cause:
    return Cause.BANDWIDTH if cause is Cause.OTHERS else cause


def ledger(trace: Trace, machine: Machine) -> Ledger:
    """Replay a trace, and charge all of its time. Raises UsageError as `replay` does."""
    return of(trace, machine, replay(trace, machine, record=True))


def of(trace: Trace, machine: Machine, timeline: Timeline) -> Ledger:
    """The same of a timeline that was recorded with its intervals, of that trace on that machine."""
    charged = dict.fromkeys(Cause, 0.0)
    charged |= _computing(trace, machine, timeline)
    for interval in timeline.intervals:
        if interval.kind in (Kind.FORK, Kind.LAUNCH):
            cause = Cause.FORK if interval.kind == Kind.FORK else Cause.LAUNCH
            charged[cause] += (interval.end - interval.begin) * machine.contexts
    engine = {"bytes": 0.0, "rows": 0.0, "descriptors": 0.0}
    waits: dict[int, dict[Cause, float]] = {}
    for span in timeline.spans:
        found = timeline.intervals[span.first : span.end_of]
        moves = [each for each in found if each.kind == Kind.MOVE]
        for move in moves:
            for name, spent in _parts(move, machine).items():
                engine[name] += spent
        ordered = _Moves(moves, machine)
        for place, interval in enumerate(found, span.first):
            if interval.kind == Kind.WAIT:
                waits[place] = _causes(interval, ordered, machine)
        _charge_contexts(charged, span, found, machine)
    for causes in waits.values():
        for cause, spent in causes.items():
            charged[cause] += spent
    engine["nothing to do"] = max(0.0, timeline.cycles - sum(engine.values()))
    return Ledger(timeline.cycles, machine.contexts, {c: n for c, n in charged.items() if n}, engine, waits)


def _computing(trace: Trace, machine: Machine, timeline: Timeline) -> dict[Cause, float]:
    """Work by its parts, and what sharing adds to it."""
    npu = machine.npu
    assert npu is not None
    cached = is_cached(trace, npu)
    counts = [0] * len(trace.works)
    for region in trace.regions:
        for stream in region.streams:
            _count(stream, 1, counts)
    dram = compute = 0.0
    for work, count in zip(trace.works, counts, strict=True):
        total = cost(work, npu, cached)
        compute += count * (total.cycles - total.memory)
        dram += count * total.memory
    return {Cause.COMPUTE: compute, Cause.DRAM: dram, Cause.SHARING: timeline.shared_cycles}


def _count(stream: Stream, times: int, counts: list[int]) -> None:
    for event in stream:
        if isinstance(event, Compute):
            counts[event.work] += times
        elif isinstance(event, Repeat):
            _count(event.body, times * event.count, counts)


class _Moves:
    """The moves of one region, which follow one another."""

    def __init__(self, moves: Sequence[Interval], machine: Machine) -> None:
        self.moves, self.machine = moves, machine
        self.ends = [move.end for move in moves]

    def delivered(self, wait: Interval) -> Interval | None:
        """The move whose delivery ended a wait; None where it took no time."""
        latency = self.machine.dma.latency_cycles
        place = bisect_left(self.ends, wait.end - latency - _SLACK * max(1.0, wait.end))
        for move in self.moves[place:]:
            if move.end + latency == wait.end and move.context == wait.context:
                return move
            if move.end > wait.end:
                break
        return None

    def between(self, begin: float, end: float) -> Iterable[Interval]:
        """Those that go on at some time of it."""
        for move in self.moves[bisect_left(self.ends, begin) :]:
            if move.begin >= end:
                break
            if move.end > begin:
                yield move


_SLACK = 1e-12
"""Of a subtraction of two times that a sum came from, relative."""


def _charge_contexts(charged: dict[Cause, float], span: Span, found: Sequence[Interval], machine: Machine) -> None:
    """All but waits."""
    over = dict.fromkeys(range(span.contexts), span.begin)
    for interval in found:
        if interval.kind == Kind.MOVE:
            continue
        over[interval.context] = max(over[interval.context], interval.end)
        if interval.kind == Kind.ISSUE:
            charged[Cause.START] += interval.end - interval.begin
        elif interval.kind == Kind.BLOCKED:
            charged[Cause.FULL_QUEUE] += interval.end - interval.begin
    charged[Cause.IMBALANCE] += sum(span.end - end for end in over.values())
    charged[Cause.IDLE] += (machine.contexts - span.contexts) * (span.end - span.begin)


def _causes(wait: Interval, moves: _Moves, machine: Machine) -> dict[Cause, float]:
    """What one wait is charged to, which adds up to it."""
    awaited = moves.delivered(wait)
    if awaited is not None and awaited.write:
        return {Cause.BUFFER: wait.end - wait.begin}
    charged: dict[Cause, float] = dict.fromkeys(Cause, 0.0)
    moved = wait.begin if awaited is None else max(wait.begin, awaited.end)
    charged[Cause.LATENCY] = wait.end - moved
    if awaited is not None:
        began = min(moved, max(wait.begin, awaited.begin))
        _charge_move(charged, awaited, moved - began, machine)
        # Before its own move, the engine is never idle: the transfer stands in its queue.
        for move in moves.between(wait.begin, began):
            part = min(began, move.end) - max(wait.begin, move.begin)
            if move.context == wait.context:
                _charge_move(charged, move, part, machine)
            else:
                charged[Cause.OTHERS] += part
    return {cause: spent for cause, spent in charged.items() if spent}


def _charge_move(charged: dict[Cause, float], move: Interval, cycles: float, machine: Machine) -> None:
    """Part of a move: as much of it is bytes as of the whole."""
    parts = _parts(move, machine)
    share = parts["bytes"] / (move.end - move.begin)
    charged[Cause.BANDWIDTH] += cycles * share
    charged[Cause.DESCRIPTOR] += cycles * (1 - share)


def _parts(move: Interval, machine: Machine) -> dict[str, float]:
    dma = machine.dma
    assert dma.bytes_per_cycle is not None
    moved = move.bytes / dma.bytes_per_cycle
    rows = dma.row_cycles * move.rows if move.rows > 1 else 0.0
    return {"bytes": moved, "rows": rows, "descriptors": max(0.0, move.end - move.begin - moved - rows)}
