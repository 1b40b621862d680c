"""Compile time against the size of a kernel: depth of nesting, length, what is carried, arguments.

python benchmarks/compile_scaling.py --repeats 3 --only "for, a block carried" --json compile_scaling.json

Times are CPU seconds of this process, the least of the repeats. The exponent says how time grows: 1 is linear; it is
fitted to all sizes but the first, so that it tends to be low while the constant part counts.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from common import arguments, save
from growing_kernels import SHAPES, Shape

from rung import machine
from rung.compile import compile_ttir, load
from rung.frontends.triton.capture import make_ttir
from rung.machine import Machine
from rung.report import tables, text
from rung.schedule import Schedule

PARTS = ("Triton", "rung", "LLVM")
"""To TTIR; to stage `llvm`; to machine code."""


def seconds(shape: Shape, n: int, folder: Path, target: Machine, schedule: Schedule) -> list[float]:
    """Of each part."""
    kernel, signature, constants = shape.kernel(n, folder)
    start = time.process_time()
    ttir = make_ttir(kernel, signature, constants)
    parsed = time.process_time()
    compiled = compile_ttir(ttir, machine=target, schedule=schedule)
    lowered = time.process_time()
    load(compiled)
    return [parsed - start, lowered - parsed, time.process_time() - lowered]


def exponent(sizes: tuple[int, ...], times: list[float]) -> float:
    """Of the power law that fits best."""
    slope, _ = np.polyfit(np.log(sizes[1:]), np.log(times[1:]), 1)
    return float(slope)


def main() -> int:
    options = arguments(__doc__ or "", repeats=3, only="", schedule="")
    shapes = [shape for shape in SHAPES if options.only in shape.name]
    if not shapes:
        raise SystemExit(f"--only is `{options.only}`; there are: {'; '.join(shape.name for shape in SHAPES)}")
    target, schedule = machine.host(), Schedule.parse(options.schedule)
    console = tables.console()
    table = tables.new_table("compile time against size", "what grows", "sizes", "time", "exponent", *PARTS)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        seconds(SHAPES[0], 2, Path(folder), target, schedule)  # what is imported with the first kernel
        for shape in shapes:
            times = np.empty((len(shape.sizes), len(PARTS)))
            for row, n in enumerate(shape.sizes):
                with console.status(f"{shape.name}: {n}"):
                    samples = [seconds(shape, n, Path(folder), target, schedule) for _ in range(options.repeats)]
                times[row] = np.min(samples, axis=0)
                rows.append({"shape": shape.name, "size": n, "parts": PARTS, "samples": samples})
            totals = times.sum(axis=1)
            fits = [exponent(shape.sizes, list(column)) for column in (totals, *times.T)]
            shown = " ".join(text.duration(total) for total in totals)
            table.add_row(shape.name, " ".join(map(str, shape.sizes)), shown, *(f"{fit:.2f}" for fit in fits))
    console.print(table)
    console.print("exponents: of the whole, and of each part", style="dim")
    save(options.json, "compile_scaling", options.seed, rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
