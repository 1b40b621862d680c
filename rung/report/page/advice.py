"""Advice on a page: the verdict, and its tables."""

from __future__ import annotations

from collections.abc import Sequence

from ...bench.advice_result import AdviceRecord
from .. import advice, text
from . import captured
from .parts import Section, Tone
from .sheet import Contents, Verdict


def title(record: AdviceRecord) -> str:
    return f"Advice for {advice.subject(record)} on {record.environment.machine['name']}"


def verdict(record: AdviceRecord) -> Verdict:
    best = record.best
    how = "by replay" if record.unit == "cycles" else "predicted by the cost model"
    named = f"Use schedule {advice.name(best.schedule)} ({best.rung}): {text.amount(best.time, record.unit)}, {how}."
    found: list[tuple[str, Tone]] = [(f"{record.verdict[:1].upper()}{record.verdict[1:]}.", ""), (named, "good")]
    if record.changes and record.changes[0].time < best.time:
        change = record.changes[0]
        gain = text.times(best.time / change.time)
        found.append(
            (f"The machine: {change.name} buys most, {gain}, with schedule {advice.name(change.schedule)}.", "")
        )
    return found


def sections(record: AdviceRecord) -> Sequence[Section]:
    return captured.sections(advice.show_tables, record)


CONTENTS = Contents(title, verdict, sections)
