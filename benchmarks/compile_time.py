"""Cold compile time of GELU: fresh processes with an empty Triton cache, imports timed apart.

python benchmarks/compile_time.py --processes 7 --json compile_time.json
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from common import arguments, save

from rung.bench.stats import median
from rung.report import tables, text

_CHILD = """
import json, time
start = time.perf_counter()
import torch
import triton
import triton.compiler.code_generator  # Triton imports it, and all of Gluon with it, with the first kernel
import rung.compile
import rung.frontends.triton.capture
import rung.frontends.triton.convert
from rung import machine
from rung.bench import group, suite
from rung.schedule import Schedule
imported = time.perf_counter()
workload = suite.find("gelu")
case = group.case_of(workload, workload.shape, "f32", 0)
constexprs = dict(case.problem.constexprs)
host = machine.host()
seconds = []
for _ in range(2):
    begin = time.perf_counter()
    rung.compile.compile_kernel(case.kernel, case.signature, constexprs, machine=host, schedule=Schedule())
    seconds.append(time.perf_counter() - begin)
print(json.dumps({"imports": imported - start, "first": seconds[0], "second": seconds[1]}))
"""
_ROWS = {
    "imports": "imports: torch, triton, torch-mlir, rung",
    "first": "first kernel of the process, to callable code",
    "second": "the same again, uncached: the steady cost",
}


def child() -> dict[str, float]:
    """Times of one fresh process, in seconds."""
    with tempfile.TemporaryDirectory() as cache:
        path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
        environment = os.environ | {"TRITON_CACHE_DIR": cache, "PYTHONPATH": path}
        done = subprocess.run([sys.executable, "-c", _CHILD], env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout)


def main() -> int:
    options = arguments(__doc__ or "", processes=7)
    console = tables.console()
    samples: dict[str, list[float]] = {name: [] for name in _ROWS}
    for number in range(options.processes):
        with console.status(f"process {number + 1} of {options.processes}"):
            for name, seconds in child().items():
                samples[name].append(seconds)
    table = tables.new_table("cold compile of GELU, f32", "part", "median", "fastest", "slowest")
    rows: list[dict[str, Any]] = []
    for name, meaning in _ROWS.items():
        values = samples[name]
        middle = median(values)
        table.add_row(meaning, *(text.duration(value) for value in (middle, min(values), max(values))))
        rows.append({"part": name, "median_s": middle, "samples": values})
    console.print(table)
    console.print(f"{options.processes} fresh processes with an empty Triton cache", style="dim")
    save(options.json, "compile_time", options.seed, rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
