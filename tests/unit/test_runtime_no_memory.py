"""The runtime's C code when there is no memory, which is taken away from it by the linker."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rung.runtime import header_path

COMPILER = shutil.which("cc")
WRAPPED = ("posix_memalign", "malloc", "realloc")


@pytest.mark.skipif(COMPILER is None or sys.platform != "linux", reason="needs a C compiler and GNU's linker")
def test_nothing_ends_the_process(tmp_path: Path) -> None:
    src, program = header_path().parent, tmp_path / "no_memory"
    files = [Path(__file__).with_name("runtime_no_memory.c")]
    files += [
        src / f"{name}.c" for name in ("pool", "team", "dma", "dma_check", "flights", "arena", "failure", "fibre")
    ]
    wrap = f"-Wl,{','.join(f'--wrap={name}' for name in WRAPPED)}"
    command = [str(COMPILER), "-g", "-O1", "-std=c11", "-pthread", "-fno-builtin-malloc", f"-I{src}", *map(str, files)]
    build = subprocess.run([*command, wrap, "-o", str(program)], capture_output=True, text=True)
    assert build.returncode == 0, build.stderr
    run = subprocess.run([program], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stdout + run.stderr
