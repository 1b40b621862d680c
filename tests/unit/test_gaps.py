"""Causes of gaps, where they are known by construction: two contexts, one data path."""

from __future__ import annotations

from typing import Any

import pytest

from rung.bench.trace_result import Intervals
from rung.report import gaps


def table(*rows: tuple[int, str, float, float]) -> Intervals:
    """Rows: (context, what, begin, end)."""
    context, what, begin, end = zip(*rows, strict=True)
    zeros: list[Any] = [0] * len(rows)
    return Intervals(
        context=list(context), what=list(what), begin=list(begin), end=list(end), stream=zeros, bytes=zeros, rows=zeros,
        write=[False] * len(rows), causes=[{} for _ in rows],
    )  # fmt: skip


def test_a_queue_is_empty_or_waits_for_its_turn() -> None:
    """Queue 1: nothing is started up to 10, then it waits while queue 0 is served, and is empty at the end."""
    found = gaps.Gaps(table((0, "move", 0, 40), (1, "issue", 8, 10), (1, "move", 42, 90)))
    spans = [(span.begin, span.end, span.words) for span in found.of_queue(1, 100)]
    assert spans == [
        (0, 10, "the queue is empty: its context has started no transfer"),
        (10, 42, "a transfer was started, and the engine serves other queues first"),
        (90, 100, "the queue is empty: its context starts no more transfers"),
    ]


def test_a_context_waits_to_be_forked_and_ends_before_others() -> None:
    spans = [(span.begin, span.end, span.words) for span in gaps.of_context([10, 20], [20, 50], 60)]
    assert spans == [(0, 10, "it waits to be forked"), (50, 60, "its programs are done: others still work")]
    (nothing,) = gaps.of_context([], [], 60)
    assert (nothing.begin, nothing.end) == (0, 60) and "not programs enough" in nothing.words


@pytest.mark.parametrize("until", [50.0, 100.0])
def test_gaps_and_transfers_fill_a_queue(until: float) -> None:
    found = gaps.Gaps(table((0, "issue", 0, 1), (0, "move", 5, 20), (0, "issue", 21, 22), (0, "move", 30, 50)))
    spans = list(found.of_queue(0, until))
    assert sum(span.end - span.begin for span in spans) + 35 == until
