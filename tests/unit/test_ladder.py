"""The ladder over a toolchain that compiles nothing: order, ratios, voided numbers, files, interruption."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from rung import machine
from rung.bench import group, ladder, suite
from rung.bench.measure import Sampling
from rung.bench.result import Result
from rung.errors import RungError, UsageError
from rung.evidence import HostCode
from rung.report import text
from rung.schedule import Schedule
from rung.studies import ladder as study
from rung.studies import read, session
from tests.bench_fakes import TIMES, FakeBound, toolchain

SAMPLING = Sampling(rounds=5)


def run(name: str = "gelu", rungs: str = ladder.LADDER, wrong: dict[str, float] | None = None) -> list[Result]:
    workload = suite.find(name)
    case = group.case_of(workload, workload.odd_shapes[1], "f32", 0)
    schedules = Schedule().factorial() if rungs == "factorial" else ladder.parse_rungs(rungs, Schedule())
    return ladder.run(case, schedules, group.Lab(machine.host(), toolchain(wrong or {}), SAMPLING))


def test_speedups_and_steps_are_ratios_of_the_times() -> None:
    results = run()
    assert [r.rung for r in results] == ["Scalar", "Vec", "Vec+MT", "Vec+MT+DB"]
    assert [r.step_from for r in results] == [None, "Scalar", "Vec", "Vec+MT"]
    assert [r.speedup for r in results] == pytest.approx([1, 8, 16, 8 / 0.6], rel=0.03)
    assert [r.step for r in results[1:]] == pytest.approx([8, 2, 5 / 6], rel=0.03)
    for found in results:
        assert found.correct and len(found.samples) == 5 and found.unit == "s"
        assert found.speedup_ci and found.speedup
        assert found.speedup_ci[0] <= found.speedup <= found.speedup_ci[1]


def test_evidence_is_of_the_executable_and_of_the_runtime() -> None:
    found = run(rungs="scalar")[0]
    assert found.evidence.object == HostCode(kind="host", packed_ops=0) and found.launch.contexts_ran == 2


def test_a_wrong_rung_is_void_and_the_others_stay() -> None:
    scalar, vec, both, _ = run(wrong={"Vec": 0.5})
    assert not vec.correct and vec.samples == [] and vec.median is None and vec.speedup is None
    assert vec.max_abs_err == pytest.approx(0.5, rel=1e-3)
    assert scalar.correct and both.speedup == pytest.approx(16, rel=0.03)
    assert both.step is None and both.step_from is None


def test_a_result_that_turns_wrong_under_repetition_is_void(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = {"n": 0}
    launch = FakeBound.__call__

    def flaky(self: FakeBound) -> None:
        calls["n"] += 1
        if calls["n"] == 1:
            launch(self)

    monkeypatch.setattr(FakeBound, "__call__", flaky)
    (found,) = run(rungs="vec")
    assert not found.correct and found.max_abs_err is None


def test_a_rung_without_scalar_has_no_speedup() -> None:
    (found,) = run(rungs="vec")
    assert found.correct and found.speedup is None and found.step is None


def test_a_launch_that_takes_no_time_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TIMES, "Vec", 0.0)
    with pytest.raises(RungError, match="gelu, Vec: a launch takes no time at all"):
        run(rungs="scalar,vec")


def test_all_eight() -> None:
    results = run(rungs="factorial")
    assert len({r.rung for r in results}) == 8
    steps = {r.rung: r.step_from for r in results}
    assert steps["Vec+DB"] == "Vec" and steps["MT+DB"] == "MT" and steps["DB"] == "Scalar"


def test_prefetching_is_a_rung_to_ask_for() -> None:
    results = run(rungs="scalar,vec,vec+mt,vec+pf,vec+mt+pf")
    assert [(r.rung, r.step_from) for r in results] == [
        ("Scalar", None), ("Vec", "Scalar"), ("Vec+MT", "Vec"), ("Vec+PF", "Vec"), ("Vec+MT+PF", "Vec+MT"),
    ]  # fmt: skip
    assert [r.prefetches for r in results] == [False, False, False, True, True]
    assert text.conclusion(results[-1]) == (
        "PF did not take part here: no rows of a program are read by several of its loops and small enough to be "
        "fetched ahead."
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rungs": "scalar,pf"}, "there is no rung `pf`: vector code is what prefetches"),
        ({"schedule": "prefetch=on"}, "which this command sets itself: say with --rungs"),
        ({"rungs": "vec+pf", "device": "hexagon-v73"}, "`hexagon-v73` has no cache to fetch into"),
        ({"rungs": "vec+pf", "overrides": ("prefetch_bytes=0",)}, "no cache to fetch into .prefetch_bytes is 0"),
    ],
)
def test_prefetching_where_there_is_none_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        study.plan(study.LadderOptions(**changes))


def test_two_inputs_in_two_dimensions() -> None:
    assert all(r.correct and r.shape == [3, 100] for r in run("vec-add"))


@pytest.mark.parametrize("text", ["", "all", "vec,", "fast", "scalar+vec", "vec+", "vec mt"])
def test_unknown_rungs_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="choose from: scalar"):
        ladder.parse_rungs(text, Schedule())


def test_rungs_keep_parameters_and_are_not_repeated() -> None:
    found = ladder.parse_rungs("Vec, vec,mt+vec", Schedule(threads=3, tile_elements=64))
    assert [(s.rung, s.threads, s.tile_elements) for s in found] == [("Vec", 1, 64), ("Vec+MT", 3, 64)]


def options(tmp_path: Path, **changes: Any) -> study.LadderOptions:
    fields = {"size": "1000", "rounds": 3, "json": str(tmp_path / "a.json")} | changes
    return study.LadderOptions(kernels=("gelu",), **fields)


def test_the_command_writes_the_record(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert session.run(study.STUDY, options(tmp_path, plot=str(tmp_path / "a.png")), toolchain) == 0
    record = read(tmp_path / "a.json")
    assert record.complete and len(record.results) == 4 and record.environment.seed == 0
    assert (tmp_path / "a.png").stat().st_size > 10_000
    shown = capsys.readouterr().out
    assert "Vec pays" in shown and "DB does not pay here" in shown


def test_a_wrong_result_is_shown_and_the_record_is_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert session.run(study.STUDY, options(tmp_path), lambda: toolchain({"Vec+MT": 1.0})) == 1
    assert "WRONG" in capsys.readouterr().out
    raw = json.loads((tmp_path / "a.json").read_text())
    assert [r["correct"] for r in raw["results"]] == [True, True, False, True]


def test_an_error_keeps_what_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _break_second(monkeypatch, UsageError("too large"))
    with pytest.raises(UsageError, match="too large"):
        session.run(study.STUDY, _two(tmp_path), toolchain)
    record = read(tmp_path / "a.json")
    assert not record.complete and {r.kernel for r in record.results} == {"gelu"}


def test_an_interruption_keeps_what_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _break_second(monkeypatch, KeyboardInterrupt())
    assert session.run(study.STUDY, _two(tmp_path), toolchain) == 130
    record = read(tmp_path / "a.json")
    assert not record.complete and {r.kernel for r in record.results} == {"gelu"}


def test_a_signal_ends_the_run_at_the_next_round(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a million rounds: it must not wait for the last."""
    rounds = {"n": 0}
    time = FakeBound.time

    def interrupted(self: FakeBound, n: int) -> list[float]:
        rounds["n"] += 1
        if rounds["n"] == 100:
            os.kill(os.getpid(), signal.SIGINT)
        return time(self, n)

    monkeypatch.setattr(FakeBound, "time", interrupted)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert session.run(study.STUDY, options(tmp_path, rounds=1_000_000), toolchain) == 130
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    record = read(tmp_path / "a.json")
    assert not record.complete and record.results == [] and rounds["n"] < 120


def _two(tmp_path: Path) -> study.LadderOptions:
    names = ("gelu", "vec-add-1d")
    return study.LadderOptions(kernels=names, size="1000", rounds=3, json=str(tmp_path / "a.json"))


def _break_second(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    finished = ladder.run
    calls = {"n": 0}

    def broken(*args: Any) -> list[Result]:
        calls["n"] += 1
        if calls["n"] == 2:
            raise error
        return finished(*args)

    monkeypatch.setattr(ladder, "run", broken)


OWN = """
import triton
import triton.language as tl

@triton.jit
def {name}(x_ptr, y_ptr, {size}, BLOCK: tl.constexpr{default}):
    pass
"""


def own(tmp_path: Path, default: str = " = 512", size: str = "n_elements") -> str:
    path = tmp_path / "own.py"
    path.write_text(OWN.format(name="gelu_tanh_kernel", default=default, size=size))
    return f"{path}::gelu_tanh_kernel"


def test_a_kernel_of_ones_own_is_checked_against_its_scalar_rung(tmp_path: Path) -> None:
    given = study.LadderOptions(kernel=own(tmp_path), size="1000", rounds=3, json=str(tmp_path / "a.json"))
    assert session.run(study.STUDY, given, toolchain) == 0
    assert {r.reference for r in read(tmp_path / "a.json").results} == {"scalar rung"}
    assert session.run(study.STUDY, given, lambda: toolchain({"Vec": 1e-3})) == 1


def test_arguments_are_made_from_names(tmp_path: Path) -> None:
    given = study.LadderOptions(kernel=own(tmp_path), size="1000")
    ((_, make),) = study.cases(given, machine.host(), "f32", (1000,))
    case = make()
    assert case.signature == {"x_ptr": "*fp32", "y_ptr": "*fp32", "n_elements": "i32", "BLOCK": "constexpr"}
    assert case.problem.grid == (2, 1, 1) and case.problem.args[2] == 1000


def test_constants_may_stand_beside_a_signature(tmp_path: Path) -> None:
    kernel = own(tmp_path, default="")
    given = study.LadderOptions(kernel=kernel, signature="*fp32, *fp32, i32", constexprs=("BLOCK=256",), size="1000")
    ((_, make),) = study.cases(given, machine.host(), "f32", (1000,))
    assert make().problem.constexprs == {"BLOCK": 256}
    assert make().problem.grid == (4, 1, 1)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({}, r"`BLOCK` has no default; give --constexpr BLOCK=1024"),
        ({"constexprs": ("BLOK=4",)}, r"no parameter `BLOK`"),
        ({"constexprs": ("BLOCK=4",), "signature": "*fp32,*fp32,i32,4"}, r"which --constexpr gives"),
        ({"signature": "*fp32,*fp64,i32,4"}, r"parameter `y_ptr` is \*fp64"),
        ({"signature": "*fp32"}, r"takes 4 arguments"),
        ({"signature": "*fp32,(*fp32,i32),i32,4"}, r"parameter `y_ptr` is \('\*fp32', 'i32'\)"),
        ({"constexprs": ("BLOCK='a'",)}, r"give --grid"),
        ({"kernels": ("gelu",)}, "not both"),
        ({"inductor": True}, "--inductor is for"),
    ],
)
def test_what_cannot_be_made_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        study.plan(study.LadderOptions(kernel=own(tmp_path, default=""), **changes))


def test_inductor_s_kernels_stand_beside_the_hand_written_ones() -> None:
    plan = study.plan(study.LadderOptions(kernels=("gelu", "softmax"), inductor=True))
    assert [part.name for part in plan.parts] == ["gelu", "gelu (Inductor)", "softmax", "softmax (Inductor)"]
