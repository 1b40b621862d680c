"""A reproduction on a page: published figures and the model's."""

from __future__ import annotations

from collections.abc import Sequence

from ...bench.reproduction_result import TOLERANCE, Figure, ReproductionRecord
from .. import reproduction
from .captured import amount
from .parts import BLACK, GREY, Axis, Bar, Bars, BarSeries, Cell, Mark, Section, Table, Tone
from .sheet import Contents, Verdict


def title(record: ReproductionRecord) -> str:
    return f"Published figures on {record.environment.machine['name']}, modelled"


def verdict(record: ReproductionRecord) -> Verdict:
    figures = [*record.ratios, *record.times_us]
    worst = max(figures, key=lambda figure: abs(figure.error))
    within = sum(abs(figure.error) <= TOLERANCE for figure in figures)
    found: list[tuple[str, Tone]] = [
        (
            f"{within} of {len(figures)} published figures are within {TOLERANCE:.0%} on one machine file; the "
            f"farthest is {worst.name} ({worst.source}): {worst.error:+.0%}.",
            "good" if within == len(figures) else "bad",
        )
    ]
    predicted = [figure for half in record.held_out for figure in half.predicted]
    if predicted:
        miss = max(predicted, key=lambda figure: abs(figure.error))
        words = f"Fitted on half of the ratios, it predicts the others within {abs(miss.error):.0%} ({miss.name})."
        found.append((words, "" if abs(miss.error) <= TOLERANCE else "doubt"))
    parameters = len(record.parameters)
    found.append(
        (f"{parameters} parameters are calibrated: a calibration, not a prediction. All of it is modelled.", "")
    )
    return found


def sections(record: ReproductionRecord) -> Sequence[Section]:
    tables = tuple(_table(sheet) for sheet in reproduction.sheets(record))
    return (Section("Modelled over published", (_chart(record),)), Section("Tables", tables))


def _chart(record: ReproductionRecord) -> Bars:
    figures = [(f, "x") for f in record.ratios] + [(f, " us") for f in record.times_us]
    bars = tuple(_bar(figure, unit) for figure, unit in figures)
    names = tuple(f"{figure.name} ({figure.source})" for figure, _ in figures)
    marks = (
        Mark("x", 1.0, "", BLACK, "solid"),
        Mark("x", 1 - TOLERANCE, f"-{TOLERANCE:.0%}", GREY),
        Mark("x", 1 + TOLERANCE, f"+{TOLERANCE:.0%}", GREY),
    )
    where = f"{record.environment.machine['name']} {record.environment.machine_hash}; modelled, not measured"
    axis = Axis("modelled / published", "times")
    series = (BarSeries("modelled / published", bars),)
    return Bars(
        "Ratios and times of the published study, on the model", axis, names, series, where, lying=True, marks=marks
    )


def _bar(figure: Figure, unit: str) -> Bar:
    both = f"published {figure.published:,.4g}{unit}, modelled {figure.modelled:,.4g}{unit}"
    words = f"{figure.name} ({figure.source})\n{both}"
    tone: Tone = "" if abs(figure.error) <= TOLERANCE else "bad"
    return Bar(figure.modelled / figure.published, f"{words}: {figure.error:+.1%}", tone=tone)


def _table(sheet: reproduction.Sheet) -> Table:
    rows = tuple(tuple(Cell(words, amount(words) if at else None) for at, words in enumerate(r)) for r in sheet.rows)
    return Table(sheet.title, sheet.headers, rows)


CONTENTS = Contents(title, verdict, sections)
