"""Two records of one study: ratios with their intervals, what changed, and what is a regression."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rung import studies
from rung.bench import stats
from rung.bench.comparison import compare
from rung.bench.ladder_result import LadderRecord
from rung.commands import compare as command
from rung.errors import UsageError
from rung.machine import load
from rung.targets.npu.timeline import replay
from tests import bench_fakes as fakes
from tests.model.traces import computing, launch, pipelined
from tests.npu_fakes import traced

ROUNDS = 21


def ladder(vec_s: float, ir: str = "a", seed: int = 0, **environment: Any) -> LadderRecord:
    """Scalar at 8 ms and Vec at so many seconds, with 1% noise."""
    rng = np.random.default_rng(seed)
    results = [
        fakes.result(
            rung, samples=[float(at) for at in seconds * rng.normal(1, 0.01, ROUNDS)], median=seconds,
            evidence={"ir_hash": ir}, **({} if rung == "Vec" else {"step": None, "step_ci": None, "step_from": None}),
        )
        for rung, seconds in (("Scalar", 8e-3), ("Vec", vec_s))
    ]  # fmt: skip
    return LadderRecord(environment=fakes.ENVIRONMENT.model_copy(update=environment), results=results)


def run(before: Any, after: Any, folder: Path, **options: Any) -> int:
    paths = [folder / "a.json", folder / "b.json"]
    for record, path in zip((before, after), paths, strict=True):
        studies.write(record, path)
    return command.run(command.CompareOptions(str(paths[0]), str(paths[1]), **options))


def test_a_slow_down_beyond_the_limit_is_a_regression(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, after = ladder(1e-3), ladder(1.2e-3, "b", 1)
    assert run(before, after, tmp_path, fail_above="5%") == 1
    out = capsys.readouterr().out
    assert "1 of 2 results got worse by more than 5%." in out
    assert "its IR changed" in out
    assert run(before, after, tmp_path, fail_above="30%") == 0
    assert run(after, before, tmp_path) == 0


def test_noise_is_no_regression(tmp_path: Path) -> None:
    """Two runs of the same code: the interval holds 1."""
    assert run(ladder(1e-3), ladder(1e-3, seed=1), tmp_path) == 0


def test_what_became_wrong_is_a_regression(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    after = ladder(1e-3)
    wrong = fakes.result(
        "Vec", correct=False, samples=[], median=None, speedup=None, speedup_ci=None, step=None, step_ci=None
    )
    after = after.model_copy(update={"results": [after.results[0], wrong]})
    assert run(ladder(1e-3), after, tmp_path, fail_above="50%") == 1
    assert "WRONG now" in capsys.readouterr().out


def test_speed_ups_are_compared_on_another_machine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both rungs take half the time there, and Vec is worth what it was."""
    after = ladder(1e-3, cpu="Another CPU")
    halved = [
        r.model_copy(update={"samples": [s / 2 for s in r.samples], "median": r.median / 2}) for r in after.results
    ]
    after = after.model_copy(update={"results": halved})
    with pytest.raises(UsageError, match="times of two machines say nothing"):
        run(ladder(1e-3), after, tmp_path)
    assert run(ladder(1e-3), after, tmp_path, relative=True) == 0
    assert "Another CPU" in capsys.readouterr().out
    slower = ladder(2e-3, cpu="Another CPU")
    assert run(ladder(1e-3), slower, tmp_path, relative=True, fail_above="5%") == 1


def test_modelled_cycles_are_compared_exactly(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    machine, slow = load("hexagon-v73"), load("hexagon-v73", ("dma.bytes_per_cycle=2",))
    trace = launch([pipelined(8, 65_536)] * 4, computing(2_000))
    records = [traced(replay(trace, each, record=True), each) for each in (machine, slow)]
    assert run(records[0], records[1], tmp_path) == 1
    (row,) = compare(records[0], records[1]).rows
    assert row.ratio is not None and row.ratio.low == row.ratio.value == row.ratio.high > 1
    assert run(records[0], records[0], tmp_path) == 0


def test_changes_of_machine_and_versions_are_told() -> None:
    after = ladder(1e-3, packages={"triton": "3.8.0", "torch": "2.13.0"}, machine={"name": "host", "contexts": 4})
    assert compare(ladder(1e-3), after).changes == (
        ("packages: triton", "3.7.1", "3.8.0"), ("machine: contexts", "-", "4"),
    )  # fmt: skip


def test_records_without_anything_in_common() -> None:
    other = ladder(1e-3)
    other = other.model_copy(update={"results": [r.model_copy(update={"kernel": "softmax"}) for r in other.results]})
    with pytest.raises(UsageError, match="nothing in common"):
        compare(ladder(1e-3), other)


def test_the_page(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    assert run(ladder(1e-3), ladder(1.2e-3), tmp_path, html=str(page)) == 1
    text = page.read_text()
    assert "1 of 2 results got worse." in text and "rung compare" in text


@pytest.mark.parametrize("text", ["fast", "-1%", "101%", "5%%", ""])
def test_shares(text: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--fail-above is"):
        run(ladder(1e-3), ladder(1e-3), tmp_path, fail_above=text)


def test_the_ratio_of_two_runs_covers_what_is_true() -> None:
    """95% intervals of two runs of the same length hold the true ratio in 19 of 20 cases, about."""
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(100):
        a, b = 1.1 * rng.normal(1, 0.05, 25), rng.normal(1, 0.05, 25)
        found = stats.unpaired_ratio(a.tolist(), b.tolist())
        held += found.low <= 1.1 <= found.high
    assert 88 <= held <= 100


def test_the_ratio_of_single_samples() -> None:
    assert stats.unpaired_ratio([3.0], [2.0]) == stats.Ratio(1.5, 1.5, 1.5)
    assert stats.unpaired_ratio([3.0], [2.0, 2.0]) == stats.Ratio(1.5, 0.0, float("inf"))
