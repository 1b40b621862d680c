"""The study's kernels, run by Triton's own interpreter: kernels, references and tolerances agree before
rung comes in."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

from rung.bench import problem, suite
from rung.errors import UsageError

_CHECK = """
import runpy, sys, torch
from rung.bench import problem, suite

for workload in suite.WORKLOADS:
    kernel = runpy.run_path(str(workload.path))[workload.source.partition("::")[2]]
    for dtype in ("f32", "f16"):  # the interpreter adds bf16 as if they were integers
        for shape in workload.odd_shapes[1:3]:
            if len(shape) == 1 and shape[0] > 5000:
                shape = (5003,)
            case = workload.problem(shape, dtype, seed=1)
            kernel[case.grid](*case.args, **case.constexprs)
            error = problem.compare(problem.outputs(case), case.expected(), workload.tolerance(dtype, shape))
            print(workload.name, dtype, shape, error, file=sys.stderr)
            assert error.within, (workload.name, dtype, shape, error, str(workload.tolerance(dtype, shape)))
"""


def test_every_kernel_agrees_with_its_reference_at_sizes_that_do_not_divide() -> None:
    environment = os.environ | {"TRITON_INTERPRET": "1"}
    done = subprocess.run([sys.executable, "-c", _CHECK], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


def test_names_are_unique_and_files_are_there() -> None:
    names = [workload.name for workload in suite.WORKLOADS]
    assert len(set(names)) == len(names)
    assert all(workload.path.is_file() for workload in suite.WORKLOADS)
    assert [w.name for w in suite.WORKLOADS if w.paper] == ["vec-add", "gelu"]


def test_examples_are_plain_triton() -> None:
    for path in suite.kernels_folder().glob("*.py"):
        assert "rung" not in path.read_text(), path


@pytest.mark.parametrize("workload", suite.WORKLOADS, ids=lambda w: w.name)
def test_odd_sizes_do_not_divide(workload: suite.Workload) -> None:
    for shape in workload.odd_shapes:
        assert any(size % 16 for size in shape), shape


def test_inputs_follow_the_seed_and_outputs_are_poisoned() -> None:
    gelu = suite.find("gelu")
    first, second, third = (gelu.problem((100,), "f32", seed) for seed in (1, 1, 2))
    assert torch.equal(first.args[0], second.args[0]) and not torch.equal(first.args[0], third.args[0])
    assert bool(first.args[1].isnan().all())


@pytest.mark.parametrize("shape", [(10, 10), (0,), ()])
def test_a_shape_of_another_rank_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="gelu takes sizes of the form N"):
        suite.find("gelu").problem(shape, "f32", 0)


def test_unknown_names_list_the_known() -> None:
    with pytest.raises(UsageError, match=r"no kernel `nope`; choose from: vec-add, .*matmul"):
        suite.find("nope")


def test_signature_names_every_parameter() -> None:
    found = suite.find("rms-norm").problem((2, 8), "bf16", 0)
    names = ("x_ptr", "weight_ptr", "out_ptr", "n_cols", "eps", "BLOCK")
    assert list(problem.signature(names, found).values()) == ["*bf16"] * 3 + ["i32", "fp32", "constexpr"]
    with pytest.raises(UsageError, match="the kernel takes"):
        problem.signature(names[1:], found)


TOLERANCE = problem.Tolerance(1e-3, 1e-3, "for the test")


@pytest.mark.parametrize(
    "got, wanted, within",
    [
        ([1.0, 2.0], [1.0, 2.0], True),
        ([1.0019], [1.0], True),
        ([1.0021], [1.0], False),
        ([float("nan")], [1.0], False),
        ([1.0], [float("nan")], False),
        ([float("nan")], [float("nan")], True),
        ([float("inf")], [float("inf")], True),
        ([-float("inf")], [float("inf")], False),
        ([1e30], [float("inf")], False),
        ([], [], True),
    ],
)
def test_comparison(got: list[float], wanted: list[float], within: bool) -> None:
    found = problem.compare([torch.tensor(got)], [torch.tensor(wanted, dtype=torch.float64)], TOLERANCE)
    assert found.within is within


def test_errors_are_the_largest_of_all_outputs() -> None:
    got = [torch.tensor([1.0, 4.5]), torch.tensor([100.0])]
    found = problem.compare(got, [torch.tensor([1.0, 4.0]), torch.tensor([101.0])], TOLERANCE)
    assert found.absolute == 1.0 and found.relative == 0.125
