"""A sweep as a table and as a plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from ..bench.sweep_result import Point, SweepRecord, Value
from ..errors import UsageError
from . import tables
from .figure import check_path, footer, grid_of, legend_beside, plain, save, wrapped
from .text import counted

_ROWS = 40
"""A longer table shows the fastest."""
_AXES, _LINES, _PANELS = 3, 10, 9
_LEGEND_INCHES = 1.6
_HELPERS = "npu.helper_cycles."
"""Any function of a library may have a price, so that only a kernel tells which names matter."""
_ALIKE = 0.005
_LEAST_SPAN = 1.5
"""Of the axis of times: its upper end over its lower one."""


def title(sweep: SweepRecord) -> str:
    shape = " x ".join(map(str, sweep.shape))
    return f"{sweep.kernel} {shape} {sweep.dtype} on {sweep.environment.machine['name']}"


def table(sweep: SweepRecord, best: Sequence[Point] = ()) -> Table:
    """A row per point, in order; of more than forty the fastest. `best` are marked."""
    points = list(sweep.points)
    label = f"{title(sweep)}: cycles are modelled"
    if len(points) > _ROWS:
        label += f"; the {_ROWS} fastest of {len(points):,}"
        points = sorted(points, key=lambda point: point.us)[:_ROWS]
    found = tables.new_table(label)
    for name in sweep.varied:
        found.add_column(name, justify="right")
    for name in ("cycles (modelled)", "us", "contexts compute", "DMA busy", "stalls", "front"):
        found.add_column(name, justify="right", no_wrap=True)
    for point in points:
        found.add_row(
            *(str(point.values[name]) for name in sweep.varied),
            f"{point.cycles:,.0f}",
            f"{point.us:,.1f}",
            f"{point.compute_utilisation:.0%}",
            f"{point.dma_utilisation:.0%}",
            f"{point.stall_cycles:,.0f}",
            "*" if any(point is each for each in best) else "",
        )
    return found


_RESOURCES = ("dma.bytes_per_cycle", "npu.dram_bytes_per_cycle", "clock_ghz", "npu.vector_units")
"""Varied fields of which more costs more, besides contexts and scratchpad."""


def front(sweep: SweepRecord) -> list[Point]:
    """The Pareto front: points that no other is as good as in everything, and of equal ones the first. What counts:
    time, contexts that take part, scratchpad in use, and what was varied of bandwidths, clock and vector units."""
    found: list[tuple[Point, tuple[float, ...]]] = []
    for point in sorted(sweep.points, key=lambda point: _costs(point)):
        costs = _costs(point)
        if not any(all(a <= b for a, b in zip(other, costs, strict=True)) for _, other in found):
            found.append((point, costs))
    return [point for point, _ in found]


def _costs(point: Point) -> tuple[float, ...]:
    numbers = (point.values[name] for name in _RESOURCES if name in point.values)
    return (point.us, point.contexts, point.scratchpad_bytes, *(n for n in numbers if isinstance(n, int | float)))


def show(console: Console, sweep: SweepRecord) -> None:
    """The table, and how much was compiled for it."""
    best = front(sweep)
    console.print(table(sweep, best))
    count = len({point.compilation for point in sweep.points})
    found = f"{counted(len(sweep.points), 'point')}, {counted(count, 'compilation')}"
    console.print(found, style="dim", highlight=False)
    console.print(
        f"front (*): {counted(len(best), 'point')} unbeaten in time, contexts, scratchpad and bandwidth",
        style="dim",
        highlight=False,
    )


def warnings(sweep: SweepRecord) -> list[str]:
    """Of varied fields that nothing depends on."""
    calls = f"its library calls: {', '.join(sweep.calls)}" if sweep.calls else "it calls no library function"
    return [
        f"{axis} changes nothing: {sweep.kernel} never calls it; {calls}"
        for axis in sweep.varied
        if axis.startswith(_HELPERS) and axis.removeprefix(_HELPERS) not in sweep.calls
    ]


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


def plot(sweep: SweepRecord, path: str | Path) -> None:
    """Time over the first field; a line per value of the second, a panel per value of the third."""
    target = check_path(path)
    check_plot(sweep.varied)
    if not sweep.points:
        raise UsageError("there is nothing to plot: no machine was finished")
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = [*sweep.varied, None, None][:_AXES]
    x, line, panel = names
    panels = sweep.varied[panel] if panel else [None]
    lines = _lines(sweep, line)
    rows, columns = grid_of(len(panels))
    size = (5.2 * columns + (_LEGEND_INCHES if line else 0), 3.8 * rows)
    figure, axes = pyplot.subplots(rows, columns, figsize=size, squeeze=False, sharey=True, layout="constrained")
    canvas: Any = figure
    grid: list[Any] = list(axes.flat)
    for axis in grid[len(panels) :]:
        axis.set_axis_off()
    for axis, which in zip(grid, panels, strict=False):
        points = [point for point in sweep.points if panel is None or point.values[panel] == which]
        _panel(axis, points, str(x), line, lines)
        axis.set_title(f"{panel} = {_shown(which)}" if panel else wrapped(title(sweep), 5.2, 10), fontsize=10)
    _set_limits(grid[0], [point.us for point in sweep.points])
    if panel:
        canvas.suptitle(title(sweep), fontsize=11)
    if line:
        legend_beside(canvas, line)
    machine = sweep.environment.machine["name"]
    footer(
        canvas, f"modelled, not measured; machine {machine} {sweep.environment.machine_hash}, fields varied as shown"
    )
    save(canvas, target)
    pyplot.close(figure)


def _is_positive(value: Value) -> bool:
    return isinstance(value, int | float) and value > 0


def _lines(sweep: SweepRecord, line: str | None) -> dict[str, Any]:
    """Labels of lines, with the value that each is drawn for: those that lie on each other in all panels are one."""
    if line is None:
        return {"": None}
    found: list[tuple[list[Any], dict[object, float]]] = []
    for value in sweep.varied[line]:
        along = {_rest(point, line): point.us for point in sweep.points if point.values[line] == value}
        same = next((values for values, other in found if _are_alike(along, other)), None)
        if same is None:
            found.append(([value], along))
        else:
            same.append(value)
    return {wrapped(", ".join(map(_shown, values)), _LEGEND_INCHES, 8): values[0] for values, _ in found}


def _rest(point: Point, line: str) -> object:
    """Where a point is on its line, and in which panel."""
    return tuple(value for name, value in point.values.items() if name != line)


def _are_alike(first: Mapping[object, float], second: Mapping[object, float]) -> bool:
    """Nearer to each other than a line is wide; no part of one is missing from the other."""
    return first.keys() == second.keys() and all(abs(us / second[at] - 1) < _ALIKE for at, us in first.items())


def _panel(axis: Any, points: Sequence[Point], x: str, line: str | None, lines: Mapping[str, Any]) -> None:
    from matplotlib.ticker import LogLocator

    numeric = all(_is_positive(point.values[x]) for point in points)
    for label, value in lines.items():
        members = [point for point in points if line is None or point.values[line] == value]
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


def _set_limits(axis: Any, us: Sequence[float]) -> None:
    """Of all panels. Small differences are not drawn as large ones."""
    low, high = min(us), max(us)
    room = max(_LEAST_SPAN / (high / low), (high / low) ** 0.12) ** 0.5
    axis.set_ylim(low / room, high * room)


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
