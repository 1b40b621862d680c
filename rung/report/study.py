"""What a record is of decides how it is shown."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from ..bench.result import Record
from . import overlap, plots, scale, tables


def show(console: Console, record: Record) -> None:
    """The tables and conclusions of a record."""
    if record.study == "scale":
        scale.show(console, record)
    elif record.study == "overlap":
        overlap.show(console, record)
    else:
        for group in record.groups():
            tables.show_group(console, group)
    console.print(tables.environment(record.environment), style="dim", highlight=False)
    if not record.complete:
        console.print("the run was interrupted: what it had finished is shown", style="yellow")


def plot(record: Record, path: str | Path) -> None:
    """The figure of a record. Raises UsageError when it holds nothing to draw."""
    if record.study == "scale":
        scale.plot(record, path)
    elif record.study == "overlap":
        overlap.plot(record, path)
    else:
        plots.ladder(record, path)
