"""What a page is made of: data alone. Python says what is shown, and in which words; the page's scripts, how.

All words come ready from here (a number with its unit and interval is a `tip`), so that a page and a terminal say the
same. Colours are numbers of the palette in `assets/charts.js`, which has a light and a dark one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Tone = Literal["", "good", "bad", "doubt", "dim"]
Form = Literal["times", "count", "seconds", "cycles", "percent", "number"]
"""How the numbers at an axis are written."""
Line = Literal["line", "dashed", "dotted", "points", "hollow", "band"]

GREY, BLACK = -1, -2
"""Colours beside those of the palette."""


@dataclass(frozen=True)
class Text:
    """Sentences, one under the other."""

    lines: tuple[str, ...]
    tone: Tone = ""


@dataclass(frozen=True)
class Cell:
    text: str
    value: float | None = None
    """What the column is sorted by; None: the text."""
    tone: Tone = ""


@dataclass(frozen=True)
class Table:
    """Sorted by a click on a header, and filtered by words."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    folded: bool = False


@dataclass(frozen=True)
class Point:
    """`low` and `high` are the ends of its interval; `tip` is what is told where the pointer is."""

    x: float
    y: float
    tip: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Axis:
    name: str
    form: Form = "number"
    log: Literal[0, 2, 10] = 0


@dataclass(frozen=True)
class Series:
    """For a `band`, the area between `low` and `high` of its points."""

    name: str
    points: tuple[Point, ...]
    style: Line = "line"
    colour: int = 0


@dataclass(frozen=True)
class Mark:
    """A line across the whole chart."""

    axis: Literal["x", "y"]
    at: float
    label: str
    colour: int = GREY
    style: Literal["solid", "dashed", "dotted"] = "dashed"


@dataclass(frozen=True)
class Chart:
    """Lines and points over numbers. `loss_below`: the y under which the ground says so."""

    title: str
    x: Axis
    y: Axis
    series: tuple[Series, ...]
    caption: str
    marks: tuple[Mark, ...] = ()
    loss_below: float | None = None
    tall: bool = False
    kind: Literal["chart"] = "chart"


@dataclass(frozen=True)
class Bar:
    """One of a group; None in a chart where there is nothing to show."""

    value: float
    tip: str
    low: float | None = None
    high: float | None = None
    tone: Tone = ""


@dataclass(frozen=True)
class BarSeries:
    name: str
    bars: tuple[Bar | None, ...]
    """One per category."""
    colour: int = 0


@dataclass(frozen=True)
class Bars:
    """Groups of bars over categories; on top of each other if `stacked`, lying if `lying`. `colours`: one per category,
    where there is one series."""

    title: str
    y: Axis
    categories: tuple[str, ...]
    series: tuple[BarSeries, ...]
    caption: str
    stacked: bool = False
    lying: bool = False
    colours: tuple[int, ...] = ()
    marks: tuple[Mark, ...] = ()
    kind: Literal["bars"] = "bars"


@dataclass(frozen=True)
class Look:
    """Of a kind of interval in a timeline."""

    name: str
    colour: int
    idle: bool = False
    """Waiting is pale, so that work stands out."""


@dataclass(frozen=True)
class Timeline:
    """Rows of intervals. A span is (row, look, begin, end, number of its words); words are shared."""

    title: str
    unit: str
    rows: tuple[str, ...]
    looks: tuple[Look, ...]
    spans: tuple[tuple[int, int, float, float, int], ...]
    words: tuple[str, ...]
    caption: str
    kind: Literal["timeline"] = "timeline"


@dataclass(frozen=True)
class Stage:
    """One text of a kernel: a stage, or what a pass made. Lines are numbers of the listing's `lines`, and beside each
    the line of the source that it is from (0: none); `hot`: line -> share of an innermost loop."""

    name: str
    of_pass: bool
    lines: tuple[int, ...]
    source: tuple[int, ...]
    hot: tuple[tuple[int, int, str], ...] = ()
    """(first, last, words) of loops that are marked."""


@dataclass(frozen=True)
class Listing:
    """A kernel at every stage. `lines` holds each different line once."""

    title: str
    source_name: str
    source_first: int
    source: tuple[str, ...]
    lines: tuple[str, ...]
    stages: tuple[Stage, ...]
    kind: Literal["listing"] = "listing"


Block = Text | Table | Chart | Bars | Timeline | Listing


@dataclass(frozen=True)
class Section:
    """`folded`: closed until it is opened, where a page has many of its kind."""

    title: str
    blocks: tuple[Block, ...]
    folded: bool = False


@dataclass(frozen=True)
class Sheet:
    """What one record is on a page: its verdict in plain words, then sections. `rerun`: the command that makes it."""

    title: str
    verdict: tuple[tuple[str, Tone], ...]
    sections: tuple[Section, ...]
    warnings: tuple[str, ...]
    rerun: str
    environment: tuple[tuple[str, str], ...]


def cell(words: str, value: float | None = None, tone: Tone = "") -> Cell:
    return Cell(words, value, tone)


def row(*cells: Cell | str) -> tuple[Cell, ...]:
    return tuple(each if isinstance(each, Cell) else Cell(each) for each in cells)


def bounds(low_high: Sequence[float] | None) -> tuple[float | None, float | None]:
    """Of an interval with a width."""
    if low_high is None or low_high[0] == low_high[1]:
        return None, None
    return low_high[0], low_high[1]
