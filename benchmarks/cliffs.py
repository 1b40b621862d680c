"""Cliffs: the kernels of `peers` at many sizes and in many blocks, each beside what the machine can do at best.

    pip install '.[torch]'
    python benchmarks/cliffs.py --json cliffs.json --png cliffs.png
    python benchmarks/cliffs.py --rows softmax,matmul --limit 2

A point is one kernel at one size in one choice of blocks. Its bound is the longer of its bytes at the measured rate of
copies of so many bytes and its operations at the measured rate of f32 multiply-adds, and behind that a launch. Points
that take more than `--limit` times as long are listed, the furthest first. Results are checked against float64.

Operations are counted as a reader of the kernel counts them, at one per multiplication or addition: no machine divides,
compares or shuffles at the rate of multiply-adds, so that kernels bound by these are some way from their bound. The
list tells where to look, and where the same kernel is fine at other sizes.
"""
# pyright: basic

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parent / "peers"))

import bounds
import contenders
import torch
from check import expected, wrong
from common import ratio_axis, save, subject
from sweeps import SWEEPS, Point

from rung import machine
from rung.bench import noise
from rung.bench.measure import Sampling, interleave
from rung.bench.stats import median
from rung.report import tables, text

LIMIT = 3.0


def seconds(call: Any, sampling: Sampling) -> float:
    (found,) = interleave([subject("", call)], sampling)
    return median(found.values)


def measured(points: list[Point], limits: bounds.Bounds, sampling: Sampling) -> Iterator[dict[str, Any]]:
    """The record of each point. Points of one row share inputs and the right result."""
    row, inputs, right = None, (), torch.empty(0)
    for point in points:
        if point.row is not row:
            row = point.row
            inputs = row.inputs(torch.Generator().manual_seed(sampling.seed))
            right = expected(row, inputs)
        contender = point.contender(inputs)
        fault = wrong(contender, row, right)
        took, bound = seconds(contender.call, sampling), limits.seconds(row)
        yield {
            "row": row.name, "size": row.size, "blocks": dict(point.blocks), "wrong": fault,
            "seconds": took, "bound_s": bound, "times": took / bound,
        }  # fmt: skip


def said(blocks: dict[str, int]) -> str:
    return " ".join(f"{name}={size}" for name, size in blocks.items())


def show(console: Any, found: list[dict[str, Any]], limit: float) -> None:
    """The points beyond the limit, the furthest first, and how far all are."""
    cliffs = sorted((p for p in found if p["times"] > limit), key=lambda p: -p["times"])
    headers = ("kernel", "size", "blocks", "time", "bound", "times the bound")
    table = tables.new_table(f"further than {limit:g}x from the bound", *headers)
    for point in cliffs:
        took, bound = text.duration(point["seconds"]), text.duration(point["bound_s"])
        table.add_row(point["row"], point["size"], said(point["blocks"]), took, bound, text.times(point["times"]))
    console.print(table)
    middle = median([point["times"] for point in found])
    console.print(f"{len(cliffs)} of {len(found)} points; the median point takes {text.times(middle)} its bound")
    for point in found:
        if point["wrong"]:
            console.print(
                f"WRONG: {point['row']} {point['size']} {said(point['blocks'])}: {point['wrong']}", style="red"
            )


def draw(found: list[dict[str, Any]], limit: float, path: Path) -> None:
    """A column of points for each kernel: times the bound, on a logarithmic axis."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = list(dict.fromkeys(point["row"] for point in found))
    figure, axis = pyplot.subplots(figsize=(8, 0.28 * len(names) + 1.2), layout="constrained")
    for near, colour in ((True, "#2a7f62"), (False, "#b3442e")):
        some = [point for point in found if (point["times"] <= limit) == near]
        places = [names.index(point["row"]) for point in some]
        axis.scatter([point["times"] for point in some], places, s=14, color=colour, alpha=0.7, linewidths=0)
    ratio_axis(axis, names, limit, 8)
    axis.grid(axis="x", alpha=0.3)
    axis.set_xlabel("time / bound; a point is a size in a choice of blocks")
    figure.savefig(path, dpi=100)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write every point and the environment to this file")
    parser.add_argument("--png", type=Path, help="draw the points")
    parser.add_argument("--rows", default="", help="words, separated by commas: kernels whose names have one of them")
    parser.add_argument("--limit", type=float, default=LIMIT, help=f"times the bound; {LIMIT:g}")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    every = [point for sweep in SWEEPS for point in sweep.points()]
    words = [word.strip().lower() for word in options.rows.split(",") if word.strip()]
    points = [p for p in every if not words or any(word in p.row.title.lower() for word in words)]
    if not points:
        names = ", ".join(sorted({point.row.name for point in every}))
        raise SystemExit(f"no kernel is called `{options.rows}`; there are: {names}")
    contenders.limit_threads(machine.host().contexts)
    warnings.filterwarnings("ignore")
    sampling = Sampling(rounds=options.rounds, seed=options.seed)
    console, before = tables.console(), noise.read()
    found: list[dict[str, Any]] = []
    with torch.no_grad(), console.status("copies and multiply-adds of this machine") as status:
        limits = bounds.measure()
        for point in measured(points, limits, sampling):
            found.append(point)
            left = f"{len(found)} of {len(points)} points"
            status.update(f"{left}: {point['row']} {point['size']} {said(point['blocks'])}")
    window = noise.compare(before, noise.read())
    show(console, found, options.limit)
    console.print(str(limits), style="dim")
    if window.noisy:
        console.print(text.noise(window), style="yellow")
    save(options.json, "cliffs", options.seed, found, window)
    if options.png:
        draw(found, options.limit, options.png)
    return 1 if any(point["wrong"] for point in found) else 0


if __name__ == "__main__":
    sys.exit(main())
