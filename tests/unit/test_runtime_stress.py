"""The runtime's C code under the thread sanitizer."""

import shutil
import subprocess
from pathlib import Path

import pytest

from rung.runtime import header_path

COMPILER = shutil.which("cc")


def test_no_races_under_the_thread_sanitizer(tmp_path: Path) -> None:
    if COMPILER is None:
        pytest.skip("no C compiler")
    src = header_path().parent
    files = [
        Path(__file__).with_name("runtime_stress.c"),
        *(
            src / f"{n}.c"
            for n in ("pool", "team", "dma", "dma_check", "flights", "arena", "failure", "programs", "fibre")
        ),
    ]
    program = tmp_path / "stress"
    build = subprocess.run(
        [
            COMPILER,
            "-g",
            "-O1",
            "-std=c11",
            "-fsanitize=thread",
            "-pthread",
            "-I",
            src,
            *files,
            "-o",
            program,
        ],
        capture_output=True,
        text=True,
    )
    if "tsan" in build.stderr:
        pytest.skip("the C compiler has no thread sanitizer")
    assert build.returncode == 0, build.stderr
    run = subprocess.run([program], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stdout + run.stderr
