"""The scale study on a page: MT against problem size."""

from __future__ import annotations

from collections.abc import Sequence

from ...bench.scale_result import ScaleRecord
from .. import scale, text
from .captured import sections as as_printed
from .parts import BLACK, Axis, Chart, Mark, Point, Section, Series, Tone, bounds
from .sheet import Contents, Verdict, how


def title(record: ScaleRecord) -> str:
    first = record.results[0]
    return f"Scale of {first.kernel}, {first.dtype}, on {first.device}: MT against problem size"


def verdict(record: ScaleRecord) -> Verdict:
    """Where forking pays, per number of contexts, and what a fork costs."""
    found = scale.study(record)
    words: list[tuple[str, Tone]] = []
    for contexts, even in found.break_even.items():
        tone: Tone = "bad" if even.elements is None and not even.everywhere else "good"
        words.append((f"Forks on {scale.sentence(found, contexts, even)}", tone))
    if found.fit:
        words.append((f"Fitted: {scale.model(found, found.fit)}", ""))
    if any(text.verdict(result) == "disputed" for _, result in found.points):
        words.append((f"{text.DISPUTED}.", "doubt"))
    return words


def sections(record: ScaleRecord) -> Sequence[Section]:
    found = scale.study(record)
    first = record.results[0]
    where = f"{first.kernel}, {first.dtype}, Vec on, on {first.device}; {how(first)}"
    charts = tuple(each for each in (_speedups(found, where), _times(found, where), _residuals(found, where)) if each)
    return (Section("Charts", charts), *as_printed(scale.show, record))


def _colour(contexts: int, found: scale.Study) -> int:
    return BLACK if contexts == 1 else scale.all_contexts(found).index(contexts) - 1


def _speedups(found: scale.Study, where: str) -> Chart | None:
    series: list[Series] = []
    marks: list[Mark] = [Mark("y", 1.0, "", BLACK, "solid")]
    for contexts in (n for n in scale.all_contexts(found) if n > 1):
        colour, name = _colour(contexts, found), text.counted(contexts, "context")
        points: dict[bool, list[Point]] = {True: [], False: []}
        for point, result in found.of(contexts):
            if result.step:
                low, high = bounds(result.step_ci)
                words = (
                    f"{point.elements:,} elements in {text.counted(point.programs, 'program')} on {name}: "
                    f"{text.ratio(result.step, result.step_ci)}\n{text.amount(result.median or 0.0, result.unit)}, on "
                    f"{scale.threads(result)}: {text.verdict(result)}"
                )
                points[text.verdict(result) == "disputed"].append(Point(point.elements, result.step, words, low, high))
        if points[False]:
            series.append(Series(name, tuple(points[False]), "line", colour))
        if points[True]:
            series.append(Series(f"{name}, medians disagree", tuple(points[True]), "hollow", colour))
        even = found.break_even.get(contexts)
        if even and even.elements:
            marks.append(Mark("x", even.elements, f"break-even {text.count(even.elements)}", colour, "dashed"))
        if contexts in found.own:
            marks.append(
                Mark("x", found.own[contexts], f"rung forks from {text.count(found.own[contexts])}", colour, "dotted")
            )
    if not series:
        return None
    y = Axis("speed-up over 1 context", "times")
    return Chart("MT speed-up", Axis("elements", "count", 2), y, tuple(series), where, tuple(marks), 1.0)


def _times(found: scale.Study, where: str) -> Chart | None:
    unit = found.points[0][1].unit if found.points else "s"
    series: list[Series] = []
    for contexts in scale.all_contexts(found):
        colour, name = _colour(contexts, found), text.counted(contexts, "context")
        pairs = found.of(contexts)
        known = [
            Point(p.elements, r.median or 0.0, f"{name}, {p.elements:,} elements: {text.amount(r.median or 0.0, unit)}")
            for p, r in pairs
        ]
        series.append(Series(name, tuple(known), "points", colour))
        if found.fit:
            fitted = [(p.elements, found.fit.time(p.elements, contexts)) for p, _ in pairs]
            line = [Point(n, time, f"fitted: {text.amount(time, unit)}") for n, time in fitted]
            series.append(Series(f"{name}, fitted", tuple(line), "dashed", colour))
    y = Axis(
        "cycles (modelled)" if unit == "cycles" else "time of a launch", "cycles" if unit == "cycles" else "seconds", 10
    )
    x = Axis("elements", "count", 2)
    return (
        Chart("Times and T(n, p) = launch + fork(p) + n c / min(p, P)", x, y, tuple(series), where) if series else None
    )


def _residuals(found: scale.Study, where: str) -> Chart | None:
    series: list[Series] = []
    for contexts in scale.all_contexts(found):
        known = [(p.elements, found.residual(p, r.median)) for p, r in found.of(contexts) if r.median]
        points = [Point(n, 100 * value, f"{n:,} elements: {value:+.1%}") for n, value in known if value is not None]
        if points:
            name = text.counted(contexts, "context")
            series.append(Series(name, tuple(points), "line", _colour(contexts, found)))
    if not series:
        return None
    y, zero = Axis("fitted / found - 1", "percent"), Mark("y", 0.0, "", BLACK, "solid")
    return Chart("Residuals of the fit", Axis("elements", "count", 2), y, tuple(series), where, (zero,))


CONTENTS = Contents(title, verdict, sections)
