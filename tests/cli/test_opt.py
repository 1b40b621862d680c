"""`rung opt` as a process: what changed nothing is told, and the help lists every pass with its options."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

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
    pipeline = "canonicalize; promote{depth=2}; vectorize; vectorize; double-buffer"
    done = rung("opt", "-", "--pipeline", pipeline, text=MODULE)
    assert done.returncode == 0 and "vector.load" in done.stdout
    assert done.stderr.splitlines() == [
        "`canonicalize` changed nothing",
        "`promote{depth=2}` changed nothing; it noted `rung.scratchpad`",
        "`vectorize` changed nothing",
        "`double-buffer` changed nothing",
    ]


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
