"""Unmodified programs under `rung profile`, on the modelled device and on the host."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
import triton
import triton.language as tl

from rung import machine
from rung.compile import compile_kernel
from rung.options.declared import MODELLED
from rung.schedule import Schedule
from tests.cli.command_line import ROOT, rung
from tests.profile.command import HEXAGON_PROGRAM, PROGRAM, kernels, profile, record

LAUNCHES = {"copy": 2, "more": 8, "as_floats": 1, "corner": 1, "scaled": 1, "counted": 1, "wrapped": 1}
"""Of program.py, besides `tuned`, whose number do_bench decides."""


@triton.jit
def tuned(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # as in program.py
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out_ptr + i, 2 * tl.load(x_ptr + i, mask=i < n), mask=i < n)


def _cycles(block: int) -> float:
    """Of one launch of `tuned`, as the compiler's own interface has them."""
    device = machine.load(MODELLED)
    known: Any = {(k,): [["tt.divisibility", 16]] for k in range(3)}
    signature = {"x_ptr": "*fp32", "out_ptr": "*fp32", "n": "i32", "BLOCK": "constexpr"}
    schedule = replace(Schedule(), double_buffer=True)
    kernel = compile_kernel(tuned, signature, {"BLOCK": block}, machine=device, schedule=schedule, attrs=known)
    bound: Any = kernel.bind((torch.randn(10000), torch.empty(10000), 10000), (triton.cdiv(10000, block), 1, 1))
    return bound.timeline().cycles


def test_a_program_on_the_modelled_device(tmp_path: Path) -> None:
    done = profile("--", PROGRAM, folder=tmp_path)
    assert done.returncode == 5, done.stderr
    lines = dict(line.split(maxsplit=1) for line in done.stdout.splitlines() if " " in line)
    cycles = {block: _cycles(block) for block in (64, 1024)}
    best = min(cycles, key=lambda block: cycles[block])
    assert int(lines["block"]) == best  # @triton.autotune chooses by the device's clock
    ms = cycles[1024] / machine.load(MODELLED).clock_ghz / 1e6
    assert float(lines["event"]) == pytest.approx(ms)  # do_bench tells its time
    assert "LaunchError\nDeviceAssertError\n" in done.stdout

    found = record(tmp_path)
    assert (found["unit"], found["processes"], found["status"]) == ("cycles", 3, 5)
    assert found["environment"]["machine"]["name"] == machine.load(MODELLED).name
    told = kernels(found)
    assert {name: told[name]["launches"] for name in told if name != "tuned"} == LAUNCHES
    assert told["tuned"]["times"]["total"] == pytest.approx(
        2 * cycles[best] + (told["tuned"]["launches"] - 2) * cycles[1024]
    )
    lines_of = enumerate(PROGRAM.read_text().splitlines(), 1)
    (line,) = (number for number, text in lines_of if text.startswith("@triton.autotune"))
    assert told["tuned"]["where"] == f"program.py:{line}" and found["tuning_launches"] == 2
    (refused,) = found["not_modelled"]
    assert (refused["name"], refused["launches"]) == ("waits", 1)
    assert "a loop that waits" in refused["reasons"][0] and "not modelled, 1 launch on the host: waits" in done.stderr
    assert f"kernels on {machine.load(MODELLED).name}, cycles (modelled)" in done.stderr

    again = rung("report", "record.json", cwd=tmp_path)
    assert again.returncode == 0 and f"tuned (program.py:{line})" in again.stdout
    page = (tmp_path / "page.html").read_text()
    assert "tuned" in page and "not modelled, 1 launch on the host" in page and 'src="http' not in page
    _check_trace(json.loads((tmp_path / "trace.json").read_text())["traceEvents"], found)


def _check_trace(events: list[dict[str, Any]], found: dict[str, Any]) -> None:
    """Launches in order, one behind the other; what contexts and queues did lies within its launch."""
    events = [e for e in events if e["ph"] == "X"]
    launches = [e for e in events if e["cat"] in ("launch", "tuning")]
    assert len(launches) == sum(kernel["launches"] for kernel in found["kernels"]) + found["tuning_launches"]
    for process in (0, 10, 20):
        own = [e for e in launches if e["pid"] == process]
        assert own
        for before, behind in pairwise(own):
            assert before["ts"] + before["dur"] <= behind["ts"] + 1e-3
        for e in events:
            if process < e["pid"] < process + 10:
                assert any(
                    launch["ts"] - 2e-3 <= e["ts"] and e["ts"] + e["dur"] <= launch["ts"] + launch["dur"] + 2e-3
                    for launch in own
                ), e
    assert {e["cat"] for e in events} == {"launch", "tuning", "context", "dma"}


def test_a_program_on_the_host(tmp_path: Path) -> None:
    done = profile("--device", "host", "--", PROGRAM, folder=tmp_path)
    assert done.returncode == 5, done.stderr
    found = record(tmp_path)
    assert (found["unit"], found["processes"], found["not_modelled"]) == ("s", 3, [])
    told = kernels(found)
    assert {name: told[name]["launches"] for name in told if name != "tuned"} == LAUNCHES | {"waits": 1}
    for kernel in told.values():
        times = kernel["times"]
        assert 0 < times["least"] <= times["median"] <= times["most"] <= times["total"] < 10
    assert found["tuning_launches"] > 2  # which are timed until they are known
    assert rung("report", "record.json", cwd=tmp_path).returncode == 0


@pytest.mark.parametrize("device", [MODELLED, "host"])
def test_a_program_written_for_another_compiler(tmp_path: Path, device: str) -> None:
    done = profile("--device", device, "--as", "hexagon-mlir", "--", HEXAGON_PROGRAM, folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, "all right\n"), done.stderr
    found = record(tmp_path)
    assert found["not_modelled"] == [] and found["races"] == []
    assert found["unheeded"] == ["iterations", "enableLWP", "enableSplitReduction"]
    told = kernels(found)
    assert {name: told[name]["launches"] for name in told} == {
        "gelu_whole": 1, "gelu_blocks": 1, "attention": 1, "add": 1, "silu_and_tanh": 2, "rms_norm": 2, "softmax": 2,
        "rope": 4,
    }  # fmt: skip
    schedules = {name: [Schedule.parse(text) for text in told[name]["schedules"]] for name in told}
    assert [s.mechanisms for s in schedules["gelu_whole"]] == [(True, True, True)]
    assert [s.mechanisms for s in schedules["attention"]] == [(True, False, False)]
    assert {(s.threads, s.scratchpad) for s in schedules["rope"]} == {(0, "on"), (1, "off")}
    assert [s.threads for s in schedules["rms_norm"]] == [4]
    if device != "host":
        assert told["gelu_whole"]["dma_bytes"] == 2 * 4 * (1 << 15)
        assert told["attention"]["dma_transfers"] == 0


@pytest.mark.slow
def test_sizes_at_which_that_compiler_is_measured(tmp_path: Path) -> None:
    done = profile("--as", "hexagon-mlir", "--", HEXAGON_PROGRAM, "--big", folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, "all right\n"), done.stderr
    found = record(tmp_path)
    assert found["not_modelled"] == []
    assert kernels(found)["gelu_whole"]["dma_bytes"] == 2 * 4 * (1 << 20)


def test_other_programs_do_not_know_that_compiler(tmp_path: Path) -> None:
    done = profile("--", HEXAGON_PROGRAM, folder=tmp_path)
    assert done.returncode == 1
    assert "ModuleNotFoundError: No module named 'triton.backends.qcom_hexagon_backend'" in done.stderr
    (tmp_path / "other.py").write_text("from triton.backends.qcom_hexagon_backend.htp import x\n")
    done = profile("--as", "hexagon-mlir", "--", "other.py", folder=tmp_path)
    assert done.returncode == 1
    assert "stands in for triton.backends.qcom_hexagon_backend.driver, and has no" in done.stderr


_COMPILED = """
import torch

fused = torch.compile(lambda a, b: (a * b).softmax(-1).sum(0), backend="rung")
a, b = torch.randn(32, 64), torch.randn(32, 64)
for _ in range(3):
    assert torch.allclose(fused(a, b), (a * b).softmax(-1).sum(0), atol=1e-5)
"""


@pytest.mark.slow
def test_kernels_that_inductor_writes(tmp_path: Path) -> None:
    """What Inductor launches to choose a configuration is told apart."""
    (tmp_path / "compiled.py").write_text(_COMPILED)
    done = profile("--", "compiled.py", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    found = record(tmp_path)
    assert found["kernels"] and all(kernel["launches"] == 3 for kernel in found["kernels"])


@pytest.mark.slow
def test_programs_of_the_tests(tmp_path: Path) -> None:
    """They check what they compute, and so what the modelled device computes; with autotuning and gradients."""
    files = [
        str(ROOT / "tests" / "programs" / f"test_{name}.py") for name in ("softmax_and_norms", "rotary", "segments")
    ]
    done = profile("--", "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", *files, folder=tmp_path)
    assert done.returncode == 0, done.stdout
    found = record(tmp_path)
    assert len(found["kernels"]) >= 15
    assert all("a loop that waits" in reason for each in found["not_modelled"] for reason in each["reasons"])


_TESTS = """
import pytest, torch
from small import more

@pytest.mark.parametrize("n", [10, 20, 30])
def test_more(n):
    x = torch.zeros(n)
    more[(1,)](x, n, BLOCK=32)
    assert x.sum() == n
"""


def test_tests_in_several_processes(tmp_path: Path) -> None:
    from tests.profile.command import SMALL

    (tmp_path / "small.py").write_text(SMALL.split("x = torch.zeros")[0])
    (tmp_path / "test_small.py").write_text(_TESTS)
    done = profile("--", "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", "test_small.py", folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    found = record(tmp_path)
    assert kernels(found)["more"]["launches"] == 3 and found["processes"] == 2
