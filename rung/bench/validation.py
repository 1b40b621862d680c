"""Published figures of other people's devices beside what their machine files predict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .. import machine as machines
from ..errors import RungError, UsageError
from ..machine import Machine
from ..schedule import Schedule
from .group import case_of
from .ladder import parse_rungs
from .published import MISSED_RATIOS, RATIOS, Run
from .recording import recorder
from .reproduction import held_out, value
from .sources import SOURCES, Compiled, Figure, Mechanism, Program, Source
from .suite import block_elements, find
from .toolchain import Toolchain
from .validation_result import TOLERANCE, Assumption, Predicted

if TYPE_CHECKING:
    from ..targets.npu.trace import Trace

Traces = Mapping[Program, "Trace"]
FACTORS = (0.5, 2.0)
"""Fits begin at the machine file's calibrated fields, times each of these; the best is kept. What is fitted must not be
in the start."""
REACH = 30.0
"""And stay within this factor of where they began: a field that no figure depends on goes nowhere."""


STUDY_DEVICE = "hexagon-v73"
"""Of the study and its companion, whose figures are those of `published.py`."""


def sources_of(device: str | None) -> tuple[Source, ...]:
    """The sources of one device, besides the study; of all, without one. Raises UsageError for a device that none is
    about."""
    found = tuple(source for source in SOURCES if device in (None, source.device))
    if not found and device != STUDY_DEVICE:
        known = ", ".join(dict.fromkeys((STUDY_DEVICE, *(source.device for source in SOURCES))))
        raise UsageError(f"nobody's measurements of `{device}` are known here; devices with some: {known}")
    return found


def check(source: Source, machine: Machine) -> None:
    """Raises UsageError where the machine file leaves out what the source is about."""
    for path in source.needs:
        found: Any = machine
        for part in path.split("."):
            found = getattr(found, part, None)
        if not found:
            raise UsageError(f"machine {machine.name}: field `{path}` is missing, which `{source.name}` needs")


def programs(source: Source) -> tuple[Program, ...]:
    """Each once."""
    wanted = (program for figure in source.figures for program in (figure.base, figure.run) if program is not None)
    return tuple(dict.fromkeys(wanted))


def trace(program: Program, machine: Machine, toolchain: Toolchain) -> Trace:
    """What a program does on the machine: recorded, of a compiled one. Raises RungError for wrong values."""
    if not isinstance(program, Compiled):
        return program.trace()
    case = case_of(find(program.kernel), program.shape, program.dtype, 0, program.block or block_elements(machine))
    (schedule,) = parse_rungs(program.rung, Schedule(profitability=False))
    found = recorder(case, toolchain)(machine, schedule)
    if not found.error.within:
        raise RungError(f"{program} computes wrong values on {machine.name}: {found.error}")
    return found.trace


def times_us(traces: Traces, machine: Machine) -> dict[Program, float]:
    """Modelled microseconds."""
    from ..targets.npu.timeline import replay

    return {program: replay(found, machine).cycles / machine.clock_ghz / 1e3 for program, found in traces.items()}


def predict(source: Source, traces: Traces, machine: Machine) -> list[Predicted]:
    """All figures of a source."""
    times = times_us(traces, machine)
    return [_predicted(figure, times) for figure in source.figures]


def _predicted(figure: Figure, times: Mapping[Program, float]) -> Predicted:
    modelled = times[figure.run] if figure.base is None else times[figure.base] / times[figure.run]
    return Predicted(
        name=figure.name,
        mechanism=figure.mechanism,
        published=figure.value,
        modelled=modelled,
        error=modelled / figure.value - 1,
        fitted=figure.fitted,
        reason=figure.missed,
    )


def fit(source: Source, traces: Traces, machine: Machine) -> Machine:
    """`machine` with its calibrated fields fitted to the figures that are marked so: least squares of the logarithms of
    modelled / published."""
    import numpy as np
    from numpy.typing import NDArray
    from scipy.optimize import least_squares

    fitted = [figure for figure in source.figures if figure.fitted]
    used = {program: traces[program] for f in fitted for program in (f.run, f.base) if program is not None}

    def machine_of(logarithms: NDArray[np.float64]) -> Machine:
        numbers = np.exp(logarithms).tolist()
        return machines.override(machine, [f"{path}={n!r}" for path, n in zip(source.calibrated, numbers, strict=True)])

    def errors(logarithms: NDArray[np.float64]) -> NDArray[np.float64]:
        times = times_us(used, machine_of(logarithms))
        return np.log([1 + _predicted(figure, times).error for figure in fitted])

    reach = np.log(REACH)

    def from_start(factor: float) -> NDArray[np.float64]:
        start = np.log([factor * value(machine, path) for path in source.calibrated])
        bounds = (start - reach, start + reach)
        return least_squares(errors, start, diff_step=0.01, max_nfev=200, bounds=bounds).x

    return machine_of(min(map(from_start, FACTORS), key=lambda found: float(np.square(errors(found)).sum())))


def study(runs: Mapping[Run, Trace], machine: Machine) -> list[Predicted]:
    """The ratios of the study and its companion, each predicted by a fit to every other one, from round numbers: its
    machine file is a calibration, and predicts none of them."""
    found: list[Predicted] = []
    mechanisms: dict[tuple[str, str], Mechanism] = {(r.name, r.source): _mechanism(r.run) for r in RATIOS}
    for half in held_out(runs, machine):
        for row in half.predicted:
            found.append(
                Predicted(
                    name=f"{row.name} ({row.source})",
                    mechanism=mechanisms[row.name, row.source],
                    published=row.published,
                    modelled=row.modelled,
                    error=row.error,
                    fitted=False,
                    reason=MISSED_RATIOS.get((row.name, row.source), "") if abs(row.error) > TOLERANCE else "",
                )
            )
    return found


def _mechanism(run: Run) -> Mechanism:
    """The one that a rung adds."""
    return "DB" if run.rung.endswith("db") else "MT" if run.rung.endswith("mt") else "Vec"


def assumptions(machine: Machine, fields: Mapping[str, str]) -> list[Assumption]:
    """What the machine file only assumes, field by field."""
    found: list[Assumption] = []
    for path, comment in fields.items():
        if comment.startswith("assumed"):
            reason = comment.removeprefix("assumed").lstrip(":; ")
            found.append(Assumption(field=path, value=str(machines.field(machine, path)), reason=reason))
    return found
