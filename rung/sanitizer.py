"""What the sanitizer is asked for, and the accesses of a kernel that it watches (docs/debugging.md)."""

from __future__ import annotations

from dataclasses import astuple, dataclass, replace
from typing import Any, Literal

from .errors import UsageError
from .schedule import Schedule

Kind = Literal["load", "store", "atomic", "volatile load"]
KINDS: tuple[Kind, ...] = ("load", "store", "atomic", "volatile load")
"""By number, as the runtime knows them (sanitize.h)."""
_STOP, _REPORT, _OFF = ("1", "true", "on", "yes", "y", "stop"), ("report",), ("", "0", "false", "off", "no", "n")


@dataclass(frozen=True)
class Sanitizer:
    """stop: at the first fault, which is raised; else faults are left out, counted, and summed up on stderr."""

    stop: bool = True

    @staticmethod
    def parse(text: str, name: str = "RUNG_SANITIZE") -> Sanitizer | None:
        """None where nothing is asked for. Raises UsageError, which calls the text `name`."""
        word = text.strip().lower()
        if word in _OFF:
            return None
        if word not in (*_STOP, *_REPORT):
            raise UsageError(f"{name} is `{text}`; give 1 (stop at the first fault), report (go on and sum up), or 0")
        return Sanitizer(stop=word in _STOP)

    def __str__(self) -> str:
        return "1" if self.stop else "report"


def sanitized(schedule: Schedule) -> Schedule:
    """Programs one after another, in the order of the grid: what is found is the same in every run. Nothing is moved
    ahead of its check: no transfers, and nothing fetched into the cache."""
    return replace(schedule, threads=1, double_buffer=False, scratchpad="off", prefetch=False)


@dataclass(frozen=True)
class Site:
    """One access in the kernel's source."""

    kind: Kind
    file: str
    line: int
    column: int
    """From 0."""
    argument: str
    """That the pointer is derived from; empty where it is not known, or may be one of several."""
    extents: tuple[int, ...]
    """Of the block; () for a scalar."""
    element_bytes: int
    masked: bool
    gathers: bool = False
    """Numbers that were loaded say where."""

    @property
    def where(self) -> str:
        """`file.py:LINE`, without folders."""
        return f"{self.file.rpartition('/')[2]}:{self.line}"

    def to_json(self) -> list[Any]:
        return list(astuple(self))

    @staticmethod
    def of_json(entry: list[Any]) -> Site:
        """Inverse of `to_json`."""
        kind, file, line, column, argument, extents, element_bytes, masked, gathers = entry
        return Site(kind, file, line, column, argument, tuple(extents), element_bytes, masked, gathers)
