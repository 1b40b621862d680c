"""The study's kernels, compiled by rung, against float64: all eight combinations, what users launch, sizes that do not
divide."""

from __future__ import annotations

import pytest

from rung import machine
from rung.bench import group, problem, suite
from rung.bench.toolchain import native
from rung.schedule import Schedule

RUNGS = (*Schedule().factorial(), Schedule())
IDS = [schedule.rung for schedule in RUNGS]
SCALAR, VEC_MT = Schedule().ladder()[0], Schedule().ladder()[2]


def check(workload: suite.Workload, shape: tuple[int, ...], dtype: str, schedule: Schedule) -> None:
    case = group.case_of(workload, shape, dtype, seed=1)
    constexprs = dict(case.problem.constexprs)
    executable = native().compile(case.kernel, case.signature, constexprs, machine=machine.host(), schedule=schedule)
    executable.bind(case.problem.args, case.problem.grid)()
    assert case.problem.expected is not None
    error = problem.compare(problem.outputs(case.problem), list(case.problem.expected()), case.tolerance)
    assert error.within, (shape, dtype, error, str(case.tolerance))


@pytest.mark.parametrize("schedule", RUNGS, ids=IDS)
@pytest.mark.parametrize("workload", suite.WORKLOADS, ids=lambda w: w.name)
def test_every_combination_in_f32(workload: suite.Workload, schedule: Schedule) -> None:
    for shape in workload.odd_shapes:
        check(workload, shape, "f32", schedule)


@pytest.mark.parametrize("dtype", ["f16", "bf16"])
@pytest.mark.parametrize("workload", suite.WORKLOADS, ids=lambda w: w.name)
def test_narrow_types(workload: suite.Workload, dtype: str) -> None:
    for schedule in (SCALAR, VEC_MT):
        check(workload, workload.odd_shapes[1], dtype, schedule)


def test_what_users_launch_prefetches_and_no_rung_does() -> None:
    """Softmax goes over its row three times. From the IR, and from the object code where it is counted."""
    case = group.case_of(suite.find("softmax"), (64, 1000), "f32", seed=1)
    constexprs = dict(case.problem.constexprs)
    for schedule in RUNGS:
        host = machine.host()
        found = native().compile(case.kernel, case.signature, constexprs, machine=host, schedule=schedule).evidence
        ops, size = found.fetched_ahead
        assert found.object is None or found.object.prefetches == ops
        assert (ops > 0 and size == 4096) if schedule.prefetch else (ops, size) == (0, 0), schedule


@pytest.mark.skipif(machine.host().arch != "x86_64", reason="counts x86 instructions")
@pytest.mark.parametrize("workload", suite.WORKLOADS, ids=lambda w: w.name)
def test_the_scalar_rung_is_scalar(workload: suite.Workload) -> None:
    """From the object code: no packed arithmetic without Vec, some with it."""
    case = group.case_of(workload, workload.odd_shapes[1], "f32", seed=1)
    constexprs = dict(case.problem.constexprs)
    packed = [
        native()
        .compile(case.kernel, case.signature, constexprs, machine=machine.host(), schedule=schedule)
        .evidence.object.packed_ops
        for schedule in (SCALAR, VEC_MT)
    ]
    assert packed[0] == 0 < packed[1]
