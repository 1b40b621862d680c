"""`rung compare`: a record against an earlier one. What a project puts into its CI."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Annotated

import typer

from .. import studies
from ..bench.comparison import By, compare
from ..bench.result import Record
from ..errors import UsageError
from ..files import write_file
from ..options import parse
from ..options.command import Command
from ..options.declared import Html
from ..report import comparison as report
from ..report import tables


@dataclass(frozen=True)
class CompareOptions:
    before: Annotated[str, typer.Argument(help="What --json of a study wrote.")]
    after: Annotated[str, typer.Argument(help="The same, later.")]
    fail_above: Annotated[
        str, typer.Option("--fail-above", help="Only what got slower by more is a regression: 5%, or 0.05.")
    ] = "0%"
    relative: Annotated[
        bool, typer.Option("--relative", help="Compare speed-ups over Scalar, which hold on another machine.")
    ] = False
    html: Html = None


def run(options: CompareOptions) -> int:
    """Prints the comparison. 1 when something became slower, by more than it may, or wrong."""
    above = parse.share(options.fail_above, "--fail-above")
    html = parse.output(options.html, "--html")
    before, after = studies.read(options.before), studies.read(options.after)
    if not options.relative:
        _check_machine(options, before, after)
    by: By = "speed-up" if options.relative else "time"
    found = compare(before, after, by)
    if all(row.ratio is None for row in found.rows) and not any(row.became_wrong for row in found.rows):
        raise UsageError("nothing can be compared: --relative needs a scalar rung in both records")
    report.show(tables.console(), found, above)
    if html:
        write_file(_page(options, found, above, after), html)
    worse = report.regressions(found, above)
    if worse:
        print(f"regression: {len(worse)} of {len(found.rows)} results", file=sys.stderr)
    return 1 if worse else 0


def _check_machine(options: CompareOptions, before: Record, after: Record) -> None:
    """Times of one machine are no measure for another's."""
    old, new = before.environment, after.environment
    measured = old.machine.get("kind", "host") == "host"
    if measured and (old.cpu, old.contexts) != (new.cpu, new.contexts):
        raise UsageError(
            f"{options.before} was measured on {old.cpu} with {old.contexts} contexts, {options.after} on {new.cpu} "
            f"with {new.contexts}: times of two machines say nothing of a change; give --relative, which compares "
            "speed-ups over Scalar"
        )


def _page(options: CompareOptions, found: report.Comparison, above: float, after: Record) -> str:
    import shlex

    from ..report.page import comparison, html

    words = ["rung", "compare", options.before, options.after, "--fail-above", options.fail_above]
    command = shlex.join([*words, *(["--relative"] if options.relative else [])])
    sheet = comparison.sheet(found, above, (options.before, options.after), command, after.environment)
    return html.page(sheet.title, [sheet])


COMMAND = Command(CompareOptions, run)
