"""What a study is: a name, options, parts, a record, tables and a figure, in one object.

    rung NAME [options] --json FILE     plan(options) -> parts, one after another -> record -> tables, figure
    rung report FILE                    record -> tables, figure

`session.py` does what all have in common: progress and time estimates, Ctrl-C that keeps the finished parts, files.
A study is one file in this folder and one line in `__init__.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from rich.console import Console

from ..bench.group import Lab, Tell
from ..bench.measure import Sampling
from ..bench.result import Environment, Record
from ..errors import RungError
from ..machine import Machine
from ..options.declared import Json, Plot
from ..report import tables
from ..report.page.parts import Sheet
from ..report.page.sheet import Contents, of


@dataclass(frozen=True, kw_only=True)
class StudyOptions:
    """The command line, as text. What every study has; each declares its own besides."""

    json: Json = None
    plot: Plot = None


O = TypeVar("O", bound=StudyOptions)
R = TypeVar("R", bound=Record)
T = TypeVar("T")


class WrongResult(RungError):
    """A part computed wrong values, of which its study keeps nothing. The sentence is shown; the status is 1."""


@dataclass(frozen=True)
class Part(Generic[T]):
    """One stretch of a study, of which what it finds is kept whole or not at all. `run` tells the lab its steps."""

    name: str
    run: Callable[[Lab], T]


@dataclass(frozen=True)
class Pooled(Generic[O, T, R]):
    """A study that is made in several fresh processes, each with `options` of its own; `pool` makes their records one,
    of which `parts` are shown."""

    processes: int
    options: Callable[[int], O]
    pool: Callable[[Sequence[R]], R]
    parts: Callable[[R], Sequence[T]]


@dataclass(frozen=True)
class Plan(Generic[O, T, R]):
    """What a command line asks for, checked before anything slow begins.

    `what` announces it. `record` makes a record of the parts that were finished, in order; None when these are too few
    to keep. `show_part` prints a part when it is done; without it, the tables come at the end.
    """

    what: str
    machine: Machine
    sampling: Sampling
    parts: tuple[Part[T], ...]
    """None where `find` finds them."""
    record: Callable[[Environment, Sequence[T], bool], R | None]
    """(environment, finished parts, whether these are all)"""
    show_part: Callable[[Console, T], None] | None = None
    pooled: Pooled[O, T, R] | None = None
    find: Callable[[Tell], AbstractContextManager[tuple[Part[T], ...]]] | None = None
    """Parts that are known when something slow is done, such as compiling a model; open while they are measured."""

    def open(self, tell: Tell) -> AbstractContextManager[tuple[Part[T], ...]]:
        """All parts, while the context is open."""
        return self.find(tell) if self.find else nullcontext(self.parts)


def _no_warnings(_: Any) -> Sequence[str]:
    return ()


@dataclass(frozen=True, kw_only=True)
class Kind(Generic[R]):
    """A kind of record, and how it is shown. `record`: a subclass whose `study` is this name."""

    name: str
    record: type[R]
    tables: Callable[[Console, R], None]
    figure: Callable[[R, Path], None] | None
    """Writes a .png, .svg or .pdf file. Raises UsageError when there is nothing to draw. None where tables are all."""
    explain: Callable[[Console, R], None] | None = None
    """Why the compiler did what it did, for `rung report --explain`; None where a record does not hold that."""
    warnings: Callable[[R], Sequence[str]] = _no_warnings
    page: Contents[R] | None = None
    """What its records have on a page; without it, their tables."""

    def sheet(self, record: R) -> Sheet:
        """All that a record says, as `rung report --html` puts it on a page."""
        return of(record, self.name, self.page, self.tables, self.warnings(record))

    def show(self, out: Console, record: R) -> None:
        """All that a record says, as `rung report` prints it."""
        self.tables(out, record)
        out.print(tables.environment(record.environment), style="dim", highlight=False)
        if not record.complete:
            out.print("the run was interrupted: what it had finished is shown", style="yellow")


def _no_other(_: Any) -> None:
    return None


@dataclass(frozen=True, kw_only=True)
class Study(Kind[R], Generic[O, R]):
    """`details` follow the line of help in the registry."""

    details: str
    options: type[O]
    plan: Callable[[O], Plan[O, Any, R]]
    """Raises UsageError for what cannot be done."""
    figure: Callable[[R, Path], None]
    instead: Callable[[O], tuple[Study[Any, Any], StudyOptions] | None] = _no_other
    """Another study that such options ask for, with its own; None: this one."""
