"""`--processes N`: the same measurement in fresh processes, pooled pair by pair.

What differs from process to process (where memory lies, what the linker chose, which cores) is then in the interval.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from rich.console import Console

from ..bench.result import Record
from ..errors import RungError, UsageError
from . import interrupt, read
from .progress import Estimate, Lines, about

Measure = Callable[[str, int], int]
"""(file for the record, number of the process) -> exit status. Importable, as it is run in another process."""


def run(measure: Measure, processes: int, pool: Callable[[Sequence[Any]], Record]) -> Record | None:
    """The records of the processes that finished as one; not complete when interrupted. None when none did.

    Raises UsageError when one failed; its own message stands on stderr.
    """
    errors = Console(stderr=True)
    estimate = Estimate(processes, None)
    records: list[Record] = []
    complete = True
    with tempfile.TemporaryDirectory(prefix="rung-") as folder, interrupt.cooperative() as check:
        for number in range(processes):
            path = Path(folder) / f"{number}.json"
            estimate.begin()
            which = f"process {number + 1} of {processes}"
            errors.print(f"{which}{_left(estimate)}", highlight=False)
            lines, begun = Lines(errors), time.monotonic()

            def turn(which: str = which, lines: Lines = lines, begun: float = begun) -> None:
                check()
                lines.offer(f"{which}: {time.monotonic() - begun:.0f} s so far{_left(estimate)}")

            try:
                status = _child(measure, str(path), number, turn)
            except KeyboardInterrupt:
                complete = False
                break
            if status not in (0, 1):
                raise UsageError(f"process {number + 1} of {processes} failed with status {status}")
            records.append(read(path))
    if not records:
        return None
    return pool(records).model_copy(update={"complete": complete})


def _left(estimate: Estimate) -> str:
    return "" if estimate.left_s is None else f", {about(estimate.left_s)} left"


def _child(measure: Measure, path: str, number: int, turn: Callable[[], None]) -> int:
    """Waits for a fresh process. It does not see Ctrl-C, and is ended when that comes: what it has is not pooled."""
    child = multiprocessing.get_context("spawn").Process(target=_quietly, args=(measure, path, number))
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # inherited by the child
    try:
        child.start()
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    try:
        while child.is_alive():
            child.join(0.1)
            turn()
    except KeyboardInterrupt:
        child.terminate()
        child.join()
        raise
    status = child.exitcode
    child.close()
    return 2 if status is None else status


def _quietly(measure: Measure, path: str, number: int) -> None:
    """In the child: measures without its tables; they are of one process only."""
    with Path(os.devnull).open("w") as nothing, redirect_stdout(nothing), redirect_stderr(nothing):
        try:
            status = measure(path, number)
        except RungError as error:
            print(f"error: {error}", file=sys.__stderr__)
            status = 2
    sys.exit(status)
