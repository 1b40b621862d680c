"""Advice as a verdict, tables and a figure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console

from ..bench.advice_result import AdviceRecord
from . import tables, text
from .figure import BLACK, BLUE, GREEN, check_path, footer, plain, save

_SHOWN = 8
"""Schedules of the table; the record has all."""


def show(out: Console, record: AdviceRecord) -> None:
    best, unit = record.best, record.unit
    how = "by replay" if unit == "cycles" else "predicted by the cost model"
    out.print(f"{subject(record)}: {record.verdict}", style="bold", highlight=False)
    out.print(f"use schedule `{name(best.schedule)}` ({best.rung})", style="bold", highlight=False)
    searched = text.counted(len(record.candidates), "schedule")
    searched += f"; {record.refused} could not be compiled" if record.refused else ""
    out.print(f"{text.amount(best.time, unit)}, {how}: the best of {searched}", highlight=False)
    show_tables(out, record)


def show_tables(out: Console, record: AdviceRecord) -> None:
    best, unit = record.best, record.unit
    mechanisms = tables.new_table("what each mechanism brings there", "mechanism", "without it", "gain")
    for each in record.without:
        mechanisms.add_row(each.mechanism, text.amount(each.time, unit), text.times(each.time / best.time))
    changes = tables.new_table("what a change of the machine buys", "change", "then", "gain", "with schedule")
    for each in record.changes:
        gain, other = text.times(best.time / each.time), f"{name(each.schedule)}{' (of the best few)' * each.anew}"
        changes.add_row(each.name, text.amount(each.time, unit), gain, other)
    ranking = tables.new_table("the best schedules", "schedule", "", "time", "over the best")
    for each in record.candidates[:_SHOWN]:
        over = f"{each.time / best.time - 1:+.1%}"
        ranking.add_row(name(each.schedule), each.rung, text.amount(each.time, unit), over)
    ran = "run again" if unit == "cycles" else "measured"
    verified = tables.new_table("verified", "schedule", "predicted", ran, "error")
    for each in record.verified:
        error = f"{each.predicted / each.result - 1:+.1%}" if each.result else "-"
        times = (text.amount(time, unit) for time in (each.predicted, each.result))
        verified.add_row(name(each.schedule), *times, error)
    for table in (mechanisms, changes, ranking, verified):
        if table.row_count:
            out.print(table)


def name(schedule: str) -> str:
    return schedule or "the defaults"


def subject(record: AdviceRecord) -> str:
    return f"{record.kernel} {' x '.join(f'{n:,}' for n in record.shape)} {record.dtype}"


def plot(record: AdviceRecord, path: str | Path) -> None:
    """Gains: of the mechanisms in the best schedule, and of changes of the machine."""
    target = check_path(path)
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    best = record.best.time
    rows = [(each.mechanism, each.time / best, BLUE) for each in record.without]
    rows += [(each.name, best / each.time, GREEN) for each in record.changes if each.time]
    figure, axes = pyplot.subplots(figsize=(8, 1.5 + 0.32 * max(1, len(rows))), layout="constrained")
    canvas: Any = figure
    axis: Any = axes
    for place, (_, gain, colour) in enumerate(rows):
        axis.barh(place, gain - 1, left=1, color=colour, height=0.7)
        axis.text(max(gain, 1), place, f" {gain:.3g}x", va="center", fontsize=8)
    axis.axvline(1, color=BLACK, linewidth=0.8)
    axis.set_yticks(range(len(rows)), [name for name, _, _ in rows], fontsize=9)
    axis.invert_yaxis()
    axis.margins(x=0.12)
    axis.set_xlabel("times as fast: with the mechanism (blue), with the change of the machine (green)")
    axis.set_title(f"{subject(record)}: {record.verdict}", fontsize=11)
    plain(axis)
    machine = f"machine {record.environment.machine['name']} {record.environment.machine_hash}"
    footer(canvas, f"{'modelled' if record.unit == 'cycles' else 'predicted'}; {machine}")
    save(canvas, target)
    pyplot.close(figure)
