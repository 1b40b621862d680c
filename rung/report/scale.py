"""The scale study: MT speed-up against problem size, break-even, the fitted cost of a fork, residuals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..bench import scale_model
from ..bench.result import Result
from ..bench.scale_model import BreakEven, Fit
from ..bench.scale_result import ScalePoint, ScaleRecord, ScaleResult
from ..errors import UsageError
from . import text
from .figure import BLACK, RED, SERIES, legend_beside, marker_size, panels, plain, wrapped
from .tables import new_table, show_problems
from .text import counted


@dataclass(frozen=True)
class Study:
    """What follows from a record's points. `own` is the size from which on rung itself forks."""

    points: Sequence[tuple[ScalePoint, ScaleResult]]
    break_even: Mapping[int, BreakEven]
    own: Mapping[int, int]
    fit: Fit | None

    def of(self, contexts: int) -> list[tuple[ScalePoint, ScaleResult]]:
        return [(point, result) for point, result in self.points if point.contexts == contexts and result.median]

    def residual(self, point: ScalePoint, median: float) -> float | None:
        """(model - measured) / measured; None where the model says nothing."""
        if self.fit is None or not _shared_by_all(point):
            return None
        return self.fit.time(point.elements, point.contexts) / median - 1


def study(record: ScaleRecord) -> Study:
    points = scale_model.points(record)
    several = sorted({point.contexts for point, _ in points if point.contexts > 1})
    break_even: dict[int, BreakEven] = {}
    own: dict[int, int] = {}
    for contexts in several:
        forked = [(p, r.step) for p, r in points if p.contexts == contexts and counts(p, r) and r.step]
        found = scale_model.break_even([p.elements for p, _ in forked], [step for _, step in forked])
        if found:
            break_even[contexts] = found
        size = scale_model.forks_from([p for p, _ in points if p.contexts == contexts])
        if size:
            own[contexts] = size
    samples = [(p.elements, p.contexts, r.median) for p, r in points if r.median and _shared_by_all(p)]
    parallel = int(record.environment.machine.get("contexts", 1))
    return Study(points, break_even, own, scale_model.fit(samples, parallel))


def counts(point: ScalePoint, result: Result) -> bool:
    """Whether the result says where forking pays: there was something to share, and its two estimates agree."""
    return point.programs > 1 and text.verdict(result) != "disputed"


def _shared_by_all(point: ScalePoint) -> bool:
    """With fewer programs than contexts, some have nothing to do."""
    return point.programs >= point.contexts


def show(console: Console, record: ScaleRecord) -> None:
    """The table, the break-even points and the fitted model."""
    found = study(record)
    if not found.points:
        return
    console.print(_table(found))
    for contexts, even in found.break_even.items():
        console.print(f"  {sentence(found, contexts, even)}", highlight=False)
    if found.fit:
        console.print(f"  {model(found, found.fit)}", highlight=False)
    results = [result for _, result in found.points]
    if any(text.verdict(result) == "disputed" for result in results):
        console.print(f"  {text.DISPUTED}", style="yellow", highlight=False)
    show_problems(console, results)
    console.print(
        f"  {text.sampling(results, 'size')}; forking is forced wherever there are two programs\n",
        style="dim",
        highlight=False,
    )


def _table(found: Study) -> Table:
    result = found.points[0][1]
    modelled = result.unit == "cycles"
    where = f"{result.device}, Vec on{', cycles (modelled)' if modelled else ''}"
    table = new_table(f"MT against problem size: {result.kernel}, {result.dtype}, on {where}")
    speedup = "MT speed-up" if modelled else "MT speed-up [95% CI]"
    for name in ("elements", "programs", "contexts", "cycles" if modelled else "median", speedup):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for name in ("model", "residual"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("ran on", no_wrap=True)
    by_size = sorted(found.points, key=lambda pair: (pair[0].elements, pair[0].contexts))
    last = None
    for point, result in by_size:
        if last not in (None, point.elements):
            table.add_section()
        first, last = last != point.elements, point.elements
        median = result.median
        residual = found.residual(point, median) if median else None
        expected = found.fit.time(point.elements, point.contexts) if found.fit and residual is not None else None
        table.add_row(
            f"{point.elements:,}" if first else "",
            f"{point.programs:,}" if first else "",
            str(point.contexts),
            text.bare_amount(median, result.unit) if median else "-",
            text.ratio(result.step, result.step_ci),
            _verdict(point, result),
            text.bare_amount(expected, result.unit) if expected else "-",
            f"{residual:+.0%}" if residual is not None else "-",
            threads(result),
        )
    return table


def threads(result: Result) -> str:
    """Cores that took part in a launch at the same time; a fork that was not made runs on the caller's. On a model,
    contexts."""
    if result.unit == "cycles":
        return counted(result.launch.contexts_ran or 1, "context")
    forked = (result.launch.contexts_ran or 0) > 1
    return counted((result.launch.threads_ran or 1) if forked else 1, "thread")


def _verdict(point: ScalePoint, result: Result) -> Text:
    if not result.correct:
        return Text("WRONG", "bold red")
    if result.step is None:
        return Text("")
    if point.programs < 2:
        return Text("one program", "dim")
    shown = {"gain": ("gain", "green"), "loss": ("LOSS", "red"), "disputed": ("medians disagree", "yellow")}
    return Text(*shown.get(text.verdict(result), ("no difference", "dim")))


def sentence(found: Study, contexts: int, even: BreakEven) -> str:
    forked = [(p, r) for p, r in found.of(contexts) if counts(p, r)]
    smallest, largest = forked[0][0].elements, forked[-1][0].elements
    best, at = max((r.step, p.elements) for p, r in forked if r.step)
    if even.everywhere:
        words = f"pay at every size from {smallest:,} on: the break-even lies below the range"
    elif even.elements is None:
        words = f"lose up to {largest:,} elements: there is no break-even within the range"
    else:
        words = f"pay from about {even.elements:,.0f} elements on, and lose below"
    peak = f"at most {text.times(best)}, at {at:,}"
    own = found.own.get(contexts)
    test = f"; rung's own test forks from {own:,} elements on" if own else ""
    return f"{contexts} contexts {words}; {peak}{test}."


def model(found: Study, fit: Fit) -> str:
    unit = found.points[0][1].unit
    forks = ", ".join(f"fork({p}) {_cost(value, unit)}" for p, value in fit.fork.items())
    residuals = [found.residual(p, r.median) for p, r in found.points if r.median]
    known = [abs(value) for value in residuals if value is not None]
    mean = (sum(value * value for value in known) / len(known)) ** 0.5
    launch = f"launch {_cost(fit.launch, unit)}, {forks}, c {_cost(fit.per_element, unit)} per element"
    return (
        f"T(n, p) = launch + fork(p) + n*c/min(p, {fit.parallel:.3g}): {launch}; "
        f"residuals {mean:.0%} (root mean square), at most {max(known):.0%}."
    )


def _cost(value: float, unit: str) -> str:
    """Small costs are fractions of the units of times."""
    return f"{value:.3g} cycles (modelled)" if unit == "cycles" else text.duration(value)


def plot(record: ScaleRecord, path: str | Path) -> None:
    """Speed-ups with the region of loss; times with the fitted model; its residuals."""
    found = study(record)
    several = sorted({p.contexts for p, r in found.points if p.contexts > 1 and p.programs > 1 and r.step})
    if not several:
        raise UsageError("there is nothing to plot: no size was shared among contexts")
    with panels(record, path, 1, 3, (18.5, 4.8)) as axes:
        _speedups(axes[0][0], found, several)
        _times(axes[0][1], found)
        _residuals(axes[0][2], found)
        for axis in axes[0]:
            axis.set_xscale("log", base=2)
            axis.xaxis.set_major_formatter(_elements)
            axis.set_xlabel("elements")
            plain(axis)
        legend_beside(axes[0][0].figure, handles=_legend(found))


def _elements(value: float, _: int) -> str:
    return text.count(value)


def _speedups(axis: Any, found: Study, several: Sequence[int]) -> None:
    lowest, highest = 1.0, 1.5
    for contexts in several:
        look = _look(contexts, found)
        every = [(p, r) for p, r in found.of(contexts) if r.step]
        # What nothing is said of is shown, but no line leads through it, as no break-even does.
        disputed = [(p.elements, r.step or 1.0) for p, r in every if text.verdict(r) == "disputed"]
        if disputed:
            axis.plot(*zip(*disputed, strict=True), linestyle="", fillstyle="none", **look)
        pairs = [(p, r) for p, r in every if text.verdict(r) != "disputed"]
        sizes = [p.elements for p, _ in pairs]
        steps = [r.step or 1.0 for _, r in pairs]
        ends = [r.step_ci or (r.step or 1.0, r.step or 1.0) for _, r in pairs]
        below = [max(0.0, step - low) for step, (low, _) in zip(steps, ends, strict=True)]
        above = [max(0.0, high - step) for step, (_, high) in zip(steps, ends, strict=True)]
        axis.errorbar(sizes, steps, [below, above], capsize=3, zorder=3, linewidth=1.3, **look)
        lowest, highest = min([lowest, *steps]), max([highest, *steps, *(step for _, step in disputed)])
        crossing = found.break_even.get(contexts)
        even = crossing.elements if crossing else None
        if even:
            axis.axvline(even, color=look["color"], linestyle="--", linewidth=1)
        own = found.own.get(contexts)
        if own:
            axis.axvline(own, color=look["color"], linestyle=":", linewidth=1.4)
    axis.axhline(1, color=BLACK, linewidth=0.8)
    axis.axhspan(min(0.0, lowest), 1, color=RED, alpha=0.08, zorder=0)
    axis.annotate(
        "loss", (1, 0.5), xytext=(4, 0), xycoords=("axes fraction", "data"), textcoords="offset points", rotation=90,
        va="center", color=RED, fontsize=9,
    )  # fmt: skip
    axis.set_ylim(0, 1.25 * highest)  # an interval of a disturbed size may reach beyond
    axis.yaxis.set_major_formatter("{x:g}x")
    axis.set_ylabel("MT speed-up over 1 context")
    result = found.points[0][1]
    axis.set_title(wrapped(f"{result.kernel}, {result.dtype}, on {result.device}, Vec on", 4.8, 11), fontsize=11)


def _legend(found: Study) -> list[Any]:
    """Colours with the sizes that their upright lines stand at, then what lines and markers are."""
    from matplotlib.lines import Line2D

    sample: Any = Line2D

    def grey(label: str, **look: str) -> Any:
        return sample([], [], color="#555555", linewidth=1.2, label=label, **look)

    handles = [sample([], [], label=_told(n, found), **_look(n, found)) for n in all_contexts(found)]
    handles.append(grey("replayed" if found.points[0][1].unit == "cycles" else "measured", marker="o", linestyle=""))
    if found.fit:
        handles.append(grey("fitted times"))
    if any(text.verdict(result) == "disputed" for _, result in found.points):
        handles.append(grey("medians disagree", marker="o", linestyle="", fillstyle="none"))
    if any(even.elements for even in found.break_even.values()):
        handles.append(grey("break-even", linestyle="--"))
    if found.own:
        handles.append(grey("rung forks from here", linestyle=":"))
    return handles


def _told(contexts: int, found: Study) -> str:
    lines = [counted(contexts, "context")]
    even = found.break_even.get(contexts)
    if even and even.elements:
        lines.append(f"break-even {text.count(even.elements)}")
    if contexts in found.own:
        lines.append(f"rung forks from {text.count(found.own[contexts])}")
    return "\n".join(lines)


def _look(contexts: int, found: Study) -> dict[str, Any]:
    """Black is one context; where colours begin anew, markers change."""
    every = all_contexts(found)
    position = every.index(contexts)
    size = marker_size(len(every), position)
    if contexts == 1:
        return {"color": BLACK, "marker": "o", "markersize": size}
    again, colour = divmod(position - 1, len(SERIES))
    return {"color": SERIES[colour], "marker": "os^vD"[again % 5], "markersize": size}


def _times(axis: Any, found: Study) -> None:
    for contexts in all_contexts(found):
        pairs, look = found.of(contexts), _look(contexts, found)
        sizes = [p.elements for p, _ in pairs]
        axis.plot(sizes, [r.median for _, r in pairs], linestyle="", **look)
        if found.fit:
            axis.plot(sizes, [found.fit.time(n, contexts) for n in sizes], color=look["color"], linewidth=1)
    axis.set_yscale("log")
    unit = found.points[0][1].unit
    axis.set_ylabel("seconds" if unit == "s" else "cycles (modelled)")
    axis.set_title("T(n, p) = launch + fork(p) + n c / min(p, P)", fontsize=11)


def _residuals(axis: Any, found: Study) -> None:
    for contexts in all_contexts(found):
        known = [(p.elements, found.residual(p, r.median)) for p, r in found.of(contexts) if r.median]
        shown = [(n, 100 * value) for n, value in known if value is not None]
        if shown:
            axis.plot(*zip(*shown, strict=True), linewidth=0.8, **_look(contexts, found))
    axis.axhline(0, color=BLACK, linewidth=0.8)
    axis.set_ylabel("fitted / found - 1, %")
    axis.set_title("residuals of the fit", fontsize=11)


def all_contexts(found: Study) -> list[int]:
    return sorted({point.contexts for point, _ in found.points})
