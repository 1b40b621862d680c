"""The ladder as bars."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..bench.ladder_result import LadderRecord
from ..bench.result import Result
from ..errors import UsageError
from . import text
from .figure import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, grid_of, panels, plain, wrapped


def ladder(record: LadderRecord, path: str | Path) -> None:
    """One panel per kernel: speed-up over Scalar on a logarithmic axis, with 95% bootstrap intervals of what was
    measured."""
    groups = record.groups()
    if not any(result.speedup for group in groups for result in group):
        raise UsageError("there is nothing to plot: no rung has a speed-up over Scalar")
    rows, columns = grid_of(len(groups))
    widest = max(len(group) for group in groups)
    width = max(4.6, 1.15 * widest + 1.2)
    with panels(record, path, rows, columns, (width * columns, 4.2 * rows + 0.4)) as axes:
        cells: list[Any] = list(axes.flat)
        for cell, group in zip(cells, groups, strict=False):
            _panel(cell, group)
            cell.set_title(wrapped(text.title(group[0]), width - 0.6, 11), fontsize=11)
        for cell in cells[len(groups) :]:
            cell.set_axis_off()


def _panel(axis: Any, group: Sequence[Result]) -> None:
    from matplotlib.ticker import LogLocator

    axis.set_yscale("log")
    heights = [result.speedup or 1.0 for result in group]
    for position, (result, height) in enumerate(zip(group, heights, strict=True)):
        axis.bar(position, height - 1, bottom=1, width=0.66, color=_colour(result), zorder=2)
        low, high = result.speedup_ci or (height, height)
        if result.rung != "Scalar" and result.unit == "s":
            axis.errorbar(
                position, height, [[max(0, height - low)], [max(0, high - height)]],
                color="black", capsize=5, linewidth=1.3, zorder=3,
            )  # fmt: skip
        _label(axis, position, result, max(high, 1.0))
    axis.axhline(1, color="black", linewidth=0.8, zorder=1)
    low = min([1.0, *(r.speedup_ci[0] for r in group if r.speedup_ci)])
    high = max([1.0, *(r.speedup_ci[1] for r in group if r.speedup_ci), *heights])
    span = max(high / low, 1.5)
    axis.set_ylim(low / span**0.06, high * span**0.2)
    axis.set_xticks(range(len(group)), [_tick(result) for result in group], fontsize=9)
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.yaxis.set_major_formatter("{x:g}x")
    axis.yaxis.set_minor_formatter("")
    plain(axis)
    axis.grid(axis="x", visible=False)
    axis.set_xlabel("rung and its median time" if group[0].unit == "s" else "rung and its cycles (modelled)")
    axis.set_ylabel("speed-up over Scalar (log scale)")


def _label(axis: Any, position: int, result: Result, top: float) -> None:
    words = text.times(result.speedup) if result.speedup else ("WRONG" if not result.correct else "")
    axis.annotate(
        words, (position, top), xytext=(0, 4), textcoords="offset points", ha="center", fontsize=9,
        color="black" if result.correct else RED, fontweight="bold", zorder=4,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
    )  # fmt: skip


def _tick(result: Result) -> str:
    name = result.rung
    return f"{name}\n{text.bare_amount(result.median, result.unit)}" if result.median else name


def _colour(result: Result) -> str:
    if result.prefetches:
        return PURPLE
    vec, mt, db = result.mechanisms
    if db:
        return GREEN
    if mt:
        return BLUE
    return ORANGE if vec else GREY
