"""The command as a process: help, versions, machines, interruptions and the doctor."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from rung import processor
from tests.cli.command_line import COMMAND, VARIABLES, Run, interruptible, rung


def test_help_is_quick_and_lists_the_commands() -> None:
    start = time.perf_counter()
    done = rung("--help")
    seconds = time.perf_counter() - start
    assert done.returncode == 0 and all(
        name in done.stdout for name in ("ladder", "compile", "report", "doctor", "machines", "trace", "sweep")
    )
    # 0.2 s when idle; the limit leaves room for a loaded machine but none for importing torch or triton.
    assert seconds < 1.0


def test_no_heavy_module_is_imported_for_help() -> None:
    heavy = ("torch", "triton", "matplotlib", "torch_mlir", "numpy")
    code = f"import sys, rung.cli; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], env=VARIABLES, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_without_a_command_the_help_is_shown() -> None:
    assert rung().stdout == rung("--help").stdout


def test_version() -> None:
    done = rung("--version")
    assert done.returncode == 0 and done.stdout.startswith("rung 0.")


def test_machines() -> None:
    assert "host" in rung("machines").stdout
    assert "vector_bytes" in rung("machines", "host").stdout


def test_a_field_of_a_machine_is_set(run: Run) -> None:
    status, out, _ = run("machines", "hexagon-v73", "--set", "dma.bytes_per_cycle=8", "--set", "contexts=2")
    assert status == 0
    assert re.search(r"dma.bytes_per_cycle +8.0 ", out) and re.search(r"contexts +2 ", out)


def test_interruption_during_the_imports_ends_in_order(tmp_path: Path) -> None:
    """The announcement comes before torch, Triton and MLIR are loaded, which a KeyboardInterrupt would tear apart."""
    path = tmp_path / "a.json"
    command = [*COMMAND, "ladder", "gelu", "--size", "1000", "--rounds", "1000000", "--json", str(path)]
    process = subprocess.Popen(
        command, env=VARIABLES, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=interruptible
    )  # fmt: skip
    assert process.stderr is not None
    assert "gelu on host" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=120)
    assert (process.returncode, errors.strip()) == (130, "")
    assert "interrupted" in out
    assert json.loads(path.read_text())["complete"] is False


def test_doctor_of_torch() -> None:
    done = rung("doctor", "--torch")
    assert done.returncode == 0, done.stdout + done.stderr
    for words in ("rung.torch_backend:rung", "as eager", "C++ compiler", "in ATen: linear algebra", "linalg_"):
        assert words in done.stdout


def test_doctor() -> None:
    done = rung("doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    for words in ("triton", "contexts", "copy bandwidth", "empty launch", "compile GELU"):
        assert words in done.stdout
    assert ("empty fork" in done.stdout) == (processor.cores() > 1)
