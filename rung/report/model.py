"""A torch function's ladder as tables: where the time of a call goes under every rung, and each kernel by itself."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..bench.ladder_result import Graph, LadderRecord
from ..bench.result import Result
from . import tables, text

_NAME, _LEAST = 44, 20
"""Columns of a kernel's name, at most and at least."""
_STEP, _BESIDE = 24, 22
"""Columns of a ratio with its interval, and of what else is in the line."""
_SHOWN = 0.01
"""Of a call: operators of ATen below this share are one line."""
_ATEN = (
    "ATen's operators are not rung's: their code is the same under every rung, and a whole call has them in it. "
    "`between` is what is left of a call: Python, allocation, launching"
)


def show(out: Console, record: LadderRecord) -> None:
    """All that the record says of the function."""
    graph = record.graph
    assert graph is not None
    groups = record.groups()
    last = _last(graph)
    order = sorted(graph.kernels, key=lambda kernel: -kernel.spent.get(last, 0.0))
    rank = {kernel.kernel: number for number, kernel in enumerate(order)}
    groups = sorted(groups, key=lambda group: rank.get(group[0].kernel, len(rank)))
    out.print(call(graph))
    for rung in graph.rungs:
        sentence = text.conclusion(rung)
        if sentence:
            out.print(f"  a call: {sentence}", style="" if rung.correct else "bold red", highlight=False)
        if not rung.correct:
            out.print(f"    {tables.errors(rung)}", highlight=False)
    for line in notes(graph):
        out.print(f"  {line}", style="dim", highlight=False)
    out.print()
    if groups:
        out.print(kernels(groups, out.width))
        for line in worth(groups):
            out.print(f"  {line}", highlight=False)
        results = [result for group in groups for result in group]
        tables.show_wrong(out, results)
        noisy = [result.noise for result in results if result.noise.noisy]
        if noisy and (warning := text.noise(max(noisy, key=lambda window: window.load_before))):
            out.print(f"  {warning}", style="yellow", highlight=False)
        what = "each kernel alone, on the arguments of its first launch, against its scalar rung"
        out.print(f"  {what}; {text.sampling(results, 'kernel')}\n", style="dim", highlight=False)


def _last(graph: Graph) -> str:
    """The rung that shares are of: the last one with times."""
    return next((rung.rung for rung in reversed(graph.rungs) if rung.correct), graph.rungs[-1].rung)


def call(graph: Graph) -> Table:
    modelled = graph.unit == "cycles"
    where = f"{graph.function} on {graph.inputs or 'no inputs'}, on {graph.device}"
    table = tables.new_table(f"{where}: one call{', cycles (modelled)' if modelled else ''}")
    table.add_column("part", no_wrap=True)
    table.add_column("times", justify="right", no_wrap=True)
    names = [rung.rung for rung in graph.rungs]
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    last = _last(graph)
    table.add_column("share", justify="right", no_wrap=True)
    whole = {rung.rung: rung.median for rung in graph.rungs}
    total = whole[last]

    def row(name: str, count: int | None, spent: dict[str, float], style: str = "") -> None:
        amounts = [text.bare_amount(spent[rung], graph.unit) if rung in spent else "-" for rung in names]
        share = f"{spent[last] / total:.1%}" if total and last in spent else "-"
        table.add_row(text.elided(name, _NAME), f"x{count}" if count else "", *amounts, share, style=style)

    for kernel in sorted(graph.kernels, key=lambda each: -each.spent.get(last, 0.0)):
        row(kernel.kernel, kernel.launches, kernel.spent)
    table.add_section()
    timed = [name for name in names if whole[name] is not None]
    together = {name: graph.kernels_spent(name) for name in timed}
    row("all kernels", sum(kernel.launches for kernel in graph.kernels), together, "bold")
    if modelled:
        return table
    small, count = dict.fromkeys(timed, 0.0), 0
    for call in graph.library:
        if total and call.spent.get(last, 0.0) < _SHOWN * total:
            count += call.calls
            small = {name: small[name] + call.spent.get(name, 0.0) for name in timed}
        else:
            row(f"ATen: {call.name}", call.calls, call.spent)
    if count:
        row("ATen: others", count, small)
    rest = {name: max(0.0, (whole[name] or 0.0) - together[name] - graph.library_spent(name)) for name in timed}
    row("between", None, rest)
    table.add_section()
    row("whole call", None, {name: amount for name in timed if (amount := whole[name]) is not None}, "bold")
    return table


def notes(graph: Graph) -> list[str]:
    found: list[str] = []
    if graph.library and graph.unit == "cycles":
        calls = ", ".join(f"{call.name} x{call.calls}" for call in graph.library)
        found.append(f"not in the sum, as the device has no ATen: {calls}")
    elif graph.library:
        found.append(_ATEN)
    if graph.unit == "s":
        first = graph.rungs[0]
        rounds = max(len(rung.samples) for rung in graph.rungs)
        found.append(f"outputs against {first.reference}; medians of {rounds} interleaved rounds, each line's own")
    if graph.breaks:
        found.append(f"Dynamo cut the function into several graphs: {'; '.join(graph.breaks)}")
    return found


def kernels(groups: Sequence[Sequence[Result]], width: int) -> Table:
    """A line for each kernel: its lowest rung, and what each step up is worth. width: columns that there are."""
    first = groups[0]
    room = min(_NAME, max(_LEAST, width - _BESIDE - _STEP * (len(first) - 1)))
    modelled = first[0].unit == "cycles"
    table = tables.new_table(f"each kernel's ladder{', cycles (modelled)' if modelled else ''}")
    table.add_column("kernel", no_wrap=True)
    table.add_column(first[0].rung, justify="right", no_wrap=True)
    for result in first[1:]:
        table.add_column(result.rung, justify="right", no_wrap=True)
    table.add_column("result", no_wrap=True)
    for group in groups:
        bottom, *steps = group
        wrong = [result.rung for result in group if not result.correct]
        cells = [
            "-" if bottom.median is None else text.bare_amount(bottom.median, bottom.unit),
            *(text.ratio(result.step, result.step_ci) for result in steps),
        ]
        verdict = Text(f"WRONG: {', '.join(wrong)}", "bold red") if wrong else Text("ok", "green")
        table.add_row(text.elided(group[0].kernel, room), *cells, verdict)
    return table


def worth(groups: Sequence[Sequence[Result]]) -> list[str]:
    """For how many kernels each step pays: `MT: a gain for 3 kernels, a loss for 1, no difference for 10`."""
    found: list[str] = []
    for position, first in enumerate(groups[0]):
        counts: dict[str, int] = {}
        for group in groups:
            if position < len(group) and group[position].step is not None:
                verdict = text.verdict(group[position])
                counts[verdict] = counts.get(verdict, 0) + 1
        words = {"gain": "a gain", "loss": "a loss", "no difference": "no difference", "disputed": "nothing claimed"}
        told = [f"{words[key]} for {text.counted(counts[key], 'kernel')}" for key in words if key in counts]
        if told:
            found.append(f"{first.rung.rpartition('+')[2]}: {', '.join(told)}")
    return found
