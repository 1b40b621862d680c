"""rung beside what a user would take instead, row by row, in one interleaved run on all cores.

    pip install '.[torch,peers]'
    python benchmarks/peers --json peers.json --png peers.png
    python benchmarks/peers --rows softmax,matmul --peers eager,jax

Every system is called from Python with its arguments ready, computes the same function, and is checked against float64
before it is timed. Outputs are allocated beforehand where the peer takes them (rung, torch's `out=`). Before each batch
of calls the other thread pools fall asleep and one's own wakes up. Medians; a ratio above 1 (best peer / rung) means
that rung is faster; intervals are 95% bootstrap intervals of the paired ratio.
"""
# pyright: basic

from __future__ import annotations

import argparse
import math
import sys
import warnings
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1]))

import attention
import bounds
import contenders
import elementwise
import movement
import products
import rowwise
import torch
from check import expected, wrong
from common import ratio_axis, ratio_fields, save, subject
from contenders import PEERS, Contender, Refused
from row import SMALL, Row

from rung import machine
from rung.bench import noise
from rung.bench.measure import Sampling, interleave
from rung.bench.stats import median, paired_ratio
from rung.report import tables, text

ROWS: tuple[Row, ...] = tuple(
    row for family in (elementwise, rowwise, movement, products, attention) for row in family.ROWS
)
OURS = ("rung", "kernel[grid]")


def measure(row: Row, peers: list[str], sampling: Sampling) -> dict[str, Any]:
    """One row of the record: samples, medians, and the paired ratio of the best peer."""
    inputs = row.inputs(torch.Generator().manual_seed(sampling.seed))
    right = expected(row, inputs)
    found: dict[str, Any] = {"row": row.name, "size": row.size, "refused": {}, "allocates": []}
    taking: list[Contender] = []
    for make in (contenders.rung, *(PEERS[peer] for peer in peers)):
        try:
            made = make(row, inputs)
        except Refused as error:
            found["refused"][make.__name__] = str(error)
            continue
        for contender in made if isinstance(made, list) else [made]:
            fault = "" if row.name == "dropout" and contender.name not in OURS else wrong(contender, row, right)
            if fault:
                found["refused"][contender.name] = f"wrong: {fault}"
            else:
                taking.append(contender)
                if not contender.preallocated:
                    found["allocates"].append(contender.name)
    samples = {s.name: s.values for s in interleave([subject(c.name, c.call) for c in taking], sampling)}
    found["seconds"] = {name: median(values) for name, values in samples.items()}
    found["samples"] = samples
    others = [name for name in samples if name not in OURS]
    if "rung" in samples and others:
        best = min(others, key=lambda name: found["seconds"][name])
        found |= {"best": best, **ratio_fields(paired_ratio(samples[best], samples["rung"]))}
        through = paired_ratio(samples[best], samples["kernel[grid]"])
        found |= {f"dispatched_{key}": value for key, value in ratio_fields(through).items()}
    return found


def chosen(rows: str) -> list[Row]:
    words = [word.strip().lower() for word in rows.split(",") if word.strip()]
    picked = [row for row in ROWS if not words or any(word in row.title.lower() for word in words)]
    if not picked:
        raise SystemExit(f"no row is called `{rows}`; rows: {', '.join(sorted({row.name for row in ROWS}))}")
    return picked


def line(row: dict[str, Any]) -> str:
    """A row as soon as it is measured."""
    title = f"{row['row']} {row['size']}"
    if "best" not in row:
        return f"{title}: {'; '.join(f'{name}: {why}' for name, why in row['refused'].items()) or 'alone'}"
    return f"{title}: {text.ratio(row['ratio'], row['ratio_ci'])} of {row['best']}"


def show(console: Any, found: list[dict[str, Any]], limits: bounds.Bounds) -> None:
    table = tables.new_table(
        f"rung beside its peers, {limits.contexts} threads",
        *("row", "size", "rung", "best peer", "best peer / rung [95% CI]", "kernel[grid]", "bound"),
    )
    for row in found:
        table.add_row(row["row"], row["size"], *_cells(row))
    console.print(table)
    ratios = [row["ratio"] for row in found if "best" in row]
    if ratios:
        mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
        below = [f"{row['row']} {row['size']}" for row in found if row.get("ratio", 1) < 1]
        console.print(f"geometric mean {mean:.2f} over {len(ratios)} rows; below 1: {len(below)}")
    console.print(str(limits), style="dim")
    for row in found:
        for name, why in row["refused"].items():
            console.print(f"{row['row']} {row['size']}: {name}: {why}", style="dim")


def _cells(row: dict[str, Any]) -> list[str]:
    """What the table says of a row behind its name."""
    seconds = row["seconds"]
    if "rung" not in seconds:
        return ["[red]WRONG[/red]", *[""] * 4]
    ours, part = text.duration(seconds["rung"]), f"{100 * row['bound_s'] / seconds['rung']:.0f}%"
    if "best" not in row:
        return [ours, "alone", "", "", part]
    dispatched = text.ratio(row["dispatched_ratio"], row["dispatched_ratio_ci"]) if row["elements"] <= SMALL else ""
    best = f"{row['best']} {text.duration(seconds[row['best']])}"
    return [ours, best, text.ratio(row["ratio"], row["ratio_ci"]), dispatched, part]


def draw(found: list[dict[str, Any]], path: Path) -> None:
    """The ratios as bars, on a logarithmic axis, with their intervals."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows = [row for row in found if "best" in row]
    figure, axis = pyplot.subplots(figsize=(8, 0.24 * len(rows) + 1), layout="constrained")
    for place, row in enumerate(rows):
        low, high = row["ratio_ci"]
        colour = "#2a7f62" if row["ratio"] >= 1 else "#b3442e"
        axis.barh(place, row["ratio"] - 1, left=1, color=colour, height=0.7)
        axis.plot([low, high], [place, place], color="black", linewidth=1)
    names = [f"{row['row']} {row['size']}  ({row['best']})" for row in rows]
    ratio_axis(axis, names, 1, 7)
    axis.set_xlabel("time of the best peer / time of rung")
    figure.savefig(path, dpi=100)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write raw samples and the environment to this file")
    parser.add_argument("--png", type=Path, help="draw the ratios")
    parser.add_argument("--rows", default="", help="words, separated by commas: rows whose names have one of them")
    parser.add_argument("--peers", default=",".join(PEERS), help=f"of {', '.join(PEERS)}")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    peers = [name for name in options.peers.split(",") if name]
    if unknown := [name for name in peers if name not in PEERS]:
        raise SystemExit(f"no peer is called `{unknown[0]}`; choose from: {', '.join(PEERS)}")
    contexts = machine.host().contexts
    contenders.limit_threads(contexts)
    warnings.filterwarnings("ignore")
    sampling = Sampling(rounds=options.rounds, seed=options.seed)
    console = tables.console()
    before = noise.read()
    with console.status("copies and multiply-adds of this machine"):
        limits = bounds.measure()
    found: list[dict[str, Any]] = []
    picked = chosen(options.rows)
    with torch.no_grad():
        for number, row in enumerate(picked, 1):
            with console.status(f"{number} of {len(picked)}: {row.title}"):
                made = measure(row, peers, sampling)
            made["bound_s"] = limits.seconds(row)
            made["elements"] = max(x.numel() for x in row.inputs(torch.Generator().manual_seed(0)))
            found.append(made)
            console.print(f"{number} of {len(picked)}: {line(made)}", style="dim")
            # A run of all rows takes long: what was measured is kept if it is interrupted.
            window = noise.compare(before, noise.read())
            save(options.json, "peers", options.seed, found, window)
    window = noise.compare(before, noise.read())
    show(console, found, limits)
    if window.noisy:
        console.print(text.noise(window), style="yellow")
    if options.png:
        draw(found, options.png)
    return 0 if all("best" in row or not peers for row in found) else 1


if __name__ == "__main__":
    sys.exit(main())
