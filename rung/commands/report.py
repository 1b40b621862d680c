"""`rung report`: tables and plots from a JSON file alone."""

from __future__ import annotations

from ..bench import sweep_result
from ..bench.result import read
from ..report import plots, sweep, tables


def run(path: str, plot: str | None) -> int:
    """Prints the tables and draws the plot. 1 when the record holds a wrong result."""
    target = plots.check_path(plot) if plot else None
    if sweep_result.is_sweep(path):
        sweep.show(tables.console(), sweep_result.read(path))
        if target:
            sweep.plot(sweep_result.read(path), target)
        return 0
    record = read(path)
    tables.show(tables.console(), record)
    if target:
        plots.ladder(record, target)
    return 0 if record.correct else 1
