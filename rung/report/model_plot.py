"""A torch function's ladder as a figure: shares of a call under every rung, and what each step is worth to a kernel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..bench.ladder_result import Graph, LadderRecord
from ..bench.result import Timed
from ..errors import UsageError
from . import text
from .figure import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, SERIES, SKY, panels, plain

_KERNELS = 6
"""With a colour of their own; the others are one."""
_NAME = 34
_STEPS = {"Vec": ORANGE, "MT": BLUE, "DB": GREEN, "PF": PURPLE}
_REST, _ATEN, _BETWEEN = "#bbbbbb", GREY, "#e6e6e6"


def draw(record: LadderRecord, path: str | Path) -> None:
    """Left: a bar for each rung, of the shares of kernels, of ATen and of what is between. Right: a line for each
    kernel and one for the whole call, with a point for each step up the ladder and its 95% interval."""
    graph = record.graph
    if graph is None or not any(rung.median for rung in graph.rungs):
        raise UsageError("there is nothing to plot: no rung has a time")
    groups = record.groups()
    height = max(4.2, 0.34 * (len(groups) + 1) + 1.6)
    with panels(record, path, 1, 2, (13.5, height)) as axes:
        left, right = axes[0]
        _shares(left, graph)
        lines: list[tuple[str, list[Timed]]] = [(group[0].kernel, list(group)) for group in groups]
        order = {kernel.kernel: number for number, kernel in enumerate(_ordered(graph))}
        lines.sort(key=lambda line: order.get(line[0], len(order)))
        whole = "whole call" if graph.unit == "s" else "all kernels"
        _steps(right, [*lines, (whole, list(graph.rungs))], graph.unit)


def _ordered(graph: Graph) -> list[Any]:
    last = next((rung.rung for rung in reversed(graph.rungs) if rung.correct), "")
    return sorted(graph.kernels, key=lambda kernel: -kernel.spent.get(last, 0.0))


def _shares(axis: Any, graph: Graph) -> None:
    from matplotlib.ticker import PercentFormatter

    rungs = [rung for rung in graph.rungs if rung.median]
    kernels = _ordered(graph)
    named = kernels[:_KERNELS]
    colours = dict(zip((kernel.kernel for kernel in named), (*SERIES, SKY, RED), strict=False))
    for position, rung in enumerate(rungs):
        whole = rung.median or 1.0
        own = [(kernel.kernel, kernel.spent.get(rung.rung, 0.0), colours[kernel.kernel]) for kernel in named]
        others = sum(kernel.spent.get(rung.rung, 0.0) for kernel in kernels[_KERNELS:])
        library = graph.library_spent(rung.rung) if graph.unit == "s" else 0.0
        rest = max(0.0, whole - graph.kernels_spent(rung.rung) - library) if graph.unit == "s" else 0.0
        parts = [*own, ("other kernels", others, _REST), ("ATen", library, _ATEN), ("between", rest, _BETWEEN)]
        total = sum(amount for _, amount, _ in parts) or 1.0
        bottom = 0.0
        for name, amount, colour in parts:
            share = amount / total
            label = text.elided(name, _NAME) if position == 0 and any(_spent(graph, name)) else None
            axis.bar(position, share, bottom=bottom, width=0.7, color=colour, label=label, zorder=2)
            bottom += share
    ticks = [_tick(rung) for rung in rungs]
    axis.set_xticks(range(len(rungs)), ticks, fontsize=9)
    axis.set_ylim(0, 1)
    axis.yaxis.set_major_formatter(PercentFormatter(1.0))
    axis.set_ylabel("share of a call")
    axis.set_title(f"{graph.function}, on {graph.device}", fontsize=11)
    axis.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=7)
    plain(axis)
    axis.grid(axis="x", visible=False)


def _spent(graph: Graph, name: str) -> list[float]:
    """What has a place in the legend."""
    by_kernel = {kernel.kernel: list(kernel.spent.values()) for kernel in graph.kernels}
    others = _ordered(graph)[_KERNELS:]
    library = [1.0] if graph.library and graph.unit == "s" else []
    fixed = {"other kernels": [1.0] if others else [], "ATen": library, "between": [1.0] if graph.unit == "s" else []}
    return by_kernel.get(name, fixed.get(name, []))


def _tick(rung: Timed) -> str:
    speedup = f"\n{text.times(rung.speedup)}" if rung.speedup else ""
    return f"{rung.rung}\n{text.bare_amount(rung.median or 0.0, rung.unit)}{speedup}"


def _steps(axis: Any, lines: list[tuple[str, list[Timed]]], unit: str) -> None:
    from matplotlib.ticker import LogLocator

    named: set[str] = set()
    for row, (_, rungs) in enumerate(lines):
        for rung in rungs:
            name = rung.rung.rpartition("+")[2]
            if rung.step is None or name not in _STEPS:
                continue
            low, high = rung.step_ci or (rung.step, rung.step)
            error = [[max(0.0, rung.step - low)], [max(0.0, high - rung.step)]]
            axis.errorbar(
                rung.step, row, xerr=error if unit == "s" else None, fmt="o", markersize=6, color=_STEPS[name],
                capsize=3, linewidth=1.2, zorder=3, label=None if name in named else name,
            )  # fmt: skip
            named.add(name)
    axis.set_xscale("log")
    axis.axvline(1, color="black", linewidth=0.8, zorder=1)
    axis.axhline(len(lines) - 1.5, color="#bbbbbb", linewidth=0.8, zorder=1)
    axis.set_yticks(range(len(lines)), [text.elided(name, _NAME) for name, _ in lines], fontsize=7.5)
    axis.invert_yaxis()
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_major_formatter("{x:g}x")
    axis.xaxis.set_minor_formatter("")
    axis.set_xlabel("what a step up the ladder is worth (log scale)")
    axis.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=8)
    plain(axis)
