"""`rung ladder`: what each mechanism is worth, for kernels of the study or the user's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TextColumn
from rich.progress import Progress as Bar

from .. import machine as machines
from ..bench import adhoc, environment, generated, ladder, probes, suite
from ..bench.measure import Progress, Sampling
from ..bench.result import Record, Result, write
from ..bench.toolchain import Toolchain, native
from ..errors import RungError, UsageError
from ..machine import Machine
from ..report import plots, tables, text
from ..schedule import Schedule
from . import interrupt, parse


@dataclass(frozen=True)
class Options:
    """The command line, as text."""

    kernels: tuple[str, ...] = ()
    device: str = "host"
    dtype: str = "f32"
    size: str | None = None
    rungs: str = ladder.LADDER
    schedule: str = ""
    kernel: str | None = None
    signature: str | None = None
    constexprs: tuple[str, ...] = ()
    grid: str | None = None
    inductor: bool = False
    json: str | None = None
    plot: str | None = None
    seed: int = 0
    rounds: int = 0
    budget_s: float = 8.0


@dataclass(frozen=True)
class Plan:
    """What will be measured; each case is made when its turn comes, so that only one's tensors are alive."""

    machine: Machine
    schedules: tuple[Schedule, ...]
    sampling: Sampling
    cases: tuple[tuple[str, Callable[[], ladder.Case]], ...] = field(default=())


def run(options: Options, toolchain: Callable[[], Toolchain] = native) -> int:
    """Measures, prints a table per kernel as it is done, writes the files.

    Returns 0, 1 when a result was wrong, 130 when interrupted. When a kernel fails to compile, the error
    is passed on after what was finished is written.
    """
    json = parse.output(options.json, "--json")
    plot = plots.check_path(options.plot) if options.plot else None
    plan = make_plan(options)
    if plot and not any(schedule.rung == "Scalar" for schedule in plan.schedules):
        raise UsageError("--plot shows speed-ups over Scalar; put `scalar` into --rungs")
    out = tables.console()
    results: list[Result] = []
    complete = True
    found = environment.describe(plan.machine, options.seed)
    try:
        with interrupt.cooperative() as check:
            _measure(plan, toolchain, results, lambda group: tables.show_group(out, group), check)
    except KeyboardInterrupt:
        complete = False
    except RungError:
        if json:
            write(Record(environment=found, results=results, complete=False), json)
        raise
    record = Record(environment=found, results=results, complete=complete)
    if json:
        write(record, json)
    if not complete:
        out.print("interrupted" + (f"; what was finished is in {json}" if json else ""), style="yellow")
        return interrupt.INTERRUPTED
    out.print(tables.environment(found), style="dim", highlight=False)
    if plot and any(result.speedup for result in results):
        plots.ladder(record, plot)
    return 0 if record.correct else 1


def make_plan(options: Options) -> Plan:
    """Checks the whole command line before anything slow begins. Raises UsageError."""
    dtype = parse.dtype(options.dtype)
    shape = parse.sizes(options.size, "--size") if options.size else None
    sampling = Sampling(options.rounds, options.budget_s, options.seed)
    schedules = ladder.parse_rungs(options.rungs, Schedule.parse(options.schedule))
    machine = machines.load(options.device)
    plan = Plan(machine, schedules, sampling)
    if options.kernel:
        return Plan(machine, schedules, sampling, (_own_kernel(options, options.kernel, dtype, shape),))
    for option, value in (("--signature", options.signature), ("--constexpr", options.constexprs)):
        if value:
            raise UsageError(f"{option} is for a kernel of your own; give it with --kernel file.py::name")
    if options.grid:
        raise UsageError("--grid is for a kernel of your own; give it with --kernel file.py::name")
    names = options.kernels or tuple(w.name for w in suite.WORKLOADS if w.paper)
    workloads = [suite.find(name) for name in names]
    for workload in workloads:
        if shape:
            workload.check(shape)

    def make(workload: suite.Workload) -> list[tuple[str, Callable[[], ladder.Case]]]:
        """The hand-written kernel, and beside it the one that Inductor writes."""
        own = (workload.name, lambda: ladder.case_of(workload, shape, dtype, options.seed))
        written = (f"{workload.name} (Inductor)", lambda: generated.case(workload, shape, dtype, options.seed))
        return [own, written] if options.inductor else [own]

    return Plan(plan.machine, schedules, sampling, tuple(case for w in workloads for case in make(w)))


def _own_kernel(
    options: Options, source: str, dtype: str, shape: tuple[int, ...] | None
) -> tuple[str, Callable[[], ladder.Case]]:
    if options.kernels:
        raise UsageError("give names of the study's kernels, or --kernel file.py::name, not both")
    if options.inductor:
        raise UsageError("--inductor is for the study's kernels; --kernel is a Triton kernel already")
    grid = parse.grid(options.grid) if options.grid else None
    constexprs = parse.constexprs(options.constexprs)
    sizes = shape or (1 << 20,)
    case = adhoc.case(source, sizes, dtype, options.seed, options.signature, constexprs, grid)
    return case.name, lambda: case


def _measure(
    plan: Plan,
    load: Callable[[], Toolchain],
    results: list[Result],
    show: Callable[[Sequence[Result]], None],
    check: Callable[[], None],
) -> None:
    """Appends to `results` kernel by kernel, so that an interruption keeps those that are done.

    `check` raises KeyboardInterrupt when one was asked for.
    """
    errors = Console(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30),
        TextColumn("{task.fields[left]}"),
    )
    if not errors.is_terminal:
        errors.print(_announcement(plan), highlight=False, soft_wrap=True)
    probe: Callable[[], float] | None = None
    with Bar(*columns, console=errors, transient=True) as progress:
        task = progress.add_task(f"{_announcement(plan)}: loading torch, Triton and MLIR", total=None, left="")
        toolchain = load()
        if plan.machine.kind == "host":
            probe = probes.empty_launch(toolchain, plan.machine)
        for number, (name, make) in enumerate(plan.cases, 1):

            def tell(step: ladder.Step, label: str = f"[{number}/{len(plan.cases)}] {name}") -> None:
                check()
                rounds = step.progress
                progress.update(
                    task,
                    description=f"{label}: {step.what}",
                    total=rounds.rounds if rounds else None,
                    completed=rounds.done if rounds else 0,
                    left=_left(rounds) if rounds else "",
                )

            tell(ladder.Step("drawing the inputs"))
            group = ladder.run(make(), plan.machine, plan.schedules, plan.sampling, toolchain, tell, probe)
            results.extend(group)
            progress.stop()
            show(group)
            progress.start()


def _left(rounds: Progress) -> str:
    return f"{rounds.done}/{rounds.rounds} rounds, {rounds.remaining_s:.0f} s left"


def _announcement(plan: Plan) -> str:
    seconds = len(plan.cases) * (plan.sampling.budget_s + 2)
    names = ", ".join(name for name, _ in plan.cases)
    rungs = ", ".join(schedule.rung for schedule in plan.schedules)
    howlong = f"{plan.sampling.rounds} rounds" if plan.sampling.rounds else f"about {text.duration(seconds)}"
    return f"{names} on {plan.machine.name}: {rungs}; {howlong}"
