"""The programs of docs/debugging.md, and what the page says that `rung check` prints."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "debugging.md"
PROGRAMS = re.findall(r"```python\n# (\w+\.py)\n(.*?)```.*?```text\n(.*?)```", PAGE.read_text(), re.S)


def check(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "rung.cli", "check", *arguments]
    settings = {"TRITON_CACHE_DIR": str(folder / "cache")}  # cached code tells the file that it was made from
    return subprocess.run(command, cwd=folder, env={**os.environ, **settings}, capture_output=True, text=True)


def test_the_page_has_three() -> None:
    assert [name for name, _, _ in PROGRAMS] == ["softmax.py", "column_sums.py", "transpose.py"]


@pytest.mark.parametrize(("name", "text", "printed"), PROGRAMS)
def test_a_program_of_the_page(tmp_path: Path, name: str, text: str, printed: str) -> None:
    (tmp_path / name).write_text(f"# {name}\n{text}")
    done = check("--", sys.executable, name, folder=tmp_path)
    assert done.stderr.replace(f"{tmp_path}/", "") == printed
    assert done.returncode == 1


def test_the_first_fault_alone(tmp_path: Path) -> None:
    name, text, _ = PROGRAMS[1]
    (tmp_path / name).write_text(f"# {name}\n{text}")
    done = check("--first", "--", sys.executable, name, folder=tmp_path)
    assert "rung.errors.SanitizerError: programs (0, 0, 0) and (1, 0, 0) race for `sum_ptr`" in done.stderr
    assert "rung check: 1 kernel watched, 1 fault\n" in done.stderr
    assert done.returncode == 1


def test_a_program_without_a_fault_keeps_its_status(tmp_path: Path) -> None:
    name, text, _ = PROGRAMS[2]
    mended = text.replace("column[:, None] * columns + row", "column[:, None] * rows + row") + "raise SystemExit(7)\n"
    (tmp_path / name).write_text(mended)
    done = check("--", sys.executable, name, folder=tmp_path)
    assert done.stdout == "right: True\n"
    assert "rung check: 1 kernel watched, no fault" in done.stderr
    assert done.returncode == 7


def test_wrong_use(tmp_path: Path) -> None:
    none = check("--", sys.executable, "-c", "", folder=tmp_path)
    assert none.returncode == 0
    assert "no kernel was launched through rung" in none.stderr
    missing = check("--", "there-is-no-such-program", folder=tmp_path)
    assert missing.returncode == 2
    assert missing.stderr == "error: cannot run `there-is-no-such-program`: No such file or directory\n"
    assert check(folder=tmp_path).returncode == 2


DOUBLE = """
import triton
import triton.language as tl

@triton.jit
def double(x_ptr, y_ptr, n_elements, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(y_ptr + i, 2 * tl.load(x_ptr + i, mask=i < n_elements)MASK)
"""


@pytest.mark.parametrize("mask", [", mask=i < n_elements", ""])
@pytest.mark.parametrize("device", ["host", "hexagon-v73"])
def test_a_ladder_watches_an_own_kernel_first(tmp_path: Path, mask: str, device: str) -> None:
    (tmp_path / "own.py").write_text(DOUBLE.replace("MASK", mask))
    short = ("--size", "1000", "--rungs", "vec", "--rounds", "1", "--constexpr", "BLOCK=256")
    command = [sys.executable, "-m", "rung.cli", "ladder", "--kernel", "own.py::double", "--device", device, *short]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    if mask:
        assert done.returncode == 0, done.stderr
        return
    assert done.returncode == 2
    assert "error: 24 elements past the end of `y_ptr` are written; is a mask missing?" in done.stderr
    assert 'own.py", line 8, in double' in done.stderr


def test_kernels_of_the_study_are_watched_on_request(tmp_path: Path) -> None:
    short = ("--size", "1000", "--rungs", "vec", "--rounds", "1")
    command = [sys.executable, "-m", "rung.cli", "ladder", "gelu", "--check", *short]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
