"""Kernels that are right: watched, they compute the same, and nothing is found."""

from __future__ import annotations

import pytest

from rung.bench import group, suite
from rung.sanitizer import Sanitizer

# All tests of that module, with checks: which there are is not repeated here.
from tests.numeric.test_triton_kernels import *  # noqa: F403


@pytest.fixture
def sanitizer() -> Sanitizer | None:
    return Sanitizer()


@pytest.mark.parametrize("workload", suite.WORKLOADS, ids=lambda workload: workload.name)
def test_the_kernels_of_the_study(workload: suite.Workload) -> None:
    """As `rung ladder --check` does, at sizes that blocks do not divide where the kernel allows them."""
    shape = tuple(min(n, 640) for n in workload.shape)
    case = group.case_of(workload, shape, "f32", seed=0)
    group.watch(case, lambda _: None)
