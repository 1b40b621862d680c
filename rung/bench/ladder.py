"""One kernel under several schedules: compile, check, time in turn, check again."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from ..machine import Machine
from ..schedule import Schedule
from . import noise
from .measure import Progress, Samples, Sampling, Subject, interleave
from .problem import Error, Problem, Shape, Tolerance, compare, outputs, restore, signature, snapshot
from .result import Noise, Result
from .stats import Mechanisms, Ratio, median, paired_ratio
from .suite import Workload
from .toolchain import Toolchain

if TYPE_CHECKING:
    from ..compile import Executable
    from ..runtime._native import Bound

_RUNGS = {"scalar": -1, "vec": 0, "mt": 1, "db": 2}
LADDER = "scalar,vec,vec+mt,vec+mt+db"
FLOAT64 = "torch in float64"
_OBSERVED_LAUNCHES = 5


@dataclass(frozen=True)
class Case:
    """What is measured: a kernel (a Triton JITFunction) on a problem. `reference` says in words what it is
    checked with."""

    name: str
    dtype: str
    shape: Shape
    kernel: Any
    signature: dict[str, str]
    problem: Problem
    tolerance: Tolerance
    reference: str


@dataclass(frozen=True)
class Step:
    """Told before every stretch of work: a few words, and the state of the rounds while timing."""

    what: str
    progress: Progress | None = None


Tell = Callable[[Step], None]


@dataclass(frozen=True)
class _Candidate:
    """A compiled schedule on its way to a result."""

    schedule: Schedule
    executable: Executable
    bound: Bound
    error: Error
    evidence: Mapping[str, Any]

    @property
    def name(self) -> str:
        return self.schedule.rung


def parse_rungs(text: str, base: Schedule) -> tuple[Schedule, ...]:
    """`scalar,vec,vec+mt,vec+mt+db`, or `all` for the eight combinations, on top of `base`'s parameters."""
    if text.strip().lower() == "all":
        return base.factorial()
    found: dict[Mechanisms, Schedule] = {}
    for name in text.lower().split(","):
        parts = [part.strip() for part in name.split("+")]
        if any(part not in _RUNGS for part in parts) or ("scalar" in parts and len(parts) > 1):
            raise UsageError(
                f"there is no rung `{name.strip()}`; choose from: all, scalar, "
                "or vec, mt and db joined by +, such as vec+mt"
            )
        on = {_RUNGS[part] for part in parts}
        mechanisms = (0 in on, 1 in on, 2 in on)
        found[mechanisms] = base.with_mechanisms(*mechanisms)
    return tuple(found.values())


def case_of(workload: Workload, shape: Shape | None, dtype: str, seed: int) -> Case:
    """A registered workload at one size (None: the study's)."""
    from ..frontends.triton.loader import load_kernel

    size = shape or workload.shape
    problem = workload.problem(size, dtype, seed)
    kernel: Any = load_kernel(workload.kernel)
    types = signature(kernel.arg_names, problem)
    return Case(workload.name, dtype, size, kernel, types, problem, workload.tolerance(dtype), FLOAT64)


def run(
    case: Case,
    machine: Machine,
    schedules: Sequence[Schedule],
    sampling: Sampling,
    toolchain: Toolchain,
    tell: Tell = lambda _: None,
    probe: Callable[[], float] | None = None,
) -> list[Result]:
    """Results in the order of `schedules`. A schedule with a wrong result carries no times.

    Results are checked before the timing (rule 1) and once more after it, so that a fault that shows only
    under repetition voids the number too. `probe` times an empty launch, for the noise record.
    """
    problem, saved = case.problem, snapshot(case.problem)

    def build(schedule: Schedule) -> Executable:
        tell(Step(f"compiling {schedule.rung}"))
        constexprs = dict(problem.constexprs)
        return toolchain.compile(case.kernel, case.signature, constexprs, machine=machine, schedule=schedule)

    def launch(bound: Bound) -> list[Any]:
        restore(problem, saved)
        bound()
        return outputs(problem)

    if problem.expected:
        tell(Step("computing the reference"))
        expected = list(problem.expected())
    else:
        scalar = schedules[0].with_mechanisms(False, False, False)
        reference = build(scalar)
        expected = launch(reference.bind(problem.args, problem.grid))

    candidates: list[_Candidate] = []
    for schedule in schedules:
        executable = build(schedule)
        bound = executable.bind(problem.args, problem.grid)
        tell(Step(f"checking {schedule.rung}"))
        error = compare(launch(bound), expected, case.tolerance)
        evidence = {
            **executable.evidence,
            **_counters(toolchain, bound),
            "ir_hash": _ir_hash(executable),
        }
        candidates.append(_Candidate(schedule, executable, bound, error, evidence))

    restore(problem, saved)
    before = noise.read(probe)
    timed = [c for c in candidates if c.error.within]
    names = ", ".join(c.name for c in timed)
    tell(Step(f"warming up {names}"))
    samples = interleave(
        [Subject(c.name, c.bound.time) for c in timed],
        sampling,
        lambda progress: tell(Step(f"timing {names} in turn", progress)),
    )
    window = noise.compare(before, noise.read(probe))

    tell(Step("checking again"))
    rechecked: list[_Candidate] = []
    for candidate in candidates:
        if candidate.error.within:
            again = compare(launch(candidate.bound), expected, case.tolerance)
            candidate = replace(candidate, error=_worse(candidate.error, again))
        rechecked.append(candidate)
    by_name = {s.name: s for s in samples}
    kept = {c.schedule.mechanisms: by_name[c.name] for c in rechecked if c.error.within}
    return [_result(case, machine, candidate, kept, window) for candidate in rechecked]


def _worse(first: Error, second: Error) -> Error:
    return Error(
        max(first.absolute, second.absolute),
        max(first.relative, second.relative),
        first.within and second.within,
    )


def _counters(toolchain: Toolchain, bound: Bound) -> Mapping[str, Any]:
    """What the runtime does in one launch: of several, the one in which most threads took part.

    A thread that slept, or that lost its core to other work, misses a launch now and then; this asks
    whether the mechanism fires, the times tell how well.
    """
    bound.time(2)
    found: list[Mapping[str, Any]] = []
    for _ in range(_OBSERVED_LAUNCHES):
        toolchain.reset_counters()
        bound.time(1)
        found.append(toolchain.counters())
    return max(found, key=lambda counters: counters.get("threads_ran", 0))


def _ir_hash(executable: Executable) -> str:
    """The first 16 hex digits of SHA-256 over the text of the stage `llvm`, which is what is turned into
    code."""
    return hashlib.sha256(executable.stages.get("llvm", "").encode()).hexdigest()[:16]


def _predecessor(mechanisms: Mechanisms) -> Mechanisms | None:
    """The same combination without its last mechanism: the rung below."""
    vec, mt, db = mechanisms
    if db:
        return vec, mt, False
    if mt:
        return vec, False, False
    return (False, False, False) if vec else None


def _result(
    case: Case,
    machine: Machine,
    candidate: _Candidate,
    samples: Mapping[Mechanisms, Samples],
    window: Noise,
) -> Result:
    schedule = candidate.schedule
    own = samples.get(schedule.mechanisms)
    below = _predecessor(schedule.mechanisms)

    def against(mechanisms: Mechanisms | None) -> Ratio | None:
        base = samples.get(mechanisms) if mechanisms else None
        return paired_ratio(base.values, own.values) if base and own else None

    speedup, step = against((False, False, False)), against(below)
    return Result(
        kernel=case.name,
        dtype=case.dtype,  # pyright: ignore[reportArgumentType]  # checked by `Result`
        shape=list(case.shape),
        device=machine.name,
        rung=schedule.rung,
        schedule=asdict(schedule),
        unit="cycles" if machine.kind == "npu" else "s",
        samples=list(own.values) if own else [],
        warmup=list(own.warmup) if own else [],
        inner=own.inner if own else 1,
        median=median(own.values) if own else None,
        speedup=speedup.value if speedup else None,
        speedup_ci=_interval(speedup),
        step=step.value if step else None,
        step_ci=_interval(step),
        step_from=schedule.with_mechanisms(*below).rung if below and step else None,
        correct=candidate.error.within,
        max_abs_err=_finite(candidate.error.absolute),
        max_rel_err=_finite(candidate.error.relative),
        tolerance=str(case.tolerance),
        reference=case.reference,
        evidence=dict(candidate.evidence),
        noise=window,
    )


def _interval(ratio: Ratio | None) -> tuple[float, float] | None:
    """The interval, when it is bounded (JSON has no infinity)."""
    return (ratio.low, ratio.high) if ratio and math.isfinite(ratio.high) else None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
