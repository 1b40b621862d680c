"""Passes and pipelines round-trip through text; a failing pipeline leaves a reproducer that runs."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import ClassVar

import pytest
from torch_mlir import ir

from rung import compile as compiler
from rung import machine, optimize
from rung.errors import PassError, UsageError
from rung.passes import Pass, Pipeline, Stage, Upstream, parse_pass, parse_pipeline
from rung.pipelines import PASSES, pipeline
from rung.schedule import Schedule

MODULE = "func.func @f(%x: i32) -> i32 {\n  %y = arith.addi %x, %x : i32\n  return %y : i32\n}"


@pytest.mark.parametrize(
    "schedule",
    [
        Schedule(vectorize=vec, threads=threads, double_buffer=db, depth=3)
        for vec, threads, db in product((True, False), (0, 1, 3), (True, False))
    ],
    ids=str,
)
def test_every_pipeline_round_trips(schedule: Schedule) -> None:
    built = pipeline(machine.host(), schedule)
    assert parse_pipeline(str(built), PASSES) == built


@pytest.mark.parametrize("cls", PASSES, ids=lambda cls: cls.name)
def test_every_pass_has_a_name_and_round_trips(cls: type[Pass]) -> None:
    assert cls.name and cls.name == cls.name.lower()
    assert parse_pass(str(cls()), PASSES) == cls()


def test_an_unknown_option_names_the_options() -> None:
    with pytest.raises(UsageError, match="pass `vectorize` has no option `lanes`; options: vector-bytes"):
        parse_pass("vectorize{lanes=16}", PASSES)


def test_a_wrong_value_says_what_is_wanted() -> None:
    with pytest.raises(UsageError, match="unroll is `many`; give a whole number, 0 to 16"):
        parse_pass("vectorize{unroll=many}", PASSES)
    with pytest.raises(UsageError, match="on-overflow is `hope`; give error or direct"):
        parse_pass("promote{on-overflow=hope}", PASSES)


def test_other_names_are_upstream_passes() -> None:
    assert parse_pass("func.func(canonicalize),cse", PASSES) == Upstream(passes="func.func(canonicalize),cse")


@dataclass(frozen=True)
class Failing(Pass):
    name: ClassVar[str] = "failing"

    def run(self, module: ir.Module) -> None:
        raise ValueError("on purpose")


def test_a_failing_pass_is_named() -> None:
    with ir.Context():
        module = ir.Module.parse(MODULE)
    with pytest.raises(PassError, match="pass `failing` failed: on purpose"):
        Pipeline((Stage("linalg"), Failing())).run(module)


@pytest.mark.parametrize("place", ["", "nowhere"])
def test_a_reproducer_is_written_where_it_can_be(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNG_CRASH_DIR", str(tmp_path / place))
    with ir.Context():
        module = ir.Module.parse(MODULE)
    with pytest.raises(PassError, match="pass `failing` failed: on purpose") as error:
        compiler._run(Pipeline((Failing(),)), module, compiler._Recorder(""), ())
    (file,) = [*tmp_path.iterdir()] or [tmp_path / place]
    expected = f"none, for no file can be written to {file}" if place else f"rung opt {file}"
    assert f"reproducer: {expected}" in str(error.value)


def test_nobody_can_put_a_link_where_a_reproducer_will_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder may be everybody's: each file has a name of its own, and only its owner may read it."""
    monkeypatch.setenv("RUNG_CRASH_DIR", str(tmp_path))
    for _ in range(2):
        with ir.Context():
            module = ir.Module.parse(MODULE)
        with pytest.raises(PassError):
            compiler._run(Pipeline((Failing(),)), module, compiler._Recorder(""), ())
    files = [*tmp_path.iterdir()]
    assert len(files) == 2 and {f.stat().st_mode & 0o777 for f in files} == {0o600}


def test_optimize_runs_the_pipeline_that_the_file_begins_with() -> None:
    text = f"{optimize.PIPELINE_MARK}canonicalize\n{optimize.PIPELINE_MARK}cse\n{MODULE}"
    assert "arith.addi" in optimize.optimize(text, optimize.written_pipeline(text))


def test_optimize_without_a_pipeline_says_so() -> None:
    with pytest.raises(UsageError, match="no pipeline"):
        optimize.written_pipeline(MODULE)


def test_optimize_refuses_what_is_not_mlir() -> None:
    with pytest.raises(UsageError, match="not a module of MLIR"):
        optimize.optimize("hello", Pipeline(()))


def test_passes_say_what_they_do() -> None:
    class Nothing(Pass):
        pass

    with pytest.raises(TypeError, match="run"):
        Nothing()  # pyright: ignore[reportAbstractUsage]
