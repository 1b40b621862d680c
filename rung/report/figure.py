"""What all plots share: the file, the colours, a figure without a display, the line on where the numbers are from."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..bench.result import Measurements
from ..errors import UsageError
from ..files import why_not_writable, write_file
from .text import counted

# Okabe and Ito (2008): told apart by colour-blind readers.
GREY, ORANGE, BLUE, GREEN, RED = "#7f7f7f", "#e69f00", "#0072b2", "#009e73", "#d55e00"
PURPLE, SKY, BLACK = "#cc79a7", "#56b4e9", "#000000"
SERIES = (BLUE, ORANGE, GREEN, RED, PURPLE, SKY)
FORMATS = (".png", ".svg", ".pdf")
_FOOTER_PT = 8
_CHARACTERS_PER_INCH = 120
"""Of the font, at a size of one point."""


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
def panels(
    record: Measurements[Any], path: str | Path, rows: int, columns: int, size: tuple[float, float]
) -> Generator[Any]:
    """A grid of axes, `[row][column]`, to draw on; written to `path` at the end, with a footer."""
    target = check_path(path)
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")
    try:
        yield axes
        footer(figure, _footer(record))
        save(figure, target)
    finally:
        pyplot.close(figure)


def save(canvas: Any, target: Path) -> None:
    """Writes a matplotlib figure in the format that the name ends in."""
    drawn = io.BytesIO()
    canvas.savefig(drawn, format=target.suffix[1:].lower(), dpi=160)
    write_file(drawn.getvalue(), target)


def footer(canvas: Any, words: str) -> None:
    """A line, or several where the figure is narrow, below everything."""
    canvas.supxlabel(wrapped(words, canvas.get_figwidth(), _FOOTER_PT), fontsize=_FOOTER_PT, color="#555555")


def wrapped(words: str, inches: float, points: float) -> str:
    """`words` in lines that are not wider than that, in letters of so many points."""
    return textwrap.fill(words, max(10, int(inches * _CHARACTERS_PER_INCH / points)), break_on_hyphens=False)


def legend_beside(canvas: Any, title: str | None = None, handles: Sequence[Any] | None = None) -> None:
    """One legend for all panels, to the right of them, where it covers nothing. `handles`: those of the first panel
    where not given."""
    found = canvas.axes[0].get_legend_handles_labels()[0] if handles is None else handles
    canvas.legend(
        handles=found, title=title, loc="outside right upper", frameon=False, fontsize=8, title_fontsize=8,
        alignment="left",
    )  # fmt: skip


def own_legend(axis: Any) -> None:
    """The legend of one panel, to its right."""
    axis.legend(
        loc="upper left", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.2, frameon=False, fontsize=7.5, alignment="left"
    )


def marker_size(count: int, position: int) -> float:
    """Smaller than those before it: of `count` points on each other all are seen."""
    return 3.5 + min(2.0, 6.0 / max(count - 1, 1)) * (count - 1 - position)


def plain(axis: Any) -> None:
    """Faint grid lines, and no box around the data."""
    axis.grid(color="#dddddd", linewidth=0.7, zorder=0)
    axis.spines[["top", "right"]].set_visible(False)


def _footer(record: Measurements[Any]) -> str:
    found = record.environment
    noisy = "; measured in a noisy window" if any(result.noise.noisy for result in record.results) else ""
    where = f"{found.cpu}, {counted(found.contexts, 'context')}; rung {found.rung}"
    modelled = {result.device for result in record.results if result.unit == "cycles"}
    if modelled:
        return f"cycles (modelled), machine {', '.join(sorted(modelled))} {found.machine_hash}; rung {found.rung}"
    return f"medians with 95% bootstrap intervals; {where}{noisy}"
