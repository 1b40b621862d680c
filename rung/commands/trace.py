"""`rung trace`: one launch on a modelled device, in a few lines, and as a record, a page, a picture, a file for
Perfetto."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import typer

from .. import studies
from ..bench import environment, recording, tracing
from ..bench.listing import Listing
from ..bench.toolchain import Toolchain, native
from ..files import write_file
from ..options import parse
from ..options.command import Command
from ..options.declared import Html, Plot, Stages
from ..report import figure, gantt, tables, trace, trace_events
from ..studies import one_kernel
from ..targets.npu import ledger
from ..targets.npu.timeline import replay


@dataclass(frozen=True)
class TraceOptions(one_kernel.OneKernelOptions):
    output: Annotated[str | None, typer.Option("--output", "-o", help="A .json file for ui.perfetto.dev.")] = None
    json: Annotated[str | None, typer.Option("--json", help="Write the record, which `rung report` reads.")] = None
    stages: Stages = False
    plot: Plot = None
    html: Html = None


def run(options: TraceOptions, toolchain: Callable[[], Toolchain] = native) -> int:
    """Records, replays, tells; writes what it is asked for. Returns 0, or 1 when the values were wrong: then nothing is
    written."""
    target = parse.output(options.output, "--output")
    json, html = parse.output(options.json, "--json"), parse.output(options.html, "--html")
    picture = figure.check_path(options.plot) if options.plot else None
    subject = one_kernel.load(options)
    found = recording.recorder(subject.case, toolchain())(subject.machine, subject.schedule)
    out = tables.console()
    if not found.error.within:
        out.print(one_kernel.wrong(subject, found), style="bold red", highlight=False)
        return 1
    timeline = replay(found.trace, subject.machine, record=True)
    record = tracing.record(
        timeline,
        ledger.of(found.trace, subject.machine, timeline),
        environment.describe(subject.machine, options.seed),
        clock_ghz=subject.machine.clock_ghz,
        kernel=subject.case.name,
        dtype=subject.case.dtype,
        shape=list(subject.case.shape),
        rung=subject.schedule.rung,
        schedule=str(subject.schedule),
        listing=_listing(subject) if options.stages else None,
    )
    if target:
        write_file(trace_events.to_json(timeline, subject.machine, subject.title), target)
    if json:
        studies.write(record, json)
    if picture:
        gantt.draw(record, picture)
    if html:
        studies.write_page([record], html)
    if subject.filled:
        out.print(f"{subject.case.name}: {subject.filled}", highlight=False)
    trace.show(out, record)
    return 0


def _listing(subject: one_kernel.Subject) -> Listing:
    from ..bench.stages import listing

    return listing(subject.case, subject.machine, subject.schedule)


COMMAND = Command(TraceOptions, run)
