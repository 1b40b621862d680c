"""Predict, then measure: the rungs of the study's kernels on this machine, at sizes from the caches to memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..machine import Machine
from ..schedule import Schedule
from . import group, ladder, scaling
from .group import Case, Lab, Variant
from .host_validation_result import Forecast, HostResult
from .predict import Predicted, predictor
from .problem import Shape
from .suite import Workload
from .toolchain import Toolchain

ELEMENTS = (1 << 14, 1 << 18)
"""Of the sizes beside the study's own: arrays in the second-level cache, and in the last one."""


@dataclass(frozen=True)
class Question:
    """One kernel at one size, and what its rungs were predicted to take."""

    case: Case
    schedules: tuple[Schedule, ...]
    forecasts: tuple[Predicted, ...]


def shapes_of(workload: Workload) -> tuple[Shape, ...]:
    """Smallest first: `ELEMENTS`, where the kernel has a row to add, otherwise half the study's size; the study's."""
    if len(workload.dimensions) > 2:
        return tuple(size // 2 for size in workload.shape), workload.shape
    smaller = [scaling.shape_of(workload, elements) for elements in ELEMENTS]
    study = workload.shape
    return (*(shape for shape in smaller if shape[0] < study[0]), study)


def rungs(threads: int) -> tuple[Schedule, ...]:
    """Scalar, Vec, Vec+MT, Vec+MT+DB. Forking is forced, so that sizes at which it loses are among them."""
    base = Schedule(threads=threads, profitability=False)
    return ladder.parse_rungs(ladder.LADDER, base)


def ask(case: Case, schedules: Sequence[Schedule], machine: Machine, toolchain: Toolchain) -> Question:
    """Compiles, and predicts for `machine`; runs nothing."""
    problem = case.problem
    found: list[Predicted] = []
    for schedule in schedules:
        executable = case.compile(toolchain.compile, machine, schedule)
        found.append(predictor(executable, problem.args, problem.grid, schedule).on(machine))
    return Question(case, tuple(schedules), tuple(found))


def answer(question: Question, lab: Lab) -> list[HostResult]:
    """Measures what was predicted: interleaved, checked before and after."""
    case = question.case
    results = group.measure([Variant(s.rung, case, s) for s in question.schedules], lab)
    compared = ladder.with_ratios(results)
    return [
        HostResult(**dict(result), forecast=Forecast(total=forecast.time, **forecast.terms))
        for result, forecast in zip(compared, question.forecasts, strict=True)
    ]
