"""What reads `.mlir` tests, on files that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mlir.run_lines import BadTestError, failure, run_lines, stray_directives

MODULE = "func.func @f() {\n  return\n}\n"
RUN = "// RUN: rung opt %s --pipeline 'canonicalize' | filecheck %s\n"


def wrong(folder: Path, text: str) -> str:
    file = folder / "case.mlir"
    file.write_text(text)
    (line,) = run_lines(file)
    return failure(line) or ""


def test_what_is_right_is_no_failure(tmp_path: Path) -> None:
    assert wrong(tmp_path, f"{RUN}// CHECK: func.func @f\n{MODULE}") == ""


def test_a_line_that_does_not_match_is_named(tmp_path: Path) -> None:
    found = wrong(tmp_path, f"{RUN}// CHECK: func.func @f\n// CHECK-NEXT: scf.for\n{MODULE}")
    assert found.startswith(f"{tmp_path}/case.mlir:3: ") and "scf.for" in found
    assert "RUN line case.mlir:1, whose output is:\nmodule {" in found


def test_a_file_without_check_lines_is_wrong(tmp_path: Path) -> None:
    assert "No check strings found" in wrong(tmp_path, RUN + MODULE)


def test_what_fails_and_what_should_have_failed(tmp_path: Path) -> None:
    text = f"// CHECK: func.func @f\n{MODULE}"
    assert "case.mlir:1: `rung opt " in wrong(tmp_path, RUN.replace("canonicalize", "no-such-pass") + text)
    assert "is not refused" in wrong(tmp_path, RUN.replace("rung", "not rung") + text)


@pytest.mark.parametrize(
    ("run", "why"),
    [
        ("", "no RUN line"),
        ("// RUN: rung opt %s --pipeline 'cse'\n", "is not of the form"),
        ("// RUN: mlir-opt %s --cse | filecheck %s\n", "is not of the form"),
        ("// RUN: rung opt %s --pipeline 'cse' | \\\n", "does not end"),
    ],
)
def test_run_lines_that_cannot_be_read(tmp_path: Path, run: str, why: str) -> None:
    with pytest.raises(BadTestError, match=f"case.mlir:1: .*{why}"):
        wrong(tmp_path, run + MODULE)


def test_a_run_line_may_go_on(tmp_path: Path) -> None:
    text = RUN.replace("| ", "\\\n// RUN:   | ")
    assert text.count("RUN") == 2 and wrong(tmp_path, f"{text}// CHECK: func.func @f\n{MODULE}") == ""


@pytest.mark.parametrize("directive", ["CHECK-NXT", "CHEK", "OTHER"])
def test_directives_that_are_none_are_found(tmp_path: Path, directive: str) -> None:
    file = tmp_path / "case.mlir"
    file.write_text(f"{RUN}// CHECK: func.func @f\n// {directive}: return\n{MODULE}")
    assert [*stray_directives(file)] == [f"{file}:3: `{directive}:` is no directive of the file's RUN lines"]
