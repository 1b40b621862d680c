"""`rung sweep`: grids, what compiles anew, the record and the plot."""

from __future__ import annotations

from pathlib import Path

import pytest

from rung.bench import sweep
from rung.bench.sweep_result import Point
from rung.commands import report
from rung.errors import UsageError
from rung.machine import Dma, Npu, load
from rung.options import parse
from rung.report.sweep import front as report_of
from rung.schedule import Schedule
from rung.studies import read, session
from rung.studies.sweep import STUDY, SweepOptions
from rung.targets.npu.timeline import replay
from tests.model.traces import computing, launch, pipelined
from tests.npu_fakes import TILE_BYTES, TILES, FakeDevice


def run(device: FakeDevice, *vary: str, json: Path | None = None, plot: Path | None = None) -> int:
    files = {"json": str(json) if json else None, "plot": str(plot) if plot else None}
    return session.run(STUDY, SweepOptions("gelu", size="4096", vary=vary, **files), device.toolchain)


def test_the_record_holds_every_combination(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    device, file, picture = FakeDevice(), tmp_path / "s.json", tmp_path / "s.png"
    vary = ("dma.bytes_per_cycle=2,4,8", "contexts=1,2,4", "dma.fetch_cycles=0,1000")
    assert run(device, *vary, json=file, plot=picture) == 0
    found = read(file)
    assert found.varied == {
        "dma.bytes_per_cycle": [2.0, 4.0, 8.0], "contexts": [1, 2, 4], "dma.fetch_cycles": [0.0, 1000.0],
    }  # fmt: skip
    assert len(found.points) == 18 and len({point.machine_hash for point in found.points}) == 18
    assert [machine.contexts for machine, _ in device.compiled] == [1, 2, 4], "only contexts are compiled for"
    for point in found.points:
        bandwidth, contexts, fetch = point.values.values()
        machine = load("hexagon-v73", [f"{name}={value}" for name, value in point.values.items()])
        trace = launch([pipelined(TILES // contexts, TILE_BYTES)] * contexts, computing(20_000, 20_000))
        assert point.cycles == replay(trace, machine).cycles
        assert point.us == pytest.approx(point.cycles / 1000)
        assert point.machine_hash == machine.hash
        assert (bandwidth, fetch) == (machine.dma.bytes_per_cycle, machine.dma.fetch_cycles)
    assert picture.stat().st_size > 1000
    out = capsys.readouterr().out
    assert "cycles (modelled)" in out and "18 points, 3 compilations" in out


def test_fields_of_the_schedule_are_varied_and_the_front_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    device, file = FakeDevice(), tmp_path / "s.json"
    assert run(device, "schedule.depth=2,3", "contexts=1,2", "dma.bytes_per_cycle=4,8", json=file) == 0
    found = read(file)
    assert found.varied["schedule.depth"] == [2, 3] and len(found.points) == 8
    assert [(machine.contexts, schedule.depth) for machine, schedule in device.compiled] == [
        (1, 2), (2, 2), (1, 3), (2, 3),
    ]  # fmt: skip
    assert "front (*): " in capsys.readouterr().out
    best = report_of(found)
    for point in found.points:
        dominated = any(beats(other, point) for other in found.points)
        same = any(costs(other) == costs(point) for other in best)
        assert same != dominated
    with pytest.raises(UsageError, match="dep"):
        run(device, "schedule.dept=2,3")


def costs(point: Point) -> tuple[float, ...]:
    return point.us, point.contexts, point.scratchpad_bytes, float(point.values["dma.bytes_per_cycle"])


def beats(one: Point, other: Point) -> bool:
    pairs = list(zip(costs(one), costs(other), strict=True))
    return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)


def test_what_the_code_depends_on() -> None:
    base = load("hexagon-v73")
    for name in set(Dma.model_fields) - {"max_rank", "arbitration"}:
        assert load("hexagon-v73", [f"dma.{name}=7"]).compiled_for == base.compiled_for
    for name in set(Npu.model_fields) - {"helper_cycles", "vector_units", "cache", "matrix_macs_per_cycle"}:
        assert load("hexagon-v73", [f"npu.{name}=7"]).compiled_for == base.compiled_for
    for change in ("contexts=2", "dma.max_rank=1", "vector_bytes=64", "scratchpad_bytes=65536", "fork_join_ns=7"):
        assert load("hexagon-v73", [change]).compiled_for != base.compiled_for


def test_a_thousand_machines_share_one_trace(capsys: pytest.CaptureFixture[str]) -> None:
    device = FakeDevice()
    ten = ",".join(map(str, range(1, 11)))
    assert run(device, f"dma.bytes_per_cycle={ten}", f"dma.latency_cycles={ten}", f"npu.dram_scalar_cycles={ten}") == 0
    assert len(device.compiled) == 1
    out = capsys.readouterr().out
    assert "the 40 fastest of 1,000" in out and "1,000 points, 1 compilation" in out


def test_the_record_is_shown_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, picture = tmp_path / "s.json", tmp_path / "s.png"
    assert run(FakeDevice(), "contexts=1,2", json=file) == 0
    first = capsys.readouterr().out
    assert report.run(report.ReportOptions((str(file),), str(picture))) == 0
    assert capsys.readouterr().out == first and picture.stat().st_size > 1000
    with pytest.raises(UsageError, match="--explain tells the compiler's decisions, which a record of `rung sweep`"):
        report.run(report.ReportOptions((str(file),), explain=True))
    file.write_text(file.read_text().replace('"cycles"', '"bicycles"'))
    with pytest.raises(UsageError, match=r"not a whole record of `rung sweep`: field `points.0.cycles`"):
        report.run(report.ReportOptions((str(file),)))


def test_prices_of_functions_that_are_not_called_are_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(FakeDevice(), "npu.helper_cycles.exff=1,2") == 0
    warning = "warning: npu.helper_cycles.exff changes nothing: gelu never calls it; it calls no library function\n"
    assert capsys.readouterr().err.endswith(warning)


def test_words_are_varied_too(tmp_path: Path) -> None:
    assert run(FakeDevice(), "dma.arbitration=round-robin,oldest-first", plot=tmp_path / "s.png") == 0


def test_lists_are_varied_and_nothing_twice() -> None:
    texts = ['features=["hvxv68","hvx-length128b"],["hvxv73", "hvx-length128b"]', "contexts=2,2,4,2"]
    axes = sweep.parse_axes(texts)
    assert axes["contexts"] == ("2", "4") and len(axes["features"]) == 2
    found = sweep.variants(load("hexagon-v73"), Schedule(), axes)
    assert found[-1].machine.features == ("hvxv73", "hvx-length128b") and len(found) == 4
    assert run(FakeDevice(), *texts) == 0


@pytest.mark.parametrize(
    ("text", "shape"), [("256K", (262_144,)), ("64x1k", (64, 1024)), (" 2M ", (2 << 20,)), ("7", (7,))]
)
def test_sizes_are_the_same_in_every_command(text: str, shape: tuple[int, ...]) -> None:
    assert parse.sizes(text, "--size") == shape
    assert parse.many_sizes(f"{text},{text}", "--sizes") == [shape, shape]


def test_wrong_values_void_the_sweep(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "s.json"
    assert run(FakeDevice(error=1.0), "contexts=1,2", json=file) == 1
    assert "WRONG" in capsys.readouterr().out and not file.exists()


@pytest.mark.parametrize(
    ("vary", "words"),
    [
        ((), "give --vary FIELD=LIST"),
        (("contexts",), "--vary is `contexts`; give FIELD=VALUE,VALUE"),
        (("contexts=1,,2",), "--vary is `contexts=1,,2`"),
        (("contexts=1", "contexts=2"), "--vary names `contexts` twice"),
        (("dma.width=1,2",), "field `dma.width`: there is no such field"),
        (("dma.bytes_per_cycle=0,1",), "field `dma.bytes_per_cycle`: is 0; a number, 1e-06 to 1e"),
        (("contexts=3",), "field `scratchpad_bytes`"),
    ],
)
def test_refusals(vary: tuple[str, ...], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        run(FakeDevice(), *vary)


def test_too_many_machines() -> None:
    axes = {f"dma.{name}_cycles": tuple(map(str, range(100))) for name in ("gap", "fetch", "row")}
    with pytest.raises(UsageError, match="1,000,000 points; 100,000 are the most"):
        sweep.variants(load("hexagon-v73"), Schedule(), axes)


def test_plots_have_three_fields_at_most(tmp_path: Path) -> None:
    vary = [f"dma.{name}_cycles=1,2" for name in ("gap", "fetch", "row", "issue")]
    with pytest.raises(UsageError, match="shows up to 3 varied fields, not 4"):
        run(FakeDevice(), *vary, plot=tmp_path / "s.png")
    many = ",".join(map(str, range(1, 20)))
    with pytest.raises(UsageError, match="put the longest list first"):
        run(FakeDevice(), "contexts=1,2", f"dma.gap_cycles={many}", plot=tmp_path / "s.png")


def test_an_error_of_the_compiler_names_the_machine() -> None:
    class Broken(FakeDevice):
        def toolchain(self):
            found = super().toolchain()

            def compile(*args, machine, **keywords):
                if machine.contexts == 2:
                    raise UsageError("a tile does not fit")
                return found.compile(*args, machine=machine, **keywords)

            return type(found)(compile, found.reset_counters, found.counters)

    with pytest.raises(UsageError, match="with contexts=2: a tile does not fit"):
        run(Broken(), "contexts=1,2")
