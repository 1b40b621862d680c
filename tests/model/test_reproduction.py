"""The published figures on the model: all of them, on one machine file; and the page that shows them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rung import machine, studies
from rung.bench import environment, reproduction
from rung.bench.published import RATIOS, TIMES, Run, runs
from rung.bench.reproduction_result import ReproductionRecord
from rung.bench.toolchain import native
from rung.cli import app
from rung.report.reproduction import sheets

DEVICE = machine.load("hexagon-v73")
PAGE = Path(__file__).parents[2] / "docs" / "reproduction.md"


@pytest.fixture(scope="module")
def record() -> ReproductionRecord:
    traces = {run: reproduction.record(run, DEVICE, native()) for run in runs()}
    return reproduction.summarize(traces, DEVICE, environment.describe(DEVICE, 0))


def test_every_published_figure_is_within_a_quarter(record: ReproductionRecord) -> None:
    assert len(record.ratios) == len(RATIOS) and len(record.times_us) == len(TIMES)
    for figure in (*record.ratios, record.in_words, *record.times_us):
        assert abs(figure.error) <= 0.25, figure
    assert record.correct


def test_the_three_conclusions(record: ReproductionRecord) -> None:
    found = {(figure.name, figure.source): figure.modelled for figure in record.ratios}
    steps = [found[f"vec-add: {step}", "study"] for step in ("Vec", "MT step", "DB step")]
    assert steps[0] > 10 * max(steps[1:]), "Vec is the main gain of a bandwidth-bound kernel"
    sizes = [record.in_words.modelled, *(found[f"GELU {n}: MT", "companion"] for n in ("32K", "512K", "1M"))]
    assert sizes == sorted(sizes) and sizes[0] < 1 < 3 < sizes[-1], "MT pays past a size"
    assert 1.05 < steps[2] < 1.25, "DB pays a little on a kernel that waits for memory all the time"


def test_a_parameter_moves_what_it_stands_for(record: ReproductionRecord) -> None:
    moved = record.sensitivity
    lower, higher = moved["npu.helper_cycles.expf"]["GELU f32: Vec"]
    assert lower < 0 < higher and moved["npu.helper_cycles.expf"]["vec-add: Vec"] == (0, 0)
    lower, higher = moved["dma.bytes_per_cycle"]["vec-add: DB step"]
    assert lower < -0.15 and higher > 0.15


def test_what_is_held_out_is_not_fitted(record: ReproductionRecord) -> None:
    for half in record.held_out:
        asked = {f"{figure.name} ({figure.source})" for figure in half.predicted}
        assert asked.isdisjoint(half.fitted) and len(asked) + len(half.fitted) == len(RATIOS)


def test_the_page_is_up_to_date(record: ReproductionRecord) -> None:
    """`rung reproduce --json FILE; python tools/make_reproduction.py FILE` brings it there."""
    page = PAGE.read_text()
    ratios, times, *_ = (sheet.markdown() for sheet in sheets(record))
    assert ratios in page and times in page
    assert not re.search(r"\{\w+\}", page)


def test_all_runs_are_of_four_rungs() -> None:
    assert {run.rung for run in runs()} == {"scalar", "vec", "vec+mt", "vec+mt+db"}
    assert all(isinstance(run, Run) for run in runs()) and len(set(runs())) == len(runs())


def test_the_record_is_reported_from_its_file(
    record: ReproductionRecord, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, plot = tmp_path / "r.json", tmp_path / "r.png"
    studies.write(record, file)
    assert studies.read(file) == record
    assert app(["report", str(file), "--plot", str(plot)], standalone_mode=False) == 0
    out = capsys.readouterr().out
    assert "Ratios on hexagon-v73" in out and "Predicted, when fitted on" in out and plot.stat().st_size > 10_000
