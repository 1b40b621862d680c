"""The validation: published measurements of other people's devices, predicted from their machine files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import machine as machines
from ..bench import reproduction, validation
from ..bench.group import Lab, Step
from ..bench.measure import Sampling
from ..bench.published import Run, runs
from ..bench.reproduction import value
from ..bench.result import Environment
from ..bench.sources import Program, Source
from ..bench.validation_result import Validated, ValidationRecord
from ..errors import UsageError
from ..machine import Machine
from ..options.declared import Overrides, Seed, Size
from ..report import validation as report
from ..report.page import validation as page
from . import validate_host
from .study import Part, Plan, Study, StudyOptions

if TYPE_CHECKING:
    from ..targets.npu.trace import Trace


@dataclass(frozen=True)
class ValidateOptions(StudyOptions):
    kernels: Annotated[
        tuple[str, ...],
        typer.Argument(metavar="KERNEL", help="With --device host: names of the study's kernels; default: all."),
    ] = ()
    device: Annotated[
        str | None,
        typer.Option(
            help="Sources of one device, by the name of its machine; host: this machine, predicted and then measured; "
            "default: all sources."
        ),
    ] = None
    overrides: Overrides = ()
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="First fit the calibrated fields to the figures marked so, anew.")
    ] = False
    size: Size = None
    seed: Seed = 0
    rounds: Annotated[int, typer.Option(help="Of the host, per kernel and size; 0: as many as the budget holds.")] = 0
    budget_s: Annotated[float, typer.Option("--budget", help="Seconds of timing the host, per kernel and size.")] = 1.0

    @property
    def of_the_host(self) -> bool:
        return self.kernels != () or self.size is not None or self.rounds != 0


def plan(options: ValidateOptions) -> Plan[ValidateOptions, Validated, ValidationRecord]:
    """A part per source."""
    if options.of_the_host:
        raise UsageError(
            "kernels, --size and --rounds are of the host, which is measured; give --device host with them"
        )
    chosen = validation.sources_of(options.device)
    loaded = {source.device: machines.load(source.device, options.overrides) for source in chosen}
    for source in chosen:
        validation.check(source, loaded[source.device])
    parts = [
        Part(source.name, partial(_validate, source, loaded[source.device], options.calibrate)) for source in chosen
    ]
    if options.device in (None, validation.STUDY_DEVICE):
        machine = loaded[validation.STUDY_DEVICE] = machines.load(validation.STUDY_DEVICE, options.overrides)
        parts.append(Part("study", partial(_validate_study, machine)))

    def record(found: Environment, made: Sequence[Validated], complete: bool) -> ValidationRecord | None:
        return ValidationRecord(environment=found, complete=complete, sources=list(made)) if made else None

    what = f"published measurements of {', '.join(loaded)}"
    return Plan(what, next(iter(loaded.values())), Sampling(), tuple(parts), record)


def _validate(source: Source, machine: Machine, calibrate: bool, lab: Lab) -> Validated:
    found: dict[Program, Trace] = {}
    for program in validation.programs(source):
        lab.tell(Step(str(program)))
        found[program] = validation.trace(program, machine, lab.toolchain)
    if calibrate:
        lab.tell(Step("fitting"))
        machine = validation.fit(source, found, machine)
    return Validated(
        source=source.name,
        title=source.title,
        url=source.url,
        device=machine.name,
        machine_hash=machine.hash,
        undisclosed=list(source.undisclosed),
        calibrated={path: value(machine, path) for path in source.calibrated},
        notes=source.notes,
        figures=validation.predict(source, found, machine),
        assumptions=validation.assumptions(machine, machines.comments(machines.source(source.device))),
    )


def _validate_study(machine: Machine, lab: Lab) -> Validated:
    traces: dict[Run, Trace] = {}
    for run in runs():
        lab.tell(Step(str(run)))
        traces[run] = reproduction.record(run, machine, lab.toolchain)
    lab.tell(Step("fitting on one half of the ratios, then on the other"))
    return Validated(
        source="study",
        title="The study and its companion",
        url="https://arxiv.org/abs/2602.20204",
        device=machine.name,
        machine_hash=machine.hash,
        undisclosed=["the device", "clock", "how the scalar baseline was compiled"],
        calibrated={},
        notes="Each ratio as predicted by a fit of seven fields to every other ratio, from round numbers; "
        "[reproduction.md](reproduction.md) has the calibration itself.",
        figures=validation.study(traces, machine),
        assumptions=validation.assumptions(machine, machines.comments(machines.source(machine.name))),
    )


def _instead(options: ValidateOptions) -> tuple[Study[Any, Any], StudyOptions] | None:
    """Of the host, what is predicted is measured afterwards."""
    if options.device != "host":
        return None
    if options.calibrate:
        raise UsageError("--calibrate fits machine files to published figures; the host's constants are measured")
    same = ("json", "plot", "kernels", "overrides", "size", "seed", "rounds", "budget_s")
    given = {name: getattr(options, name) for name in same}
    return validate_host.STUDY, validate_host.ValidateHostOptions(**given)


STUDY = Study(
    name="validate",
    details="""Each device is a machine file; what was fitted in it was fitted to the figures marked so, the others are
predictions. Exit status 1: a prediction is more than 25% off, and no reason is known. With --device host, rung measures
this machine's constants, predicts Scalar, Vec, MT and DB of its kernels, and measures them then.""",
    options=ValidateOptions,
    plan=plan,
    record=ValidationRecord,
    tables=report.show,
    figure=report.plot,
    page=page.CONTENTS,
    instead=_instead,
)
