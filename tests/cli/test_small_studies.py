"""Studies from the command line: real ladders, traces and sweeps of small size, and their reports."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from pathlib import Path

import pytest

from rung.bench.ladder_result import LadderRecord
from rung.studies import read, write
from tests.bench_fakes import ENVIRONMENT, result
from tests.cli.command_line import COMMAND, VARIABLES, Run, interruptible, rung

_MODES = """import triton
import triton.language as tl

@triton.jit
def mode(x_ptr, y_ptr, n, MODE: tl.constexpr, KIND: tl.constexpr):
    tl.static_assert(MODE == "sq")
    i = tl.arange(0, 1024)
    x = tl.load(x_ptr + i, mask=i < n)
    tl.store(y_ptr + i, (x * x).to(KIND), mask=i < n)
"""


def test_constants_may_be_text(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "modes.py"
    path.write_text(_MODES)
    words = ("ladder", "--kernel", f"{path}::mode", "--size", "1K", "--grid", "1", "--rungs", "scalar", "--rounds", "1")
    for text in ("MODE=sq", "MODE='sq'", "MODE = sq"):
        status, out, errors = run(*words, "--constexpr", text, "--constexpr", "KIND=tl.float32")
        assert (status, " ok " in out) == (0, True), errors
    status, _, errors = run(*words, "--constexpr", "MODE=cube", "--constexpr", "KIND=tl.float32")
    assert status == 2 and 'modes.py:6, `tl.static_assert(MODE == "sq")`' in errors


def test_report_draws_from_the_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write(LadderRecord(environment=ENVIRONMENT, results=[result("Scalar", speedup=1.0), result("Vec")]), path)
    done = rung("report", str(path), "--plot", str(tmp_path / "a.png"))
    assert done.returncode == 0, done.stderr
    assert "Vec pays: 8.00x of Scalar" in done.stdout and (tmp_path / "a.png").is_file()


def test_report_of_a_wrong_result(tmp_path: Path) -> None:
    empty = ("median", "speedup", "speedup_ci", "step", "step_ci", "step_from")
    wrong = result("Vec", correct=False, samples=[], **dict.fromkeys(empty))
    write(LadderRecord(environment=ENVIRONMENT, results=[wrong]), tmp_path / "a.json")
    done = rung("report", str(tmp_path / "a.json"))
    assert done.returncode == 1 and "WRONG" in done.stdout


def test_a_small_ladder_of_the_paper_s_kernels(tmp_path: Path) -> None:
    path, plot = tmp_path / "a.json", tmp_path / "a.png"
    done = rung("ladder", "gelu", "--size", "10007", "--rounds", "3", "--json", str(path), "--plot", str(plot))
    assert done.returncode == 0, done.stdout + done.stderr
    record = read(path)
    assert [r.rung for r in record.results] == ["Scalar", "Vec", "Vec+MT", "Vec+MT+DB"]
    assert all(r.correct and r.unit == "s" and len(r.samples) == 3 for r in record.results)
    scalar, vec, *_ = record.results
    assert scalar.evidence.object.packed_ops == 0 < vec.evidence.object.packed_ops
    assert record.environment.command[1:4] == ["ladder", "gelu", "--size"] and plot.is_file()
    assert "gelu, 10,007 f32, on host" in done.stdout


def test_a_trace_of_the_modelled_device(run: Run, tmp_path: Path) -> None:
    file, plot = tmp_path / "t.json", tmp_path / "t.png"
    status, out, errors = run("trace", "gelu", "--size", "100003", "-o", str(file), "--plot", str(plot))
    assert status == 0, errors
    assert "gelu 100003 f32, Vec+MT+DB on hexagon-v73" in out and "cycles (modelled)" in out
    events = json.loads(file.read_text())["traceEvents"]
    moved = sum(event["args"]["bytes"] for event in events if event.get("cat") == "dma")
    assert moved == 2 * 4 * 100_003 and plot.is_file()


def test_a_sweep_over_modelled_devices(run: Run, own: Path, tmp_path: Path) -> None:
    file = tmp_path / "s.json"
    vary = ("--vary", "contexts=1,2", "--vary", "dma.bytes_per_cycle=1,2", "--json", str(file))
    status, out, errors = run("sweep", f"{own}::double", "--size", "5000", *vary)
    assert status == 0, errors
    assert "4 points, 2 compilations" in out
    cycles = [point["cycles"] for point in json.loads(file.read_text())["points"]]
    assert all(slow > fast for slow, fast in zip(cycles[::2], cycles[1::2], strict=True))
    assert run("report", str(file))[1] == out


def test_a_factorial_with_its_decisions(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    sizes = ("--size", "2000", "--rounds", "3", "--schedule", "threads=2")  # two contexts on a machine of one core, too
    done = rung("ladder", "gelu", *sizes, "--factorial", "--explain", "--json", str(path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(read(path).results) == 8 and "Shapley value" in done.stdout
    assert "the grid has 2: it " in done.stdout and "2 buffers each" in done.stdout
    assert "a program is estimated at" in rung("report", str(path), "--explain").stdout


def test_a_small_ladder_of_two_dimensions_in_f16() -> None:
    done = rung("ladder", "vec-add", "--size", "5x1000", "--dtype", "f16", "--rounds", "3", "--rungs", "scalar,vec")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "vec-add, 5 x 1000 f16" in done.stdout


def test_a_small_ladder_of_ones_own_kernel(own: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    done = rung("ladder", "--kernel", f"{own}::double", "--size", "1000", "--rounds", "3", "--json", str(path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert {r.reference for r in read(path).results} == {"scalar rung"}
    assert "reference: scalar rung" in done.stdout


@pytest.mark.parametrize(
    "command", [("ladder", "--kernel"), ("trace", "-o", "t.json"), ("sweep", "--vary", "contexts=1,2")]
)
def test_a_kernel_that_forgets_its_mask_is_told_so(command: tuple[str, ...], own: Path, tmp_path: Path) -> None:
    """In a process of its own: what writes beyond its arrays would take this one along."""
    own.write_text(own.read_text().replace("mask=mask), mask=mask)", "mask=mask))"))
    name, *rest = command
    given = [*rest, f"{own}::double"] if name == "ladder" else [f"{own}::double", *rest]
    done = rung(name, *given, "--size", "1000", cwd=tmp_path)
    assert done.returncode == 2 and "ok" not in done.stdout and not (tmp_path / "t.json").exists()
    assert "24 elements past the end of `y_ptr` are written; is a mask missing?" in done.stderr
    assert "24 elements between y_ptr[1000] and y_ptr[1023]" in done.stderr
    launched = " ".join(done.stderr.splitlines()[-1].split())
    assert launched.startswith("launched x_ptr *fp32[1000] normal(0, 1), y_ptr *fp32[1000] normal(0, 1), n_elements=")
    assert launched.endswith("grid 4x1x1 (guessed); give --size, --arg, --range or --grid if that is wrong")


def test_why_a_loop_in_place_does_not_overlap_is_told(own: Path) -> None:
    sizes = ("--size", "5000", "--grid", "2", "--constexpr", "BLOCK=256", "--rounds", "3", "--rungs", "vec+mt+db")
    done = rung("ladder", "--kernel", f"{own}::halve", *sizes, "--explain")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "DB: not pipelined: load of argument 0: an earlier iteration may have written it." in done.stdout


def test_fresh_processes_are_pooled(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    command = ("ladder", "gelu", "--size", "1000", "--rounds", "3", "--rungs", "scalar,vec", "--processes", "2")
    done = rung(*command, "--json", str(path))
    assert done.returncode == 0, done.stdout + done.stderr
    record = read(path)
    assert [(r.rung, len(r.samples), r.processes) for r in record.results] == [("Scalar", 6, 2), ("Vec", 6, 2)]
    assert record.results[1].speedup and "6 interleaved rounds in 2 processes" in done.stdout
    first, *_, last = done.stderr.splitlines()
    assert first == "process 1 of 2" and re.match(r"process 2 of 2(: \d+ s so far)?, about \d+ s left", last)


def test_an_interruption_ends_the_process_that_measures(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    many = ("--rounds", "1000000", "--processes", "2", "--json", str(path))
    process = subprocess.Popen(
        [*COMMAND, "ladder", "gelu", "--size", "1000", *many], env=VARIABLES,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=interruptible,
    )  # fmt: skip
    assert process.stderr is not None
    assert process.stderr.readline() == "process 1 of 2\n"
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (130, "")
    assert "interrupted" in out and json.loads(path.read_text())["complete"] is False


def test_a_small_scale_study(tmp_path: Path) -> None:
    path, plot = tmp_path / "a.json", tmp_path / "a.png"
    done = rung("scale", "--sizes", "300,2K", "--contexts", "2,3", "--rounds", "3", "--json", str(path))
    assert done.returncode == 0, done.stdout + done.stderr
    record = read(path)
    assert record.study == "scale" and all(r.correct for r in record.results) and len(record.results) == 6
    ran = {r.schedule["threads"]: r.launch.contexts_ran for r in record.results[3:]}
    assert ran[2] == 2 and ran[3] == 3, "forking is forced"
    assert all(r.point.break_even_programs for r in record.results if r.point.contexts > 1)
    drawn = rung("report", str(path), "--plot", str(plot))
    assert drawn.returncode == 0 and plot.is_file()
    assert drawn.stdout == done.stdout


def test_a_small_overlap_study(tmp_path: Path) -> None:
    path, plot = tmp_path / "a.json", tmp_path / "a.png"
    sizes = ("--degrees", "2", "--size", "8K", "--tiles", "1K", "--depths", "2")
    done = rung("overlap", *sizes, "--rounds", "3", "--json", str(path))
    assert done.returncode == 0, done.stdout + done.stderr
    record = read(path)
    assert record.study == "overlap" and all(r.correct for r in record.results)
    by_kind = {r.point.buffering: r for r in record.results}
    assert by_kind["direct"].launch.dma_transfers == 0 < by_kind["single"].launch.dma_transfers
    assert any(d.pipelined for d in by_kind["double"].evidence.decided) and by_kind["double"].launch.dma_transfers > 0
    drawn = rung("report", str(path), "--plot", str(plot))
    assert drawn.returncode == 0 and plot.is_file() and drawn.stdout == done.stdout


@pytest.mark.slow
def test_the_host_is_validated_and_the_record_shown_again(tmp_path: Path) -> None:
    path, plot = tmp_path / "a.json", tmp_path / "a.png"
    words = ("validate", "exp-series", "--device", "host", "--size", "4K", "--rounds", "2", "--set", "contexts=2")
    done = rung(*words, "--json", str(path), "--plot", str(plot))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "clock (GHz)" in done.stdout and "of 3 steps are within 25%" in done.stdout and plot.is_file()
    again = rung("report", str(path))
    assert again.returncode == 0 and "of 3 steps are within 25%" in again.stdout


def test_a_kernel_that_is_not_there_is_no_prediction(run: Run) -> None:
    status, _, errors = run("validate", "gellu", "--device", "host")
    assert status == 2 and errors.startswith("error: there is no kernel `gellu`") and errors.count("\n") == 1
