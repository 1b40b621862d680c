"""A validation on a page: other people's measurements, and this machine's, beside what was predicted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...bench import host_validation_score as score
from ...bench.host_validation_result import TOLERANCE as HOST_TOLERANCE
from ...bench.host_validation_result import HostValidationRecord
from ...bench.validation_result import TOLERANCE, Predicted, ValidationRecord
from .. import host_validation, text, validation
from . import captured
from .parts import BLACK, GREY, Axis, Bar, Bars, BarSeries, Mark, Section, Text, Tone
from .sheet import Contents, Verdict


def verdict(record: ValidationRecord) -> Verdict:
    """How many predictions hold, by mechanism."""
    found: list[tuple[str, Tone]] = []
    for kind in (*validation.STEPS, "other", "time"):
        figures = [figure for figure in record.predictions if figure.mechanism == kind]
        if figures:
            held = sum(figure.held for figure in figures)
            tone: Tone = "good" if held >= 0.8 * len(figures) else "doubt"
            found.append((f"{kind}: {held} of {len(figures)} predictions are within {TOLERANCE:.0%}.", tone))
    worst = max(record.predictions, key=lambda figure: abs(figure.error), default=None)
    if worst is not None and not worst.held:
        found.append((f"Farthest: {worst.name}: {worst.error:+.0%}: {worst.reason or 'no reason is known'}.", "bad"))
    return found


def sections(record: ValidationRecord) -> Sequence[Section]:
    rows = [(source.source, figure) for source in record.sources for figure in source.figures]
    devices = ", ".join(dict.fromkeys(source.device for source in record.sources))
    names = tuple(f"{source}: {figure.name}" for source, figure in rows)
    bars = tuple(_bar(figure) for _, figure in rows)
    words = f"modelled, not measured; machines {devices}; grey: the machine file was fitted to them"
    chart = _errors("Modelled over published", "modelled / published", names, bars, words, TOLERANCE)
    chart = replace(chart, colours=tuple(GREY if figure.fitted else 0 for _, figure in rows))
    return (Section("All figures", (chart,)), *captured.sections(validation.show, record))


def _bar(figure: Predicted) -> Bar:
    why = f"\n{figure.reason}" if figure.reason and not figure.fitted and not figure.held else ""
    how = "fitted" if figure.fitted else "predicted"
    words = f"{figure.name}\npublished {figure.published:.4g}, {how} {figure.modelled:.4g}: {figure.error:+.1%}{why}"
    return Bar(1 + figure.error, words, tone="" if figure.fitted or figure.held else "bad")


def _errors(
    title: str, axis: str, names: tuple[str, ...], bars: tuple[Bar, ...], caption: str, tolerance: float
) -> Bars:
    """Predicted over found, with what it may be off."""
    marks = (
        Mark("x", 1.0, "", BLACK, "solid"),
        Mark("x", 1 - tolerance, f"-{tolerance:.0%}", GREY),
        Mark("x", 1 + tolerance, f"+{tolerance:.0%}", GREY),
    )
    return Bars(title, Axis(axis, "times"), names, (BarSeries(axis, bars),), caption, lying=True, marks=marks)


def _host_verdict(record: HostValidationRecord) -> Verdict:
    """Per mechanism: errors, and whether it was told right what pays."""
    found: list[tuple[str, Tone]] = []
    every = score.steps(record)
    for mechanism in score.MECHANISMS:
        steps = [step for step in every if step.mechanism == mechanism]
        if steps:
            told = score.Score.of(steps)
            words = (
                f"{mechanism}: {told.within} of {told.steps} steps are predicted within {HOST_TOLERANCE:.0%}; whether "
                f"it pays is right {told.signs} times of {told.decided} that the measurement decides."
            )
            found.append((words, "good" if told.within * 2 > told.steps else "doubt"))
    return found


def _host_sections(record: HostValidationRecord) -> Sequence[Section]:
    steps = score.steps(record)
    names = tuple(f"{text.title(step.result).rpartition(', on ')[0]}, {step.mechanism}" for step in steps)
    bars = tuple(
        Bar(
            step.predicted / step.measured,
            f"{text.title(step.result)}, {step.mechanism}\npredicted {text.times(step.predicted)}, measured "
            f"{text.ratio(step.measured, step.result.step_ci)}: {step.error:+.0%}",
            tone="" if step.within else "bad",
        )
        for step in steps
    )
    words = f"{record.environment.cpu}; predicted before they were measured"
    chart = _errors("Predicted over measured steps", "predicted / measured", names, bars, words, HOST_TOLERANCE)
    first = (Section("All steps", (chart,)),) if steps else (Section("All steps", (Text(("no step was measured",)),)),)
    return (*first, *captured.sections(host_validation.show, record))


CONTENTS = Contents[ValidationRecord](lambda _: "Other people's measurements, predicted", verdict, sections)
HOST = Contents[HostValidationRecord](
    lambda record: f"This machine's times, predicted: {record.environment.cpu}", _host_verdict, _host_sections
)
