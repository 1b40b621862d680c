"""A timeline as a record."""

from __future__ import annotations

from collections.abc import Callable

from ..targets.npu.ledger import Ledger
from ..targets.npu.timeline import Kind, Timeline
from .listing import Listing
from .result import Environment
from .trace_result import Intervals, Spent, TraceRecord, What

_WORDS: dict[Kind, What] = {
    Kind.COMPUTE: "compute",
    Kind.ISSUE: "issue",
    Kind.BLOCKED: "blocked",
    Kind.WAIT: "wait",
    Kind.MOVE: "move",
    Kind.FORK: "fork",
    Kind.LAUNCH: "launch",
}


def intervals(found: Timeline, spent: Ledger) -> Intervals:
    """All of them, to a thousandth of a cycle."""
    every = found.intervals
    causes: list[dict[str, float]] = [{} for _ in every]
    for at, why in spent.waits.items():
        causes[at] = {cause.value: max(0.0, round(cycles, 3)) for cause, cycles in why.items()}

    def column(pick: Callable[[int], float]) -> list[float]:
        return [round(pick(at), 3) for at in range(len(every))]

    return Intervals(
        context=[each.context for each in every],
        what=[_WORDS[each.kind] for each in every],
        begin=column(lambda at: every[at].begin),
        end=column(lambda at: every[at].end),
        stream=[each.stream for each in every],
        bytes=[each.bytes for each in every],
        rows=[each.rows for each in every],
        write=[each.write for each in every],
        causes=causes,
    )


def record(
    found: Timeline,
    spent: Ledger,
    environment: Environment,
    *,
    clock_ghz: float,
    kernel: str,
    dtype: str,
    shape: list[int],
    rung: str,
    schedule: str,
    listing: Listing | None = None,
) -> TraceRecord:
    """Of one launch whose intervals were recorded."""
    return TraceRecord(
        environment=environment,
        kernel=kernel,
        dtype=dtype,
        shape=shape,
        rung=rung,
        schedule=schedule,
        clock_ghz=clock_ghz,
        cycles=found.cycles,
        contexts=found.contexts,
        compute_cycles=found.compute_cycles,
        wait_cycles=found.wait_cycles,
        blocked_cycles=found.blocked_cycles,
        shared_cycles=found.shared_cycles,
        overhead_cycles=found.overhead_cycles,
        dma_busy_cycles=found.dma_busy_cycles,
        dma_bytes=found.dma_bytes,
        dma_transfers=found.dma_transfers,
        spent=Spent(
            contexts={cause.value: cycles for cause, cycles in spent.contexts.items()},
            engine=spent.engine,
            verdict=spent.verdict,
        ),
        intervals=intervals(found, spent),
        listing=listing,
    )
