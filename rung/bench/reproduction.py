"""The published figures on the model: one machine file, no tuning per kernel; sensitivity; a held-out check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from ..errors import RungError
from ..machine import Machine, override
from ..schedule import Schedule
from . import environment
from .group import case_of
from .ladder import parse_rungs
from .published import NEAR_ONE, RATIOS, TIMES, Ratio, Run, Time
from .recording import recorder
from .reproduction_result import TOLERANCE, Figure, HeldOut, ReproductionRecord
from .result import Environment
from .suite import block_elements, find
from .toolchain import Toolchain

if TYPE_CHECKING:
    from ..targets.npu.trace import Trace

PARAMETERS = (
    "fork_join_ns",
    "npu.cycles_per_packet",
    "npu.dram_scalar_cycles",
    "npu.dram_vector_cycles",
    "npu.dram_bytes_per_cycle",
    "dma.bytes_per_cycle",
    "npu.helper_cycles.expf",
)
"""What is calibrated; everything else in the machine file has a source or is assumed."""
_BY_HAND = (90e3, 1.0, 40.0, 1.0, 4.5, 4.5, 100.0)
"""PARAMETERS as round numbers, from which the held-out fits start: what is left out must not be in the start."""
_DIVISION = "arith.divf"

Traces = Mapping[Run, "Trace"]


def as_measured(machine: Machine, dtype: str) -> Machine:
    """`machine`, compiled for as the measured compiler does.

    Its scalar baseline calls `expf`, and LLVM takes its f32 vector division apart (about 300 packets per 32 lanes; its
    public sources have nothing against it). Its f16 figure cannot be reached that way, so f16 kernels divide by
    Newton's iteration.
    """
    ops = machine.scalarized_vector_ops
    left = tuple(op for op in ops if op != _DIVISION) if dtype == "f32" else ops
    return machine.model_copy(update={"library_math": True, "scalarized_vector_ops": left})


def record(run: Run, machine: Machine, toolchain: Toolchain) -> Trace:
    """Compiles and runs one configuration. Raises RungError for wrong values.

    Blocks have 16,384 elements, or a quarter of an array that has fewer than four of those. Contexts are forked
    whatever the size, as in the study.
    """
    block = min(block_elements(machine), prod(run.shape) // 4)
    case = case_of(find(run.kernel), run.shape, run.dtype, 0, block)
    (schedule,) = parse_rungs(run.rung, Schedule(profitability=False))
    recording = recorder(case, toolchain)(as_measured(machine, run.dtype), schedule)
    if not recording.error.within:
        raise RungError(f"{run} computes wrong values on {machine.name}: {recording.error}")
    return recording.trace


def times_us(traces: Traces, machine: Machine) -> dict[Run, float]:
    """Modelled microseconds."""
    from ..targets.npu.timeline import replay

    return {run: replay(trace, machine).cycles / machine.clock_ghz / 1e3 for run, trace in traces.items()}


def ratios(times: Mapping[Run, float], wanted: Sequence[Ratio] = RATIOS) -> list[Figure]:
    return [_figure(r.name, r.source, r.value, times[r.base] / times[r.run]) for r in wanted]


def absolute(times: Mapping[Run, float], wanted: Sequence[Time] = TIMES) -> list[Figure]:
    return [_figure(t.name, t.source, t.us, times[t.run]) for t in wanted]


def _figure(name: str, source: str, published: float, modelled: float) -> Figure:
    error = modelled / published - 1
    return Figure(name=name, source=source, published=published, modelled=modelled, error=error)


def sensitivity(traces: Traces, machine: Machine, by: float = 0.2) -> dict[str, dict[str, tuple[float, float]]]:
    """Parameter -> ratio -> its relative change when the parameter is (lowered, raised) by the share `by`."""
    base = {row.name: row.modelled for row in ratios(times_us(traces, machine))}
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for name in PARAMETERS:
        changed: list[dict[str, float]] = []
        for factor in (1 - by, 1 + by):
            moved = override(machine, [f"{name}={value(machine, name) * factor!r}"])
            changed.append({row.name: row.modelled for row in ratios(times_us(traces, moved))})
        lower, higher = changed
        found[name] = {key: (lower[key] / was - 1, higher[key] / was - 1) for key, was in base.items()}
    return found


def value(machine: Machine, path: str) -> float:
    """A field by its dotted path."""
    found: Any = machine.model_dump()
    for part in path.split("."):
        found = found[part]
    assert isinstance(found, int | float)
    return float(found)


def _with_parameters(machine: Machine, numbers: Sequence[float]) -> Machine:
    return override(machine, [f"{name}={number!r}" for name, number in zip(PARAMETERS, numbers, strict=True)])


def calibrate(traces: Traces, machine: Machine, wanted: Sequence[Ratio], times: Sequence[Time] = ()) -> Machine:
    """`machine` with PARAMETERS fitted to published figures, from its own values.

    Least squares over (error / tolerance)^2: large errors weigh most, since the question is whether one set of numbers
    comes near all of them.
    """
    import numpy as np
    from numpy.typing import NDArray
    from scipy.optimize import least_squares

    def machine_of(logarithms: NDArray[np.float64]) -> Machine:
        return _with_parameters(machine, np.exp(logarithms).tolist())

    def errors(logarithms: NDArray[np.float64]) -> NDArray[np.float64]:
        found = times_us(traces, machine_of(logarithms))
        rows = (*ratios(found, (*wanted, NEAR_ONE)), *absolute(found, times))
        error = np.array([row.error for row in rows])
        return (error / TOLERANCE) ** 2 * np.sign(error)

    start = np.log([value(machine, name) for name in PARAMETERS])
    # A pull towards the start, where figures leave a parameter free.
    fit = least_squares(lambda x: np.append(errors(x), 0.02 * (x - start)), start, diff_step=0.02, max_nfev=40)
    return machine_of(fit.x)


def held_out(traces: Traces, machine: Machine) -> list[HeldOut]:
    """Fit on every other ratio, from round numbers, and predict the rest; then the other way round."""
    found: list[HeldOut] = []
    for first in (0, 1):
        kept, asked = RATIOS[first::2], RATIOS[1 - first :: 2]
        fitted = calibrate(traces, _with_parameters(machine, _BY_HAND), kept)
        names = [f"{ratio.name} ({ratio.source})" for ratio in kept]
        found.append(HeldOut(fitted=names, predicted=ratios(times_us(traces, fitted), asked)))
    return found


def summarize(traces: Traces, machine: Machine, found: Environment, calibrated: bool = False) -> ReproductionRecord:
    """All figures of `machine`, which may be another than the environment's, from recorded traces."""
    times = times_us(traces, machine)
    return ReproductionRecord(
        environment=found.model_copy(update={"machine": environment.fields(machine), "machine_hash": machine.hash}),
        calibrated=calibrated,
        ratios=ratios(times),
        in_words=ratios(times, [NEAR_ONE])[0],
        times_us=absolute(times),
        parameters={name: value(machine, name) for name in PARAMETERS},
        sensitivity=sensitivity(traces, machine),
        held_out=held_out(traces, machine),
    )
