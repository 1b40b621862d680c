"""A sweep on a page: one kernel on a grid of modelled devices."""

from __future__ import annotations

from collections.abc import Sequence

from ...bench.sweep_result import Point as Machine
from ...bench.sweep_result import SweepRecord, Value
from .. import sweep
from .parts import Axis, Bar, Bars, BarSeries, Block, Cell, Chart, Point, Section, Series, Table, Tone, cell
from .sheet import Contents, Verdict

_LINES = 10


def title(record: SweepRecord) -> str:
    return f"Sweep of {sweep.title(record)}"


def verdict(record: SweepRecord) -> Verdict:
    """The fastest and the slowest machine, and what each field is worth over its range."""
    if not record.points:
        return ()
    best, worst = (pick(record.points, key=lambda point: point.us) for pick in (min, max))
    found: list[tuple[str, Tone]] = [
        (
            f"Fastest: {best.us:,.1f} us with {_named(best)}; {worst.us / best.us:.3g} times as long with "
            f"{_named(worst)}.",
            "good",
        )
    ]
    for name, values in record.varied.items():
        if len(values) > 1 and (worth := _worth(record, name)):
            least, most = min(worth), max(worth)
            gain = f"{least:.3g}x to {most:.3g}x" if most / least > 1.005 else f"{most:.3g}x"
            tone: Tone = "good" if most > 1.02 else "bad" if least < 0.98 else ""
            found.append((f"{name} from {values[0]} to {values[-1]}, everything else the same, is worth {gain}.", tone))
    return found


def _named(point: Machine) -> str:
    return ", ".join(f"{name} {value}" for name, value in point.values.items())


def _worth(record: SweepRecord, name: str) -> list[float]:
    """Time at the first value over the time at the last, for every choice of the other fields."""
    ends: dict[tuple[Value, ...], dict[Value, float]] = {}
    for point in record.points:
        others = tuple(value for key, value in point.values.items() if key != name)
        ends.setdefault(others, {})[point.values[name]] = point.us
    first, last = record.varied[name][0], record.varied[name][-1]
    return [times[first] / times[last] for times in ends.values() if first in times and last in times]


def sections(record: SweepRecord) -> Sequence[Section]:
    charts: list[Block] = [chart] if (chart := _chart(record)) else []
    return (Section("Results", (*charts, _table(record))),)


def _chart(record: SweepRecord) -> Block | None:
    """Time over the first field, a line for each choice of the others."""
    first, *others = record.varied
    lines: dict[tuple[Value, ...], list[Machine]] = {}
    for point in record.points:
        lines.setdefault(tuple(point.values[name] for name in others), []).append(point)
    if not record.points or len(lines) > _LINES:
        return None
    names = [", ".join(f"{name} {value}" for name, value in zip(others, key, strict=True)) for key in lines]
    words = f"{sweep.title(record)} {record.environment.machine_hash}, fields varied as shown; modelled, not measured"
    if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in record.varied[first]):
        values = record.varied[first]
        bars = [{p.values[first]: Bar(p.us, _tip(p)) for p in points} for points in lines.values()]
        found = tuple(
            BarSeries(name or "time", tuple(line.get(value) for value in values), at)
            for at, (name, line) in enumerate(zip(names, bars, strict=True))
        )
        return Bars(f"Time over {first}", Axis("us (modelled)"), tuple(str(value) for value in values), found, words)
    series = tuple(
        Series(name or "time", tuple(Point(float(p.values[first]), p.us, _tip(p)) for p in points), "line", at)
        for at, (name, points) in enumerate(zip(names, lines.values(), strict=True))
    )
    numbers = [float(value) for value in record.varied[first]]
    wide = min(numbers) > 0 and max(numbers) / min(numbers) >= 4
    return Chart(f"Time over {first}", Axis(first, "number", 2 if wide else 0), Axis("us (modelled)"), series, words)


def _tip(point: Machine) -> str:
    return (
        f"{_named(point)}\n{point.cycles:,.0f} cycles (modelled), {point.us:,.1f} us\ncontexts "
        f"compute {point.compute_utilisation:.0%}, DMA busy {point.dma_utilisation:.0%}, "
        f"stalls {point.stall_cycles:,.0f} cycles"
    )


def _table(record: SweepRecord) -> Table:
    names = ("cycles (modelled)", "us", "contexts compute", "DMA busy", "stalls", "compilation", "machine")
    return Table("every machine", (*record.varied, *names), tuple(_row(point, record) for point in record.points))


def _row(point: Machine, record: SweepRecord) -> tuple[Cell, ...]:
    varied = (point.values[name] for name in record.varied)
    return (
        *(cell(str(value), float(value) if isinstance(value, int | float) else None) for value in varied),
        cell(f"{point.cycles:,.0f}", point.cycles),
        cell(f"{point.us:,.1f}", point.us),
        cell(f"{point.compute_utilisation:.0%}", point.compute_utilisation),
        cell(f"{point.dma_utilisation:.0%}", point.dma_utilisation),
        cell(f"{point.stall_cycles:,.0f}", point.stall_cycles),
        cell(str(point.compilation), point.compilation),
        cell(point.machine_hash),
    )


CONTENTS = Contents(title, verdict, sections)
