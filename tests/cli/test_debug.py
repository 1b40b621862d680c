"""`TRITON_DEBUG=1` in front of a command: kernels keep their assertions, as they do when they are launched."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "COLUMNS": "200", "NO_COLOR": "1"}
_KERNEL = """import triton
import triton.language as tl

@triton.jit
def kernel(x, y, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.device_assert(i < 8000, "i is large")
    tl.store(y + i, tl.load(x + i, mask=i < n) * 2, mask=i < n)

strict = triton.jit(debug=True)(kernel.fn)
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "own.py"
    path.write_text(_KERNEL)
    return str(path)


def rung(*arguments: str, debug: str = "0") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "rung.cli", *arguments]
    environment = _ENVIRONMENT | {"TRITON_DEBUG": debug}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("name, debug, kept", [("kernel", "0", False), ("kernel", "1", True), ("strict", "0", True)])
def test_compiled_kernels_have_assertions_where_they_are_asked_for(
    file: str, name: str, debug: str, kept: bool
) -> None:
    signature = ("--signature", "*fp32, *fp32, i32, 1024")
    ended = rung("compile", f"{file}::{name}", *signature, "--emit", "ttir", debug=debug)
    assert ended.returncode == 0, ended.stderr
    assert ("tt.assert" in ended.stdout) == kept


@pytest.mark.parametrize("device", [(), ("--device", "hexagon-v73")], ids=["host", "npu"])
def test_one_that_does_not_hold_ends_a_study_in_one_sentence(file: str, device: tuple[str, ...]) -> None:
    arguments = ("ladder", "--kernel", f"{file}::kernel", "--constexpr", "BLOCK=1024", "--rounds", "1", *device)
    ended = rung(*arguments, "--size", "10000", debug="1")
    assert (ended.returncode, ended.stderr.count("error: ")) == (2, 1), ended.stderr
    assert "own.py:7: kernel: block: [7,0,0] Assertion `i is large` failed" in ended.stderr
    assert "Traceback" not in ended.stdout + ended.stderr


def test_those_that_hold_change_no_result(file: str) -> None:
    arguments = ("ladder", "--kernel", f"{file}::kernel", "--constexpr", "BLOCK=1024", "--rounds", "1")
    ended = rung(*arguments, "--size", "7000", debug="1")
    assert ended.returncode == 0, ended.stderr
