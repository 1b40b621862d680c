"""Two records beside each other: tables and sentences."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..bench.comparison import Compared, Comparison
from . import tables, text

_LOOKS = {"slower": "red", "faster": "green", "WRONG now": "bold red"}


def verdict(row: Compared, above: float) -> str:
    """In one or two words. above: the share that is too much."""
    if row.became_wrong:
        return "WRONG now"
    if row.ratio is None:
        return "not compared"
    if row.slower(above):
        return "slower"
    if row.faster(above):
        return "faster"
    return "same" if row.ratio.low == row.ratio.high == 1 else "no difference"


def regressions(found: Comparison, above: float) -> list[Compared]:
    return [row for row in found.rows if verdict(row, above) in ("slower", "WRONG now")]


def show(out: Console, found: Comparison, above: float) -> None:
    out.print(_table(found, above))
    if found.changes:
        changed = tables.new_table("what else changed")
        for name in ("", "before", "after"):
            changed.add_column(name)
        for row in found.changes:
            changed.add_row(*row)
        out.print(changed)
    for line in sentences(found, above):
        out.print(line, highlight=False)


def _table(found: Comparison, above: float) -> Table:
    modelled = all(row.unit != "s" for row in found.rows)
    table = tables.new_table("after / before: above 1 is slower")
    table.add_column("what")
    for name in ("before", "after", "ratio" if modelled else "ratio [95% CI]"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("IR", no_wrap=True)
    for row in found.rows:
        word = verdict(row, above)
        table.add_row(
            row.name, amount(row.before, row.unit), amount(row.after, row.unit), ratio(row),
            Text(word, _LOOKS.get(word, "dim")), "changed" if row.ir_changed else "",
        )  # fmt: skip
    return table


def amount(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    return text.times(value) if unit == "x" else text.bare_amount(value, unit)


def ratio(row: Compared) -> str:
    return "-" if row.ratio is None else text.ratio(row.ratio.value, (row.ratio.low, min(row.ratio.high, 1e15)))


def sentences(found: Comparison, above: float) -> list[str]:
    """The verdict, the worst first; then what is in one record only."""
    worse = regressions(found, above)
    limit = f" by more than {above:.0%}" if above else ""
    lines = [f"{len(worse)} of {text.counted(len(found.rows), 'result')} got worse{limit}."]
    slower = [row for row in worse if row.ratio is not None]
    if slower:
        worst = max(slower, key=lambda row: row.ratio.value if row.ratio else 0.0)
        reason = "; its IR changed" if worst.ir_changed else "; its IR is the same" if worst.unit == "s" else ""
        lines.append(f"Worst: {worst.name}: {ratio(worst)}{reason}.")
    better = sum(verdict(row, above) == "faster" for row in found.rows)
    if better:
        lines.append(f"{better} got better{limit}.")
    for names, where in ((found.only_before, "first"), (found.only_after, "second")):
        if names:
            lines.append(f"Only in the {where}: {', '.join(names[:6])}{' ...' if len(names) > 6 else ''}.")
    return lines
