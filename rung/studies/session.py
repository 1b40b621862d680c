"""What making any study has around it: announce, show progress, keep what is finished, print, write, draw."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from ..bench import environment, probes, record_file
from ..bench.group import Lab, Step
from ..bench.measure import Sampling
from ..bench.result import Record
from ..bench.toolchain import Toolchain, native
from ..errors import RungError, UsageError
from ..options import parse
from ..report import figure, tables
from . import find, interrupt, processes
from .progress import Clock, Estimate, display
from .study import Plan, Study, StudyOptions, WrongResult

Load = Callable[[], Toolchain]


@dataclass(frozen=True)
class Files:
    """What is written when a study is done: its record, its figure."""

    json: Path | None = None
    plot: Path | None = None

    @classmethod
    def of(cls, options: StudyOptions) -> Files:
        """Raises UsageError for files that cannot be written."""
        plot = figure.check_path(options.plot) if options.plot else None
        return cls(parse.output(options.json, "--json"), plot)

    def keep(self, record: Record | None) -> None:
        if self.json and record is not None:
            record_file.write(record, self.json)


def run(study: Study[Any, Any], options: StudyOptions, toolchain: Load = native) -> int:
    """The command `rung NAME`.

    Returns 0, 1 when a result was wrong, 130 when interrupted. When a part fails, the error is passed on after what was
    finished is written.
    """
    study, options = study.instead(options) or (study, options)
    files = Files.of(options)
    return carry_out(study, study.plan(options), files, toolchain)


def record(study: Study[Any, Any], options: StudyOptions, toolchain: Load = native) -> Record:
    """The same for programs: no tables, and what ends a study early is an exception."""
    study, options = study.instead(options) or (study, options)
    files = Files.of(options)
    making = _Making(study, study.plan(options), files, None, time.monotonic)
    found = making.record(toolchain)
    if found is None:
        raise KeyboardInterrupt
    making.draw(found)
    return found


def carry_out(
    study: Study[Any, Any], plan: Plan[Any, Any, Any], files: Files, toolchain: Load, clock: Clock = time.monotonic
) -> int:
    """A plan into tables, files and an exit status."""
    out = tables.console()
    making = _Making(study, plan, files, out, clock)
    try:
        found = making.record(toolchain)
    except WrongResult as wrong:
        out.print(str(wrong), style="bold red", highlight=False)
        return 1
    if found is None:
        where = f"; what was finished is in {files.json}" if files.json and making.kept else ""
        out.print(f"interrupted{where}", style="yellow")
        return interrupt.INTERRUPTED
    if not plan.show_part:
        study.tables(out, found)
    making.draw(found)
    out.print(tables.environment(found.environment), style="dim", highlight=False)
    for warning in study.warnings(found):
        print(f"warning: {warning}", file=sys.stderr)
    return 0 if found.correct else 1


@dataclass
class _Making:
    """One study under way."""

    study: Study[Any, Any]
    plan: Plan[Any, Any, Any]
    files: Files
    out: Console | None
    """Where parts are shown; None: nowhere."""
    clock: Clock
    kept: bool = False
    """Whether an interrupted study had a record to write."""

    def record(self, load: Load) -> Any:
        """The record, written; None when interrupted: then what was finished is written."""
        return self._in_processes() if self.plan.pooled else self._here(load)

    def draw(self, record: Any) -> None:
        if self.files.plot:
            try:
                self.study.figure(record, self.files.plot)
            except UsageError:
                if record.correct:  # where a result is wrong, that is the news
                    raise

    def _here(self, load: Load) -> Any:
        plan, finished = self.plan, list[Any]()
        found = environment.describe(plan.machine, plan.sampling.seed)
        try:
            with interrupt.cooperative() as check:
                self._measure(load, finished, check)
            record = plan.record(found, finished, True)
        except KeyboardInterrupt:
            return self._interrupted(plan.record(found, finished, False))
        except WrongResult:
            raise
        except RungError:
            self.files.keep(plan.record(found, finished, False))
            raise
        self.files.keep(record)
        return record

    def _in_processes(self) -> Any:
        plan, pooled = self.plan, self.plan.pooled
        assert pooled is not None
        found = processes.run(partial(_once, self.study.name, pooled.options), pooled.processes, pooled.pool)
        if found is None:
            nothing = environment.describe(plan.machine, plan.sampling.seed)
            return self._interrupted(plan.record(nothing, [], False))
        for part in pooled.parts(found):
            self._show(part)
        if not found.complete:
            return self._interrupted(found)
        self.files.keep(found)
        return found

    def _interrupted(self, record: Any) -> None:
        self.kept = record is not None
        self.files.keep(record)

    def _show(self, part: Any) -> None:
        if self.out and self.plan.show_part:
            self.plan.show_part(self.out, part)

    def _measure(self, load: Load, finished: list[Any], check: Callable[[], None]) -> None:
        """Appends to `finished` part by part, so that an interruption keeps those that are done.

        `check` raises KeyboardInterrupt when one was asked for.
        """
        plan = self.plan
        estimate = Estimate(len(plan.parts), _budget_s(plan), self.clock)
        with display(Console(stderr=True), estimate, _announcement(plan.what, plan.sampling)) as progress:
            loaded = load()
            check()
            probe = probes.empty_launch(loaded, plan.machine) if plan.machine.kind == "host" else None

            def tell(step: Step, label: str = "before") -> None:
                check()
                progress.show(label, step)

            with plan.open(tell) as parts:
                estimate.parts = len(parts)
                for number, part in enumerate(parts, 1):
                    here = partial(tell, label=f"[{number}/{len(parts)}] {part.name}")
                    estimate.begin()
                    here(Step("drawing the inputs"))
                    finished.append(part.run(Lab(plan.machine, loaded, plan.sampling, here, probe)))
                    if plan.show_part:
                        with progress.set_aside():
                            self._show(finished[-1])


def _once(name: str, options: Callable[[int], StudyOptions], path: str, number: int) -> int:
    """One of several fresh processes, which imports this."""
    return run(find(name), replace(options(number), json=path, plot=None))


def _budget_s(plan: Plan[Any, Any, Any]) -> float | None:
    """A number of rounds takes as long as it takes, and a modelled launch needs no rounds."""
    limited = plan.machine.kind == "host" and not plan.sampling.rounds
    return plan.sampling.budget_s if limited else None


def _announcement(what: str, sampling: Sampling) -> str:
    return f"{what}; {sampling.rounds} rounds" if sampling.rounds else what
