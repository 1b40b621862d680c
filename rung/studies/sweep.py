"""The sweep: one kernel on a grid of modelled devices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Annotated

import typer

from ..bench import recording, sweep
from ..bench.group import Lab, Step
from ..bench.measure import Sampling
from ..bench.result import Environment
from ..bench.sweep_result import Point, SweepRecord
from ..bench.trial import LIMIT_S
from ..errors import RungError, UsageError
from ..report import sweep as report
from ..report.page import sweep as page
from .one_kernel import OneKernelOptions, Subject, load, wrong
from .study import Part, Plan, Study, StudyOptions, WrongResult


@dataclass(frozen=True)
class SweepOptions(OneKernelOptions, StudyOptions):
    vary: Annotated[
        tuple[str, ...],
        typer.Option(
            help="FIELD=VALUE,VALUE,... of the device, such as dma.bytes_per_cycle=2,4,8, or of the schedule, such as "
            "schedule.depth=2,3,4; may be repeated."
        ),
    ] = ()


@dataclass(frozen=True)
class Replayed:
    """The machines that run the same code, by position in the grid, and the library functions that it calls."""

    points: Mapping[int, Point]
    calls: frozenset[str]


def plan(options: SweepOptions) -> Plan[SweepOptions, Replayed, SweepRecord]:
    """A part per compilation: recorded once, replayed on all machines that the code does not tell apart."""
    axes = sweep.parse_axes(options.vary)
    if not axes:
        raise UsageError(
            "rung sweep varies fields of the device or schedule; give --vary FIELD=LIST, as contexts=1,2,4"
        )
    if options.plot:
        report.check_plot(axes)
    subject = load(options)
    variants = sweep.variants(subject.machine, subject.schedule, axes)
    recorder = cache(partial(recording.recorder, subject.case))  # what is computed first is what all are compared with

    def part(number: int, positions: Sequence[int]) -> Part[Replayed]:
        members = [variants[position] for position in positions]
        first = members[0]
        changed = ", ".join(f"{name}={value}" for name, value in first.values.items())

        def run(lab: Lab) -> Replayed:
            lab.tell(Step("compiling and recording"))
            try:
                trying = Step("trying it", limit_s=LIMIT_S)
                found = recorder(lab.toolchain)(first.machine, first.schedule, lambda: lab.tell(trying))
            except RungError as error:
                raise UsageError(f"with {changed}: {error}") from error
            if not found.error.within:
                raise WrongResult(wrong(subject, found))
            lab.tell(Step(f"replaying {len(members)} points"))
            points = sweep.replay(found.trace, members, number)
            calls = frozenset(name for work in found.trace.works for name, _ in work.calls)
            return Replayed(dict(zip(positions, points, strict=True)), calls)

        return Part(changed, run)

    def record(found: Environment, parts: Sequence[Replayed], complete: bool) -> SweepRecord:
        points = {position: point for part in parts for position, point in part.points.items()}
        return SweepRecord(
            environment=found,
            complete=complete,
            kernel=subject.case.name,
            dtype=subject.case.dtype,
            shape=list(subject.case.shape),
            schedule=str(subject.schedule),
            varied={name: list(dict.fromkeys(variant.values[name] for variant in variants)) for name in axes},
            calls=sorted({name for part in parts for name in part.calls}),
            points=[points[position] for position in sorted(points)],
        )

    parts = tuple(part(number, each) for number, each in enumerate(sweep.compilations(variants)))
    return Plan(_what(subject, len(variants)), subject.machine, Sampling(seed=options.seed), parts, record)


def _what(subject: Subject, machines: int) -> str:
    own = f"; {subject.filled}" if subject.filled else ""
    return f"{subject.title} on {machines:,} machines like {subject.machine.name}{own}"


STUDY = Study(
    name="sweep",
    details="""It is compiled and run once per schedule, and per device that its code depends on. Fields npu.* and
dma.*, but for dma.max_rank, change nothing but the replay.""",
    options=SweepOptions,
    plan=plan,
    record=SweepRecord,
    tables=report.show,
    figure=report.plot,
    page=page.CONTENTS,
    warnings=report.warnings,
)
