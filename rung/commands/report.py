"""`rung report`: tables and plots from a JSON file alone."""

from __future__ import annotations

from ..bench.result import read
from ..report import explain, figure, study, tables


def run(path: str, plot: str | None, explained: bool) -> int:
    """Prints the tables and draws the plot. 1 when the record holds a wrong result."""
    target = figure.check_path(plot) if plot else None
    record = read(path)
    study.show(tables.console(), record)
    if explained:
        for group in record.groups():
            explain.show(tables.console(), group, record.environment.machine)
    if target:
        study.plot(record, target)
    return 0 if record.correct else 1
