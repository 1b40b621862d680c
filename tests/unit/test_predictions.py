"""Predictions of launches: what is counted of a compiled kernel, what memory costs, and what a validation comes to."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rung import machine
from rung.bench import constants, group, host_validation, scale_model, suite
from rung.bench.host_validation_result import Constant, Forecast, HostResult, HostValidationRecord
from rung.bench.host_validation_score import Score, missed, steps
from rung.bench.predict import predictor
from rung.bench.problem import Shape
from rung.bench.scale_result import ScalePoint
from rung.bench.toolchain import native
from rung.compile import compile_kernel
from rung.cost.forking import NEVER
from rung.cost.launch import LaunchWork
from rung.cost.memory import Residence, rates
from rung.cost.predict import predict
from rung.cost.work import Flow, Op, Stream, Stretch, Work
from rung.errors import UsageError
from rung.machine import Level, Machine
from rung.schedule import Schedule
from rung.studies import read, session, write
from rung.studies.validate import STUDY, ValidateOptions
from tests.bench_fakes import ENVIRONMENT, result

FORKED = Schedule(threads=2, profitability=False, prefetch=False, stream_stores=False)
HOST = machine.host().model_copy(update={"contexts": 2})


def work_of(name: str, shape: Shape, schedule: Schedule = FORKED) -> LaunchWork:
    case = group.case_of(suite.find(name), shape, "f32", 0)
    executable = case.compile(compile_kernel, HOST, schedule)
    found = predictor(executable, case.problem.args, case.problem.grid, schedule)
    assert found.work is not None
    return found.work


def test_a_context_moves_its_share_of_every_array() -> None:
    fork, *none = work_of("vec-add", (64, 1024)).forks
    share = 64 * 1024 * 4 / 2
    assert (fork.contexts, none) == (2, [])
    assert {a: (s.reads, s.writes) for a, s in fork.longest.streams.items()} == {
        0: (share, 0), 1: (share, 0), 2: (0, share)
    }  # fmt: skip


def test_the_last_programs_have_what_is_left() -> None:
    """One element more than two blocks: three programs, of which the second context has two."""
    fork = work_of("gelu", (2049,)).forks[0]
    assert fork.longest.streams[0].reads == 4 * (1024 + 1)


@pytest.mark.parametrize("vectorize", [True, False])
def test_products_are_counted(vectorize: bool) -> None:
    schedule = replace(FORKED, vectorize=vectorize)
    work = work_of("matmul", (256, 128, 256), schedule).forks[0].longest
    lanes = HOST.vector_bytes // 4 if vectorize else 1
    products = 256 * 128 * 256 / 2
    assert work.count("multiply") == pytest.approx(products / lanes, rel=0.1)


def test_a_row_counts_as_many_steps_as_the_launch_says() -> None:
    short, long = (work_of("row-sum", (8, columns)).forks[0].longest for columns in (4096, 32768))
    assert long.streams[0].reads == 8 * short.streams[0].reads


def test_double_buffering_moves_every_byte_once() -> None:
    work = work_of("vec-add", (64, 1024), replace(FORKED, double_buffer=True)).forks[0].longest
    assert work.moved == 3 * 64 * 1024 * 4 / 2
    assert work.transfers == 3 * 32
    assert work.ahead == 2  # the first tile of each array that is read


L2 = Level(bytes=1 << 20, read_bytes_per_cycle=32, write_bytes_per_cycle=16, all_read_bytes_per_cycle=48)
L3 = Level(bytes=32 << 20, shared=True, read_bytes_per_cycle=16, write_bytes_per_cycle=16)
DRAM = Level(bytes=0, read_bytes_per_cycle=4, write_bytes_per_cycle=2, stream_bytes_per_cycle=4)
PRICED: Machine = HOST.model_copy(
    update={"memory": (L2, L3, DRAM), "l1_bytes": 32 << 10, "clock_ghz": 1.0, "launch_ns": 50.0, "fork_join_ns": 200.0}
)


@pytest.mark.parametrize(
    ("touched", "contexts", "level"),
    [(30 << 10, 1, None), (1 << 20, 1, L2), (2 << 20, 1, L3), (2 << 20, 2, L2), (20 << 20, 1, L3), (40 << 20, 2, DRAM)],
)
def test_arrays_are_in_the_nearest_level_that_holds_a_context_s_part(
    touched: int, contexts: int, level: Level | None
) -> None:
    assert Residence(PRICED, contexts, touched, {}).level(touched / contexts) == level


def test_contexts_share_what_a_level_gives_to_all() -> None:
    assert rates(L2, 1) == (32, 16, 16)
    assert rates(L2, 2) == (24, 16, 16)
    assert rates(DRAM, 1) == (4, 2, 4)


def test_a_launch_is_its_parts() -> None:
    """500 additions beside 4 KiB from the second-level cache: what is longer, the launch and the fork."""
    stretch = Stretch(500, {Op("add", 4): 1}, flows={0: Flow(4096, 0)})
    busy = Work((stretch,), {0: Stream(4096, 0)})
    quiet = replace(stretch, times=1)
    sizes = {0: 64.0 * 1024}
    alone = predict(LaunchWork(busy), PRICED, sizes, engine=True)
    adds = 500 / PRICED.rates.add_pipes
    assert alone.total == pytest.approx(50 + max(adds, 4096 / 32))
    moved = predict(LaunchWork(Work((quiet,), busy.streams)), PRICED, sizes, engine=True)
    assert moved.total == pytest.approx(50 + 4096 / 32)


def forecast(total: float) -> Forecast:
    return Forecast(total=total, launch=0.0, fork=0.0, compute=total, memory=0.0, transfers=0.0)


def record() -> HostValidationRecord:
    """Vec is told right, MT by half too much, DB with the wrong sign; a context of 4 us."""
    told = {"Scalar": (16e-6, None), "Vec": (4e-6, 4.0), "Vec+MT": (2e-6, 1.25), "Vec+MT+DB": (1e-6, 0.5)}
    results: list[HostResult] = []
    for rung, (total, step) in told.items():
        found = result(rung)
        ends = (step * 0.99, step * 1.01) if step else None
        fields: dict[str, Any] = {**dict(found), "step": step, "step_ci": ends, "forecast": forecast(total)}
        results.append(HostResult(**fields))
    return HostValidationRecord(environment=ENVIRONMENT, constants=[Constant(name="c", value=1.0)], results=results)


def test_steps_are_scored_by_error_and_by_sign() -> None:
    vec, mt, db = steps(record())
    assert [s.error for s in (vec, mt, db)] == pytest.approx([0.0, 0.6, 3.0])
    assert [missed(s) for s in (vec, mt, db)] == [False, True, True]
    assert Score.of([vec, mt, db]) == Score(steps=3, within=1, decided=3, signs=2)


def test_a_record_is_shown_from_its_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from rung import studies

    path = tmp_path / "a.json"
    write(record(), path)
    studies.show(read(path))
    studies.plot(read(path), tmp_path / "a.png")
    shown = capsys.readouterr().out
    assert "33% of 3 steps are within 25%; of 3 that pay or do not, 67% were told" in shown
    assert "wrong sign" in shown and (tmp_path / "a.png").is_file()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"device": "host", "kernels": ("gellu",)}, "there is no kernel `gellu` .did you mean `gelu`"),
        ({"device": "host", "kernels": ("gelu",), "size": "64x64"}, "gelu takes sizes of the form N"),
        ({"device": "host", "calibrate": True}, "the host's constants are measured"),
        ({"device": "host", "overrides": ("contexts=1",)}, "one core has nothing to share"),
        ({"kernels": ("gelu",)}, "give --device host with them"),
    ],
)
def test_what_cannot_be_validated_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        session.run(STUDY, ValidateOptions(**given))


def test_the_host_is_predicted_and_then_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "_LAST", constants._FIRST)  # pyright: ignore[reportPrivateUsage]
    options = ValidateOptions(
        device="host", kernels=("exp-series",), size="4K", rounds=2, json=str(tmp_path / "a.json"),
        overrides=("contexts=2",),
    )  # fmt: skip
    assert session.run(STUDY, options) == 0
    found = read(tmp_path / "a.json")
    assert isinstance(found, HostValidationRecord) and found.complete
    assert [r.rung for r in found.results] == ["Scalar", "Vec", "Vec+MT", "Vec+MT+DB"]
    scalar, vec, *_ = found.results
    assert scalar.forecast.total > 4 * vec.forecast.total > 0
    assert all(r.median for r in found.results)
    names = {constant["name"] for constant in json.loads((tmp_path / "a.json").read_text())["constants"]}
    assert {"clock (GHz)", "fork and join (ns)"} <= names


def test_nothing_runs_before_all_is_predicted() -> None:
    """`ask` compiles and counts; the outputs are as they were."""
    case = group.case_of(suite.find("gelu"), (5000,), "f32", 0)
    question = host_validation.ask(case, host_validation.rungs(2), HOST, native())
    assert len(question.forecasts) == 4
    assert case.problem.args[1].isnan().all()


@pytest.mark.parametrize("workload", suite.WORKLOADS, ids=lambda w: w.name)
def test_sizes_rise_to_the_study_s(workload: suite.Workload) -> None:
    shapes = host_validation.shapes_of(workload)
    assert len(shapes) > 1 and shapes[-1] == workload.shape and sorted(shapes) == list(shapes)
    for shape in shapes:
        workload.check(shape)


def test_rung_forks_from_where_it_has_programs_enough() -> None:
    def points(*pairs: tuple[int, int, int]) -> list[ScalePoint]:
        return [
            ScalePoint(contexts=4, elements=n, programs=programs, break_even_programs=least)
            for n, programs, least in pairs
        ]

    assert scale_model.forks_from(points((1024, 8, 40), (8192, 64, 40))) == 40 * 128
    # Programs grow with the size: four of them, each a quarter of it, and 5 are asked for until 3 are.
    assert scale_model.forks_from(points((1024, 4, 8), (4096, 4, 2))) == 2048
    assert scale_model.forks_from(points((1024, 8, NEVER), (8192, 64, NEVER))) is None
    assert scale_model.forks_from(points((1024, 4, 2))) == 1024 // 2


def test_a_machine_s_core_is_its_isa_s_where_it_says_nothing_else() -> None:
    usual = machine.load("hexagon-v73")
    changed = machine.override(usual, ["core={issue_per_cycle = 3.0}"])
    assert changed.rates.issue_per_cycle == 3.0
    assert changed.rates.pipe_bytes == usual.rates.pipe_bytes == 128
    with pytest.raises(UsageError, match="issue_per_cycle"):
        machine.override(usual, ["core={issue_per_cycle = 0.0}"])
