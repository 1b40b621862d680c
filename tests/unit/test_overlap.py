"""The overlap study: what is measured, what follows from times with a closed form, and what is refused."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from rung.bench import overlap, overlap_model
from rung.bench.overlap_result import OverlapPoint, OverlapRecord
from rung.bench.result import Result
from rung.errors import UsageError
from rung.evidence import Launch
from rung.machine import Machine
from rung.report import overlap as report
from rung.schedule import Schedule
from rung.studies import read, session
from rung.studies.overlap import STUDY, OverlapOptions
from tests.bench_fakes import ENVIRONMENT, result, toolchain

SMALL = Machine(
    name="small", kind="host", arch="x86_64", vector_bytes=16, vector_registers=16, masked_memory=False, contexts=2,
    l1_bytes=32768, l2_bytes=1 << 17, scratchpad_bytes=1 << 17, fork_join_ns=1000, clock_ghz=1,
)  # fmt: skip


def options(tmp_path: Path, **changes: Any) -> OverlapOptions:
    fields = {
        "degrees": "1,4", "size": "4096", "tiles": "256", "depths": "2,3", "rounds": 3, "json": str(tmp_path / "a.json")
    }  # fmt: skip
    return OverlapOptions(**fields | changes)


def test_the_command_measures_both_controls_at_every_degree(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert session.run(STUDY, options(tmp_path, plot=str(tmp_path / "a.png")), toolchain) == 0
    record = read(tmp_path / "a.json")
    points = [r.point for r in record.results]
    assert record.study == "overlap" and len(points) == len(record.results) == 2 * (4 + 2 * 2)
    doubles = [(p.depth, p.own_tile, p.control) for p in points if p.degree == 4 and p.buffering == "double"]
    assert doubles == [
        (2, 256, "equal tile"), (2, 128, "equal scratchpad"), (3, 256, "equal tile"), (3, 64, "equal scratchpad"),
    ]  # fmt: skip
    assert all(r.correct for r in record.results)
    steps = [r.step_from for r in record.results if r.point.buffering == "double"]
    assert steps == ["single buffering of 256"] * 8
    assert (tmp_path / "a.png").stat().st_size > 10_000
    assert "DB against arithmetic intensity" in capsys.readouterr().out


@pytest.mark.parametrize("schedule, threads, unroll", [("", 1, 0), ("unroll=2", 1, 2), ("threads=2", 2, 0)])
def test_one_context_unless_the_schedule_gives_another_number(
    tmp_path: Path, schedule: str, threads: int, unroll: int
) -> None:
    assert session.run(STUDY, options(tmp_path, degrees="1", tiles="64", schedule=schedule), toolchain) == 0
    found = [r.schedule for r in read(tmp_path / "a.json").results if r.point.buffering != "compute"]
    assert {(each["threads"], each["unroll"]) for each in found} == {(threads, unroll)}


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"tiles": "300"}, "give powers of 2"),
        ({"tiles": "2K"}, "4096 elements|4,096 elements are 2 tiles"),
        ({"tiles": "4M", "size": "64M"}, "bytes of scratchpad"),
        ({"tiles": "256", "depths": "1000"}, "cannot be cut into 1,000"),
        ({"depths": "1"}, "needs at least 2 buffers"),
        ({"degrees": "x"}, "--degrees is `x`"),
        ({"size": "-1"}, "--size is `-1`"),
    ],
)
def test_what_cannot_be_measured_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        session.run(STUDY, options(tmp_path, **changes), toolchain)


def test_default_tiles_fill_the_scratchpad_at_the_largest_depth() -> None:
    tiles = overlap.default_tiles(SMALL, (2, 4), 1 << 20, 1)
    assert tiles == (512, 2048) and overlap.scratchpad_bytes(2048, 4) == SMALL.scratchpad_bytes_per_context
    overlap.OverlapPlan(1 << 20, tiles, (2, 4), Schedule(threads=1)).check(SMALL)


def test_default_tiles_leave_at_least_four_trips() -> None:
    assert overlap.default_tiles(SMALL, (2,), 4096, 2)[1] == 512


def measured(buffering: str, time: float, degree: int = 8, step: float | None = None, **fields: Any) -> Result:
    point = OverlapPoint(
        degree=degree, elements=4096, tile=256, buffering=buffering, trips=16, own_tile=256, **{"depth": 1} | fields
    )  # fmt: skip
    ends = (step * 0.99, step * 1.01) if step else None
    launch = {"dma_transfers": 32 if buffering != "direct" else 0, "dma_waiter_copies": 0}
    return result("Vec+DB", point=point, median=time, samples=[time], step=step, step_ci=ends, launch=launch)


def group(double: float, degree: int = 8) -> list[Result]:
    """T_dma = 100, T_compute = 16 tiles of 5 = 80, so between 100 and 180; single buffering takes the sum."""
    return [
        measured("direct", 90.0, degree), measured("single", 180.0, degree),
        measured("transfer", 100.0, degree, depth=2), measured("compute", 5.0, degree),
        measured("double", double, degree, 180 / double, depth=2, control="equal tile"),
    ]  # fmt: skip


@pytest.mark.parametrize("double, hidden", [(180.0, 0.0), (140.0, 0.5), (100.0, 1.0)])
def test_what_is_hidden_lies_between_the_bounds(double: float, hidden: float) -> None:
    (row,) = overlap_model.rows(group(double))
    assert (row.fastest, row.slowest) == (100.0, 180.0)
    assert row.hidden(row.doubles[0][1].median or 0) == pytest.approx(hidden)


def test_a_degree_that_lacks_a_result_is_left_out() -> None:
    assert overlap_model.rows(group(100.0)[1:]) == []


def shown(results: list[Result]) -> str:
    console = Console(width=140, record=True, file=io.StringIO())
    report.show(console, OverlapRecord(environment=ENVIRONMENT, results=results))
    return console.export_text()


def test_gains_and_where_direct_access_wins_are_told() -> None:
    text = shown([*group(120.0), *group(180.0, degree=1)])
    assert "75% hidden" in text and "0% hidden" in text
    assert "double buffering pays at degree 8; most at 8, with 2 buffers of 256: 1.50x" in text
    assert "equal scratchpad: no gain" in text
    assert "direct access is at least as fast as any double buffering at degree 1, 8" in text


def test_times_beyond_the_bounds_are_named() -> None:
    assert "above the sum" in shown(group(200.0)) and "below the max" in shown(group(90.0))


def test_double_buffering_that_moved_nothing_is_named() -> None:
    *others, double = group(120.0)
    assert "no transfers" in shown([*others, double.model_copy(update={"launch": Launch()})])
