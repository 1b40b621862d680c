"""The overlap study on a page: DB against arithmetic intensity, between its bounds."""

from __future__ import annotations

from collections.abc import Sequence

from ...bench import overlap_model
from ...bench.overlap_model import Row
from ...bench.overlap_result import OverlapRecord
from .. import overlap, text
from .captured import sections as as_printed
from .parts import BLACK, GREY, Axis, Block, Chart, Mark, Point, Section, Series, Tone, bounds
from .sheet import Contents, Verdict, how


def title(record: OverlapRecord) -> str:
    return f"Overlap on {record.results[0].device}: DB against arithmetic intensity"


def verdict(record: OverlapRecord) -> Verdict:
    found: list[tuple[str, Tone]] = []
    for tile, rows in overlap_model.tiles(record).items():
        for words in overlap.conclusions(rows):
            pays = "double buffering pays" in words
            doubtful = words.startswith(text.DISPUTED) or "no gain" in words
            found.append((f"Tiles of {text.count(tile)}, {words}", "good" if pays else "doubt" if doubtful else ""))
    return found


def sections(record: OverlapRecord) -> Sequence[Section]:
    charts: list[Block] = []
    for tile, rows in overlap_model.tiles(record).items():
        charts += [_times(tile, rows), _gains(tile, rows)]
    shown = [Section("Charts", tuple(charts))] if charts else []
    return (*shown, *as_printed(overlap.show, record))


_X = Axis("degree of the series: multiply-adds per element", "number", 2)


def _where(tile: int, rows: Sequence[Row]) -> str:
    first = rows[0].single
    elements = rows[0].doubles[0][0].elements
    return f"exp-series, {elements:,} f32 in tiles of {text.count(tile)}, on {first.device}; {how(first)}"


def _times(tile: int, rows: Sequence[Row]) -> Chart:
    elements, unit = rows[0].doubles[0][0].elements, rows[0].single.unit
    scale = 1.0 if unit == "cycles" else 1e9

    def points(times: Sequence[float], name: str) -> tuple[Point, ...]:
        return tuple(
            Point(row.degree, time * scale / elements, _told(row, time, name, unit))
            for row, time in zip(rows, times, strict=True)
        )

    band = tuple(
        Point(row.degree, row.fastest, "", row.fastest * scale / elements, row.slowest * scale / elements)
        for row in rows
    )
    single = f"single, {text.count(tile)}"
    series = [
        Series("between max and sum of T_dma and T_compute", band, "band", GREY),
        Series("direct, no scratchpad", points([r.direct.median or 0.0 for r in rows], "direct"), "dashed", GREY),
        Series(single, points([row.single.median or 0.0 for row in rows], single), "line", BLACK),
    ]
    for at, (point, _) in enumerate(rows[0].doubles):
        name = f"double, {overlap.name(point)}"
        times = [row.doubles[at][1].median or 0.0 for row in rows]
        series.append(Series(name, points(times, name), "line" if point.control == "equal tile" else "dotted", at))
    y = Axis("cycles (modelled) per element" if unit == "cycles" else "ns per element", "number", 10)
    return Chart(
        f"Time between its bounds, tiles of {text.count(tile)}", _X, y, tuple(series), _where(tile, rows), tall=True
    )


def _told(row: Row, time: float, name: str, unit: str) -> str:
    of_engine, of_core = text.amount(row.transfer, unit), text.amount(row.compute, unit)
    return (
        f"{name}, degree {row.degree} ({overlap.flops_per_byte(row.degree):.3g} flop/byte): {text.amount(time, unit)}\n"
        f"{row.hidden(time):.0%} of what can be hidden is hidden; T_dma {of_engine}, T_compute {of_core}"
    )


def _gains(tile: int, rows: Sequence[Row]) -> Chart:
    possible = tuple(
        Point(r.degree, r.slowest / r.fastest, f"all hidden: {text.times(r.slowest / r.fastest)}") for r in rows
    )
    series = [Series("sum / max: all hidden", possible, "dashed", GREY)]
    for at, (point, _) in enumerate(rows[0].doubles):
        found: list[Point] = []
        for row in rows:
            result = row.doubles[at][1]
            low, high = bounds(result.step_ci)
            words = (
                f"{overlap.name(point)}, degree {row.degree}: {text.ratio(result.step, result.step_ci)} of single "
                f"buffering: {text.verdict(result)}\n{row.hidden(result.median or 0.0):.0%} hidden; "
                f"{text.evidence(result.evidence, result.launch)}"
            )
            found.append(Point(row.degree, result.step or 1.0, words, low, high))
        style = "line" if point.control == "equal tile" else "dotted"
        series.append(Series(overlap.name(point), tuple(found), style, at))
    y = Axis("gain over single buffering", "times")
    one = Mark("y", 1.0, "", BLACK, "solid")
    name = f"Gain of double buffering, tiles of {text.count(tile)}"
    return Chart(name, _X, y, tuple(series), _where(tile, rows), (one,), 1.0)


CONTENTS = Contents(title, verdict, sections)
