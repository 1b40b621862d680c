"""Whole calls of a torch function: where their time goes under every rung."""

from __future__ import annotations

from collections.abc import Sequence

from ...bench.ladder_result import Graph
from ...bench.result import Result
from .. import model, text
from . import captured
from .parts import Axis, Bar, Bars, BarSeries, Block, Section, Text, Tone
from .sheet import Verdict

_KERNELS = 5
"""So many get a colour of their own; the rest are one."""
_WIDE = 400
"""Columns: names are shown whole."""
_TONES: dict[str, Tone] = {"gain": "good", "loss": "bad", "disputed": "doubt", "no difference": ""}


def verdict(graph: Graph) -> Verdict:
    found: list[tuple[str, Tone]] = []
    for rung in graph.rungs:
        if words := text.conclusion(rung):
            found.append((f"A call: {words}", _TONES[text.verdict(rung)] if rung.correct else "bad"))
    last = next((rung for rung in reversed(graph.rungs) if rung.median), None)
    if last is not None and last.median:
        ours, library = graph.kernels_spent(last.rung), graph.library_spent(last.rung)
        rest = max(0.0, last.median - ours - library)
        shares = f"{ours / last.median:.0%} kernels, {library / last.median:.0%} ATen, {rest / last.median:.0%} between"
        found.append((f"Where a call's time goes with {last.rung}: {shares}.", ""))
    return found


def sections(graph: Graph, groups: Sequence[Sequence[Result]]) -> Sequence[Section]:
    """The whole, and each kernel's ladder in a line."""
    table = captured.table(model.call(graph))
    blocks: list[Block] = [_bars(graph), table, Text(tuple(model.notes(graph)), "dim")]
    each = (captured.table(model.kernels(groups, _WIDE)), Text(tuple(model.worth(groups)))) if groups else ()
    return (Section("One call", tuple(blocks)), *([Section("Each kernel", each)] if each else []))


def _bars(graph: Graph) -> Bars:
    """Each rung as a bar of its parts."""
    rungs = [rung for rung in graph.rungs if rung.median]
    last = rungs[-1].rung if rungs else ""
    order = sorted(graph.kernels, key=lambda kernel: -kernel.spent.get(last, 0.0))
    parts = [(kernel.kernel, kernel.spent) for kernel in order[:_KERNELS]]
    if rest := order[_KERNELS:]:
        name = text.counted(len(rest), "other kernel")
        parts.append((name, {r.rung: sum(kernel.spent.get(r.rung, 0.0) for kernel in rest) for r in rungs}))
    if graph.unit == "s":
        parts.append(("ATen", {rung.rung: graph.library_spent(rung.rung) for rung in rungs}))
        known = {r.rung: graph.kernels_spent(r.rung) + graph.library_spent(r.rung) for r in rungs}
        parts.append(("between", {r.rung: max(0.0, (r.median or 0.0) - known[r.rung]) for r in rungs}))
    series = tuple(
        BarSeries(text.elided(name, 40), tuple(_bar(name, spent, rung.rung, graph) for rung in rungs), at)
        for at, (name, spent) in enumerate(parts)
    )
    modelled = graph.unit == "cycles"
    how = "modelled, not measured" if modelled else "medians"
    return Bars(
        "Where the time of a call goes",
        Axis("cycles (modelled)" if modelled else "time of a call", "cycles" if modelled else "seconds"),
        tuple(f"{rung.rung}\n{text.bare_amount(rung.median or 0.0, graph.unit)}" for rung in rungs),
        series,
        f"{graph.function} on {graph.inputs or 'no inputs'}, on {graph.device}; {how}",
        stacked=True,
    )


def _bar(name: str, spent: dict[str, float], rung: str, graph: Graph) -> Bar:
    value = spent.get(rung, 0.0)
    return Bar(value, f"{name}\n{rung}: {text.amount(value, graph.unit)}")
