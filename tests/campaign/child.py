"""Cases that may end the process: they run in a child, one seed after another, and what they give comes back as a line
of JSON each. A child that dies or hangs is an outcome, and another goes on behind it."""

from __future__ import annotations

import gc
import json
import os
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SECONDS = 120
"""For one case, beside other work."""


@dataclass
class Outcome:
    """status: `ok`, `refused` (with a clear error), `killed`, `hung`, or what went wrong."""

    seed: int
    status: str
    detail: str = ""
    features: tuple[str, ...] = ()


def supervise(module: str, seeds: range) -> Iterator[Outcome]:
    """The outcomes of all seeds of `python -m module FIRST LAST`, those included that end the process."""
    first = seeds.start
    while first < seeds.stop:
        child = subprocess.Popen(
            [sys.executable, "-m", module, str(first), str(seeds.stop)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=ROOT,
        )
        assert child.stdout is not None
        with child.stdout:
            status, detail = "killed", ""
            while first < seeds.stop:
                ready, _, _ = select.select([child.stdout], [], [], SECONDS)
                if not ready:
                    child.kill()
                    status, detail = "hung", f"more than {SECONDS} s"
                    break
                line = child.stdout.readline()
                if not line:
                    break
                outcome = Outcome(**json.loads(line))
                first = outcome.seed + 1
                yield outcome
        code = child.wait()
        if first < seeds.stop:
            yield Outcome(first, status, detail or f"status {code}")
            first += 1


def serve(case: Callable[[int], Outcome]) -> None:
    """The child's side: runs the seeds that the command line names. What a case prints goes to stderr."""
    first, last = map(int, sys.argv[1:3])
    lines = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    gc.disable()  # a fifth of the time of short programs; what is left behind is collected now and then
    for seed in range(first, last):
        print(json.dumps(asdict(case(seed))), file=lines, flush=True)
        if seed % 20 == 0:
            gc.collect()
