"""A sweep as a table and as a plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from ..bench.sweep_result import Point, Sweep, Value
from ..errors import UsageError
from . import tables
from .figure import check_path, grid_of, plain, save
from .text import counted

_ROWS = 40
"""A longer table shows the fastest."""
_AXES, _LINES, _PANELS = 3, 10, 9


def title(sweep: Sweep) -> str:
    shape = " x ".join(map(str, sweep.shape))
    return f"{sweep.kernel} {shape} {sweep.dtype} on {sweep.environment.machine['name']}"


def table(sweep: Sweep) -> Table:
    """A row per machine, in order; of more than forty the fastest."""
    points = list(sweep.points)
    label = f"{title(sweep)}: cycles are modelled"
    if len(points) > _ROWS:
        label += f"; the {_ROWS} fastest of {len(points):,}"
        points = sorted(points, key=lambda point: point.us)[:_ROWS]
    found = tables.new_table(label)
    for name in sweep.varied:
        found.add_column(name, justify="right")
    for name in ("cycles (modelled)", "us", "contexts compute", "DMA busy", "stalls"):
        found.add_column(name, justify="right", no_wrap=True)
    for point in points:
        found.add_row(
            *(str(point.values[name]) for name in sweep.varied),
            f"{point.cycles:,.0f}",
            f"{point.us:,.1f}",
            f"{point.compute_utilisation:.0%}",
            f"{point.dma_utilisation:.0%}",
            f"{point.stall_cycles:,.0f}",
        )
    return found


def show(console: Console, sweep: Sweep) -> None:
    """The table, and how much was compiled for it."""
    console.print(table(sweep))
    count = len({point.compilation for point in sweep.points})
    found = f"{counted(len(sweep.points), 'machine')}, {counted(count, 'compilation')}"
    console.print(found, style="dim", highlight=False)


def check_plot(varied: Mapping[str, Sequence[Any]]) -> None:
    """Raises UsageError when so many fields do not fit into one plot."""
    sizes = [len(values) for values in varied.values()]
    if len(sizes) > _AXES:
        raise UsageError(f"--plot shows up to {_AXES} varied fields, not {len(sizes)}; the JSON holds any number")
    if (len(sizes) > 1 and sizes[1] > _LINES) or (len(sizes) > 2 and sizes[2] > _PANELS):
        raise UsageError(
            f"--plot shows the first field along the axis, up to {_LINES} values of the second as lines and up to "
            f"{_PANELS} of the third as panels; put the longest list first"
        )


def plot(sweep: Sweep, path: str | Path) -> None:
    """Time over the first field; a line per value of the second, a panel per value of the third."""
    target = check_path(path)
    check_plot(sweep.varied)
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = [*sweep.varied, None, None][:_AXES]
    x, line, panel = names
    panels = sweep.varied[panel] if panel else [None]
    rows, columns = grid_of(len(panels))
    figure, axes = pyplot.subplots(
        rows, columns, figsize=(5.2 * columns, 3.8 * rows), squeeze=False, sharey=True, layout="constrained"
    )
    canvas: Any = figure
    grid: list[Any] = list(axes.flat)
    for axis in grid[len(panels) :]:
        axis.set_axis_off()
    for axis, which in zip(grid, panels, strict=False):
        points = [point for point in sweep.points if panel is None or point.values[panel] == which]
        _panel(axis, points, str(x), line)
        axis.set_title(f"{panel} = {which}" if panel else title(sweep), fontsize=10)
    if panel:
        canvas.suptitle(title(sweep), fontsize=11)
    machine = sweep.environment.machine["name"]
    canvas.supxlabel(
        f"modelled, not measured; machine {machine} {sweep.environment.machine_hash}, fields varied as shown",
        fontsize=8, color="#555555",
    )  # fmt: skip
    save(canvas, target)
    pyplot.close(figure)


def _is_positive(value: Value) -> bool:
    return isinstance(value, int | float) and value > 0


def _panel(axis: Any, points: Sequence[Point], x: str, line: str | None) -> None:
    from matplotlib.ticker import LogLocator

    groups: dict[str, list[Point]] = {}
    for point in points:
        groups.setdefault(str(point.values[line]) if line else "", []).append(point)
    numeric = all(_is_positive(point.values[x]) for point in points)
    for label, members in groups.items():
        if numeric:
            members = sorted(members, key=lambda point: point.values[x])
        along = [point.values[x] if numeric else str(point.values[x]) for point in members]
        axis.plot(along, [point.us for point in members], marker="o", markersize=3, label=label)
    if numeric:
        axis.set_xscale("log")
        ticks = sorted({point.values[x] for point in points})
        if len(ticks) <= 12:
            axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
            axis.xaxis.set_minor_formatter("")
    axis.set_yscale("log")
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.yaxis.set_major_formatter("{x:g}")
    axis.yaxis.set_minor_formatter("")
    axis.set_xlabel(x)
    axis.set_ylabel("us (modelled)")
    plain(axis)
    if line:
        axis.legend(title=line, fontsize=8, title_fontsize=8)
