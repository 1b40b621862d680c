"""The tables of a kind of record that has no page of its own, as the terminal shows them: taken from its console."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text as RichText

from ...bench.result import Record
from .parts import Block, Cell, Section, Table, Text, Tone

R = TypeVar("R", bound=Record)
_TONES: dict[str, Tone] = {"green": "good", "red": "bad", "bold red": "bad", "yellow": "doubt", "dim": "dim"}
_NUMBER = re.compile(r"[-+]?[\d,]*\.?\d+(e[-+]?\d+)?")
_UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}


class Keeper(Console):
    """A console that keeps what is printed to it, in order."""

    def __init__(self) -> None:
        super().__init__(width=400, markup=False, emoji=False, quiet=True)
        self.blocks: list[Block] = []

    def print(self, *objects: Any, style: Any = None, **options: Any) -> None:
        for each in objects:
            if isinstance(each, RichTable):
                self.blocks.append(table(each))
            elif words := str(each).strip():
                self.blocks.append(Text(tuple(words.splitlines()), _TONES.get(str(style or ""), "")))


def sections(show: Callable[[Console, R], None], record: R) -> Sequence[Section]:
    """One section, with all that `show` prints."""
    keeper = Keeper()
    show(keeper, record)
    return (Section("Results", tuple(keeper.blocks)),)


def table(found: RichTable) -> Table:
    """The same table. Its title and its headers are texts."""
    numbers = [column.justify == "right" for column in found.columns]
    rows = _filled(list(zip(*(list(column.cells) for column in found.columns), strict=True)))
    cells = (tuple(_cell(each, number) for each, number in zip(row, numbers, strict=True)) for row in rows)
    return Table(str(found.title or ""), tuple(str(column.header) for column in found.columns), tuple(cells))


def _filled(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """A terminal names a group in its first line only, on the left; here rows are sorted, and each has its name. What
    is empty behind a cell that is not says that there is nothing to say."""
    found: list[list[Any]] = []
    for row in rows:
        named = next((at for at, each in enumerate(row) if str(each)), len(row))
        found.append([*(found[-1][:named] if found else row[:named]), *row[named:]])
    return found


def _cell(content: Any, number: bool) -> Cell:
    words = str(content)
    tone: Tone = _TONES.get(str(content.style), "") if isinstance(content, RichText) else ""
    return Cell(words, amount(words) if number else None, tone)


def amount(words: str) -> float | None:
    """The number that a text begins with, a time in seconds: what a column is sorted by."""
    found = _NUMBER.match(words)
    if not found:
        return None
    unit = words[found.end() :].split(maxsplit=1)[:1]
    return float(found[0].replace(",", "")) * _UNITS.get(unit[0] if unit else "", 1.0)
