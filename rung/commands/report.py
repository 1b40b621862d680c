"""`rung report`: tables and plots from the record of any study, alone."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Annotated

import typer

from .. import studies
from ..errors import UsageError
from ..options.command import Command
from ..options.declared import Explain, Plot
from ..report import figure, tables


@dataclass(frozen=True)
class ReportOptions:
    file: Annotated[str, typer.Argument(help="What --json of a study wrote.")]
    plot: Plot = None
    explain: Explain = False


def run(options: ReportOptions) -> int:
    """Prints the tables and draws the plot. 1 when the record holds a wrong result."""
    target = figure.check_path(options.plot) if options.plot else None
    record = studies.read(options.file)
    study = studies.of(record)
    if options.explain and study.explain is None:
        raise UsageError(
            f"--explain tells the compiler's decisions, which a record of `rung {study.name}` does not hold"
        )
    out = tables.console()
    if target and study.figure is None:
        raise UsageError(f"--plot draws a figure, and a record of `rung {study.name}` has none")
    study.show(out, record)
    if options.explain and study.explain:
        study.explain(out, record)
    if target and study.figure:
        study.figure(record, target)
    for warning in study.warnings(record):
        print(f"warning: {warning}", file=sys.stderr)
    return 0 if record.correct else 1


COMMAND = Command(ReportOptions, run)
