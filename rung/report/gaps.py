"""Why a queue stood still, and a context did nothing: worked out from the intervals of a trace.

The engine has one data path, and serves one descriptor at a time; a queue is served in order. It stands still because
nothing was started, or because others have their turn. What a context waited for is in the record, from the ledger.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ..bench.trace_result import Intervals

_LEAST = 1e-6
"""Cycles: rounding."""


@dataclass(frozen=True)
class Span:
    """Something between two times, in cycles, with what is told of it."""

    begin: float
    end: float
    words: str


@dataclass
class _Moves:
    """Transfers in the order in which the engine served them."""

    context: list[int] = field(default_factory=list[int])
    begin: list[float] = field(default_factory=list[float])
    end: list[float] = field(default_factory=list[float])

    def within(self, begin: float, end: float) -> Iterator[tuple[int, float]]:
        """(context, cycles) of what moved between two times."""
        at = max(0, bisect_left(self.end, begin))
        while at < len(self.begin) and self.begin[at] < end:
            yield self.context[at], max(0.0, min(end, self.end[at]) - max(begin, self.begin[at]))
            at += 1


class Gaps:
    """Of one trace."""

    def __init__(self, intervals: Intervals) -> None:
        self._moves = _Moves()
        self._issued: dict[int, list[float]] = {}
        table = zip(intervals.context, intervals.what, intervals.begin, intervals.end, strict=True)
        moves: list[tuple[float, float, int]] = []
        for context, what, begin, end in table:
            if what == "move":
                moves.append((begin, end, context))
            elif what == "issue":
                self._issued.setdefault(context, []).append(end)
        for begin, end, context in sorted(moves):
            self._moves.context.append(context)
            self._moves.begin.append(begin)
            self._moves.end.append(end)

    def of_queue(self, context: int, until: float) -> Iterator[Span]:
        """The stretches in which a context's queue moved nothing, up to the end of the launch."""
        issued = self._issued.get(context, [])
        moves = [
            (begin, end)
            for whose, begin, end in zip(self._moves.context, self._moves.begin, self._moves.end, strict=True)
            if whose == context
        ]
        now = 0.0
        for number, (begin, end) in enumerate(moves):
            started = min(max(issued[number], now), begin) if number < len(issued) else now
            yield from _span(now, started, "the queue is empty: its context has started no transfer")
            yield from _span(started, begin, self._turn(context, started, begin))
            now = end
        yield from _span(now, until, "the queue is empty: its context starts no more transfers")

    def _turn(self, context: int, begin: float, end: float) -> str:
        others = sum(cycles for whose, cycles in self._moves.within(begin, end) if whose != context)
        served = others > (end - begin) / 2
        what = "the engine serves other queues first" if served else "the engine fetches it, or pauses between two"
        return f"a transfer was started, and {what}"


def _span(begin: float, end: float, words: str) -> Iterator[Span]:
    if end - begin > _LEAST:
        yield Span(begin, end, words)


def of_context(begins: Sequence[float], ends: Sequence[float], until: float) -> Iterator[Span]:
    """The stretches in which a context neither computes nor waits. Its intervals are given in order."""
    now = 0.0
    for number, (begin, end) in enumerate(zip(begins, ends, strict=True)):
        why = "it waits to be forked" if number == 0 else "the region ends when all contexts have come to its end"
        yield from _span(now, begin, why)
        now = max(now, end)
    why = "its programs are done: others still work" if begins else "there are not programs enough for it"
    yield from _span(now, until, why)
