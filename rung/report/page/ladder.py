"""The ladder on a page: what each mechanism is worth, per kernel and over all."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...bench import stats
from ...bench.ladder_result import LadderRecord
from ...bench.result import Result, Timed
from .. import explain, text
from ..tables import MECHANISMS
from . import call
from .listing import listing
from .parts import Axis, Bar, Bars, BarSeries, Block, Cell, Section, Table, Text, Tone, bounds, cell, row
from .roofline import roofline
from .sheet import Contents, Verdict, caption, how

TONES: dict[str, Tone] = {"gain": "good", "loss": "bad", "disputed": "doubt", "no difference": ""}
GREY, BLUE, ORANGE, GREEN, PURPLE = -1, 0, 1, 2, 4
_FEW = 3
"""Kernels, of which each has its sentences on top; of more, the whole is told, and each kernel is folded."""


def title(record: LadderRecord) -> str:
    if record.graph is not None:
        return f"Ladder of {record.graph.function} on {record.graph.device}"
    names = list(dict.fromkeys(result.kernel for result in record.results))
    what = ", ".join(names) if len(names) <= _FEW else text.counted(len(names), "kernel")
    return f"Ladder of {what or 'nothing'} on {record.environment.machine['name']}"


def verdict(record: LadderRecord) -> Verdict:
    """What the highest rung is worth, and each step on the way, with why it is not worth more."""
    if record.graph is not None:
        return call.verdict(record.graph)
    groups = record.groups()
    if len(groups) > _FEW:
        return _overall(groups)
    return [sentence for group in groups for sentence in _sentences(group)]


def _sentences(group: Sequence[Result]) -> Verdict:
    found: list[tuple[str, Tone]] = []
    best = max((r for r in group if r.speedup), key=lambda r: r.speedup or 0.0, default=None)
    if best is not None and best.rung != "Scalar":
        ratio = text.ratio(best.speedup, best.speedup_ci)
        found.append((f"{text.title(group[0])}: at best {ratio} of Scalar, with {best.rung}.", "good"))
    for result in group:
        if (result.step is not None or not result.correct) and (words := text.conclusion(result)):
            name = f"{group[0].kernel} ({result.rung})" if len(group) > 4 else group[0].kernel
            found.append((f"{name}: {words}", TONES[text.verdict(result)]))
    return found


def _overall(groups: Sequence[Sequence[Result]]) -> Verdict:
    """For how many kernels each mechanism pays, and how much where it pays least and most."""
    found: list[tuple[str, Tone]] = []
    for rung in dict.fromkeys(result.rung for group in groups for result in group if result.step is not None):
        steps = [result for group in groups for result in group if result.rung == rung and result.step is not None]
        by: dict[str, list[Result]] = {}
        for result in sorted(steps, key=lambda result: result.step or 0.0):
            by.setdefault(text.verdict(result), []).append(result)
        gains, losses = by.get("gain", []), by.get("loss", [])
        words = f"{rung.rpartition('+')[2]} pays for {len(gains)} of {text.counted(len(steps), 'kernel')}"
        if gains:
            words += f": {_named(gains[0])} to {_named(gains[-1])}"
        if losses:
            words += f"; it costs {_named(losses[0])}" + (f" to {_named(losses[-1])}" if len(losses) > 1 else "")
        found.append((f"{words}.", "good" if len(gains) > len(losses) else "bad" if losses else ""))
    return found


def _named(result: Result) -> str:
    return f"{text.times(result.step or 1.0)} ({result.kernel})"


def sections(record: LadderRecord) -> Sequence[Section]:
    own = () if record.graph is None else call.sections(record.graph, record.groups())
    texts = tuple(listing(each) for each in record.listings)
    shown = [Section("Kernels at every stage", texts)] if texts else []
    groups = record.groups()
    return (*own, *_together(record), *(_kernel(group, record, len(groups) > _FEW) for group in groups), *shown)


def _together(record: LadderRecord) -> Sequence[Section]:
    groups = record.groups()
    if len(groups) < 2:
        return ()
    rows = tuple(_row(result, (group[0].kernel, text.shape(result.shape))) for group in groups for result in group)
    table = Table("every rung of every kernel", ("kernel", "size", *_COLUMNS), rows)
    return (Section("All kernels", (*_side_by_side(groups), table)),)


def _side_by_side(groups: Sequence[Sequence[Result]]) -> list[Block]:
    """Every kernel's speed-ups; nothing where rungs have none."""
    rungs = dict.fromkeys(r.rung for group in groups for r in group if r.speedup and r.rung != "Scalar")
    series: list[BarSeries] = []
    for rung in rungs:
        known = [next((r for r in group if r.rung == rung and r.speedup), None) for group in groups]
        colour = next(_colour(result) for result in known if result is not None)
        series.append(BarSeries(rung, tuple(_bar(result) if result else None for result in known), colour))
    first = groups[0][0]
    where = f"{first.dtype}, on {first.device}; sizes in the table; {how(first)}"
    names = tuple(group[0].kernel for group in groups)
    axis = Axis("speed-up over Scalar (log scale)", "times", 10)
    return [Bars("Speed-up over Scalar", axis, names, tuple(series), where, lying=True)] if series else []


_COLUMNS = ("rung", "median", "speed-up [95% CI]", "step [95% CI]", "verdict", "result", "evidence")


def _row(result: Result, before: Sequence[str] = ()) -> tuple[Cell, ...]:
    said = "" if result.step is None else text.verdict(result)
    return row(
        *before,
        result.rung,
        cell("-") if result.median is None else cell(text.amount(result.median, result.unit), result.median),
        cell(text.ratio(result.speedup, result.speedup_ci), result.speedup),
        cell(text.ratio(result.step, result.step_ci), result.step),
        cell(said, None, TONES.get(said, "")),
        cell("ok", None, "good") if result.correct else cell("WRONG", None, "bad"),
        text.evidence(result.evidence, result.launch),
    )


def _kernel(group: Sequence[Result], record: LadderRecord, folded: bool) -> Section:
    blocks: list[Block] = [bars(group)] if any(result.speedup for result in group) else []
    blocks.append(Table(text.title(group[0]), _COLUMNS, tuple(_row(result) for result in group)))
    if folded:
        blocks.append(Text(tuple(words for words, _ in _sentences(group))))
    blocks.append(Text((text.sampling(group),), "dim"))
    blocks += [*_attribution(group), *roofline(group)]
    decided = [
        row(result.rung, *line.partition(": ")[::2] if ": " in line else ("", line))
        for result in group
        for line in explain.lines(result, record.environment.machine)
    ]
    blocks.append(
        Table(
            "what the compiler decided, and by which numbers", ("rung", "on", "decision"), tuple(decided), folded=True
        )
    )
    return Section(f"{group[0].kernel}, {text.shape(group[0].shape)} {group[0].dtype}", tuple(blocks), folded)


def bars(group: Sequence[Result]) -> Bars:
    known = [result for result in group if result.speedup]
    return Bars(
        "Speed-up over Scalar",
        Axis("speed-up over Scalar (log scale)", "times", 10),
        tuple(f"{result.rung}\n{text.bare_amount(result.median or 0.0, result.unit)}" for result in known),
        (BarSeries("speed-up", tuple(_bar(result) for result in known)),),
        caption(group[0]),
        colours=tuple(_colour(result) for result in known),
    )


def _bar(result: Result) -> Bar:
    low, high = bounds(result.speedup_ci)
    step = f"\n{text.ratio(result.step, result.step_ci)} of {result.step_from}" if result.step_from else ""
    words = (
        f"{result.rung}: {text.amount(result.median or 0.0, result.unit)}\n"
        f"{text.ratio(result.speedup, result.speedup_ci)} of Scalar{step}\n"
        f"{text.evidence(result.evidence, result.launch)}"
    )
    return Bar(result.speedup or 1.0, words, low, high)


def _colour(result: Timed) -> int:
    vec, mt, db = result.mechanisms
    return PURPLE if result.prefetches else GREEN if db else BLUE if mt else ORANGE if vec else GREY


def _attribution(group: Sequence[Result]) -> list[Block]:
    """What each mechanism is worth alone, with the others, and over all orders; nothing unless all eight are timed."""
    logs = {result.mechanisms: math.log(result.speedup) for result in group if result.speedup and not result.prefetches}
    if len(logs) < 8:
        return []
    shares, leaving = stats.shapley(logs), stats.leave_one_out(logs)
    alone = [logs[on == 0, on == 1, on == 2] for on in range(3)]
    kinds = (("alone", alone, GREY), ("the two others on", leaving, BLUE), ("Shapley value", shares, ORANGE))
    series = tuple(
        BarSeries(
            kind,
            tuple(
                Bar(math.exp(value), f"{name}, {kind}: {text.times(math.exp(value))}")
                for name, value in zip(MECHANISMS, values, strict=True)
            ),
            colour,
        )
        for kind, values, colour in kinds
    )
    words = "Shapley value: the mean gain over all orders of putting the three in; the three multiply to the whole"
    axis = Axis("gain (log scale)", "times", 10)
    return [Bars("Attribution: each mechanism, whatever the order", axis, MECHANISMS, series, words)]


CONTENTS = Contents(title, verdict, sections)
