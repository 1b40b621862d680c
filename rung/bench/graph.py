"""Whole calls of a torch function under every rung: what the mechanisms are worth for a model.

On the host the function itself is called, and each of its kernels is launched as compiled under the rung's schedule;
all else (ATen's operators, allocation, Python) is what it is in use. A call is timed whole, and each launch in it. What
the operators take is found apart, by torch's profiler, under every rung: no rung changes them, but what runs before
them may leave other things in the caches.

A modelled device has no ATen: a call is the sum of its kernels' cycles, each as often as it is launched.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, cast

from .. import machine as machines
from ..schedule import Schedule
from . import ladder, outcome
from .fields import ScheduleFields
from .group import Lab, Step
from .ladder_result import Graph, GraphKernel, LibraryCall
from .measure import Samples, Subject, interleave
from .problem import Error, finite
from .result import Result, Timed
from .stats import median

if TYPE_CHECKING:
    from ..frontends.inductor import CapturedKernel, CompiledFunction, Launcher
    from ..frontends.torch_function import TorchFunction

_PROFILED_CALLS = 5
Labelled = Sequence[tuple[str, "CapturedKernel"]]


@dataclass
class _Rung:
    """A function's calls under one schedule. `spent`: seconds of each kernel, by call."""

    function: CompiledFunction
    schedule: Schedule
    launchers: Mapping[CapturedKernel, Launcher]
    spent: dict[CapturedKernel, list[float]] = field(default_factory=dict[Any, list[float]])

    def call(self) -> Any:
        launchers = self.launchers
        with self.function.launching(lambda kernel, values: launchers[kernel](*values)):
            return self.function.call()

    def time(self, calls: int) -> list[float]:
        """Of each call."""
        launchers, clock = self.launchers, time.perf_counter
        taken = dict.fromkeys(launchers, 0.0)

        def launch(kernel: CapturedKernel, values: tuple[Any, ...]) -> None:
            run = launchers[kernel]
            begun = clock()
            run(*values)
            taken[kernel] += clock() - begun

        found: list[float] = []
        with self.function.launching(launch):
            for _ in range(calls):
                for kernel in taken:
                    taken[kernel] = 0.0
                begun = clock()
                self.function.call()
                found.append(clock() - begun)
                for kernel, seconds in taken.items():
                    self.spent.setdefault(kernel, []).append(seconds)
        return found


def measure(
    of: TorchFunction,
    function: CompiledFunction,
    labelled: Labelled,
    schedules: Sequence[Schedule],
    lab: Lab,
) -> Graph:
    """On the host. A rung whose outputs are wrong carries no times."""
    rungs: list[_Rung] = []
    for schedule in schedules:
        lab.tell(Step(f"compiling all kernels, {schedule.rung}"))
        launchers = {kernel: function.under(kernel, _text(schedule)) for _, kernel in labelled}
        rungs.append(_Rung(function, schedule, launchers))

    def scalar() -> Any:
        bottom = Schedule().with_mechanisms(False, False, False)
        launchers = {kernel: function.under(kernel, _text(bottom)) for _, kernel in labelled}
        return _Rung(function, bottom, launchers).call()

    lab.tell(Step(f"calling {of.name} without a compiler"))
    reference = outcome.reference(of, scalar, lab.sampling.seed)
    errors: list[Error] = []
    for rung in rungs:
        lab.tell(Step(f"checking {of.name}, {rung.schedule.rung}"))
        errors.append(reference.error(rung.call))
    right = [rung for rung, error in zip(rungs, errors, strict=True) if error.within]
    for rung in right:
        rung.time(1)
        rung.spent.clear()
    subjects = [Subject(rung.schedule.rung, rung.time) for rung in right]
    what = f"timing {of.name} under {', '.join(subject.name for subject in subjects)} in turn"
    samples = {s.name: s for s in interleave(subjects, lab.sampling, lambda done: lab.tell(Step(what, done)))}
    lab.tell(Step(f"timing what {of.name} leaves to ATen"))
    library = _library({r.schedule.rung: (r.call, median(samples[r.schedule.rung].values)) for r in right})
    reference.put_back()

    timed = [
        _timed(rung.schedule, samples.get(rung.schedule.rung), error, reference)
        for rung, error in zip(rungs, errors, strict=True)
    ]
    kernels = [
        GraphKernel(
            kernel=label,
            launches=kernel.launches,
            spent={rung.schedule.rung: median(rung.spent[kernel]) for rung in right},
        )
        for label, kernel in labelled
    ]
    return Graph(
        function=of.where,
        inputs=of.words,
        device=machines.host().name,
        kernels=kernels,
        library=library,
        rungs=ladder.with_ratios(timed),
        breaks=function.breaks,
    )


def model(
    of: TorchFunction, function: CompiledFunction, labelled: Labelled, results: Sequence[Result], device: str
) -> Graph:
    """On a modelled device, from its kernels' results."""
    launches = {label: kernel.launches for label, kernel in labelled}
    by_rung: dict[str, list[Result]] = {}
    for result in results:
        by_rung.setdefault(result.rung, []).append(result)
    kernels = [
        GraphKernel(
            kernel=label,
            launches=count,
            spent={r.rung: count * r.median for r in results if r.kernel == label and r.median is not None},
        )
        for label, count in launches.items()
    ]
    timed = [_summed(found, launches) for found in by_rung.values()]
    return Graph(
        function=of.where,
        inputs=of.words,
        device=device,
        kernels=kernels,
        library=_library({"": (function.call, None)}),
        rungs=ladder.with_ratios(timed),
        breaks=function.breaks,
    )


def _summed(results: Sequence[Result], launches: Mapping[str, int]) -> Timed:
    """A call's kernels as one."""
    correct = all(result.correct for result in results)
    cycles = sum(launches[r.kernel] * r.median for r in results if r.median is not None)
    worst = max(results, key=lambda r: r.max_rel_err or 0.0)
    return Timed(
        rung=worst.rung,
        schedule=worst.schedule,
        unit="cycles",
        samples=[cycles] if correct else [],
        warmup=[],
        inner=1,
        median=cycles if correct else None,
        correct=correct,
        max_abs_err=worst.max_abs_err,
        max_rel_err=worst.max_rel_err,
        tolerance=worst.tolerance,
        reference=worst.reference,
    )


def _timed(schedule: Schedule, samples: Samples | None, error: Error, reference: outcome.Reference) -> Timed:
    return Timed(
        rung=schedule.rung,
        schedule=cast(ScheduleFields, asdict(schedule)),
        unit="s",
        samples=list(samples.values) if samples else [],
        warmup=list(samples.warmup) if samples else [],
        inner=samples.inner if samples else 1,
        median=median(samples.values) if samples else None,
        correct=error.within,
        max_abs_err=finite(error.absolute),
        max_rel_err=finite(error.relative),
        tolerance=reference.tolerance,
        reference=reference.name,
    )


def _text(schedule: Schedule) -> str:
    """Never empty, which would be what `RUNG_SCHEDULE` says."""
    return str(schedule) or f"vectorize={'on' if schedule.vectorize else 'off'}"


def _library(calls: Mapping[str, tuple[Callable[[], Any], float | None]]) -> list[LibraryCall]:
    """The operators that are called from outside of any other, by name.

    calls: by rung, one of the function, and what it takes: each operator has the share of it that it has in calls that
    are watched (the watching takes a microsecond for each, and the machine may be busier than it was). None: not told.
    """
    spent: dict[str, dict[str, float]] = {}
    counted: dict[str, int] = {}
    for rung, (call, whole) in calls.items():
        watched = [_watched(call) for _ in range(_PROFILED_CALLS)]
        for name in dict.fromkeys(name for operators in watched for name in operators):
            shares = [sum(operators.get(name, [])) for operators in watched]
            counted[name] = max(1, *(len(operators.get(name, [])) for operators in watched))
            spent.setdefault(name, {})
            if whole is not None:
                spent[name][rung] = median(shares) * whole
    order = sorted(spent, key=lambda name: -max(spent[name].values(), default=0.0))
    return [LibraryCall(name=name, calls=counted[name], spent=spent[name]) for name in order]


def _watched(call: Callable[[], Any]) -> dict[str, list[float]]:
    """Of one call, by name of the operator: the share of each time that it is called."""
    from torch.autograd import profiler_legacy

    profile: Any = profiler_legacy.profile  # pyright: ignore[reportDeprecated] # the newer one writes to stderr
    with profile() as found:
        begun = time.perf_counter()
        call()
        whole = time.perf_counter() - begun
    operators: dict[str, list[float]] = {}
    for event in found.function_events:
        if _is_operator(event) and not _within_operator(event):
            operators.setdefault(event.name, []).append(event.cpu_time_total * 1e-6 / whole)
    return operators


def _is_operator(event: Any) -> bool:
    """`aten::mm`, `mkldnn::...`. The engine of autograd calls them, and our kernels, and is none."""
    return "::" in event.name and not event.name.startswith("autograd::")


def _within_operator(event: Any) -> bool:
    parent = event.cpu_parent
    while parent is not None:
        if _is_operator(parent):
            return True
        parent = parent.cpu_parent
    return False
