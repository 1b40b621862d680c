"""Kernels that are right: watched, they compute the same, and nothing is found."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rung.bench import group, suite
from rung.bench.trial import try_launch
from rung.sanitizer import Sanitizer

# All tests of that module, with checks: which there are is not repeated here.
from tests.numeric.test_triton_kernels import *  # noqa: F403

EVERYTHING = Sanitizer(values=True, overflow=True, nan=True)


@pytest.fixture
def sanitizer() -> Sanitizer | None:
    return EVERYTHING


def test_all_examples_are_in_the_study() -> None:
    folder = Path(__file__).parents[2] / "examples" / "kernels"
    used = {workload.kernel.partition("::")[0].rpartition("/")[2] for workload in suite.WORKLOADS}
    assert {path.name for path in folder.glob("*.py")} == used


@pytest.mark.parametrize("workload", suite.WORKLOADS, ids=lambda workload: workload.name)
def test_the_kernels_of_the_study(workload: suite.Workload) -> None:
    """As `rung ladder --check` does, at sizes that blocks do not divide where the kernel allows them."""
    shape = tuple(min(n, 640) for n in workload.shape)
    try_launch(group.case_of(workload, shape, "f32", seed=0).watched(EVERYTHING))


ORDINARY = """
import torch
import triton
import triton.language as tl


@triton.jit
def double(x, out, n, B: tl.constexpr, MASKED: tl.constexpr):
    i = tl.arange(0, B)
    tl.store(out + i, tl.load(x + i, mask=i < n) * 2, mask=i < n if MASKED else i < B)


def test_right():
    double[(1,)](torch.ones(50), torch.zeros(64), 50, B=64, MASKED=True)


def test_wrong():
    double[(1,)](torch.ones(50), torch.zeros(64), 50, B=64, MASKED=False)
"""


def watched(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_ordinary.py").write_text(ORDINARY)
    command = [sys.executable, "-m", "pytest", "-p", "tests.watched", "-p", "no:cacheprovider", "-q", "-n", "0"]
    settings = {"TRITON_CACHE_DIR": str(folder / "cache"), "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.run(
        [*command, f"--rootdir={folder}", *options, "test_ordinary.py"],
        cwd=folder,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
    )


def test_other_tests_can_be_watched(tmp_path: Path) -> None:
    """As all of them are, now and then (docs/debugging.md): what is found fails a run in which all tests pass."""
    plain = watched(tmp_path)
    assert "1 kernel watched, 0 faults" in plain.stdout
    assert plain.returncode == 0, plain.stdout + plain.stderr
    values = watched(tmp_path, "--watch", "values")
    assert "2 passed" in values.stdout
    assert "without `other=` left out (line 10) is stored (line 10)" in values.stdout
    assert "found in  test_ordinary.py::test_wrong" in values.stdout
    assert values.returncode == 1
