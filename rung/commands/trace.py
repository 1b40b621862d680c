"""`rung trace`: one launch on a modelled device, in a few lines, as a file for Perfetto and as a picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import typer
from rich.table import Table

from ..bench import recording
from ..bench.toolchain import Toolchain, native
from ..files import write_file
from ..machine import Machine
from ..options import parse
from ..options.command import Command
from ..options.declared import Plot
from ..report import figure, gantt, tables, trace_events
from ..report.text import counted
from ..studies import one_kernel
from ..targets.npu import ledger
from ..targets.npu.timeline import Timeline, replay


@dataclass(frozen=True)
class TraceOptions(one_kernel.OneKernelOptions):
    output: Annotated[str | None, typer.Option("--output", "-o", help="A .json file for ui.perfetto.dev.")] = None
    plot: Plot = None


def run(options: TraceOptions, toolchain: Callable[[], Toolchain] = native) -> int:
    """Records, replays, tells; writes what it is asked for. Returns 0, or 1 when the values were wrong: then nothing is
    written."""
    target = parse.output(options.output, "--output")
    picture = figure.check_path(options.plot) if options.plot else None
    subject = one_kernel.load(options)
    found = recording.recorder(subject.case, toolchain())(subject.machine, subject.schedule)
    out = tables.console()
    if not found.error.within:
        out.print(one_kernel.wrong(subject, found), style="bold red", highlight=False)
        return 1
    timeline = replay(found.trace, subject.machine, record=True)
    if target:
        write_file(trace_events.to_json(timeline, subject.machine, subject.title), target)
    if picture:
        gantt.draw(timeline, subject.machine, subject.title, picture)
    if subject.filled:
        out.print(f"{subject.case.name}: {subject.filled}", highlight=False)
    out.print(_summary(subject.title, timeline, subject.machine), highlight=False)
    spent = ledger.of(found.trace, subject.machine, timeline)
    out.print(f"  {spent.verdict}", style="bold", highlight=False)
    out.print(_where_time_went(spent))
    return 0


def _summary(title: str, found: Timeline, machine: Machine) -> str:
    lines = [
        f"{title} on {machine.name} ({machine.hash})",
        f"  {found.cycles:,.0f} cycles (modelled), {found.cycles / machine.clock_ghz / 1000:,.1f} us at "
        f"{machine.clock_ghz:g} GHz",
        f"  {counted(found.contexts, 'context')}, computing {found.compute_utilisation:.0%} of the time; the DMA "
        f"engine is busy {found.dma_utilisation:.0%} of it: {counted(found.dma_transfers, 'transfer')}, "
        f"{found.dma_bytes:,} bytes",
        f"  waits {found.wait_cycles:,.0f}, full queues {found.blocked_cycles:,.0f}, sharing "
        f"{found.shared_cycles:z,.0f}, launch and forks {found.overhead_cycles:,.0f} cycles",
    ]
    return "\n".join(lines)


def _where_time_went(found: ledger.Ledger) -> Table:
    """Causes, the greatest first: of all contexts together, and of the DMA engine."""
    table = tables.new_table("where the time went, cycles (modelled)", "of", "cause")
    for name in ("cycles", "share"):
        table.add_column(name, justify="right")
    contexts = {cause.value: cycles for cause, cycles in found.contexts.items()}
    for of, causes in ((counted(found.number_of_contexts, "context"), contexts), ("DMA engine", found.engine)):
        total = sum(causes.values())
        for cause, cycles in sorted(causes.items(), key=lambda item: -item[1]):
            if cycles >= 0.5:
                table.add_row(of, cause, f"{cycles:,.0f}", f"{cycles / total:.1%}")
    return table


COMMAND = Command(TraceOptions, run)
