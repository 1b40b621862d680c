"""`rung suite`: the whole study in one command, which goes on where it was stopped."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from .. import studies
from ..bench.result import Record
from ..errors import RungError, UsageError
from ..files import write_file
from ..options.command import Command
from ..options.declared import MODELLED
from ..report import text
from ..report.page import html
from ..studies import interrupt, jobs, session
from ..studies.jobs import Job
from ..studies.progress import Clock, about

PAGE = "index.html"


@dataclass(frozen=True)
class SuiteOptions:
    folder: Annotated[str, typer.Argument(help="Where records and the page are kept; made where it is not there.")] = (
        "rung-suite"
    )
    quick: Annotated[bool, typer.Option("--quick", help="Small sizes, few rounds: about 3 minutes on two cores.")] = (
        False
    )
    only: Annotated[
        tuple[str, ...], typer.Option(help="Jobs whose name holds this, such as ladder-host; may be repeated.")
    ] = ()
    device: Annotated[str, typer.Option(help="The modelled device.")] = MODELLED


def run(options: SuiteOptions, clock: Clock = time.monotonic) -> int:
    """All jobs that are not done yet, then the page. 1 when something was wrong or could not be measured, 130 when
    interrupted: the page then shows what is done."""
    folder = Path(options.folder)
    wanted = jobs.chosen(jobs.jobs(options.quick, options.device), options.only)
    _make(folder)
    making = _Making(wanted, folder, clock)
    try:
        making.run()
    except KeyboardInterrupt:
        making.write_page()
        print(f"interrupted: the same command goes on; what is done is in {folder / PAGE}", file=sys.stderr)
        return interrupt.INTERRUPTED
    making.write_page()
    print(folder / PAGE)
    for name, why in making.failed.items():
        print(f"error: {name}: {why}", file=sys.stderr)
    return 0 if not making.failed and all(record.correct for record in making.records.values()) else 1


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UsageError(f"cannot write to the folder {folder}: {error.strerror}") from None


@dataclass
class _Making:
    jobs: Sequence[Job]
    folder: Path
    clock: Clock
    records: dict[Job, Record] = field(default_factory=dict[Job, Record])
    failed: dict[str, str] = field(default_factory=dict[str, str])

    def run(self) -> None:
        """Raises KeyboardInterrupt between two steps of a job; its record is then as if it had not begun."""
        for job in self.jobs:
            if record := jobs.done(job, self.folder):
                self.records[job] = record
        if self.records:
            print(f"{len(self.records)} of {text.counted(len(self.jobs), 'job')} are done already", file=sys.stderr)
        left = [job for job in self.jobs if job not in self.records]
        begun, weight = self.clock(), 0.0
        for number, job in enumerate(left):
            rest = sum(each.weight for each in left[number:])
            # Seconds per unit of weight: 1 until something is done.
            pace = (self.clock() - begun) / weight if weight else 1.0
            print(
                f"[{number + 1}/{len(left)}] {job.name}; {about(rest * pace)} left in all", file=sys.stderr, flush=True
            )
            try:
                self._measure(job)
            except RungError as error:
                self.failed[job.name] = str(error)
                print(f"  left out: {error}", file=sys.stderr)
            weight += job.weight

    def _measure(self, job: Job) -> None:
        record = session.record(studies.find(job.study), job.options)
        named = record.environment.model_copy(update={"command": job.command})
        found = record.model_copy(update={"environment": named})
        studies.write(found, self.folder / job.file)
        self.records[job] = found

    def write_page(self) -> None:
        """A sheet per part, of the jobs that are done; the records of a part are one."""
        parts: dict[str, list[Record]] = {}
        for job in self.jobs:
            if job in self.records:
                parts.setdefault(job.part, []).append(self.records[job])
        sheets = [_sheet(records) for records in parts.values()]
        if sheets:
            write_file(html.page("What each mechanism is worth", sheets), self.folder / PAGE)


def _sheet(records: Sequence[Record]) -> html.Sheet:
    from dataclasses import replace

    record = jobs.joined(records)
    sheet = studies.of(record).sheet(record)
    if len(records) == 1:
        return sheet
    return replace(sheet, rerun="\n".join(shlex.join(each.environment.command) for each in records))


COMMAND = Command(SuiteOptions, run)
