"""A trace in a few lines, from its record."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from ..bench.trace_result import TraceRecord
from . import tables
from .text import counted


def show(out: Console, record: TraceRecord) -> None:
    """What the launch took, and who waited."""
    machine = record.environment.machine["name"]
    lines = [
        f"{record.title} on {machine} ({record.environment.machine_hash})",
        f"  {record.cycles:,.0f} cycles (modelled), {record.cycles / record.clock_ghz / 1000:,.1f} us at "
        f"{record.clock_ghz:g} GHz",
        f"  {counted(record.contexts, 'context')}, computing {computing(record):.0%} of the time; the DMA engine is "
        f"busy {busy(record):.0%} of it: {counted(record.dma_transfers, 'transfer')}, {record.dma_bytes:,} bytes",
        f"  waits {record.wait_cycles:,.0f}, full queues {record.blocked_cycles:,.0f}, sharing "
        f"{record.shared_cycles:z,.0f}, launch and forks {record.overhead_cycles:,.0f} cycles",
    ]
    out.print("\n".join(lines), highlight=False)
    out.print(f"  {record.spent.verdict}", style="bold", highlight=False)
    out.print(where_time_went(record))


def where_time_went(record: TraceRecord) -> Table:
    """Causes, the greatest first: of all contexts together, and of the DMA engine."""
    table = tables.new_table("where the time went, cycles (modelled)", "of", "cause")
    for name in ("cycles", "share"):
        table.add_column(name, justify="right")
    contexts = counted(int(record.environment.machine.get("contexts", record.contexts)), "context")
    for of, causes in ((contexts, record.spent.contexts), ("DMA engine", record.spent.engine)):
        total = sum(causes.values())
        for cause, cycles in sorted(causes.items(), key=lambda item: -item[1]):
            if cycles >= 0.5:
                table.add_row(of, cause, f"{cycles:,.0f}", f"{cycles / total:.1%}")
    return table


def computing(record: TraceRecord) -> float:
    """Part of the launch in which a context computes, on average."""
    return record.compute_cycles / (record.cycles * record.contexts) if record.cycles else 0.0


def busy(record: TraceRecord) -> float:
    """Part of the launch in which the engine moves."""
    return record.dma_busy_cycles / record.cycles if record.cycles else 0.0
