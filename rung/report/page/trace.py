"""A trace on a page: contexts and DMA queues over time, and the cause of each gap."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ...bench.trace_result import Intervals, TraceRecord, What
from .. import gaps, trace
from . import captured
from .listing import listing
from .parts import GREY, Block, Look, Section, Table, Timeline, Tone, cell, row
from .sheet import Contents, Verdict

_MOST = 20_000
"""Spans that a page shows."""
_LEAST = 0.005
"""Of a wait: what prints as 0% is left out."""
_CAUSES = 3
"""That a verdict names."""
_NAMES: dict[What, int] = {"compute": 0, "issue": 1, "wait": 2, "blocked": 3, "fork": 4, "launch": 4}
_LOOKS = (
    Look("compute", 2),
    Look("start transfer", 5),
    Look("wait for transfer", GREY, idle=True),
    Look("queue full", 3),
    Look("launch, fork and join", GREY),
    Look("load", 0),
    Look("store", 1),
    Look("nothing to do", GREY, idle=True),
)
_LOAD, _STORE, _IDLE = 5, 6, 7
Found = tuple[int, int, float, float, str]
"""(row, look, begin, end, words)"""


def title(record: TraceRecord) -> str:
    return f"Trace of {record.title} on {record.environment.machine['name']}"


def verdict(record: TraceRecord) -> Verdict:
    """What bounds the launch."""
    us = record.cycles / record.clock_ghz / 1000
    took = f"{record.cycles:,.0f} cycles (modelled), {us:,.1f} us at {record.clock_ghz:g} GHz: {record.spent.verdict}."
    found: list[tuple[str, Tone]] = [(took, "")]
    total = sum(record.spent.contexts.values()) or 1.0
    for cause, cycles in sorted(record.spent.contexts.items(), key=lambda item: -item[1])[:_CAUSES]:
        found.append((f"{cycles / total:.0%} of the contexts' time: {cause}.", "good" if cause == "compute" else ""))
    return found


def sections(record: TraceRecord) -> Sequence[Section]:
    spent = captured.table(trace.where_time_went(record))
    blocks: list[Block] = [timeline(record), spent, _table(record)]
    code = [Section("The kernel at every stage", (listing(record.listing),))] if record.listing else []
    return (Section("Contexts and DMA queues", tuple(blocks)), *code)


def timeline(record: TraceRecord) -> Timeline:
    """Rows of contexts, then of queues."""
    spans = sorted(_spans(record), key=lambda span: span[2])
    shown, words = spans[:_MOST], dict[str, int]()
    numbered = tuple(
        (where, look, round(begin, 1), round(end, 1), words.setdefault(told, len(words)))
        for where, look, begin, end, told in shown
    )
    rows = [f"context {n}" for n in range(record.contexts)] + [f"DMA queue {n}" for n in range(record.contexts)]
    cut = f"; the first {_MOST:,} of {len(spans):,} intervals" if len(spans) > _MOST else ""
    where = f"{record.title}, on {record.environment.machine['name']} {record.environment.machine_hash}"
    how = "Ctrl and wheel, +, - zoom; dragging and arrows move"
    return Timeline(
        "Timeline", "cycles (modelled)", tuple(rows), _LOOKS, numbered, tuple(words), f"{where}; modelled{cut}. {how}."
    )


@dataclass
class _Row:
    begins: list[float] = field(default_factory=list[float])
    ends: list[float] = field(default_factory=list[float])


def _spans(record: TraceRecord) -> Iterator[Found]:
    table, why = record.intervals, gaps.Gaps(record.intervals)
    busy = [_Row() for _ in range(record.contexts)]
    for at, what in enumerate(table.what):
        context, begin, end = table.context[at], table.begin[at], table.end[at]
        if what == "move":
            yield record.contexts + context, _STORE if table.write[at] else _LOAD, begin, end, _transfer(table, at)
            continue
        busy[context].begins.append(begin)
        busy[context].ends.append(end)
        words = _LOOKS[_NAMES[what]].name
        if what == "wait":
            words = f"waits for a transfer: {_causes(table.causes[at])}"
        elif what == "blocked":
            words = "its queue is full: as many descriptors wait as it holds"
        yield context, _NAMES[what], begin, end, words
    for context, each in enumerate(busy):
        for gap in gaps.of_context(each.begins, each.ends, record.cycles):
            yield context, _IDLE, gap.begin, gap.end, gap.words
        for gap in why.of_queue(context, record.cycles):
            yield record.contexts + context, _IDLE, gap.begin, gap.end, gap.words


def _causes(spent: dict[str, float]) -> str:
    """`60% DMA bandwidth, 40% transfers of other contexts`, the largest first."""
    total = sum(spent.values())
    shares = sorted(((cycles / total, cause) for cause, cycles in spent.items()), reverse=True) if total else []
    return ", ".join(f"{share:.0%} {cause}" for share, cause in shares if share >= _LEAST) or "it was there at once"


def _transfer(table: Intervals, at: int) -> str:
    rows = f" in {table.rows[at]:,} rows" if table.rows[at] > 1 else ""
    return f"{'store' if table.write[at] else 'load'} of {table.bytes[at]:,} bytes{rows}"


def _table(record: TraceRecord) -> Table:
    """Cycles of each context by what it did."""
    found: dict[tuple[int, str], float] = {}
    table = record.intervals
    for context, what, begin, end in zip(table.context, table.what, table.begin, table.end, strict=True):
        name = "DMA engine" if what == "move" else _LOOKS[_NAMES[what]].name
        found[context, name] = found.get((context, name), 0.0) + end - begin
    names = tuple(dict.fromkeys([look.name for look in _LOOKS[:5]] + ["DMA engine"]))
    rows = (
        row(
            cell(f"context {context}", context),
            *(cell(f"{found.get((context, name), 0.0):,.0f}", found.get((context, name), 0.0)) for name in names),
        )
        for context in range(record.contexts)
    )
    return Table("cycles (modelled) by context", ("context", *names), tuple(rows))


CONTENTS = Contents(title, verdict, sections)
