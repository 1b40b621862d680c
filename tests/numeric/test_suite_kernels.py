"""The study's kernels, compiled by rung, against float64: every rung, sizes that do not divide the block."""

from __future__ import annotations

import pytest

from rung import machine
from rung.bench import ladder, problem, suite
from rung.bench.toolchain import native
from rung.schedule import Schedule

RUNGS = Schedule().ladder()
IDS = [schedule.rung for schedule in RUNGS]


def check(workload: suite.Workload, shape: tuple[int, ...], dtype: str, schedule: Schedule) -> None:
    case = ladder.case_of(workload, shape, dtype, seed=1)
    constexprs = dict(case.problem.constexprs)
    executable = native().compile(case.kernel, case.signature, constexprs, machine=machine.host(), schedule=schedule)
    executable.bind(case.problem.args, case.problem.grid)()
    assert case.problem.expected is not None
    error = problem.compare(problem.outputs(case.problem), list(case.problem.expected()), case.tolerance)
    assert error.within, (shape, dtype, error, str(case.tolerance))


@pytest.mark.parametrize("schedule", RUNGS, ids=IDS)
@pytest.mark.parametrize("workload", suite.WORKLOADS, ids=lambda w: w.name)
def test_every_rung_in_f32(workload: suite.Workload, schedule: Schedule) -> None:
    for shape in workload.odd_shapes:
        check(workload, shape, "f32", schedule)


@pytest.mark.parametrize("dtype", ["f16", "bf16"])
@pytest.mark.parametrize("workload", suite.WORKLOADS, ids=lambda w: w.name)
def test_narrow_types(workload: suite.Workload, dtype: str) -> None:
    for schedule in (RUNGS[0], RUNGS[2]):
        check(workload, workload.odd_shapes[1], dtype, schedule)
