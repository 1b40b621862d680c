"""`rung report`: tables and plots from a JSON file alone."""

from __future__ import annotations

from ..bench import sweep_result
from ..bench.result import read
from ..errors import UsageError
from ..report import explain, figure, study, sweep, tables


def run(path: str, plot: str | None, explained: bool) -> int:
    """Prints the tables and draws the plot. 1 when the record holds a wrong result."""
    target = figure.check_path(plot) if plot else None
    if sweep_result.is_sweep(path):
        if explained:
            raise UsageError("--explain is for what `rung ladder` wrote; a sweep has no decisions in it")
        sweep.show(tables.console(), sweep_result.read(path))
        if target:
            sweep.plot(sweep_result.read(path), target)
        return 0
    record = read(path)
    study.show(tables.console(), record)
    if explained:
        for group in record.groups():
            explain.show(tables.console(), group, record.environment.machine)
    if target:
        study.plot(record, target)
    return 0 if record.correct else 1
