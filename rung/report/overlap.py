"""The overlap study: single and double buffering against arithmetic intensity, between their bounds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..bench import overlap_model
from ..bench.overlap_model import Row
from ..bench.overlap_result import OverlapPoint, OverlapRecord
from ..bench.ratios import ratio
from ..bench.result import Result
from ..bench.stats import median
from ..errors import UsageError
from . import text
from .figure import BLACK, GREY, SERIES, own_legend, panels, plain
from .tables import new_table, show_problems

_NOTABLE = 1.2


def show(console: Console, record: OverlapRecord) -> None:
    """Two tables per tile, and what follows from them."""
    groups = overlap_model.tiles(record)
    for tile, rows in groups.items():
        console.print(_bounds(tile, rows))
        console.print(_gains(rows))
        for sentence in conclusions(rows):
            console.print(f"  {sentence}", highlight=False)
        console.print()
    show_problems(console, record.results)
    if not groups:
        return
    modelled = record.results[0].unit == "cycles"
    resident = "single buffering, with transfers that take no time" if modelled else "a tile that stays in the caches"
    notes = (
        "T_dma: degree 1 with the most buffers, which hides its one addition",
        f"T_compute: the same code on one tile, times the number of tiles: {resident}",
        "hidden: 0% is T_dma + T_compute, 100% is the larger of the two",
        text.sampling(record.results, "degree"),
    )
    for note in notes:
        console.print(f"  {note}", style="dim", highlight=False)
    console.print()


def _bounds(tile: int, rows: Sequence[Row]) -> Table:
    first = rows[0]
    point = first.doubles[0][0]
    size = f"{point.elements:,} f32 in {first.trips:,} tiles of {text.count(tile)}"
    where = f"{first.single.device}{', cycles (modelled)' if first.single.unit == 'cycles' else ''}"
    table = new_table(f"DB against arithmetic intensity: {first.single.kernel}, {size}, on {where}")
    for name in ("degree", "flop/byte", "T_dma", "T_compute", "max", "sum", "direct", "single", "single/direct"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        unit = row.single.unit
        times = (row.transfer, row.compute, row.fastest, row.slowest, row.direct.median, row.single.median)
        against = ratio(row.single, row.direct)
        table.add_row(
            str(row.degree),
            f"{flops_per_byte(row.degree):.3g}",
            *(text.bare_amount(time or 0.0, unit) for time in times),
            text.times(against.value) if against else "-",
        )
    return table


def flops_per_byte(degree: int) -> float:
    """Two operations per element and degree; an element is four bytes, read once and written once."""
    return 2 * degree / 8


def _gains(rows: Sequence[Row]) -> Table:
    interval = " [95% CI]" if rows[0].single.unit == "s" else " (modelled)"
    table = new_table(f"double buffering: gain over single buffering{interval}, and how much was hidden")
    table.add_column("degree", justify="right")
    for point, _ in rows[0].doubles:
        table.add_column(name(point), justify="right")
    for row in rows:
        table.add_row(str(row.degree), *(_gain(row, result) for _, result in row.doubles))
    return table


def name(point: OverlapPoint) -> str:
    return f"{point.depth} x {text.count(point.own_tile)}, {point.control}"


def _gain(row: Row, result: Result) -> Text:
    if not result.launch.dma_transfers:
        return Text("no transfers", "yellow")
    share = row.hidden(result.median or 0.0)
    hidden = "above the sum" if share < 0 else "below the max" if share > 1 else f"{share:.0%} hidden"
    style = {"gain": "green", "loss": "red", "disputed": "yellow"}.get(text.verdict(result), "dim")
    hidden += ", medians disagree" if text.verdict(result) == "disputed" else ""
    return Text(f"{text.ratio(result.step, result.step_ci)}\n{hidden}", style)


def conclusions(rows: Sequence[Row]) -> list[str]:
    found: list[str] = []
    for control in ("equal tile", "equal scratchpad"):
        claimed = [
            (result.step_ci[0], row.degree, point, result)
            for row in rows
            for point, result in row.doubles
            if point.control == control and result.step_ci and text.verdict(result) == "gain"
        ]
        if not claimed:
            found.append(f"{control}: no gain of double over single buffering can be claimed.")
            continue
        _, degree, point, best = max(claimed, key=lambda each: each[0])
        degrees = sorted({each[1] for each in claimed})
        found.append(
            f"{control}: double buffering pays at degree {_listed(degrees)}; most at {degree}, with {point.depth} "
            f"buffers of {text.count(point.own_tile)}: {text.ratio(best.step, best.step_ci)} of single buffering."
        )
    best_of = {row.degree: min((r.median or 0.0) for _, r in row.doubles) for row in rows}
    wins = [row.degree for row in rows if (row.direct.median or 0.0) <= best_of[row.degree]]
    if wins:
        found.append(f"direct access is at least as fast as any double buffering at degree {_listed(wins)}.")
    excess = median([(row.single.median or 0.0) / row.slowest for row in rows])
    if excess > _NOTABLE:
        found.append(
            f"single buffering takes {text.times(excess)} T_dma + T_compute: it also waits for the engine to take "
            "notice, which double buffering hides as well."
        )
    copies = [r.launch.dma_waiter_copies or 0 for row in rows for _, r in row.doubles]
    if any(copies):
        transfers = [r.launch.dma_transfers or 0 for row in rows for _, r in row.doubles]
        share = sum(copies) / max(1, sum(transfers))
        found.append(f"{share:.1%} of the transfers were copied by the waiting context, as the engine was late.")
    if any(text.verdict(result) == "disputed" for row in rows for _, result in row.doubles):
        found.append(f"{text.DISPUTED}.")
    return found


def _listed(degrees: Sequence[int]) -> str:
    return ", ".join(str(degree) for degree in degrees)


def plot(record: OverlapRecord, path: str | Path) -> None:
    """Per tile: times between their bounds, and the gain of double buffering with the gain that is possible."""
    groups = overlap_model.tiles(record)
    if not groups:
        raise UsageError("there is nothing to plot: no degree was measured in full")
    with panels(record, path, 2, len(groups), (8.2 * len(groups), 9.0)) as axes:
        for column, (tile, rows) in enumerate(groups.items()):
            _times(axes[0][column], tile, rows)
            _gain_lines(axes[1][column], rows)
            for axis in (axes[0][column], axes[1][column]):
                axis.set_xscale("log", base=2)
                axis.set_xticks([row.degree for row in rows], [_tick(row.degree) for row in rows], fontsize=8)
                axis.set_xlabel("degree of the series (flop/byte)")
                plain(axis)


def _tick(degree: int) -> str:
    return f"{degree}\n({flops_per_byte(degree):.3g})"


def _times(axis: Any, tile: int, rows: Sequence[Row]) -> None:
    from matplotlib.ticker import LogFormatter

    degrees = [row.degree for row in rows]
    elements = rows[0].doubles[0][0].elements
    modelled = rows[0].single.unit == "cycles"
    scale = (1.0 if modelled else 1e9) / elements

    def line(times: Sequence[float], style: str, colour: str, label: str) -> None:
        axis.plot(degrees, [time * scale for time in times], style, color=colour, label=label, markersize=4, zorder=3)

    low, high = ([row.fastest * scale for row in rows], [row.slowest * scale for row in rows])
    axis.fill_between(degrees, low, high, color=GREY, alpha=0.2, linewidth=0, label="max to sum of T_dma, T_compute")
    line([row.direct.median or 0.0 for row in rows], "s--", GREY, "direct, no scratchpad")
    line([row.single.median or 0.0 for row in rows], "o-", BLACK, f"single, {text.count(tile)}")
    for at, (point, _) in enumerate(rows[0].doubles):
        style = "o-" if point.control == "equal tile" else "^:"
        label = f"double, {name(point)}"
        line([row.doubles[at][1].median or 0.0 for row in rows], style, SERIES[at % len(SERIES)], label)
    axis.set_yscale("log")
    for plain_numbers in (axis.yaxis.set_major_formatter, axis.yaxis.set_minor_formatter):
        plain_numbers(LogFormatter(labelOnlyBase=False, minor_thresholds=(2, 0.5)))
    axis.set_ylabel("cycles (modelled) per element" if modelled else "ns per element")
    axis.set_title(f"exp-series on {rows[0].single.device}, tile of {text.count(tile)} elements", fontsize=11)
    own_legend(axis)


def _gain_lines(axis: Any, rows: Sequence[Row]) -> None:
    degrees = [row.degree for row in rows]
    possible = [row.slowest / row.fastest for row in rows]
    axis.plot(degrees, possible, color=GREY, linewidth=5, alpha=0.35, label="sum / max: all hidden", zorder=1)
    for at, (point, _) in enumerate(rows[0].doubles):
        results = [row.doubles[at][1] for row in rows]
        steps = [result.step or 1.0 for result in results]
        ends = [result.step_ci or (step, step) for result, step in zip(results, steps, strict=True)]
        below = [max(0.0, step - low) for step, (low, _) in zip(steps, ends, strict=True)]
        above = [max(0.0, high - step) for step, (_, high) in zip(steps, ends, strict=True)]
        axis.errorbar(
            degrees, steps, [below, above], fmt="o-" if point.control == "equal tile" else "^:",
            color=SERIES[at % len(SERIES)], markersize=4, capsize=3, label=name(point), zorder=3,
        )  # fmt: skip
    axis.axhline(1, color=BLACK, linewidth=0.8)
    axis.yaxis.set_major_formatter("{x:g}x")
    axis.set_ylabel("gain of double over single buffering")
    own_legend(axis)
