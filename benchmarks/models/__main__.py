"""Whole models through `torch.compile(model, backend="rung")`, Inductor's C++ back end, and eager torch, all cores.

    pip install '.[torch]'
    python benchmarks/models --json models.json --png models.png
    python benchmarks/models --models gpt,resnet --dtype bf16

One interleaved run without gradients; every call passes the guards of torch.compile and allocates its outputs. Before
each batch of calls the other thread pools fall asleep and one's own wakes up. Outputs are checked against eager first.
First calls are timed, too, without caches: they compile. Medians; a ratio above 1 means that rung is faster; intervals
are 95% bootstrap intervals of the paired ratio.
"""
# pyright: basic

from __future__ import annotations

import argparse
import math
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1]))

import torch
from common import ratio_axis, ratio_fields, save, subject
from torch._inductor import config as inductor
from zoo import MODELS, Model

from rung import machine
from rung.bench import noise
from rung.bench.measure import Sampling, interleave
from rung.bench.stats import median, paired_ratio
from rung.report import tables, text
from rung.torch_backend import rung

DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16}
TOLERANCE = {"f32": 1e-3, "bf16": 5e-2}
"""Of the largest number, between orders of summation."""
COMPILERS: dict[str, dict[str, Any]] = {"rung": {"backend": rung}, "C++": {"options": {"cpu_backend": "cpp"}}}
CONFIG = {"force_disable_caches": True, "compile_threads": 1}
"""Compile anew, in this process: workers that start meanwhile would take the cores."""


def made(model: Model, dtype: str) -> tuple[Callable[[], Any], list[torch.Tensor]]:
    """(a module with the same weights at each call, its inputs)"""

    def make() -> Any:
        torch.manual_seed(0)
        return model.make().eval().to(DTYPES[dtype])

    torch.manual_seed(1)
    return make, [x.to(DTYPES[dtype]) if x.is_floating_point() else x for x in model.inputs()]


def measure(model: Model, dtype: str, sampling: Sampling) -> dict[str, Any]:
    """The record of a model: first calls, samples, paired ratios."""
    make, inputs = made(model, dtype)
    eager = make()
    right = eager(*inputs)
    calls: dict[str, Callable[[], Any]] = {"eager": lambda: eager(*inputs)}
    found: dict[str, Any] = {"model": model.name, "dtype": dtype, "wrong": "", "first_s": {}, "ratios": {}}
    for name, keywords in COMPILERS.items():
        torch.compiler.reset()
        function = torch.compile(make(), dynamic=False, **keywords)
        start = time.perf_counter()
        result = function(*inputs)
        found["first_s"][name] = time.perf_counter() - start
        calls[name] = lambda function=function: function(*inputs)
        error = ((result - right).abs().max() / right.abs().max()).item()
        if not error <= TOLERANCE[dtype]:
            found["wrong"] += f"{name} is off by {error:.2g} of the largest number; "
    samples = {s.name: s.values for s in interleave([subject(n, call) for n, call in calls.items()], sampling)}
    found["seconds"] = {name: median(values) for name, values in samples.items()}
    found["samples"] = samples
    for name in ("eager", "C++"):
        found["ratios"][name] = ratio_fields(paired_ratio(samples[name], samples["rung"]))
    return found


def show(console: Any, found: list[dict[str, Any]]) -> None:
    headers = ("model", "rung", "C++ / rung [95% CI]", "eager / rung [95% CI]", "first call: rung", "C++")
    table = tables.new_table('backend="rung" beside Inductor\'s C++ and eager', *headers)
    for row in found:
        ratios = [text.ratio(row["ratios"][n]["ratio"], row["ratios"][n]["ratio_ci"]) for n in ("C++", "eager")]
        first = [text.duration(row["first_s"][name]) for name in ("rung", "C++")]
        table.add_row(f"{row['model']} {row['dtype']}", text.duration(row["seconds"]["rung"]), *ratios, *first)
    console.print(table)
    for name in ("C++", "eager"):
        values = [row["ratios"][name]["ratio"] for row in found]
        mean = math.exp(sum(map(math.log, values)) / len(values))
        below = sum(value < 1 for value in values)
        console.print(f"geometric mean of {name} / rung {mean:.2f} over {len(values)} models; below 1: {below}")
    for row in found:
        if row["wrong"]:
            console.print(f"WRONG: {row['model']} {row['dtype']}: {row['wrong']}", style="red")


def draw(found: list[dict[str, Any]], path: Path) -> None:
    """Two bars a model, on a logarithmic axis, with their intervals."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axis = pyplot.subplots(figsize=(8, 0.5 * len(found) + 1.2), layout="constrained")
    for offset, name, colour in ((-0.2, "C++", "#2a7f62"), (0.2, "eager", "#3b6fb5")):
        for place, row in enumerate(found):
            ratio = row["ratios"][name]
            label = "Inductor C++ / rung" if name == "C++" else "eager / rung"
            axis.barh(
                place + offset, ratio["ratio"] - 1, left=1, height=0.36, color=colour, label=None if place else label
            )
            axis.plot(ratio["ratio_ci"], [place + offset] * 2, color="black", linewidth=1)
    ratio_axis(axis, [f"{row['model']} {row['dtype']}" for row in found], 1, 8)
    axis.legend(fontsize=8)
    figure.savefig(path, dpi=100)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write raw samples and the environment to this file")
    parser.add_argument("--png", type=Path, help="draw the ratios")
    parser.add_argument("--models", default="", help="words, separated by commas: models whose names have one of them")
    parser.add_argument("--dtype", choices=DTYPES, default="f32")
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    words = [word.strip().lower() for word in options.models.split(",") if word.strip()]
    picked = [model for model in MODELS if not words or any(word in model.name.lower() for word in words)]
    if not picked:
        raise SystemExit(f"no model is called `{options.models}`; there are: {', '.join(m.name for m in MODELS)}")
    torch.set_num_threads(machine.host().contexts)
    warnings.filterwarnings("ignore")
    sampling = Sampling(rounds=options.rounds, seed=options.seed)
    console, before = tables.console(), noise.read()
    found: list[dict[str, Any]] = []
    with torch.no_grad(), inductor.patch(CONFIG):
        for number, model in enumerate(picked, 1):
            with console.status(f"{number} of {len(picked)}: {model.name}"):
                found.append(measure(model, options.dtype, sampling))
            ratios = ", ".join(
                f"{text.ratio(r['ratio'], r['ratio_ci'])} of {n}" for n, r in found[-1]["ratios"].items()
            )
            console.print(f"{number} of {len(picked)}: {model.name}: {ratios}", style="dim")
            save(options.json, "models", options.seed, found, noise.compare(before, noise.read()))
    show(console, found)
    window = noise.compare(before, noise.read())
    if window.noisy:
        console.print(text.noise(window), style="yellow")
    if options.png:
        draw(found, options.png)
    return 1 if any(row["wrong"] for row in found) else 0


if __name__ == "__main__":
    sys.exit(main())
