"""`rung reproduce`: the published figures on the modelled device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.console import Console

from .. import machine as machines
from ..bench import environment, reproduction, reproduction_result
from ..bench.published import RATIOS, TIMES, Run
from ..bench.recording import check_modelled
from ..bench.reproduction import PARAMETERS
from ..bench.toolchain import Toolchain, native
from ..report import reproduction as report
from ..report import tables
from . import parse
from .progress import Estimate, about


@dataclass(frozen=True)
class Options:
    """The command line, as text."""

    device: str
    overrides: tuple[str, ...] = ()
    calibrate: bool = False
    json: str | None = None


def run(options: Options, toolchain: Callable[[], Toolchain] = native) -> int:
    """Records every configuration, prints the tables. Returns 0, or 1 when a figure is more than 25% off."""
    json = parse.output(options.json, "--json")
    machine = machines.load(options.device, options.overrides)
    check_modelled(machine)
    out, errors = tables.console(), Console(stderr=True)

    estimate = Estimate(len(reproduction.runs()), None)

    def tell(number: int, count: int, wanted: Run) -> None:
        estimate.begin()
        left = "" if estimate.left_s is None else f", {about(estimate.left_s)} left"
        errors.print(f"[{number}/{count}] {wanted}{left}", highlight=False, markup=False)

    errors.print(f"published figures on {machine.name}, once a configuration", highlight=False)
    traces = reproduction.record(machine, toolchain(), tell)
    if options.calibrate:
        machine = reproduction.calibrate(traces, machine, RATIOS, TIMES)
        out.print("Calibrated (put these into the machine file):", *_settings(machine), sep="\n  ", highlight=False)
    found = reproduction.summarize(traces, machine, environment.describe(machine, 0))
    for sheet in report.sheets(found):
        out.print(sheet.rich())
    if json:
        reproduction_result.write(found, json)
    return 0 if found.within else 1


def _settings(machine: machines.Machine) -> Sequence[str]:
    return [f"{name} = {reproduction.value(machine, name):.4g}" for name in PARAMETERS]
