"""The command in this process, what it refuses, and a kernel of one's own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rung import cli
from tests.cli.command_line import Run

_OWN = """
import triton
import triton.language as tl

@triton.jit
def double(x_ptr, y_ptr, n_elements, BLOCK: tl.constexpr = 256):
    offsets = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = offsets < n_elements
    tl.store(y_ptr + offsets, 2 * tl.load(x_ptr + offsets, mask=mask), mask=mask)

@triton.jit
def halve(x_ptr, n_elements, BLOCK: tl.constexpr):
    for start in range(tl.program_id(0) * BLOCK, n_elements, tl.num_programs(0) * BLOCK):
        offsets = start + tl.arange(0, BLOCK)
        mask = offsets < n_elements
        tl.store(x_ptr + offsets, tl.load(x_ptr + offsets, mask=mask) * 0.5, mask=mask)
"""


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command line in this process, as there are many: (status, stdout, stderr)."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["rung", *arguments])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        found = capsys.readouterr()
        assert isinstance(stopped.value.code, int)
        return stopped.value.code, found.out, found.err

    return run


@pytest.fixture
def refused(run: Run) -> Callable[..., str]:
    """The message of a refused command line: status 2, one line on stderr, nothing on stdout."""

    def refused(*arguments: str) -> str:
        status, out, errors = run(*arguments)
        assert (status, out) == (2, "")
        lines = errors.splitlines()
        assert len(lines) == 1 and lines[0].startswith("error: "), errors
        return lines[0]

    return refused


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "own.py"
    path.write_text(_OWN)
    return path
