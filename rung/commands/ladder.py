"""`rung ladder`: what each mechanism is worth, for kernels of the study or the user's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from rich.console import Console

from .. import machine as machines
from ..bench import adhoc, environment, generated, group, ladder, suite
from ..bench.measure import Sampling
from ..bench.result import Record, Result
from ..bench.toolchain import Toolchain, native
from ..errors import UsageError
from ..machine import Machine
from ..report import explain, figure, plots, tables
from ..schedule import Schedule
from . import parse, processes, session


@dataclass(frozen=True)
class Options:
    """The command line, as text."""

    kernels: tuple[str, ...] = ()
    device: str = "host"
    overrides: tuple[str, ...] = ()
    dtype: str = "f32"
    size: str | None = None
    rungs: str = ladder.LADDER
    factorial: bool = False
    explain: bool = False
    schedule: str = ""
    kernel: str | None = None
    signature: str | None = None
    constexprs: tuple[str, ...] = ()
    grid: str | None = None
    ranges: tuple[str, ...] = ()
    inductor: bool = False
    json: str | None = None
    plot: str | None = None
    seed: int = 0
    rounds: int = 0
    budget_s: float = 8.0
    processes: int = 1


@dataclass(frozen=True)
class Plan:
    """What will be measured; each case is made when its turn comes, so that only one's tensors are alive."""

    machine: Machine
    schedules: tuple[Schedule, ...]
    sampling: Sampling
    cases: tuple[tuple[str, Callable[[], group.Case]], ...] = field(default=())


def run(options: Options, toolchain: Callable[[], Toolchain] = native) -> int:
    """Measures, prints a table per kernel as it is done, writes the files.

    Returns 0, 1 when a result was wrong, 130 when interrupted. When a kernel fails to compile, the error
    is passed on after what was finished is written.
    """
    json = parse.output(options.json, "--json")
    plot = figure.check_path(options.plot) if options.plot else None
    plan = make_plan(options)
    if plot and not any(schedule.rung == "Scalar" for schedule in plan.schedules):
        raise UsageError("--plot shows speed-ups over Scalar; put `scalar` into --rungs")
    if options.processes < 1:
        raise UsageError(f"--processes is {options.processes}; give 1 or more")

    def part(name: str, make: Callable[[], group.Case]) -> session.Part:
        return session.Part(name, lambda lab: ladder.run(make(), plan.schedules, lab))

    def show(out: Console, results: Sequence[Result]) -> None:
        tables.show_group(out, results)
        if options.explain:
            explain.show(out, results, environment.fields(plan.machine))

    def conclude(_: Console, record: Record) -> None:
        if plot and any(result.speedup for result in record.results):
            plots.ladder(record, plot)

    if options.processes > 1:
        return _in_processes(options, json, show, conclude)
    names = ", ".join(name for name, _ in plan.cases)
    rungs = ", ".join(schedule.rung for schedule in plan.schedules)
    parts = tuple(part(name, make) for name, make in plan.cases)
    what = f"{names} on {plan.machine.name}: {rungs}"
    whole = session.Session(what, plan.machine, plan.sampling, parts, json, show, conclude)
    return session.run(whole, toolchain)


def _in_processes(options: Options, json: Path | None, show: session.Show, conclude: session.Conclude) -> int:
    """The same in fresh processes, each with inputs and an order of its own."""
    found = processes.run(partial(_once, options), options.processes)
    if found is None:
        nothing = environment.describe(machines.load(options.device), options.seed)
        return session.finish(Record(environment=nothing, results=[], complete=False), json, show, conclude)
    results = [result for each in found.groups() for result in ladder.with_ratios(each)]
    return session.finish(found.model_copy(update={"results": results}), json, show, conclude)


def _once(options: Options, path: str, number: int) -> int:
    return run(replace(options, processes=1, json=path, plot=None, explain=False, seed=options.seed + number))


def make_plan(options: Options) -> Plan:
    """Checks the whole command line before anything slow begins. Raises UsageError."""
    dtype = parse.dtype(options.dtype)
    shape = parse.sizes(options.size, "--size") if options.size else None
    sampling = Sampling(options.rounds, options.budget_s, parse.seed(options.seed))
    base = parse.parameters(options.schedule, "--rungs")
    if options.factorial and options.rungs != ladder.LADDER:
        raise UsageError("--factorial measures all eight combinations; leave --rungs out")
    schedules = base.factorial() if options.factorial else ladder.parse_rungs(options.rungs, base)
    machine = machines.load(options.device, options.overrides)
    ladder.check(schedules, machine, "--rungs")
    plan = Plan(machine, schedules, sampling)
    if options.kernel:
        return Plan(machine, schedules, sampling, (_own_kernel(options, options.kernel, dtype, shape),))
    given = {
        "--signature": options.signature, "--constexpr": options.constexprs, "--grid": options.grid,
        "--range": options.ranges,
    }  # fmt: skip
    for option, value in given.items():
        if value:
            raise UsageError(f"{option} is for a kernel of your own; give it with --kernel file.py::name")
    names = options.kernels or tuple(w.name for w in suite.WORKLOADS if w.paper)
    workloads = [suite.find(name) for name in names]
    for workload in workloads:
        if shape:
            workload.check(shape)

    block = suite.block_elements(machine)

    def make(workload: suite.Workload) -> list[tuple[str, Callable[[], group.Case]]]:
        """The hand-written kernel, and beside it the one that Inductor writes."""
        own = (workload.name, lambda: group.case_of(workload, shape, dtype, options.seed, block))
        written = (f"{workload.name} (Inductor)", lambda: generated.case(workload, shape, dtype, options.seed))
        return [own, written] if options.inductor else [own]

    return Plan(plan.machine, schedules, sampling, tuple(case for w in workloads for case in make(w)))


def _own_kernel(
    options: Options, source: str, dtype: str, shape: tuple[int, ...] | None
) -> tuple[str, Callable[[], group.Case]]:
    if options.kernels:
        raise UsageError("give names of the study's kernels, or --kernel file.py::name, not both")
    if options.inductor:
        raise UsageError("--inductor is for the study's kernels; --kernel is a Triton kernel already")
    grid = parse.grid(options.grid) if options.grid else None
    constexprs, ranges = parse.constexprs(options.constexprs), parse.ranges(options.ranges)
    sizes = shape or (1 << 20,)
    case = adhoc.case(source, sizes, dtype, options.seed, options.signature, constexprs, grid, ranges)
    return case.name, lambda: case
