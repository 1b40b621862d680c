"""`rung report`: tables, plots and pages from the records of any study, alone."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from .. import studies
from ..bench.result import Record
from ..errors import UsageError
from ..options import parse
from ..options.command import Command
from ..options.declared import Explain, Html, Plot
from ..report import figure, tables


@dataclass(frozen=True)
class ReportOptions:
    files: Annotated[tuple[str, ...], typer.Argument(metavar="FILE...", help="What --json of a study wrote.")]
    plot: Plot = None
    html: Html = None
    explain: Explain = False


def run(options: ReportOptions) -> int:
    """Prints the tables, draws the plot and writes the page. 1 when a record holds a wrong result.

    Everything is read, checked and made before anything is written.
    """
    target = figure.check_path(options.plot) if options.plot else None
    html = parse.output(options.html, "--html")
    if target and len(options.files) > 1:
        raise UsageError(f"--plot draws one record, and {len(options.files)} files are given; --html shows them all")
    records = [studies.read(file) for file in options.files]
    if options.explain:
        _check_explained(records)
    first = studies.of(records[0])
    draw = first.figure
    if target and draw is None:
        raise UsageError(f"--plot draws a figure, and a record of `rung {first.name}` has none")
    if html:
        studies.write_page(records, html, options.files)
        print(f"{html}: {', '.join(options.files)}")
    else:
        _show(records, options.explain)
    if target and draw:
        draw(records[0], target)
    for record in records:
        for warning in studies.of(record).warnings(record):
            print(f"warning: {warning}", file=sys.stderr)
    return 0 if all(record.correct for record in records) else 1


def _check_explained(records: Sequence[Record]) -> None:
    for record in records:
        kind = studies.of(record)
        if kind.explain is None:
            raise UsageError(
                f"--explain tells the compiler's decisions, which a record of `rung {kind.name}` does not hold"
            )


def _show(records: Sequence[Record], explained: bool) -> None:
    out = tables.console()
    for record in records:
        kind = studies.of(record)
        kind.show(out, record)
        if explained and kind.explain:
            kind.explain(out, record)


COMMAND = Command(ReportOptions, run)
