"""The reproduction: the published figures on a modelled device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from .. import machine as machines
from ..bench import reproduction
from ..bench.group import Lab, Step
from ..bench.measure import Sampling
from ..bench.published import RATIOS, TIMES, Run, runs
from ..bench.recording import check_modelled
from ..bench.reproduction_result import ReproductionRecord
from ..bench.result import Environment
from ..options.declared import MODELLED, Device, Overrides
from ..report import reproduction as report
from ..report.page import reproduction as page
from .study import Part, Plan, Study, StudyOptions

if TYPE_CHECKING:
    from ..targets.npu.trace import Trace


@dataclass(frozen=True)
class ReproduceOptions(StudyOptions):
    device: Device = MODELLED
    overrides: Overrides = ()
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="First fit the calibrated parameters to the published figures.")
    ] = False


Traced = tuple[Run, "Trace"]


def plan(options: ReproduceOptions) -> Plan[ReproduceOptions, Traced, ReproductionRecord]:
    """A part per configuration. Figures compare configurations, so that too few make no record."""
    machine = machines.load(options.device, options.overrides)
    check_modelled(machine)

    def part(wanted: Run) -> Part[Traced]:
        def run(lab: Lab) -> Traced:
            lab.tell(Step("compiling and recording"))
            return wanted, reproduction.record(wanted, machine, lab.toolchain)

        return Part(str(wanted), run)

    def record(found: Environment, parts: Sequence[Traced], complete: bool) -> ReproductionRecord | None:
        if not complete:
            return None
        traces = dict(parts)
        fitted = reproduction.calibrate(traces, machine, RATIOS, TIMES) if options.calibrate else machine
        return reproduction.summarize(traces, fitted, found, options.calibrate)

    what = f"published figures on {machine.name}, once a configuration"
    return Plan(what, machine, Sampling(), tuple(part(run) for run in runs()), record)


def _tables(out: Console, record: ReproductionRecord) -> None:
    if record.calibrated:
        settings = [f"{name} = {value:.4g}" for name, value in record.parameters.items()]
        out.print("Calibrated (put these into the machine file):", *settings, sep="\n  ", highlight=False)
    for sheet in report.sheets(record):
        out.print(sheet.rich())


STUDY = Study(
    name="reproduce",
    details="""Ratios, times, how each ratio moves with each calibrated parameter, and what a fit on
half of the ratios predicts of the others. Exit status 1: a figure is more than 25% off.""",
    options=ReproduceOptions,
    plan=plan,
    record=ReproductionRecord,
    tables=_tables,
    figure=report.plot,
    page=page.CONTENTS,
)
