"""Every `.mlir` file of this folder is a test: its RUN lines say what is run, its CHECK lines what comes out.

A pass has a file of its name, `promote.mlir`, or several, `promote-errors.mlir`: the last pass of their pipelines.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rung.passes import Pass
from rung.pipelines import PASSES
from tests.mlir.run_lines import RunLine, as_process, failure, run_lines, stray_directives

FILES = sorted(Path(__file__).parent.glob("*.mlir"))
LINES = [line for file in FILES for line in run_lines(file)]


@pytest.mark.parametrize("line", LINES, ids=str)
def test_run_line(line: RunLine) -> None:
    wrong = failure(line)
    assert wrong is None, wrong


@pytest.mark.parametrize("refused", [False, True], ids=["one that works", "one that is refused"])
def test_run_line_as_a_process(refused: bool) -> None:
    wrong = failure(next(line for line in LINES if line.refused is refused), as_process)
    assert wrong is None, wrong


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_file_is_of_the_pass_it_is_named_like(file: Path) -> None:
    for line in run_lines(file):
        name = line.steps[-1]
        assert file.stem == name or file.stem.startswith(f"{name}-"), f"{line}: its last pass is `{name}`"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_check_line_is_passed_over(file: Path) -> None:
    assert not [*stray_directives(file)]


@pytest.mark.parametrize("cls", PASSES, ids=lambda cls: cls.name)
def test_every_pass_has_a_case(cls: type[Pass]) -> None:
    assert any(line.steps[-1] == cls.name and not line.refused for line in LINES)


REFUSING = [cls for cls in PASSES if re.search(r"\bRefuses\b", cls.__doc__ or "")]


@pytest.mark.parametrize("cls", REFUSING, ids=lambda cls: cls.name)
def test_every_pass_that_refuses_has_a_refusal(cls: type[Pass]) -> None:
    assert any(line.steps[-1] == cls.name and line.refused for line in LINES)
