"""A profile on a page: where a program's time in kernels goes."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from ...bench.profile_result import ProfiledKernel, ProfileRecord
from .. import profile, text
from . import captured
from .parts import Axis, Bar, Bars, BarSeries, Block, Section, Tone
from .sheet import Contents, Verdict

_MOST = 20
"""Kernels with a bar; the table has them all."""
_CAUSES = 6
"""That have a colour of their own."""


def title(record: ProfileRecord) -> str:
    modelled = ", modelled" if record.unit == "cycles" else ""
    return f"Kernels of {shlex.join(record.program)} on {record.environment.machine['name']}{modelled}"


def verdict(record: ProfileRecord) -> Verdict:
    """The kernels that took most, and what bounds them."""
    found: list[tuple[str, Tone]] = []
    for kernel in record.kernels[:3]:
        bound = f": {kernel.verdict}" if kernel.verdict else ""
        found.append((f"{profile.share(kernel, record)} of the time: {kernel.name}{bound}.", ""))
    if not record.kernels:
        found.append((profile.nothing(record), "doubt"))
    for line in profile.remarks(record):
        found.append((line, "bad" if line.startswith("RACE") else ""))
    return found


def sections(record: ProfileRecord) -> Sequence[Section]:
    chart: list[Block] = [_chart(record)] if record.kernels else []
    return (Section("Kernels", (*chart, *captured.sections(profile.show, record)[0].blocks)),)


def _chart(record: ProfileRecord) -> Bars:
    """All launches of each kernel; on a model by what their contexts' cycles went to."""
    kernels = record.kernels[:_MOST]
    modelled = record.unit == "cycles"
    causes: dict[str, float] = {}
    for kernel in kernels:
        for cause, spent in kernel.spent.items():
            causes[cause] = causes.get(cause, 0.0) + spent
    order = sorted(causes, key=lambda cause: -causes[cause])
    named, others = order[:_CAUSES], order[_CAUSES:]
    groups: list[tuple[str, list[str]]] = [(cause, [cause]) for cause in named]
    if others:
        groups.append(("others", others))
    if not groups:
        groups = [("time", [])]
    series = tuple(
        BarSeries(name, tuple(_bar(kernel, name, parts, record) for kernel in kernels), -1 if name == "others" else at)
        for at, (name, parts) in enumerate(groups)
    )
    axis = Axis("cycles (modelled)", "cycles") if modelled else Axis("time of all launches", "seconds")
    how = "cycles of a launch, by what all contexts' cycles went to; modelled, not measured" if modelled else "measured"
    return Bars(
        "Time of all launches",
        axis,
        tuple(text.elided(kernel.name, 40) for kernel in kernels),
        series,
        f"{record.environment.machine['name']}; {how}",
        stacked=True,
        lying=True,
    )


def _bar(kernel: ProfiledKernel, name: str, parts: Sequence[str], record: ProfileRecord) -> Bar:
    whole = sum(kernel.spent.values())
    share = sum(kernel.spent.get(part, 0.0) for part in parts) / whole if whole else 1.0
    told = text.amount(kernel.times.total, record.unit)
    cause = f"\n{share:.0%}: {name}" if parts else ""
    bound = f"\n{kernel.verdict}" if kernel.verdict else ""
    return Bar(kernel.times.total * share, f"{kernel.name}: {told} in {kernel.launches:,} launches{cause}{bound}")


CONTENTS = Contents(title, verdict, sections)
