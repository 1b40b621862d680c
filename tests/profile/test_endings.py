"""However a program ends, its status and words are its own, and what it launched is told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from rung import machine
from rung.options.declared import MODELLED
from tests.cli.command_line import COMMAND, VARIABLES, interruptible, rung
from tests.profile.command import SMALL, kernels, profile, record


@pytest.mark.parametrize(
    ("ending", "status", "words"),
    [
        ("raise ValueError('my own')", 1, "ValueError: my own"),
        ("os.kill(os.getpid(), signal.SIGKILL)", 128 + signal.SIGKILL, "the program ended with signal 9"),
    ],
)
def test_a_program_that_fails(tmp_path: Path, ending: str, status: int, words: str) -> None:
    (tmp_path / "small.py").write_text(SMALL + ending + "\n")
    done = profile("--", "small.py", folder=tmp_path)
    assert done.returncode == status and words in done.stderr
    assert kernels(record(tmp_path))["more"]["launches"] == 2 and "more (small.py:5)" in done.stderr


@pytest.mark.parametrize(("number", "everybody"), [(signal.SIGINT, True), (signal.SIGTERM, False)])
def test_signals(tmp_path: Path, number: signal.Signals, everybody: bool) -> None:
    """Ctrl-C reaches all processes of the terminal, others the command alone."""
    (tmp_path / "small.py").write_text(SMALL + "print('waiting', flush=True)\ntime.sleep(60)\n")
    command = [*COMMAND, "profile", "--json", "record.json", "--", "small.py"]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env=VARIABLES,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=interruptible,
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == "waiting\n"
        (os.killpg if everybody else os.kill)(process.pid, number)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert ("KeyboardInterrupt" in errors) == everybody
    found = record(tmp_path)
    assert kernels(found)["more"]["launches"] == 2 and found["complete"] != everybody


_RACE = """
import torch, triton, triton.language as tl

@triton.jit
def shifted(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out_ptr + i, 2 * tl.load(x_ptr + i, mask=i < n), mask=i < n)

x = torch.ones(16384 + 256)
shifted[(16,)](x[:-256], x[256:], 16384, BLOCK=1024)
"""


def test_a_race_between_transfers(tmp_path: Path) -> None:
    (tmp_path / "race.py").write_text(_RACE)
    done = profile("--", "race.py", folder=tmp_path)
    assert done.returncode == 1 and "rung.errors.TransferError" in done.stderr
    assert "RACE in shifted (race.py:4)" in done.stderr
    (race,) = record(tmp_path)["races"]
    assert "`x_ptr` at byte 1024" in race["violations"]


_WAITS = """
import torch, triton, triton.language as tl

@triton.jit
def waits(flag_ptr):
    while tl.atomic_cas(flag_ptr, 0, 0) == 0:
        pass

waits[(2,)](torch.ones(1, dtype=torch.int32))
"""


def test_a_kernel_that_is_not_modelled_may_be_an_error(tmp_path: Path) -> None:
    (tmp_path / "waits.py").write_text(_WAITS)
    done = profile("--strict", "--", "waits.py", folder=tmp_path)
    assert done.returncode == 1
    assert (
        f"UsageError: kernel `waits` is not modelled on {machine.load(MODELLED).name}: a loop that waits" in done.stderr
    )


def test_programs_that_launch_nothing(tmp_path: Path) -> None:
    done = profile("--", "python", "-c", "", folder=tmp_path)
    assert done.returncode == 0 and "no kernel was launched through rung" in done.stderr
    assert json.loads((tmp_path / "trace.json").read_text())["traceEvents"] == []
    assert "no kernel was launched" in (tmp_path / "page.html").read_text()
    refused = rung("report", "record.json", "--plot", "x.png", cwd=tmp_path)
    assert (
        refused.returncode == 2 and "--plot draws a figure, and a record of `rung profile` has none" in refused.stderr
    )
    assert rung("profile", "--", "no-such-program", cwd=tmp_path).stderr.startswith(
        "error: cannot run `no-such-program`"
    )
