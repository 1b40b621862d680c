"""When a count may grow: by 5% beyond the least that it has been, and further where the CHANGELOG says so and why.

The record keeps two numbers of a row: what was counted last, and the least that ever was, which only falls. Growth
beyond 5% of the least needs a line in the CHANGELOG that names the row, the least, the new count and the reason:

    - softmax f32 16 x 500: 54,424 -> 61,000 instructions, because rows may now overlap

Such a line allows as much, and 5% more, for as long as 54,424 is the least. So small growths add up over any number of
commits, and a line no longer helps once the count has been less.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

MOST_PERCENT = 5


class Change(Enum):
    """Of a fresh count."""

    NONE = "within 5%"
    LESS = "less"
    MORE = "more"
    ALLOWED = "more, which the CHANGELOG allows"
    NEW = "new"


@dataclass(frozen=True)
class Count:
    """One row of the record: `count` of a `unit` of the kernel `name` at `size`; `least`: that it has been so far."""

    name: str
    size: str
    unit: str
    count: int
    least: int

    @property
    def key(self) -> tuple[str, str, str]:
        return self.name, self.size, self.unit


Key = tuple[str, str, str]


@dataclass(frozen=True)
class Record:
    """What is kept. holds_for: the target, and the versions of what counts depend on."""

    holds_for: Mapping[str, str]
    rows: Sequence[Count]

    def row(self, key: Key) -> Count | None:
        return next((row for row in self.rows if row.key == key), None)


def too_many(count: int, limit: int) -> bool:
    """In whole numbers: the same everywhere."""
    return 100 * count > (100 + MOST_PERCENT) * limit


def allowed(kept: Count, changelog: str) -> int:
    """The most that a row may count, its 5% left out: the least, or what a line of the CHANGELOG says."""
    what = re.escape(f"{kept.name} {kept.size}: {kept.least:,} -> ")
    line = re.compile(rf"{what}([\d,]+) {re.escape(kept.unit)}, because \w")
    return max([kept.least, *(int(found.replace(",", "")) for found in line.findall(changelog))])


def line_for(kept: Count, fresh: int) -> str:
    """What the CHANGELOG must say, but for the reason."""
    return f"{kept.name} {kept.size}: {kept.least:,} -> {fresh:,} {kept.unit}, because ..."


def judge(kept: Count | None, fresh: int, changelog: str) -> Change:
    """A fresh count against the record."""
    if kept is None:
        return Change.NEW
    if too_many(fresh, allowed(kept, changelog)):
        return Change.MORE
    if too_many(fresh, kept.least):
        return Change.ALLOWED
    return Change.LESS if too_many(kept.count, fresh) else Change.NONE


def renewed(record: Record, fresh: Mapping[Key, int], holds_for: Mapping[str, str], changelog: str) -> Record:
    """The record with fresh counts. Raises ValueError, with a line for each, where they grew beyond what is allowed."""
    rows: list[Count] = []
    grown: list[str] = []
    for key, count in fresh.items():
        kept = record.row(key)
        if kept is not None and judge(kept, count, changelog) is Change.MORE:
            grown.append(line_for(kept, count))
        rows.append(Count(*key, count=count, least=count if kept is None else min(count, kept.least)))
    if grown:
        raise ValueError("\n".join(grown))
    return Record(holds_for, rows)


def faults(record: Record, changelog: str) -> list[str]:
    """What a record says that it may not say: growth that no line of the CHANGELOG allows."""
    return [
        f"{' '.join(row.key)}: {row.count:,}, but {allowed(row, changelog):,} allowed"
        for row in record.rows
        if not 0 <= row.least <= row.count or too_many(row.count, allowed(row, changelog))
    ]


def read(text: str) -> Record:
    found: dict[str, Any] = json.loads(text)
    return Record(found["holds_for"], [Count(**row) for row in found["counts"]])


def written(record: Record) -> str:
    """As JSON, a row a line, so that a change of one is one line of a diff."""
    rows = ",\n".join(f"  {json.dumps(asdict(row))}" for row in record.rows)
    return f'{{\n "holds_for": {json.dumps(record.holds_for)},\n "counts": [\n{rows}\n ]\n}}\n'
