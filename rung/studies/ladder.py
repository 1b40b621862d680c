"""The ladder: what each mechanism is worth, for kernels of the study or the user's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from .. import machine as machines
from ..bench import environment, generated, group, ladder, stages, suite
from ..bench.ladder_result import Graph, LadderRecord
from ..bench.listing import Listing
from ..bench.measure import Sampling
from ..bench.pool import pool
from ..bench.result import Environment, Result
from ..errors import UsageError
from ..machine import Machine
from ..options import parse
from ..options.declared import Device, Dtype, Explain, Inputs, Overrides, ScheduleText, Seed, Size, Stages
from ..report import explain, model, model_plot, plots, tables
from ..report.page import ladder as page
from ..schedule import Schedule
from . import function_ladder
from .own import OwnKernelOptions
from .study import Part, Plan, Pooled, Study, StudyOptions


@dataclass(frozen=True)
class LadderOptions(OwnKernelOptions, StudyOptions):
    kernels: Annotated[
        tuple[str, ...],
        typer.Argument(
            metavar="KERNEL", help="Names of the study's kernels (default: vec-add gelu), or file.py::name of your own."
        ),
    ] = ()
    device: Device = "host"
    overrides: Overrides = ()
    dtype: Dtype = "f32"
    size: Size = None
    rungs: Annotated[str, typer.Option(help="Rungs joined by commas; pf is prefetching: vec+mt,vec+mt+pf.")] = (
        ladder.LADDER
    )
    factorial: Annotated[
        bool, typer.Option("--factorial", help="All eight combinations, and what each mechanism is worth in any order.")
    ] = False
    check: Annotated[
        bool, typer.Option("--check", help="Watch each kernel's first launches, as your own kernel's always are.")
    ] = False
    explain: Explain = False
    stages: Stages = False
    schedule: ScheduleText = ""
    kernel: Annotated[str | None, typer.Option(help="A kernel of your own: file.py::name.")] = None
    inductor: Annotated[
        bool,
        typer.Option(
            "--inductor",
            help="Measure the kernel that PyTorch Inductor writes, too; of file.py::name, a torch function or module: "
            "all its kernels, and whole calls.",
        ),
    ] = False
    examples: Inputs = None
    seed: Seed = 0
    rounds: Annotated[int, typer.Option(help="Rounds per kernel; 0: as many as the budget holds.")] = 0
    budget_s: Annotated[float, typer.Option("--budget", help="Seconds of timing per kernel.")] = 8.0
    processes: Annotated[int, typer.Option(help="Fresh processes, one after another, that are pooled.")] = 1

    @property
    def own(self) -> str | None:
        """`file.py::name`, where that is what is measured."""
        own = [name for name in self.kernels if "::" in name or name.endswith(".py")]
        if self.kernel is None and not own:
            return None
        if self.kernel and self.inductor:
            raise UsageError(
                "--inductor is for torch functions and the study's kernels; --kernel is a Triton kernel already"
            )
        if self.kernel and self.kernels:
            raise UsageError("give names of the study's kernels, or --kernel file.py::name, not both")
        if len(self.kernels) > 1:
            raise UsageError(f"give `{own[0]}` alone: what is your own is measured by itself")
        return self.kernel or own[0]


Results = list[Result]
Cases = tuple[tuple[str, Callable[[], group.Case]], ...]
"""Each case is made when its turn comes, so that only one's tensors are alive."""


def plan(options: LadderOptions) -> Plan[LadderOptions, Any, LadderRecord]:
    """A part per kernel."""
    dtype = parse.dtype(options.dtype)
    shape = parse.sizes(options.size, "--size") if options.size else None
    sampling = Sampling(options.rounds, options.budget_s, parse.seed(options.seed))
    machine = machines.load(options.device, options.overrides)
    schedules = _schedules(options, machine)
    if options.inductor and (own := options.own):
        return _function(options, own, machine, schedules, sampling)
    kernels = cases(options, machine, dtype, shape)
    listings: list[Listing] = []

    def run(make: Callable[[], group.Case], lab: group.Lab) -> Results:
        case = make()
        if options.check and case.own is None:
            group.watch(case, lab.tell)
        results = ladder.run(case, schedules, lab)
        if options.stages:
            lab.tell(group.Step(f"compiling {schedules[-1].rung} once more, for its text at every stage"))
            listings.append(stages.listing(case, machine, schedules[-1]))
        return results

    def record(found: Environment, parts: Sequence[Results], complete: bool) -> LadderRecord:
        return _record(found, parts, complete).model_copy(update={"listings": listings})

    def part(name: str, make: Callable[[], group.Case]) -> Part[Results]:
        return Part(name, lambda lab: run(make, lab))

    def show(out: Console, results: Results) -> None:
        tables.show_group(out, results)
        if options.explain:
            explain.show(out, results, environment.fields(machine))

    names, rungs = ", ".join(name for name, _ in kernels), ", ".join(schedule.rung for schedule in schedules)
    parts = tuple(part(name, make) for name, make in kernels)
    own = kernels[0][1]().own if options.own else None
    what = f"{names} on {machine.name}: {rungs}" + (f"; {own.filled}" if own else "")
    return Plan(what, machine, sampling, parts, record, show, _pooled(options))


def _function(
    options: LadderOptions, spec: str, machine: Machine, schedules: Sequence[Schedule], sampling: Sampling
) -> Plan[LadderOptions, function_ladder.Found, LadderRecord]:
    """A part per kernel of a torch function, and one for the whole. The tables come at the end: a kernel's share is
    known then."""
    options.refuse_own("a Triton kernel, without --inductor")
    if options.stages:
        raise UsageError("--stages is for Triton kernels; save those of a torch function with `rung capture` first")
    if options.size or options.dtype != "f32":
        raise UsageError("--size and --dtype are of the study's kernels; a torch function's inputs say both (--inputs)")
    if options.processes != 1:
        raise UsageError("--processes is for kernels; whole calls of a torch function are measured in one process")
    function = function_ladder.load(spec, options.examples, sampling.seed)
    found = function_ladder.FunctionLadder(function, machine, schedules, options.check)
    names = ", ".join(schedule.rung for schedule in schedules)
    what = f"{function_ladder.announce(function)}, on {machine.name}: {names}"
    return Plan(what, machine, sampling, (), _record, find=found.parts)


def _record(found: Environment, parts: Sequence[Results | Graph], complete: bool) -> LadderRecord:
    results = [each for part in parts if isinstance(part, list) for each in part]
    graph = next((part for part in parts if isinstance(part, Graph)), None)
    return LadderRecord(environment=found, results=results, graph=graph, complete=complete)


def _pooled(options: LadderOptions) -> Pooled[LadderOptions, Results, LadderRecord] | None:
    """Fresh processes have inputs and an order of their own."""
    if options.processes < 1:
        raise UsageError(f"--processes is {options.processes}; give 1 or more")
    if options.processes == 1:
        return None
    if options.stages:
        raise UsageError("--stages is for one process; leave --processes out, or use `rung compile --json`")
    alone = replace(options, processes=1, explain=False)
    return Pooled(options.processes, _Numbered(alone), _as_one, LadderRecord.groups)


@dataclass(frozen=True)
class _Numbered:
    """The options of process number n: a value that a fresh process can be given."""

    options: LadderOptions

    def __call__(self, number: int) -> LadderOptions:
        return replace(self.options, seed=self.options.seed + number)


def _as_one(records: Sequence[LadderRecord]) -> LadderRecord:
    whole = records[0].model_copy(update={"results": pool(records)})
    results = [result for each in whole.groups() for result in ladder.with_ratios(each)]
    return whole.model_copy(update={"results": results})


def _schedules(options: LadderOptions, machine: Machine) -> tuple[Schedule, ...]:
    base = parse.parameters(options.schedule, "--rungs")
    if options.factorial and options.rungs != ladder.LADDER:
        raise UsageError("--factorial measures all eight combinations; leave --rungs out")
    schedules = base.factorial() if options.factorial else ladder.parse_rungs(options.rungs, base)
    ladder.check(schedules, machine, "--rungs")
    if options.plot and not any(schedule.rung == "Scalar" for schedule in schedules):
        raise UsageError("--plot shows speed-ups over Scalar; put `scalar` into --rungs")
    return schedules


def cases(options: LadderOptions, machine: Machine, dtype: str, shape: tuple[int, ...] | None) -> Cases:
    """The kernels that are asked for, by name."""
    if options.examples is not None:
        raise UsageError("--inputs is for torch functions; give one with --inductor file.py::name")
    if options.own:
        case = options.own_case(options.own, shape, dtype, options.seed)
        return ((case.name, lambda: case),)
    options.refuse_own("--kernel file.py::name")
    names = options.kernels or tuple(w.name for w in suite.WORKLOADS if w.paper)
    workloads = [suite.find(name) for name in names]
    for workload in workloads:
        if shape:
            workload.check(shape)

    block = suite.block_elements(machine)

    def make(workload: suite.Workload) -> Cases:
        """The hand-written kernel, and beside it the one that Inductor writes."""
        own = (workload.name, lambda: group.case_of(workload, shape, dtype, options.seed, block))
        written = (f"{workload.name} (Inductor)", lambda: generated.case(workload, shape, dtype, options.seed))
        return (own, written) if options.inductor else (own,)

    return tuple(case for workload in workloads for case in make(workload))


def _tables(out: Console, record: LadderRecord) -> None:
    if record.graph is not None:
        model.show(out, record)
        return
    for results in record.groups():
        tables.show_group(out, results)


def _figure(record: LadderRecord, path: Path) -> None:
    (plots.ladder if record.graph is None else model_plot.draw)(record, path)


STUDY = Study(
    name="ladder",
    details="""The rungs are Scalar, Vec, Vec+MT and Vec+MT+DB. Each is checked against float64
before it is timed. Exit status 1: a result was wrong.""",
    options=LadderOptions,
    plan=plan,
    record=LadderRecord,
    tables=_tables,
    figure=_figure,
    explain=explain.show_record,
    page=page.CONTENTS,
)
