"""`rung scale` and `rung overlap` on a modelled device: one launch says all, in cycles, on any machine that `--set`
makes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from rung.bench import overlap_model
from rung.cli import app
from rung.studies import read


def run(*words: str) -> None:
    status = app(list(words), standalone_mode=False)
    assert status == 0


def test_scale(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "scale.json"
    run(
        "scale", "vec-add-1d", "--device", "hexagon-v73", "--set", "fork_join_ns=1000", "--sizes", "256,4K,16K",
        "--contexts", "1,2", "--json", str(target), "--plot", str(tmp_path / "scale.png"),
    )  # fmt: skip
    record = read(target)
    assert record.environment.machine["fork_join_ns"] == 1000
    assert {(r.unit, len(r.samples)) for r in record.results} == {("cycles", 1)}
    steps = [(r.step, r.step_ci) for r in record.results if r.step]
    assert all(ci == (step, step) for step, ci in steps)
    assert steps[0][0] < 1 < steps[-1][0]  # a fork costs more than 256 additions, and less than 16K
    programs = [r.point.programs for r in record.results]
    assert set(programs) == {4}, "each of the device's contexts has a share"
    text = capsys.readouterr().out
    assert "cycles (modelled)" in text and "2 contexts pay from about" in text
    assert "noisy" not in text and "95% CI" not in text


def test_overlap(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "overlap.json"
    run(
        "overlap", "--device", "hexagon-v73", "--set", "dma.latency_cycles=0", "--set", "dma.fetch_cycles=0",
        "--degrees", "1,16", "--size", "32K", "--tiles", "4K", "--depths", "2", "--json", str(target),
        "--plot", str(tmp_path / "overlap.png"),
    )  # fmt: skip
    record = read(target)
    rows = overlap_model.rows(record.results)
    assert [row.degree for row in rows] == [1, 16]
    for row in rows:
        assert row.single.median == pytest.approx(row.slowest, rel=0.06)  # but for what T_dma hides at its ends
        point, double = row.doubles[0]
        assert point.control == "equal tile"
        assert row.fastest <= (double.median or 0) * 1.01 < (row.single.median or 0)
    text = capsys.readouterr().out
    assert "transfers that take no time" in text and "the same in every launch" in text
