"""Advice: which schedule a kernel wants on a machine, what bounds it, and which change of the machine buys most."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

import typer

from .. import machine as machines
from ..bench import advice, constants, group, suite
from ..bench.advice import Search, Tried
from ..bench.advice_result import AdviceRecord, Candidate, Change, Verified, Without
from ..bench.group import Lab, Step, Tell, Variant
from ..bench.measure import Sampling
from ..bench.result import Environment
from ..bench.toolchain import native
from ..errors import UsageError
from ..machine import Machine
from ..options import parse
from ..options.declared import MODELLED, Device, Dtype, Overrides, ScheduleText, Seed, Size
from ..report import advice as report
from ..report.page import advice as page
from .own import OwnKernelOptions
from .study import Part, Plan, Study, StudyOptions


@dataclass(frozen=True)
class AdviseOptions(OwnKernelOptions, StudyOptions):
    kernel: Annotated[str, typer.Argument(metavar="KERNEL", help="A kernel of the study, or file.py::name.")]
    device: Device = MODELLED
    overrides: Overrides = ()
    schedule: ScheduleText = ""
    dtype: Dtype = "f32"
    size: Size = None
    seed: Seed = 0
    verify: Annotated[
        bool, typer.Option("--verify", help="Run the best schedule and its neighbours, beside their predictions.")
    ] = False


@dataclass(frozen=True)
class Found:
    """What a part found: changes of the machine, or results."""

    changes: tuple[Change, ...] = ()
    verified: tuple[Verified, ...] = ()


def plan(options: AdviseOptions) -> Plan[AdviseOptions, Found, AdviceRecord]:
    """A part per schedule, one per change of the machine, and one to verify."""
    dtype, seed = parse.dtype(options.dtype), parse.seed(options.seed)
    shape = parse.sizes(options.size, "--size") if options.size else None
    base = parse.parameters(options.schedule, "--rung")
    machine = machines.load(options.device, options.overrides)
    if machine.plans_only:
        raise UsageError(f"nothing is compiled for machine {machine.name}; give a device that `rung machines` lists")
    case = _case(options, machine, shape, dtype, seed)
    searches: list[Search] = []

    @contextmanager
    def find(tell: Tell) -> Generator[tuple[Part[Found], ...]]:
        toolchain = native()
        measured = machine
        if machine.kind == "host":
            measured = constants.measure(toolchain, machine, lambda what: tell(Step(what))).machine
        search = Search(case, measured, toolchain)
        searches.append(search)
        if case.own:
            group.watch(case, tell)
        yield tuple(_parts(search, advice.schedules(machine, base), options.verify))

    def record(found: Environment, parts: Sequence[Found], complete: bool) -> AdviceRecord | None:
        ranked = searches[0].ranked if searches else []
        return _record(searches[0], ranked, found, parts, complete) if ranked else None

    count = len(advice.schedules(machine, base))
    what = f"{case.name} {' x '.join(map(str, case.shape))} {case.dtype} on {machine.name}: {count} schedules"
    return Plan(what, machine, Sampling(seed=seed), (), record, find=find)


def _case(options: AdviseOptions, machine: Machine, shape: tuple[int, ...] | None, dtype: str, seed: int) -> group.Case:
    if "::" in options.kernel:
        return options.own_case(options.kernel, shape, dtype, seed)
    options.refuse_own("file.py::name")
    workload = suite.find(options.kernel)
    if shape:
        workload.check(shape)
    return group.case_of(workload, shape, dtype, seed, suite.block_elements(machine))


def _parts(search: Search, wanted: Sequence[advice.Schedule], verify: bool) -> list[Part[Found]]:
    def trying(schedule: advice.Schedule) -> Part[Found]:
        def run(lab: Lab) -> Found:
            lab.tell(Step("compiling and predicting"))
            search.take(schedule)
            return Found()

        return Part(str(schedule) or "the defaults", run)

    def changing(name: str, machine: Machine) -> Part[Found]:
        def run(lab: Lab) -> Found:
            lab.tell(Step(name))
            change = search.change(name, machine) if search.tried else None
            return Found(changes=(change,) if change else ())

        return Part(name, run)

    parts = [trying(schedule) for schedule in wanted]
    parts += [changing(name, machine) for name, machine in advice.changes(search.machine).items()]
    if verify:
        parts.append(Part("verifying", lambda lab: Found(verified=_verify(search, lab))))
    return parts


def _verify(search: Search, lab: Lab) -> tuple[Verified, ...]:
    """Measured together, interleaved; on a modelled device, run and replayed once more."""
    chosen = advice.neighbours(search.ranked, search)
    variants = [Variant(str(tried.schedule) or "the defaults", search.case, tried.schedule) for tried in chosen]
    results = group.measure(variants, lab)
    found: list[Verified] = []
    for tried, result in zip(chosen, results, strict=True):
        if result.median is not None:
            name, rung = str(tried.schedule), advice.label(tried.schedule, search.machine)
            found.append(Verified(schedule=name, rung=rung, predicted=tried.time, result=result.median))
    return tuple(found)


def _record(
    search: Search, ranked: Sequence[Tried], found: Environment, parts: Sequence[Found], complete: bool
) -> AdviceRecord:
    best, modelled = ranked[0], search.machine.kind == "npu"
    without: list[Without] = []
    for name, schedule in search.without(best.schedule).items():
        tried = search.take(schedule)
        if tried is not None:
            without.append(Without(mechanism=name, schedule=str(schedule), time=tried.time))
    if modelled:
        ledger = search.ledger(best)
        verdict, spent = ledger.verdict, {cause.value: max(0.0, n) for cause, n in ledger.contexts.items()}
    else:
        spent = dict(search.terms(best))
        verdict = f"bound by {max(spent, key=lambda name: spent[name])}"
    return AdviceRecord(
        environment=found,
        complete=complete,
        kernel=search.case.name,
        dtype=search.case.dtype,
        shape=list(search.case.shape),
        unit="cycles" if modelled else "s",
        verdict=verdict,
        ledger=spent,
        candidates=[_candidate(t, search.machine) for t in search.ranked],
        refused=len(search.refused),
        without=without,
        changes=sorted((change for part in parts for change in part.changes), key=lambda change: change.time),
        verified=[each for part in parts for each in part.verified],
    )


def _candidate(tried: Tried, machine: Machine) -> Candidate:
    name, rung = str(tried.schedule), advice.label(tried.schedule, machine)
    return Candidate(schedule=name, rung=rung, time=tried.time, scratchpad_bytes=tried.scratchpad_bytes)


STUDY = Study(
    name="advise",
    details="""All combinations of mechanisms, contexts, depths and tiles are searched: on a modelled device by
running each once and replaying it, on the host by the cost model, whose constants are measured first.""",
    options=AdviseOptions,
    plan=plan,
    record=AdviceRecord,
    tables=report.show,
    figure=report.plot,
    page=page.CONTENTS,
)
