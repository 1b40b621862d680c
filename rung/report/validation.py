"""A validation as tables, on the console or in Markdown, and as a figure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from ..bench.validation_result import GOAL, TOLERANCE, Predicted, Validated, ValidationRecord
from .figure import BLACK, BLUE, GREEN, RED, check_path, footer, own_legend, plain, save
from .sheet import Sheet

STEPS = ("Vec", "MT", "DB")


def sheets(record: ValidationRecord) -> tuple[Sheet, ...]:
    """How many predictions hold, by mechanism; then a table for each source."""
    return (summary(record), *map(figures, record.sources))


def summary(record: ValidationRecord) -> Sheet:
    kinds = (*STEPS, "other", "time")
    rows = [_held(kind, [f for f in record.predictions if f.mechanism == kind]) for kind in kinds]
    rows.append(_held("all", record.predictions))
    headers = ("mechanism", "predictions", f"within {TOLERANCE:.0%}", "", "median error", "largest error")
    return Sheet("Predictions by mechanism (time: microseconds)", headers, tuple(row for row in rows if row))


def _held(name: str, found: Sequence[Predicted]) -> tuple[str, ...]:
    if not found:
        return ()
    errors = sorted(abs(figure.error) for figure in found)
    held = sum(figure.held for figure in found)
    middle = (errors[len(errors) // 2] + errors[(len(errors) - 1) // 2]) / 2
    goal = "" if name not in STEPS else f"goal {GOAL:.0%}"
    return name, str(len(found)), f"{held} ({held / len(found):.0%})", goal, f"{middle:.1%}", f"{errors[-1]:.0%}"


def figures(found: Validated) -> Sheet:
    """A source's figures; those that were fitted are told apart."""
    headers = ("", "of", "published", "modelled", "error", "", "why it is missed")
    rows = tuple(
        (
            f.name,
            f.mechanism,
            _amount(f.published, f.mechanism),
            _amount(f.modelled, f.mechanism),
            f"{f.error:+.1%}",
            "fitted" if f.fitted else "" if f.held else "missed",
            f.reason if not f.fitted and not f.held else "",
        )
        for f in found.figures
    )
    return Sheet(f"{found.source} on {found.device} ({found.machine_hash}), modelled", headers, rows)


def _amount(value: float, mechanism: str) -> str:
    return f"{value:,.4g} us" if mechanism == "time" else f"{value:.3g}x"


def show(out: Console, record: ValidationRecord) -> None:
    first, *rest = sheets(record)
    for sheet, source in zip(rest, record.sources, strict=True):
        out.print(sheet.rich())
        out.print(f"{source.title}: {source.url}", style="dim", highlight=False)
        out.print(f"not told: {'; '.join(source.undisclosed)}", style="dim", highlight=False)
    out.print(first.rich())


def plot(record: ValidationRecord, path: str | Path) -> None:
    """Modelled over published, a row per figure, sources apart."""
    target = check_path(path)
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows = [(source.source, figure) for source in record.sources for figure in source.figures]
    figure, axes = pyplot.subplots(figsize=(9, 1.6 + 0.2 * len(rows)), layout="constrained")
    canvas: Any = figure
    axis: Any = axes
    axis.axvspan(1 - TOLERANCE, 1 + TOLERANCE, color=GREEN, alpha=0.12, label=f"within {TOLERANCE:.0%}", zorder=0)
    axis.axvline(1, color=BLACK, linewidth=0.8)
    for place, (_, each) in enumerate(rows):
        colour = RED if not each.fitted and not each.held else BLUE
        axis.scatter(1 + each.error, place, s=22, zorder=3, color="white" if each.fitted else colour, edgecolor=colour)
    for label, fill in (("predicted", BLUE), ("fitted", "white")):
        axis.scatter([], [], s=22, color=fill, edgecolor=BLUE, label=label)
    axis.set_yticks(range(len(rows)), [f"{source}: {each.name}" for source, each in rows], fontsize=7)
    axis.invert_yaxis()
    axis.set_xlabel("modelled / published")
    axis.set_title("published measurements of other people's devices, on the model", fontsize=11)
    plain(axis)
    own_legend(axis)
    footer(canvas, "modelled, not measured; machines " + ", ".join(dict.fromkeys(s.device for s in record.sources)))
    save(canvas, target)
    pyplot.close(figure)


def page(record: ValidationRecord) -> str:
    """All of it in Markdown: what is told and not, what was fitted, what is assumed."""
    lines = [summary(record).markdown(), ""]
    for source in record.sources:
        where = f"Source: <{source.url}>. Machine file: `{source.device}`. {source.notes}".rstrip()
        lines += [f"## {source.title}", "", where, "", figures(source).markdown(), ""]
        fitted = ", ".join(f"`{path}` = {number:.4g}" for path, number in source.calibrated.items())
        lines += [f"Fitted to the figures marked so: {fitted}.", ""] if fitted else []
        lines += [f"Not told: {'; '.join(source.undisclosed)}.", ""]
        if source.assumptions:
            told = (f"`{a.field}` = {a.value}{f' ({a.reason})' if a.reason else ''}" for a in source.assumptions)
            lines += [f"Stated assumptions: {'; '.join(told)}.", ""]
    return "\n".join(lines)
