"""What compiling every kernel of a folder of tests costs, in processor time: front end, passes and code generation.

python benchmarks/compile_times_of_tests.py tests/programs tests/language --json compile_times.json

Tests run in one process, with an empty Triton cache. Every kernel that Triton compiles for rung counts once, from its
`@triton.jit` function to callable code; Python's own parsing of the source is in it, imports are not. Processor time of
the compiling thread, since a machine that does something else beside it doubles other times.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import triton.compiler

import rung.compile

LOG = "RUNG_COMPILE_TIMES_LOG"


class Recorder:
    """The plugin of pytest: adds a line (test, kernel, milliseconds) to the log for every compilation and load."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._test = ""
        triton.compiler.compile = self._timed(triton.compiler.compile, lambda made: made.metadata.name)
        rung.compile.load = self._timed(rung.compile.load, lambda loaded: "")

    def pytest_runtest_logstart(self, nodeid: str, location: object) -> None:
        self._test = nodeid

    def _timed(self, call: Callable[..., Any], kernel: Callable[[Any], str]) -> Callable[..., Any]:
        def timed(*given: Any, **named: Any) -> Any:
            start = time.thread_time()
            result = call(*given, **named)
            line = {"test": self._test, "kernel": kernel(result), "ms": (time.thread_time() - start) * 1e3}
            with self._log.open("a") as file:
                file.write(json.dumps(line) + "\n")
            return result

        return timed


def pytest_configure(config: Any) -> None:
    config.pluginmanager.register(Recorder(Path(os.environ[LOG])))


def kernels(log: Path) -> list[dict[str, Any]]:
    """Compilations, each with the load that follows it in the same test."""
    found: list[dict[str, Any]] = []
    for line in log.read_text().splitlines() if log.exists() else ():
        record = json.loads(line)
        if record["kernel"]:
            found.append(record)
        elif found and found[-1]["test"] == record["test"]:
            found[-1]["ms"] += record["ms"]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tests", nargs="+", help="what pytest is given: files, folders, -k ...")
    parser.add_argument("--json", type=Path, help="write all times to this file")
    given, more = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        here = str(Path(__file__).parent)
        environment = os.environ | {
            LOG: str(log),
            "TRITON_CACHE_DIR": f"{folder}/cache",
            "PYTHONPATH": os.pathsep.join([here, os.environ.get("PYTHONPATH", "")]),
        }
        command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", Path(__file__).stem, *given.tests, *more]
        subprocess.run(command, env=environment, check=False)
        found = sorted(kernels(log), key=lambda one: one["ms"])
    if not found:
        raise SystemExit("no kernel was compiled")
    times = [one["ms"] for one in found]
    at = {percent: times[min(len(times) - 1, len(times) * percent // 100)] for percent in (50, 90, 99)}
    print(f"{len(times)} kernels: median {at[50]:.0f} ms, 90% below {at[90]:.0f}, 99% below {at[99]:.0f}; the slowest:")
    for one in found[:-11:-1]:
        print(f"  {one['ms']:6.0f} ms  {one['kernel']}  ({one['test']})")
    if given.json:
        given.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
