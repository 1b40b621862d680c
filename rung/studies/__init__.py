"""The studies. This registry is what the command line, `rung report` and Python know them from.

    from rung import studies

    record = studies.run("ladder", kernels=("gelu",), size="64K", rounds=20)
    record.results[1].speedup
    studies.write(record, "gelu.json")
    studies.show(studies.read("gelu.json"))

A new study is a file that defines `STUDY` (`study.py` says what that is), its test, and a line here. Modules are
imported when they are asked for: `rung --help` needs none.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from ..options.command import Entry

if TYPE_CHECKING:
    from ..bench.result import Record
    from .study import Kind, Study

REGISTRY: dict[str, Entry] = {
    "ladder": Entry("Measure what each mechanism is worth.", "rung.studies.ladder"),
    "scale": Entry("Measure multi-threading (MT) against problem size.", "rung.studies.scale"),
    "overlap": Entry("Measure double buffering (DB) against arithmetic intensity.", "rung.studies.overlap"),
    "sweep": Entry("Replay a kernel on a grid of modelled devices.", "rung.studies.sweep"),
    "reproduce": Entry("Compare a modelled device with the published figures.", "rung.studies.reproduce"),
    "advise": Entry("Which schedule a kernel wants, what bounds it, what would help.", "rung.studies.advise"),
    "validate": Entry(
        "Predict published measurements of other people's devices, or this machine's times.", "rung.studies.validate"
    ),
}
RECORDS: dict[str, str] = {
    "profile": "rung.studies.profile",
    "validate-host": "rung.studies.validate_host",
    "trace": "rung.studies.trace",
    "compile": "rung.studies.listing",
}
"""Of commands that are no studies, or of a study on other devices: the modules that define their `KIND`."""


def find(name: str) -> Study[Any, Any]:
    """The study of that name. Raises UsageError for others."""
    if name not in REGISTRY:
        raise UsageError(f"there is no study `{name}`; choose from: {', '.join(REGISTRY)}")
    return REGISTRY[name].load("STUDY")


def run(name: str, **options: Any) -> Record:
    """Makes a study and returns its record. Progress goes to stderr, nothing to stdout.

    `options` are the fields of the study's options (`find(name).options`), the texts of the command line among them:
    `run("scale", kernel="gelu", sizes="4K,64K", json="scale.json")`. Raises UsageError for what cannot be done, and
    KeyboardInterrupt for Ctrl-C; with `json`, what was finished is written before.
    """
    from . import session

    study = find(name)
    try:
        given = study.options(**options)
    except TypeError as error:
        raise UsageError(f"study {name}: {str(error).partition(' ')[2]}") from None
    return session.record(study, given)


def kind(name: str) -> Kind[Any]:
    """Of the records of a study, or of another command."""
    return import_module(RECORDS[name]).KIND if name in RECORDS else find(name)


def of(record: Record) -> Kind[Any]:
    """The study that a record is of, or the kind of another command's."""
    return kind(record.study)


def read(path: str | Path) -> Record:
    """The record in a file of any study. Raises UsageError that says what is wrong with it."""
    from ..bench import record_file

    return record_file.read(path, (*REGISTRY, *RECORDS), lambda name: kind(name).record)


def write(record: Record, path: str | Path) -> None:
    """Writes a record as `--json` does. Raises UsageError when that cannot be done."""
    from ..bench import record_file

    record_file.write(record, path)


def show(record: Record) -> None:
    """Prints a record's tables, as `rung report` does."""
    from ..report import tables

    of(record).show(tables.console(), record)


def plot(record: Record, path: str | Path) -> None:
    """Draws a record's figure to a .png, .svg or .pdf file."""
    from ..report import figure

    drawn = of(record)
    if drawn.figure is None:
        raise UsageError(f"a record of `rung {drawn.name}` has no figure")
    drawn.figure(record, figure.check_path(path))


def write_page(records: Sequence[Record], path: str | Path, names: Sequence[str] = ()) -> None:
    """Writes records as one page, as `rung report --html` does; `names` are for messages.

    Raises UsageError for no records, for those of different processors, and when the file cannot be written.
    """
    from ..files import write_file
    from ..report.page import html
    from .one_page import check

    check(records, [*names, *(f"record {number}" for number in range(len(names), len(records)))])
    sheets = [of(record).sheet(record) for record in records]
    title = sheets[0].title if len(sheets) == 1 else "What each mechanism is worth"
    write_file(html.page(title, sheets), path)
