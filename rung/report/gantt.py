"""A timeline as a picture: a row per context and per DMA queue."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..bench.trace_result import TraceRecord, What
from ..errors import UsageError
from . import trace
from .figure import BLUE, GREEN, GREY, ORANGE, RED, check_path, save

# Waiting is pale, so that work stands out.
_LOOKS = {
    "compute": GREEN,
    "start transfer": "#f0e442",
    "wait for transfer": "#dddddd",
    "queue full": RED,
    "launch, fork and join": GREY,
    "load": BLUE,
    "store": ORANGE,
}
_KINDS: dict[What, str] = {
    "compute": "compute",
    "issue": "start transfer",
    "wait": "wait for transfer",
    "blocked": "queue full",
    "fork": "launch, fork and join",
    "launch": "launch, fork and join",
}


def draw(record: TraceRecord, path: str | Path) -> None:
    """Writes the picture. Raises UsageError for other formats than those of plots, and when nothing was recorded."""
    target = check_path(path)
    if not record.intervals.what:
        raise UsageError("there is nothing to draw: the kernel did nothing")
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.patches import Patch

    rows = _rows(record)
    size = (12, 1.9 + 0.36 * 2 * record.contexts)
    figure, axis = pyplot.subplots(figsize=size, layout="constrained")
    canvas, panel = _untyped(figure), _untyped(axis)
    seen: set[str] = set()
    for (row, look), spans in rows.items():
        panel.broken_barh(spans, (row - 0.4, 0.8), facecolors=_LOOKS[look], linewidth=0)
        seen.add(look)
    labels = [f"context {context}" for context in range(record.contexts)]
    labels += [f"DMA queue {context}" for context in range(record.contexts)]
    panel.set_yticks(range(len(labels)), labels)
    panel.set_ylim(len(labels) - 0.4, -0.6)
    panel.set_xlim(0, record.cycles / record.clock_ghz / 1000)
    panel.set_xlabel(f"us of the modelled clock\n{_footer(record)}", fontsize=9, color="#555555")
    panel.set_title(record.title, fontsize=11, loc="left")
    panel.spines[["top", "right"]].set_visible(False)
    patches = [Patch(color=colour, label=look) for look, colour in _LOOKS.items() if look in seen]
    canvas.legend(handles=patches, loc="outside lower center", ncols=len(patches), frameon=False, fontsize=8)
    save(canvas, target)
    pyplot.close(figure)


def _rows(record: TraceRecord) -> dict[tuple[int, str], list[tuple[float, float]]]:
    """(begin, length) in us by row and look."""
    found: dict[tuple[int, str], list[tuple[float, float]]] = {}
    table, scale = record.intervals, 1 / record.clock_ghz / 1000
    for at, what in enumerate(table.what):
        row, look = table.context[at], _KINDS.get(what, "")
        if what == "move":
            row, look = record.contexts + row, "store" if table.write[at] else "load"
        found.setdefault((row, look), []).append((table.begin[at] * scale, (table.end[at] - table.begin[at]) * scale))
    return found


def _footer(record: TraceRecord) -> str:
    machine = record.environment.machine["name"]
    return (
        f"{record.cycles:,.0f} cycles (modelled), machine {machine} {record.environment.machine_hash}; "
        f"DMA busy {trace.busy(record):.0%}, contexts computing {trace.computing(record):.0%}"
    )


def _untyped(value: Any) -> Any:
    """matplotlib's types are incomplete."""
    return value
