"""What all plots share: the file, the colours, a figure without a display, the line on where the numbers are from."""

from __future__ import annotations

import io
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..bench.result import Record
from ..errors import UsageError
from ..files import why_not_writable, write_file
from .text import counted

# Okabe and Ito (2008): told apart by colour-blind readers.
GREY, ORANGE, BLUE, GREEN, RED = "#7f7f7f", "#e69f00", "#0072b2", "#009e73", "#d55e00"
PURPLE, SKY, BLACK = "#cc79a7", "#56b4e9", "#000000"
SERIES = (BLUE, ORANGE, GREEN, RED, PURPLE, SKY)
FORMATS = (".png", ".svg", ".pdf")


def check_path(path: str | Path) -> Path:
    """The path, if a plot can be written to it. Raises UsageError for other formats, and for what is not writable."""
    target = Path(path)
    if target.suffix.lower() not in FORMATS:
        raise UsageError(f"cannot plot to {target}; the name must end in one of: {', '.join(FORMATS)}")
    if reason := why_not_writable(target):
        raise UsageError(f"cannot plot to {target}: it {reason}")
    return target


def grid_of(count: int) -> tuple[int, int]:
    """Rows and columns for `count` panels: at most three beside each other, and no row much emptier than the others."""
    rows = -(-count // 3)
    return rows, -(-count // rows)


@contextmanager
def panels(record: Record, path: str | Path, rows: int, columns: int, size: tuple[float, float]) -> Generator[Any]:
    """A grid of axes, `[row][column]`, to draw on; written to `path` at the end, with a footer."""
    target = check_path(path)
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")
    try:
        yield axes
        canvas: Any = figure
        canvas.supxlabel(_footer(record), fontsize=8, color="#555555")
        save(canvas, target)
    finally:
        pyplot.close(figure)


def save(canvas: Any, target: Path) -> None:
    """Writes a matplotlib figure in the format that the name ends in."""
    drawn = io.BytesIO()
    canvas.savefig(drawn, format=target.suffix[1:].lower(), dpi=160)
    write_file(drawn.getvalue(), target)


def plain(axis: Any) -> None:
    """Faint grid lines, and no box around the data."""
    axis.grid(color="#dddddd", linewidth=0.7, zorder=0)
    axis.spines[["top", "right"]].set_visible(False)


def _footer(record: Record) -> str:
    found = record.environment
    noisy = "; measured in a noisy window" if any(result.noise.noisy for result in record.results) else ""
    where = f"{found.cpu}, {counted(found.contexts, 'context')}; rung {found.rung}"
    modelled = {result.device for result in record.results if result.unit == "cycles"}
    if modelled:
        return f"cycles (modelled), machine {', '.join(sorted(modelled))} {found.machine_hash}; rung {found.rung}"
    return f"medians with 95% bootstrap intervals; {where}{noisy}"
