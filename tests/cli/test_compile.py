"""`rung compile`: every stage of a kernel, to stdout and to files."""

from __future__ import annotations

from pathlib import Path

import pytest

from rung.errors import UsageError
from rung.targets.npu import executable
from tests.cli.command_line import SIGNATURE, Run, rung


@pytest.mark.parametrize(
    "stage, words",
    [
        ("ttir", "tt.store"),
        ("linalg", "linalg.generic"),
        ("scheduled", "func.func"),
        ("vector", "vector<"),
        ("llvm", "llvm.func"),
        ("llvm-ir", "define"),
        ("asm", "double"),
    ],
)
def test_every_stage_can_be_shown(run: Run, own: Path, stage: str, words: str) -> None:
    status, out, errors = run("compile", f"{own}::double", "--signature", SIGNATURE, "--emit", stage)
    assert status == 0, errors
    assert words in out


@pytest.mark.parametrize("stage", ["ttir", "linalg", "scheduled", "vector", "llvm"])
def test_stages_before_machine_code_are_shown_of_a_kernel_that_the_back_end_refuses(
    run: Run, own: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    def refuse(*_: object) -> None:
        raise UsageError("the back end refuses it")

    monkeypatch.setattr(executable, "build", refuse)
    command = ("compile", f"{own}::double", "--signature", SIGNATURE, "--device", "hexagon-v73", "--emit")
    status, out, errors = run(*command, stage)
    assert (status, errors) == (0, "") and "double" in out
    assert run(*command, "asm") == (2, "", "error: the back end refuses it\n")


def test_what_the_back_end_takes_apart_is_warned_of(run: Run, tmp_path: Path) -> None:
    """Every other element is a gather, and HVX has none that LLVM uses."""
    source = (
        "import triton\nimport triton.language as tl\n\n\n@triton.jit\ndef every_other(x, y, BLOCK: tl.constexpr):\n"
        "    i = tl.arange(0, BLOCK)\n    tl.store(y + i, tl.load(x + 2 * i))\n"
    )
    kernel = tmp_path / "own.py"
    kernel.write_text(source)
    command = ("compile", f"{kernel}::every_other", "--signature", "*fp32, *fp32, 1024", "--device", "hexagon-v73")
    status, out, errors = run(*command)
    assert status == 0 and "llvm.func" in out
    assert "warning: vector.gather on vector<32xf32> is taken apart lane by lane by LLVM's Hexagon back end" in errors


def test_object_code_goes_to_a_file(run: Run, own: Path, tmp_path: Path) -> None:
    target = tmp_path / "double.o"
    command = ("compile", f"{own}::double", "--signature", SIGNATURE, "--emit", "obj", "-o", str(target))
    assert run(*command) == (0, "", "")
    assert target.read_bytes().startswith(b"\x7fELF")


def test_ir_after_every_pass_goes_to_stderr(own: Path) -> None:
    done = rung(
        "compile", f"{own}::double", "--signature", SIGNATURE, "--emit", "linalg", "--print-after-all",
        "--schedule", "vectorize=off threads=1",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("// after ") > 3 and "// after " not in done.stdout
