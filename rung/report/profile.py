"""What a program launched, as a table of kernels, and what is to be said about it."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table

from ..bench.profile_result import ProfiledKernel, ProfileRecord
from . import tables, text

_NAME = 48


def show(out: Console, record: ProfileRecord) -> None:
    """The kernels, and behind them what else is to be known."""
    if record.kernels:
        out.print(_table(record))
    else:
        out.print(nothing(record), highlight=False)
    for line in remarks(record):
        out.print(f"  {line}", highlight=False, soft_wrap=True)


def _table(record: ProfileRecord) -> Table:
    modelled = record.unit == "cycles"
    device = record.environment.machine["name"]
    table = tables.new_table(f"kernels on {device}{', cycles (modelled)' if modelled else ''}")
    table.add_column("kernel")
    for name in ("launches", "total", "share", "median", "least", "most"):
        table.add_column(name, justify="right", no_wrap=True)
    if modelled:
        table.add_column("verdict")
    for kernel in record.kernels:
        times = kernel.times
        amounts = (times.median, times.least, times.most)
        table.add_row(
            title(kernel),
            f"{kernel.launches:,}",
            text.bare_amount(times.total, record.unit),
            share(kernel, record),
            *(text.bare_amount(amount, record.unit) for amount in amounts),
            *((kernel.verdict,) if modelled else ()),
        )
    return table


def title(kernel: ProfiledKernel) -> str:
    """`softmax (model.py:12)`"""
    return named(kernel.name, kernel.where)


def named(name: str, where: str) -> str:
    return text.elided(name, _NAME) + (f" ({where})" if where else "")


def share(kernel: ProfiledKernel, record: ProfileRecord) -> str:
    return f"{kernel.times.total / record.total:.1%}" if record.total else "-"


def nothing(record: ProfileRecord) -> str:
    if record.not_modelled or record.races or record.tuning_launches:
        return f"no launch of the program was timed on {record.environment.machine['name']}"
    return (
        "no kernel was launched through rung: is rung installed for the program's Python, and no other device active "
        "(TRITON_DEFAULT_BACKEND=cpu)?"
    )


def remarks(record: ProfileRecord) -> Iterator[str]:
    """One line each."""
    if record.kernels:
        launches = sum(kernel.launches for kernel in record.kernels)
        several = f" by {record.processes} processes" if record.processes > 1 else ""
        yield f"{_launches(launches)}{several}: {text.amount(record.total, record.unit)}"
    if record.tuning_launches:
        yield f"besides, {record.tuning_launches:,} chose configurations (@triton.autotune)"
    for each in record.not_modelled:
        reasons = "; ".join(" ".join(reason.split()) for reason in each.reasons)
        yield f"not modelled, {_launches(each.launches)} on the host: {named(each.name, each.where)}: {reasons}"
    for race in record.races:
        yield f"RACE in {named(race.name, race.where)}: {race.violations}"
    if record.unheeded:
        yield f"launch keywords without effect here: {', '.join(record.unheeded)}"
    if record.status:
        yield f"the program ended with {ending(record.status)}"


def _launches(count: int) -> str:
    return "1 launch" if count == 1 else f"{count:,} launches"


def ending(status: int) -> str:
    return f"status {status}" if status > 0 else f"signal {-status}"
