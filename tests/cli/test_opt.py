"""`rung opt` as a process: what changed nothing is told, and the help lists every pass with its options."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from rung.commands import opt
from rung.passes.describe import option_lines, summary
from rung.passes.options import options_of
from rung.pipelines import PASSES

MODULE = """#i = affine_map<(d0) -> (d0)>
func.func @f(%a: memref<64xf32>, %b: memref<64xf32>) {
  linalg.generic {indexing_maps = [#i, #i], iterator_types = ["parallel"]}
      ins(%a : memref<64xf32>) outs(%b : memref<64xf32>) {
    ^bb0(%x: f32, %y: f32):
      %z = arith.addf %x, %x : f32
      linalg.yield %z : f32
  }
  return
}
"""


def rung(*arguments: str, text: str = "", columns: int = 120) -> subprocess.CompletedProcess[str]:
    root = str(Path(__file__).parents[2])
    environment = os.environ | {"PYTHONPATH": root, "COLUMNS": str(columns), "NO_COLOR": "1"}
    command = [sys.executable, "-m", "rung.cli", *arguments]
    return subprocess.run(command, input=text, capture_output=True, text=True, env=environment)


def test_passes_that_change_nothing_say_so() -> None:
    pipeline = "canonicalize; fit-scratchpad{depth=2}; promote; vectorize; vectorize; double-buffer"
    done = rung("opt", "-", "--pipeline", pipeline, text=MODULE)
    assert done.returncode == 0 and "vector.load" in done.stdout
    assert done.stderr.splitlines() == [
        "`canonicalize` changed nothing",
        "`fit-scratchpad{depth=2}` changed nothing; it noted `rung.scratchpad`",
        "`promote` changed nothing",
        "`vectorize` changed nothing",
        "`double-buffer` changed nothing",
    ]


SEVERAL = """// The first one.
func.func @first() -> index {
  %a = arith.constant 1 : index
  %b = arith.addi %a, %a : index
  return %b : index
}
// -----
func.func @second() {
  %a = memref.alloc() : memref<8xf32>
  return
}
// -----
// ----- is no mark when it goes on
func.func @third() {
  return
}
"""


@pytest.fixture
def several(tmp_path: Path) -> str:
    file = tmp_path / "in.mlir"
    file.write_text(SEVERAL)
    return str(file)


def test_modules_of_one_file_are_taken_one_by_one(several: str, capsys: pytest.CaptureFixture[str]) -> None:
    target = Path(several).with_name("out.mlir")
    assert opt.run(opt.OptOptions(several, "canonicalize", None, split_input_file=True)) == 0
    first, second, third = capsys.readouterr().out.split("// -----\n")
    assert "@first" in first and "arith.constant 2" in first and "@second" in second and "@third" in third
    assert opt.run(opt.OptOptions(several, "canonicalize", str(target), split_input_file=True)) == 0
    assert capsys.readouterr().out == "" and target.read_text() == f"{first}// -----\n{second}// -----\n{third}"


def test_a_module_that_fails_does_not_stop_the_others(several: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The lines in its message are those of the file; of what works only in part there is no file."""
    target = Path(several).with_name("out.mlir")
    assert opt.run(opt.OptOptions(several, "place-scratch", None, split_input_file=True)) == 2
    done = capsys.readouterr()
    assert [line for line in done.err.splitlines() if line.startswith("error")] == [
        'error: place-scratch: `memref.alloc` at loc("-":9:8); buffers are `memref.alloca`'
    ]
    assert [part.count("func.func") for part in done.out.split("// -----\n")] == [1, 0, 1]
    assert opt.run(opt.OptOptions(several, "place-scratch", str(target), split_input_file=True)) == 2
    assert not target.exists()


@pytest.mark.parametrize(("depth", "status"), [(900, 0), (1001, 2), (50_000, 2)])
def test_regions_that_are_nested_too_deep_are_refused(depth: int, status: int) -> None:
    comment = '// {{{ "no brace"\n'
    done = rung("opt", "-", "--pipeline", "canonicalize", text=comment + "module {" * depth + "}" * depth)
    assert done.returncode == status, done.stderr
    assert status == 0 or f"regions are nested {depth:,} deep; MLIR reads 1,000" in " ".join(done.stderr.split())


def test_help_lists_every_pass_and_option() -> None:
    done = rung("opt", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    words = " ".join(done.stdout.split()) + " "
    for cls in PASSES:
        assert f" {cls.name} {summary(cls)} " in words
        for option, (name, line) in zip(options_of(cls), option_lines(cls), strict=True):
            assert re.search(rf" {re.escape(name)} {re.escape(option.words)}\.", words), name
            assert f" {name} {line}" in words
    assert max(map(len, rung("opt", "--help", columns=80).stdout.splitlines())) <= 80


@pytest.mark.parametrize("cls", PASSES, ids=lambda cls: cls.name)
def test_every_pass_is_described_in_a_sentence(cls: type) -> None:
    assert re.fullmatch(r"[A-Z][^\n]{10,200}\.", summary(cls))
    assert len(option_lines(cls)) == len(fields(cls))
