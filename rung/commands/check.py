"""`rung check -- python my_script.py`: a program with all its launches watched by the sanitizer."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from .. import knobs
from ..errors import UsageError
from ..options.command import Command
from ..runtime.findings_log import Log, read_log
from ..sanitizer import Sanitizer


@dataclass(frozen=True)
class CheckOptions:
    program: Annotated[
        list[str], typer.Argument(metavar="-- PROGRAM [ARGUMENT]...", help="What to run: -- python my_script.py --fast")
    ]
    first: Annotated[bool, typer.Option("--first", help="Raise the first fault, where it is found.")] = False


def run(options: CheckOptions) -> int:
    """The program's output, then what was found. 1 if anything was, else the program's own status."""
    with tempfile.TemporaryDirectory(prefix="rung-check-") as folder:
        path = Path(folder) / "findings.jsonl"
        settings = {"RUNG_SANITIZE": str(Sanitizer(stop=options.first)), "RUNG_SANITIZE_LOG": str(path)}
        try:
            status = subprocess.call(options.program, env=knobs.environment(settings))
        except OSError as error:
            raise UsageError(f"cannot run `{options.program[0]}`: {error.strerror}") from None
        log = read_log(path)
    sys.stdout.flush()
    print(_summary(log), file=sys.stderr)
    if log.faults:
        return 1
    if status:
        print(f"rung check: the program ended with status {status}", file=sys.stderr)
    return status if status >= 0 else 1


def _summary(log: Log) -> str:
    if not log.kernels:
        return "rung check: no kernel was launched through rung; is another device active (TRITON_DEFAULT_BACKEND=cpu)?"
    watched = f"{len(log.kernels)} kernel{'s' * (len(log.kernels) != 1)} watched"
    head = f"rung check: {watched}, {len(log.faults) or 'no'} fault{'s' * (len(log.faults) > 1)}"
    told = (text + (f"\n    in {count} launches" if count > 1 else "") for text, count in (*log.faults, *log.benign))
    return "\n\n".join([head, *told])


COMMAND = Command(CheckOptions, run)
