"""A validation of the host as tables, in Markdown, and as a figure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from ..bench.host_validation_result import TOLERANCE, HostResult, HostValidationRecord
from ..bench.host_validation_score import MECHANISMS, Score, Step, missed, steps
from ..errors import UsageError
from . import tables, text
from .figure import BLUE, GREEN, RED, check_path, own_legend, plain, save
from .reproduction import Sheet as Sheet

_COLOURS = {"Vec": BLUE, "MT": GREEN, "DB": RED}


def sheets(record: HostValidationRecord) -> tuple[Sheet, ...]:
    """Constants; times; steps by mechanism; what was missed."""
    found = steps(record)
    return (
        Sheet(
            "This machine's constants, measured first",
            ("constant", "value"),
            tuple((c.name, f"{c.value:,.3g}") for c in record.constants),
        ),
        Sheet("Predicted and measured times of a launch", _HEADERS, _times(record)),
        Sheet(
            f"Steps within {TOLERANCE:.0%}, and signs told right",
            ("mechanism", "steps", "within", "", "decided", "sign right", ""),
            tuple(_score(name, Score.of(some)) for name, some in _by_mechanism(found)),
        ),
        Sheet(
            "Missed steps",
            ("kernel", "size", "mechanism", "predicted", "measured", "error"),
            tuple(_miss(step) for step in found if missed(step)),
        ),
    )


_HEADERS = ("kernel", "size", "rung", "predicted", "measured", "error", "step predicted", "step measured")


def show(console: Console, record: HostValidationRecord) -> None:
    for sheet in sheets(record):
        if sheet.rows:
            console.print(sheet.rich())
    tables.show_problems(console, record.results)
    if record.results:
        console.print(f"  {conclusion(record)}", highlight=False)


def conclusion(record: HostValidationRecord) -> str:
    """The two numbers that it comes to."""
    score = Score.of(steps(record))
    if not score.steps:
        return "no step has both times"
    sign = (
        f"; of {score.decided} that pay or do not, {_part(score.signs, score.decided)} were told"
        if score.decided
        else ""
    )
    return f"{_part(score.within, score.steps)} of {score.steps} steps are within {TOLERANCE:.0%}{sign}"


def _by_mechanism(found: Sequence[Step]) -> list[tuple[str, list[Step]]]:
    each = [(name, [step for step in found if step.mechanism == name]) for name in MECHANISMS]
    return [*each, ("all", list(found))]


def _score(name: str, score: Score) -> tuple[str, ...]:
    return (
        name,
        str(score.steps),
        str(score.within),
        _part(score.within, score.steps),
        str(score.decided),
        str(score.signs),
        _part(score.signs, score.decided),
    )


def _part(some: int, all_: int) -> str:
    return f"{some / all_:.0%}" if all_ else "-"


def _times(record: HostValidationRecord) -> tuple[tuple[str, ...], ...]:
    by_result = {id(step.result): step for step in steps(record)}
    return tuple(_row(result, by_result.get(id(result))) for result in record.results)


def _row(result: HostResult, step: Step | None) -> tuple[str, ...]:
    measured = result.median
    return (
        result.kernel,
        text.shape(result.shape),
        result.rung,
        text.duration(result.forecast.total),
        text.duration(measured) if measured else "-",
        f"{result.forecast.total / measured - 1:+.0%}" if measured else "-",
        f"{step.predicted:.3g}x" if step else "",
        f"{step.measured:.3g}x" if step else "",
    )


def _miss(step: Step) -> tuple[str, ...]:
    return (
        step.result.kernel,
        text.shape(step.result.shape),
        step.mechanism,
        f"{step.predicted:.3g}x",
        f"{step.measured:.3g}x",
        f"{step.error:+.0%}" + ("" if step.sign or not step.decided else ", wrong sign"),
    )


def plot(record: HostValidationRecord, path: Path) -> None:
    """Predicted against measured steps: on the diagonal, both are one. Raises UsageError without any."""
    from matplotlib.figure import Figure

    found = steps(record)
    if not found:
        raise UsageError("there is no step with both times to draw")
    target = check_path(path)
    canvas = Figure(figsize=(6.5, 6), layout="constrained")
    axis: Any = canvas.subplots()
    ends = [value for step in found for value in (step.predicted, step.measured)]
    low, high = min(ends) / 1.3, max(ends) * 1.3
    axis.fill_between(
        [low, high], [low * (1 - TOLERANCE), high * (1 - TOLERANCE)], [low * (1 + TOLERANCE), high * (1 + TOLERANCE)],
        color="0.9", label=f"within {TOLERANCE:.0%}",
    )  # fmt: skip
    axis.plot([low, high], [low, high], color="0.6", linewidth=1)
    for name, some in _by_mechanism(found)[: len(MECHANISMS)]:
        axis.scatter([s.measured for s in some], [s.predicted for s in some], s=18, color=_COLOURS[name], label=name)
    axis.set(xscale="log", yscale="log", xlim=(low, high), ylim=(low, high))
    axis.set_xlabel("measured step (times faster)")
    axis.set_ylabel("predicted before")
    axis.set_title(conclusion(record), fontsize=9)
    plain(axis)
    own_legend(axis)
    save(canvas, target)
