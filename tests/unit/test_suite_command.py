"""`rung suite`: jobs that are kept one by one, and go on where they were stopped. No study is made here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rung import studies
from rung.bench import environment
from rung.bench.ladder_result import LadderRecord
from rung.bench.suite import WORKLOADS
from rung.commands import suite
from rung.errors import RungError, UsageError
from rung.machine import host
from rung.options.command import Command, arguments
from rung.studies import jobs, session
from rung.studies.overlap import OverlapOptions
from tests import bench_fakes as fakes

Made = list[str]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Made:
    """What is measured, in order: every kernel takes no time, but `gelu-erf` fails in the study."""
    found: Made = []

    def record(study: Any, options: Any, toolchain: Any = None) -> LadderRecord:
        (kernel,) = options.kernels
        found.append(kernel)
        if kernel == "gelu-erf":
            raise RungError("it cannot be measured")
        results = [
            fakes.result("Scalar", kernel=kernel, step=None, step_ci=None, step_from=None),
            fakes.result("Vec", kernel=kernel),
        ]
        return LadderRecord(environment=environment.describe(host(), 0), results=results)

    monkeypatch.setattr(session, "record", record)
    return found


def run(folder: Path, *only: str, **options: Any) -> int:
    return suite.run(suite.SuiteOptions(str(folder), quick=True, only=only or ("ladder-host",), **options))


def test_it_goes_on_where_it_was_stopped(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = session.record

    def stopped(study: Any, options: Any) -> LadderRecord:
        if options.kernels == ("softmax",):
            raise KeyboardInterrupt
        return whole(study, options)

    monkeypatch.setattr(session, "record", stopped)
    assert run(tmp_path) == 130
    before = [*made]
    assert before[:3] == ["vec-add", "vec-add-1d", "gelu"] and "softmax" not in before
    for file in tmp_path.glob("*.json"):
        assert studies.read(file).complete
    assert "vec-add-1d" in (tmp_path / suite.PAGE).read_text()

    monkeypatch.setattr(session, "record", whole)
    made.clear()
    assert run(tmp_path) == 1, "one kernel cannot be measured, and is tried again"
    assert made == ["gelu-erf", *(w.name for w in WORKLOADS if w.name not in before)]
    page = (tmp_path / suite.PAGE).read_text()
    assert f"Ladder of {len(WORKLOADS) - 1} kernels" in page
    assert "rung ladder softmax" in page


def test_other_settings_or_another_rung_begin_anew(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(tmp_path, "ladder-host-silu") == 0
    assert run(tmp_path, "ladder-host-silu") == 0
    assert made == ["silu"]
    (job,) = jobs.chosen(jobs.jobs(quick=False), ("ladder-host-silu",))
    assert jobs.done(job, tmp_path) is None
    monkeypatch.setattr(environment, "git_revision", lambda: "another")
    assert run(tmp_path, "ladder-host-silu") == 0
    assert made == ["silu", "silu"]


def test_a_damaged_record_is_made_again(made: Made, tmp_path: Path) -> None:
    assert run(tmp_path, "ladder-host-silu") == 0
    file = tmp_path / "ladder-host-silu.json"
    file.write_text(file.read_text()[:100])
    assert run(tmp_path, "ladder-host-silu") == 0
    assert made == ["silu", "silu"] and studies.read(file).complete


def test_the_time_that_is_left(made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Jobs of 3 seconds that take 6: after the first, twice as much is expected of those that are left."""
    times = iter(range(0, 1000, 6))
    options = suite.SuiteOptions(str(tmp_path), quick=True, only=("ladder-host-s",))
    assert suite.run(options, clock=lambda: float(next(times))) == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if "left in all" in line]
    assert lines[0].endswith("about 6 s left in all") and lines[1].endswith("about 6 s left in all")


def test_an_empty_selection_and_a_folder_that_cannot_be_written(made: Made, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--only leaves nothing: moon; parts are: ladder-host"):
        run(tmp_path, "moon")
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot write to the folder"):
        run(tmp_path / "file")
    assert made == []


def test_every_kernel_and_every_study_is_in_it() -> None:
    for quick in (True, False):
        found = jobs.jobs(quick)
        assert {job.study for job in found} == {"ladder", "scale", "overlap", "reproduce"}
        for where in ("host", "hexagon-v73"):
            kernels = [job.options.kernels[0] for job in found if job.part == f"ladder-{where}"]
            assert kernels == [workload.name for workload in WORKLOADS]
        assert any(job.options.inductor for job in found if job.study == "ladder")
        assert len({job.file for job in found}) == len(found)


@pytest.mark.parametrize("job", jobs.jobs(True) + jobs.jobs(False), ids=lambda job: job.name)
def test_its_commands_give_its_options(job: jobs.Job, given: Callable[..., Any]) -> None:
    assert given(type(job.options), job.command[2:]) == job.options


def test_options_as_a_command_line(given: Callable[..., Any]) -> None:
    options = OverlapOptions(degrees="1,2", overrides=("contexts=2", "dma.gap_cycles=3"), rounds=4, budget_s=1.5)
    words = arguments(options)
    assert sorted(words) == sorted(
        ["--set", "contexts=2", "--set", "dma.gap_cycles=3", "--degrees", "1,2", "--rounds", "4", "--budget", "1.5"]
    )
    assert given(OverlapOptions, words) == options


@pytest.fixture
def given() -> Callable[..., Any]:
    """The options that a command line gives."""

    def given(options: type[Any], words: list[str]) -> Any:
        found: list[Any] = []

        def keep(value: Any) -> int:
            found.append(value)
            return 0

        Command(options, keep).build("command", "").main(words, standalone_mode=False)
        return found[0]

    return given
