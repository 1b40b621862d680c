"""Variants that are compared with each other: compile all, check all, time them in turn, check again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from .. import machine as machines
from ..errors import RungError
from ..evidence import Evidence
from ..evidence import Launch as Launched
from ..machine import Machine
from ..sanitizer import Sanitizer
from ..schedule import Schedule
from . import noise
from .fields import ScheduleFields
from .measure import Progress, Samples, Sampling, Subject, interleave, once
from .problem import (
    Error,
    Problem,
    Shape,
    Tolerance,
    compare,
    finite,
    outputs,
    restore,
    share_memory,
    signature,
    snapshot,
)
from .result import Noise, Result
from .stats import median
from .suite import HOST_BLOCK, Workload
from .toolchain import Compile, Modelled, Toolchain
from .trial import LIMIT_S, Launch, Own, try_launch

if TYPE_CHECKING:
    from ..compile import AnyExecutable
    from ..runtime._native import Bound
    from ..targets.npu.executable import NpuBound

FLOAT64 = "torch in float64"
NO_TIME = "a launch takes no time at all, which is no result; does the kernel store anything?"
_OBSERVED_LAUNCHES = 5


@dataclass(frozen=True)
class Case:
    """What is measured: a kernel (a Triton JITFunction) on a problem. `reference` says in words what it is
    checked with. `dtype`: element types of the arrays, joined by / where they differ."""

    name: str
    dtype: str
    shape: Shape
    kernel: Any
    signature: dict[str, str]
    problem: Problem
    tolerance: Tolerance
    reference: str
    flops: int | None = None
    """Of one launch; None where they are not counted."""
    own: Own | None = None
    """Of a kernel that nobody vouches for: its first launches are watched, in a copy of this process."""
    attrs: Mapping[tuple[int, ...], list[list[object]]] = field(default_factory=dict[tuple[int, ...], Any])
    options: Mapping[str, object] = field(default_factory=dict[str, object])
    """What else Triton knew of a launch that was captured: multiples of 16, and launch keywords."""

    def compile(self, compile: Compile, machine: Machine, schedule: Schedule) -> AnyExecutable:
        """By a toolchain's `compile`, under a schedule. Where arguments are one array that the compiler took to be
        several, again without assuming it, as a launch would."""
        make = partial(compile, self.kernel, self.signature, dict(self.problem.constexprs))
        more: dict[str, Any] = {"attrs": self.attrs, "options": self.options} if self.attrs or self.options else {}
        found = make(machine=machine, schedule=schedule, **more)
        assumed: list[list[int]] = getattr(found, "metadata", {}).get("assumed", [])
        if any(share_memory(self.problem.args[a], self.problem.args[b]) for a, b in assumed):
            found = make(machine=machine, schedule=schedule, distinct=False, **more)
        return found

    def watched(self, sanitizer: Sanitizer | None = None) -> Launch:
        """The kernel with checks, to be tried before it is launched on the study's own arrays."""
        from ..compile import Executable, compile_kernel

        watching = partial(compile_kernel, sanitizer=sanitizer or Sanitizer())
        found = self.compile(watching, machines.host(), Schedule())
        assert isinstance(found, Executable)
        return Launch(f"`{self.name}`", found, self.problem.args, self.problem.grid, self.own or Own())


@dataclass(frozen=True)
class Step:
    """Told before every stretch of work: a few words, and the state of the rounds while timing."""

    what: str
    progress: Progress | None = None
    limit_s: float | None = None
    """Behind which it is given up, for all that is known; it says nothing of what comes after."""


Tell = Callable[[Step], None]


@dataclass(frozen=True)
class Lab:
    """Where and how measuring is done. `probe` times an empty launch, for the noise record."""

    machine: Machine
    toolchain: Toolchain
    sampling: Sampling
    tell: Tell = lambda _: None
    probe: Callable[[], float] | None = None

    @property
    def exact(self) -> bool:
        """Modelled cycles are the same in every run: one is enough, and its ratios have no spread."""
        return self.machine.kind != "host"


@dataclass(frozen=True)
class Variant:
    """A case under a schedule. `name` is unique among what it is compared with."""

    name: str
    case: Case
    schedule: Schedule


@dataclass(frozen=True)
class _Candidate:
    """A compiled variant on its way to a result."""

    variant: Variant
    bound: Bound | NpuBound
    error: Error
    evidence: Evidence
    launched: Launched


def case_of(workload: Workload, shape: Shape | None, dtype: str, seed: int, block: int = HOST_BLOCK) -> Case:
    """A registered workload at one size (None: the study's); `block`: elements of a program."""
    from ..frontends.triton.loader import load_kernel

    size = shape or workload.shape
    problem = workload.problem(size, dtype, seed, block)
    kernel: Any = load_kernel(workload.kernel)
    types = signature(kernel.arg_names, problem)
    return Case(
        workload.name,
        dtype,
        size,
        kernel,
        types,
        problem,
        workload.tolerance(dtype, size),
        FLOAT64,
        workload.flops(size) if workload.flops else None,
    )


def watch(case: Case, tell: Tell) -> None:
    """Raises UsageError for a kernel that has a fault: what, where, with which argument."""
    step = Step(f"watching {case.name}", limit_s=LIMIT_S)
    tell(step)
    try_launch(case.watched(), lambda: tell(step))


def measure(variants: Sequence[Variant], lab: Lab) -> list[Result]:
    """Results in the order of `variants`, without ratios. A variant with a wrong result carries no times.

    Results are checked before the timing (rule 1) and once more after it, so that a fault that shows only
    under repetition voids the number too.
    """
    tell = lab.tell
    saved = {id(v.case.problem.args): snapshot(v.case.problem) for v in variants}

    def launch(case: Case, bound: Bound | NpuBound) -> list[Any]:
        restore(case.problem, saved[id(case.problem.args)])
        bound()
        return outputs(case.problem)

    def build(variant: Variant) -> AnyExecutable:
        tell(Step(f"compiling {variant.name}"))
        return variant.case.compile(lab.toolchain.compile, lab.machine, variant.schedule)

    for case in {id(v.case): v.case for v in variants if v.case.own}.values():
        watch(case, tell)
    expected: dict[int, list[Any]] = {}
    for variant in variants:
        problem = variant.case.problem
        if _reference(problem) in expected:
            continue
        tell(Step("computing the reference"))
        if problem.expected:
            found = list(problem.expected())
        else:
            scalar = replace(variant, schedule=variant.schedule.with_mechanisms(False, False, False))
            executable = build(scalar)
            found = launch(variant.case, executable.bind(problem.args, problem.grid))
        expected[_reference(problem)] = found

    def check(variant: Variant, bound: Bound | NpuBound) -> Error:
        wanted = expected[_reference(variant.case.problem)]
        return compare(launch(variant.case, bound), wanted, variant.case.tolerance)

    candidates: list[_Candidate] = []
    for variant in variants:
        executable = build(variant)
        bound = executable.bind(variant.case.problem.args, variant.case.problem.grid)
        tell(Step(f"checking {variant.name}"))
        error = check(variant, bound)
        candidates.append(_Candidate(variant, bound, error, executable.evidence, _observed(lab, bound)))

    for variant in variants:
        restore(variant.case.problem, saved[id(variant.case.problem.args)])
    before = noise.read(lab.probe)
    timed = [c for c in candidates if c.error.within]
    samples = {s.name: s for s in _time(timed, lab, saved)}
    for found in samples.values():
        if min(found.values) <= 0:
            raise RungError(f"{variants[0].case.name}, {found.name}: {NO_TIME}")
    window = noise.compare(before, noise.read(lab.probe))
    if lab.exact:  # a loaded machine does not change what a model says
        window = window.model_copy(update={"noisy": False, "reasons": []})

    tell(Step("checking again"))
    results: list[Result] = []
    for candidate in candidates:
        if candidate.error.within:
            again = check(candidate.variant, candidate.bound)
            candidate = replace(candidate, error=_worse(candidate.error, again))
        results.append(_result(candidate, samples.get(candidate.variant.name), window, lab.machine))
    return results


def _reference(problem: Problem) -> int:
    """Problems with the same one share its values."""
    return id(problem.expected) if problem.expected else id(problem.args)


def _time(candidates: Sequence[_Candidate], lab: Lab, saved: Mapping[int, Sequence[Any]]) -> list[Samples]:
    def run_of(candidate: _Candidate) -> Callable[[int], Sequence[float]]:
        problem, time = candidate.variant.case.problem, candidate.bound.time
        before = saved[id(problem.args)]

        def on_the_same_numbers(launches: int) -> list[float]:
            found: list[float] = []
            for _ in range(launches):
                restore(problem, before, problem.updated)
                found += time(1)
            return found

        return on_the_same_numbers if problem.updated else time

    subjects = [Subject(c.variant.name, run_of(c)) for c in candidates]
    names = ", ".join(s.name for s in subjects)
    lab.tell(Step(f"warming up {names}"))
    if lab.exact:
        return once(subjects)
    return interleave(subjects, lab.sampling, lambda done: lab.tell(Step(f"timing {names} in turn", done)))


def _worse(first: Error, second: Error) -> Error:
    return Error(
        max(first.absolute, second.absolute),
        max(first.relative, second.relative),
        first.within and second.within,
    )


def _observed(lab: Lab, bound: Bound | NpuBound) -> Launched:
    """What the runtime does in one launch: of several, the one in which most threads took part.

    A thread that slept, or that lost its core to other work, misses a launch now and then; this asks
    whether the mechanism fires, the times tell how well. A model never misses one.
    """
    if isinstance(bound, Modelled):
        return bound.counters()
    if not lab.exact:
        bound.time(2)
    found: list[Launched] = []
    for _ in range(1 if lab.exact else _OBSERVED_LAUNCHES):
        lab.toolchain.reset_counters()
        bound.time(1)
        found.append(lab.toolchain.counters())
    return max(found, key=lambda launch: launch.threads_ran or 0)


def _result(candidate: _Candidate, samples: Samples | None, window: Noise, machine: Machine) -> Result:
    variant, case = candidate.variant, candidate.variant.case
    own = samples if candidate.error.within else None
    return Result(
        kernel=case.name,
        dtype=case.dtype,
        shape=list(case.shape),
        grid=list(case.problem.grid),
        device=machine.name,
        rung=variant.schedule.rung,
        schedule=cast(ScheduleFields, asdict(variant.schedule)),
        unit="s" if machine.kind == "host" else "cycles",
        samples=list(own.values) if own else [],
        warmup=list(own.warmup) if own else [],
        inner=own.inner if own else 1,
        median=median(own.values) if own else None,
        correct=candidate.error.within,
        max_abs_err=finite(candidate.error.absolute),
        max_rel_err=finite(candidate.error.relative),
        tolerance=str(case.tolerance),
        reference=case.reference,
        evidence=candidate.evidence,
        launch=candidate.launched,
        noise=window,
    )
