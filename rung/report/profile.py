"""What a program launched, as a table of kernels, and what is to be said about it."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table

from ..bench.profile_result import ProfiledKernel, ProfileRecord
from . import tables, text

_NAME, _FILE = 48, 16


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
    table.add_column("kernel", overflow="fold")
    for name in columns(record):
        words = name == "verdict"
        table.add_column(name, justify="left" if words else "right", no_wrap=not words)
    for kernel in record.kernels:
        table.add_row(named(kernel.name, kernel.where), *cells(kernel, record))
    return table


def columns(record: ProfileRecord) -> tuple[str, ...]:
    """Behind the kernel's name. On a model all launches of a size take the same, and it is known why they take it."""
    if record.unit == "cycles":
        return ("launches", "cycles", "share", "mean", "verdict")
    return ("launches", "time", "share", "mean", "median", "least", "most")


def cells(kernel: ProfiledKernel, record: ProfileRecord) -> tuple[str, ...]:
    """As `columns` names them."""
    times, unit = kernel.times, record.unit
    mean = times.total / kernel.launches
    first = (f"{kernel.launches:,}", text.bare_amount(times.total, unit), share(kernel, record))
    if unit == "cycles":
        return (*first, text.bare_amount(mean, unit), kernel.verdict)
    spread = (mean, times.median, times.least, times.most)
    return (*first, *(text.bare_amount(amount, unit) for amount in spread))


def named(name: str, where: str) -> str:
    """`softmax (model.py:12)`"""
    file, colon, line = where.rpartition(":")
    place = f" ({text.elided(file, _FILE)}{colon}{line})" if where else ""
    return text.elided(name, _NAME) + place


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
        clock = record.environment.machine.get("clock_ghz")
        amount = text.amount(record.total, record.unit)
        if record.unit == "cycles" and clock:
            amount += f", {text.duration(record.total / clock / 1e9)} at {clock:g} GHz"
        yield f"{_launches(launches)}{several}: {amount}; the program took {text.duration(record.seconds)} here"
    if record.tuning_launches:
        yield f"besides, {record.tuning_launches:,} chose configurations (@triton.autotune)"
    for each in record.not_modelled:
        reasons = "; ".join(" ".join(reason.split()) for reason in each.reasons)
        yield f"not modelled, {_launches(each.launches)} on the host: {named(each.name, each.where)}: {reasons}"
    for race in record.races:
        yield f"RACE in {named(race.name, race.where)}: {_first(race.violations)}"
    if record.unheeded:
        yield f"launch keywords without effect here: {', '.join(record.unheeded)}"
    if record.status:
        yield f"the program ended with {ending(record.status)}"


def _launches(count: int) -> str:
    return "1 launch" if count == 1 else f"{count:,} launches"


def _first(violations: str) -> str:
    """Of those that `TransferError` lists: how many there are, and one."""
    return " ".join(violations.splitlines()[:2])


def ending(status: int) -> str:
    return f"status {status}" if status > 0 else f"signal {-status}"
