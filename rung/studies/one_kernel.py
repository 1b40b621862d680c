"""What `rung trace` and `rung sweep` share: one kernel, one schedule, one modelled device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from .. import machine as machines
from ..bench import group, ladder, recording, suite
from ..errors import UsageError
from ..machine import Machine
from ..options import parse
from ..options.declared import MODELLED, Device, Dtype, Overrides, ScheduleText, Seed, Size
from ..schedule import Schedule
from .own import OwnKernelOptions


@dataclass(frozen=True)
class OneKernelOptions(OwnKernelOptions):
    """`kernel`: a name of the study, or file.py::name."""

    kernel: Annotated[str, typer.Argument(metavar="KERNEL", help="A kernel of the study, or file.py::name.")]
    device: Device = MODELLED
    overrides: Overrides = ()
    rung: Annotated[str, typer.Option(help="scalar, or vec, mt and db joined by +.")] = "vec+mt+db"
    schedule: ScheduleText = ""
    dtype: Dtype = "f32"
    size: Size = None
    seed: Seed = 0


@dataclass(frozen=True)
class Subject:
    case: group.Case
    machine: Machine
    schedule: Schedule

    @property
    def filled(self) -> str:
        """Arguments and grid of an own kernel, in words."""
        return self.case.own.filled if self.case.own else ""

    @property
    def title(self) -> str:
        shape = " x ".join(map(str, self.case.shape))
        return f"{self.case.name} {shape} {self.case.dtype}, {self.schedule.rung}"


def load(options: OneKernelOptions) -> Subject:
    """Checks the command line, then draws the inputs. Raises UsageError."""
    dtype, seed = parse.dtype(options.dtype), parse.seed(options.seed)
    shape = parse.sizes(options.size, "--size") if options.size else None
    schedules = ladder.parse_rungs(options.rung, parse.parameters(options.schedule, "--rung"))
    if len(schedules) != 1:
        raise UsageError(f"--rung is `{options.rung}`; give one, such as vec+mt+db")
    machine = machines.load(options.device, options.overrides)
    recording.check_modelled(machine)
    ladder.check(schedules, machine, "--rung")
    if "::" in options.kernel:
        case = options.own_case(options.kernel, shape, dtype, seed)
        return Subject(case, machine, schedules[0])
    options.refuse_own("file.py::name")
    workload = suite.find(options.kernel)
    if shape:
        workload.check(shape)
    block = suite.block_elements(machine)
    return Subject(group.case_of(workload, shape, dtype, seed, block), machine, schedules[0])


def wrong(subject: Subject, found: recording.Recording) -> str:
    """What to say when the recorded run computed wrong values."""
    error = found.error
    return (
        f"{subject.title}: WRONG: max abs error {error.absolute:.3g}, max rel error {error.relative:.3g} "
        f"against {subject.case.reference}; allowed: {subject.case.tolerance}"
    )
