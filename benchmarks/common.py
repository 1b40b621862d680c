"""What the benchmarks share: arguments, timing from Python, the JSON file."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rung import machine
from rung.bench import environment
from rung.bench.measure import Subject
from rung.bench.result import Noise
from rung.bench.stats import Ratio
from rung.files import write_file

SETTLE_S = 0.02
"""Longer than the pools of rung and of OpenMP spin before they sleep: neither takes the other's cores."""
WAKE_S = 0.03
"""Calls that are not counted, before those that are. OpenMP's threads are not pinned: after a sleep, Linux may
keep two of them on one core for some milliseconds, and a call of torch then takes a time slice (8 ms where 1
was enough)."""


def arguments(description: str, **options: float | str) -> argparse.Namespace:
    """`--json FILE`, `--seed N`, and an option per keyword with its default."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", type=Path, help="write raw samples and the environment to this file")
    parser.add_argument("--seed", type=int, default=0)
    for name, default in options.items():
        parser.add_argument(f"--{name}", type=type(default), default=default)
    return parser.parse_args()


def subject(name: str, call: Callable[[], object]) -> Subject:
    """Times a Python call: waits until other thread pools sleep, calls for a while to wake its own, then n
    times counted."""

    def run(n: int) -> list[float]:
        time.sleep(SETTLE_S)
        awake = time.perf_counter() + WAKE_S
        while time.perf_counter() < awake:
            call()
        times: list[float] = []
        for _ in range(n):
            start = time.perf_counter()
            call()
            times.append(time.perf_counter() - start)
        return times

    return Subject(name, run)


def save(
    path: Path | None, benchmark: str, seed: int, rows: Sequence[dict[str, Any]], noise: Noise | None = None
) -> None:
    """Writes the record, if a path was given."""
    if path is None:
        return
    record = {
        "schema": 1,
        "benchmark": benchmark,
        "environment": environment.describe(machine.host(), seed).model_dump(),
        "noise": noise.model_dump() if noise else None,
        "rows": list(rows),
    }
    write_file(json.dumps(record, indent=1) + "\n", path)


def ratio_axis(axis: Any, names: Sequence[str], reference: float, size: int) -> None:
    """A row for each name, from the top; ratios to the right, on a logarithmic axis, with a line at `reference`."""
    axis.set_yticks(range(len(names)), names, fontsize=size)
    axis.margins(y=0.02)
    axis.invert_yaxis()
    axis.set_xscale("log", base=2)
    axis.xaxis.set_major_formatter(lambda value, _: f"{value:g}x")
    axis.axvline(reference, color="black", linewidth=0.8)


def ratio_fields(ratio: Ratio) -> dict[str, Any]:
    """The ratio as JSON: value and 95% bootstrap interval."""
    fields = asdict(ratio)
    return {"ratio": fields["value"], "ratio_ci": [fields["low"], fields["high"]]}
