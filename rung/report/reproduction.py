"""A reproduction as tables, on the console or in Markdown, and as a figure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..bench.reproduction_result import TOLERANCE, Figure, HeldOut, ReproductionRecord
from ..errors import UsageError
from .figure import BLACK, BLUE, GREEN, RED, check_path, footer, own_legend, plain, save
from .sheet import Sheet


def sheets(record: ReproductionRecord) -> tuple[Sheet, ...]:
    """Ratios, times, sensitivity, held-out check."""
    machine = f"{record.environment.machine['name']} ({record.environment.machine_hash})"
    return (
        Sheet(f"Ratios on {machine}, modelled", _HEADERS, _figures([*record.ratios, record.in_words], "{:.4g}x")),
        Sheet("Times, modelled", _HEADERS, _figures(record.times_us, "{:,.0f} us")),
        _sensitivity(record),
        *map(_held_out, record.held_out),
    )


_HEADERS = ("", "source", "published", "modelled", "error")


def _figures(figures: Sequence[Figure], form: str) -> tuple[tuple[str, ...], ...]:
    return tuple(
        (f.name, f.source, form.format(f.published), form.format(f.modelled), f"{f.error:+.1%}") for f in figures
    )


def _held_out(found: HeldOut) -> Sheet:
    fitted = ", ".join(found.fitted)
    return Sheet(f"Predicted, when fitted on {fitted}", _HEADERS, _figures(found.predicted, "{:.4g}x"))


def _sensitivity(record: ReproductionRecord) -> Sheet:
    changes = record.sensitivity
    headers = ("", *(f"{name.rpartition('.')[2]} {record.parameters[name]:g}" for name in changes))
    rows = tuple((name, *(_change(found[name]) for found in changes.values())) for name in next(iter(changes.values())))
    return Sheet("How each ratio moves with each calibrated parameter, 20% lower / 20% higher", headers, rows)


def _change(pair: tuple[float, float]) -> str:
    low, high = (round(100 * change) for change in pair)
    return "." if low == high == 0 else f"{low:+d}% / {high:+d}%"


def plot(record: ReproductionRecord, path: str | Path) -> None:
    """Modelled over published, per figure, with the share that it may be off."""
    target = check_path(path)
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows = [(f"{f.name} ({f.source})", f.modelled / f.published) for f in (*record.ratios, *record.times_us)]
    if not rows:
        raise UsageError("there is nothing to plot: no figure was compared")
    figure, axes = pyplot.subplots(figsize=(8.5, 1.6 + 0.24 * len(rows)), layout="constrained")
    canvas: Any = figure
    axis: Any = axes
    axis.axvspan(1 - TOLERANCE, 1 + TOLERANCE, color=GREEN, alpha=0.12, label=f"within {TOLERANCE:.0%}", zorder=0)
    axis.axvline(1, color=BLACK, linewidth=0.8)
    colours = [BLUE if abs(value - 1) <= TOLERANCE else RED for _, value in rows]
    axis.scatter([value for _, value in rows], range(len(rows)), color=colours, s=22, zorder=3)
    axis.set_yticks(range(len(rows)), [name for name, _ in rows], fontsize=8)
    axis.invert_yaxis()
    axis.set_xlabel("modelled / published")
    axis.set_title("ratios and times of the published study, on the model", fontsize=11)
    plain(axis)
    own_legend(axis)
    machine = record.environment.machine["name"]
    footer(canvas, f"modelled, not measured; machine {machine} {record.environment.machine_hash}")
    save(canvas, target)
    pyplot.close(figure)
