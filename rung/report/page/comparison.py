"""Two records beside each other, on a page."""

from __future__ import annotations

from ...bench.comparison import Compared, Comparison
from ...bench.result import Environment
from .. import comparison as words
from .parts import BLACK, Axis, Bar, Bars, BarSeries, Block, Cell, Mark, Section, Sheet, Table, Text, Tone, cell, row
from .sheet import Verdict, facts

_TONES: dict[str, Tone] = {"slower": "bad", "WRONG now": "bad", "faster": "good", "no difference": "dim", "same": "dim"}
_MOST = 40
"""Bars; the table has them all."""


def sheet(found: Comparison, above: float, names: tuple[str, str], command: str, environment: Environment) -> Sheet:
    """names: of the two files."""
    first, *others = words.sentences(found, above)
    tone: Tone = "bad" if words.regressions(found, above) else "good"
    verdict: Verdict = ((first, tone), *((each, "") for each in others))
    rows = tuple(_row(each, above) for each in found.rows)
    table = Table("after / before: above 1 is slower", ("what", "before", "after", "ratio", "verdict", "IR"), rows)
    blocks: list[Block] = [*_chart(found, above), table]
    changed = tuple(row(*each) for each in found.changes)
    same = Text(("Machine, versions and settings are the same.",))
    other: Block = Table("what else changed", ("", "before", "after"), changed) if changed else same
    return Sheet(
        f"{names[1]} against {names[0]}",
        tuple(verdict),
        (Section("Times", tuple(blocks)), Section("Machine, versions and settings", (other,))),
        (),
        command,
        tuple(facts(environment)),
    )


def _row(each: Compared, above: float) -> tuple[Cell, ...]:
    word = words.verdict(each, above)
    return row(
        each.name,
        cell(words.amount(each.before, each.unit), each.before),
        cell(words.amount(each.after, each.unit), each.after),
        cell(words.ratio(each), each.ratio.value if each.ratio else None),
        cell(word, None, _TONES.get(word, "")),
        "changed" if each.ir_changed else "",
    )


def _chart(found: Comparison, above: float) -> list[Block]:
    """The farthest from 1."""
    known = [(each, each.ratio) for each in found.rows if each.ratio is not None]
    if not known:
        return []
    known = sorted(known, key=lambda pair: -pair[1].value)
    known = known if len(known) <= _MOST else [*known[: _MOST // 2], *known[-_MOST // 2 :]]
    bars: list[Bar] = []
    for each, ratio in known:
        tone: Tone = "bad" if each.slower(above) else ""
        low, high = (None, None) if ratio.low == ratio.high or ratio.high > 1e6 else (ratio.low, ratio.high)
        both = f"{words.amount(each.before, each.unit)} before, {words.amount(each.after, each.unit)} after"
        bars.append(Bar(ratio.value, f"{each.name}\n{both}: {words.ratio(each)}", low, high, tone))
    marks = [Mark("x", 1.0, "", BLACK, "solid")]
    if above:
        marks.append(Mark("x", 1 + above, f"+{above:.0%}", 3))
    return [
        Bars(
            "After / before",
            Axis("after / before: above 1 is slower", "times"),
            tuple(each.name for each, _ in known),
            (BarSeries("after / before", tuple(bars)),),
            "ratios of medians; whiskers are 95% bootstrap intervals over both runs",
            lying=True,
            marks=tuple(marks),
        )
    ]
