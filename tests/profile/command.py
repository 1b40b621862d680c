"""`rung profile` as a process."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.cli.command_line import COMMAND, VARIABLES

PROGRAM, HEXAGON_PROGRAM = (Path(__file__).parent / name for name in ("program.py", "hexagon_program.py"))


def profile(*arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """With `--json`, `--html` and `--trace` in `folder`."""
    files = ("--json", "record.json", "--html", "page.html", "--trace", "trace.json")
    command = [*COMMAND, "profile", *files, *map(str, arguments)]
    variables = VARIABLES | {"TRITON_CACHE_DIR": str(folder / "cache"), "PYTHONWARNINGS": "ignore"}
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=300)


def record(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "record.json").read_text())


def kernels(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {kernel["name"]: kernel for kernel in found["kernels"]}


SMALL = """
import os, signal, sys, time
import torch, triton, triton.language as tl

@triton.jit
def more(x_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(x_ptr + i, tl.load(x_ptr + i, mask=i < n) + 1, mask=i < n)

x = torch.zeros(100)
more[(1,)](x, 100, BLOCK=128)
more[(1,)](x, 100, BLOCK=128)
"""
