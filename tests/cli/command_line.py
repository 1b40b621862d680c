"""The command as a process, and as the fixtures of this directory call it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

COMMAND = [sys.executable, "-m", "rung.cli"]
ROOT = Path(__file__).parents[2]
VARIABLES = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "120", "NO_COLOR": "1"}
SIGNATURE = "*fp32, *fp32, i32, 256"


def rung(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], env=VARIABLES, cwd=cwd, capture_output=True, text=True, timeout=120)


def interruptible() -> None:
    """For `preexec_fn`: Ctrl-C is not ignored, as it is in what a shell runs in the background."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


Run = Callable[..., tuple[int, str, str]]
