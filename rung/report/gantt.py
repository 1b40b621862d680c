"""A timeline as a picture: a row per context and per DMA queue."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import UsageError
from ..machine import Machine
from ..targets.npu.timeline import Kind, Timeline
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
_KINDS = {
    Kind.COMPUTE: "compute",
    Kind.ISSUE: "start transfer",
    Kind.WAIT: "wait for transfer",
    Kind.BLOCKED: "queue full",
    Kind.FORK: "launch, fork and join",
    Kind.LAUNCH: "launch, fork and join",
}


def draw(timeline: Timeline, machine: Machine, title: str, path: str | Path) -> None:
    """Writes the picture. `timeline` must have been recorded.

    Raises UsageError for other formats than those of plots, and when nothing was recorded.
    """
    target = check_path(path)
    if not timeline.intervals:
        raise UsageError("there is nothing to draw: the kernel did nothing")
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.patches import Patch

    rows = _rows(timeline, machine)
    size = (12, 1.9 + 0.36 * 2 * timeline.contexts)
    figure, axis = pyplot.subplots(figsize=size, layout="constrained")
    canvas, panel = _untyped(figure), _untyped(axis)
    seen: set[str] = set()
    for (row, look), spans in rows.items():
        panel.broken_barh(spans, (row - 0.4, 0.8), facecolors=_LOOKS[look], linewidth=0)
        seen.add(look)
    labels = [f"context {context}" for context in range(timeline.contexts)]
    labels += [f"DMA queue {context}" for context in range(timeline.contexts)]
    panel.set_yticks(range(len(labels)), labels)
    panel.set_ylim(len(labels) - 0.4, -0.6)
    panel.set_xlim(0, timeline.cycles / machine.clock_ghz / 1000)
    panel.set_xlabel(f"us of the modelled clock\n{_footer(timeline, machine)}", fontsize=9, color="#555555")
    panel.set_title(title, fontsize=11, loc="left")
    panel.spines[["top", "right"]].set_visible(False)
    patches = [Patch(color=colour, label=look) for look, colour in _LOOKS.items() if look in seen]
    canvas.legend(handles=patches, loc="outside lower center", ncols=len(patches), frameon=False, fontsize=8)
    save(canvas, target)
    pyplot.close(figure)


def _rows(timeline: Timeline, machine: Machine) -> dict[tuple[int, str], list[tuple[float, float]]]:
    """(begin, length) in us by row and look."""
    found: dict[tuple[int, str], list[tuple[float, float]]] = {}
    scale = 1 / machine.clock_ghz / 1000
    for each in timeline.intervals:
        row, look = each.context, _KINDS.get(each.kind, "")
        if each.kind == Kind.MOVE:
            row, look = timeline.contexts + each.context, "store" if each.write else "load"
        found.setdefault((row, look), []).append((each.begin * scale, (each.end - each.begin) * scale))
    return found


def _footer(timeline: Timeline, machine: Machine) -> str:
    return (
        f"{timeline.cycles:,.0f} cycles (modelled), machine {machine.name} {machine.hash}; "
        f"DMA busy {timeline.dma_utilisation:.0%}, contexts computing {timeline.compute_utilisation:.0%}"
    )


def _untyped(value: Any) -> Any:
    """matplotlib's types are incomplete."""
    return value
