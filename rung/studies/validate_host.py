"""The validation of the host: rung's own predictions of this machine's times, made before it measures them."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

import typer

from .. import machine as machines
from ..bench import constants, group, host_validation, suite
from ..bench.group import Lab, Step, Tell
from ..bench.host_validation_result import Constant, HostResult, HostValidationRecord
from ..bench.measure import Sampling
from ..bench.result import Environment
from ..bench.toolchain import native
from ..errors import UsageError
from ..options import parse
from ..options.declared import Overrides, Seed, Size
from ..report import host_validation as report
from ..report.page import validation as page
from .study import Part, Plan, Study, StudyOptions


@dataclass(frozen=True)
class ValidateHostOptions(StudyOptions):
    kernels: Annotated[
        tuple[str, ...], typer.Argument(metavar="KERNEL", help="Names of the study's kernels; default: all.")
    ] = ()
    overrides: Overrides = ()
    size: Size = None
    seed: Seed = 0
    rounds: Annotated[int, typer.Option(help="Rounds per kernel and size; 0: as many as the budget holds.")] = 0
    budget_s: Annotated[float, typer.Option("--budget", help="Seconds of timing per kernel and size.")] = 1.0


Results = list[HostResult]


def plan(options: ValidateHostOptions) -> Plan[ValidateHostOptions, Results, HostValidationRecord]:
    """A part per kernel and size. Constants are measured, and everything is predicted, before the first part."""
    sampling = Sampling(options.rounds, options.budget_s, parse.seed(options.seed))
    machine = machines.load("host", options.overrides)
    if machine.contexts < 2:
        raise UsageError("one core has nothing to share, so that MT cannot be validated; give the process two or more")
    names = options.kernels or tuple(workload.name for workload in suite.WORKLOADS)
    workloads = [suite.find(name) for name in names]
    shape = parse.sizes(options.size, "--size") if options.size else None
    asked = [(w, each) for w in workloads for each in ((shape,) if shape else host_validation.shapes_of(w))]
    for workload, each in asked:
        workload.check(each)
    measured: list[constants.Measured] = []

    @contextmanager
    def find(tell: Tell) -> Generator[tuple[Part[Results], ...]]:
        toolchain = native()
        measured.append(constants.measure(toolchain, machine, lambda what: tell(Step(what))))
        schedules = host_validation.rungs(machine.contexts)
        parts: list[Part[Results]] = []
        for workload, each in asked:
            tell(Step(f"predicting {workload.name}"))
            case = group.case_of(workload, each, "f32", options.seed)
            question = host_validation.ask(case, schedules, measured[0].machine, toolchain)
            parts.append(_part(question))
        yield tuple(parts)

    def record(found: Environment, parts: Sequence[Results], complete: bool) -> HostValidationRecord | None:
        if not measured:
            return None
        values = [Constant(name=name, value=value) for name, value in measured[0].notes.items()]
        results = [each for part in parts for each in part]
        return HostValidationRecord(environment=found, constants=values, results=results, complete=complete)

    what = f"{len(asked)} kernels and sizes on {machine.name}: predicted, then measured"
    return Plan(what, machine, sampling, (), record, find=find)


def _part(question: host_validation.Question) -> Part[Results]:
    case = question.case
    name = f"{case.name} {'x'.join(map(str, case.shape))}"

    def run(lab: Lab) -> Results:
        return host_validation.answer(question, lab)

    return Part(name, run)


STUDY = Study(
    name="validate-host",
    details="""Measures the machine's constants in seconds, predicts Scalar, Vec, MT and DB of every
kernel, and then measures them: prediction beside result, error per mechanism, and whether it was told right what pays.
Forking is forced. Exit status 1: a result was wrong.""",
    options=ValidateHostOptions,
    plan=plan,
    record=HostValidationRecord,
    tables=report.show,
    figure=report.plot,
    page=page.HOST,
)
"""`rung validate --device host`"""
KIND = STUDY
