"""Whole models through `torch.compile(model, backend="rung")`, Inductor's C++ back end, and eager torch, all cores.

    pip install '.[torch]'
    python benchmarks/models --json models.json --png models.png
    python benchmarks/models --models gpt,resnet --dtype bf16
    python benchmarks/models --train

One interleaved run: forward without gradients, or (`--train`) whole steps, with the same AdamW for all, of the models
that the zoo has for it. "C++, frozen" (`--frozen`) has its weights as constants (`torch._inductor.config.freezing`).
Every call passes the guards of torch.compile and allocates its outputs. Before each batch of calls the other thread
pools fall asleep and one's own wakes up. Outputs are checked against eager first. First calls are timed, too, without
caches: they compile (`--warm` uses caches, and first calls then say nothing). MB: tensors that live at once in a call.
Medians; a ratio above 1 means that rung is faster; intervals are 95% bootstrap intervals of the paired ratio.
"""
# pyright: basic

from __future__ import annotations

import argparse
import math
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1]))

import torch
from common import ratio_axis, ratio_fields, save, subject
from torch._inductor import config as inductor
from torch.profiler import ProfilerActivity, profile
from zoo import MODELS, Model, settle

from rung import machine
from rung.bench import noise
from rung.bench.measure import Sampling, interleave
from rung.bench.stats import median, paired_ratio
from rung.report import tables, text
from rung.torch_backend import rung

DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16}
TOLERANCE = {"f32": 1e-3, "bf16": 5e-2}
"""Of the largest number, between orders of summation."""
CPP = {"options": {"cpu_backend": "cpp"}}
COMPILERS: dict[str, dict[str, Any]] = {"rung": {"backend": rung}, "C++": CPP, "C++, frozen": CPP}
OTHERS = ("eager", "C++", "C++, frozen")
CONFIG = {"compile_threads": 1}
"""Compile in this process: workers that start meanwhile would take the cores."""


def made(model: Model, dtype: str) -> tuple[Callable[[], Any], list[torch.Tensor]]:
    """(a module with the same weights at each call, its inputs)"""

    torch.manual_seed(1)
    inputs = model.inputs()

    def make() -> Any:
        torch.manual_seed(0)
        module = model.make()
        settle(module, inputs)
        return module.eval().to(DTYPES[dtype])

    return make, [x.to(DTYPES[dtype]) if x.is_floating_point() else x for x in inputs]


def step(model: Any, function: Callable[..., Any], inputs: list[torch.Tensor]) -> Callable[[], torch.Tensor]:
    """One step of training: returns its loss."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=True)

    def run() -> torch.Tensor:
        optimizer.zero_grad()
        loss = function(*inputs).float().square().mean()
        loss.backward()
        optimizer.step()
        return loss.detach()

    return run


def measure(model: Model, dtype: str, train: bool, frozen: bool, sampling: Sampling) -> dict[str, Any]:
    """The record of a model: first calls, samples, paired ratios."""
    make, inputs = made(model, dtype)
    calls: dict[str, Callable[[], Any]] = {}
    found: dict[str, Any] = {"model": model.name, "dtype": dtype, "train": train, "wrong": "", "ratios": {}}
    found |= {"first_s": {}, "peak_mb": {}}
    right = torch.empty(0)
    for name, keywords in {"eager": None, **COMPILERS}.items():
        if name == "C++, frozen" and not frozen:
            continue
        torch.compiler.reset()
        module = make().train(train)
        with inductor.patch(freezing=name == "C++, frozen"):
            function = module if keywords is None else torch.compile(module, dynamic=False, **keywords)
            calls[name] = step(module, function, inputs) if train else partial(function, *inputs)
            start = time.perf_counter()
            result = calls[name]()
            found["first_s"][name] = time.perf_counter() - start
            found["peak_mb"][name] = peak(calls[name])
        if name == "eager":
            right = result
        error = ((result - right).abs().max() / right.abs().max()).item()
        if not error <= TOLERANCE[dtype]:
            found["wrong"] += f"{name} is off by {error:.2g} of the largest number; "
    samples = {s.name: s.values for s in interleave([subject(n, call) for n, call in calls.items()], sampling)}
    found["seconds"] = {name: median(values) for name, values in samples.items()}
    found["samples"] = samples
    for name in OTHERS:
        if name in samples:
            found["ratios"][name] = ratio_fields(paired_ratio(samples[name], samples["rung"]))
    return found


def peak(call: Callable[[], Any]) -> float:
    """MB of tensors that live at once in a call, beyond those that live before."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        call()
    events = [e for e in profiler.profiler.kineto_results.events() if e.name() == "[memory]"]
    now = most = 0
    for event in sorted(events, key=lambda e: e.start_ns()):
        now += event.nbytes()
        most = max(most, now)
    return most / 2**20


def label(row: dict[str, Any]) -> str:
    return f"{row['model']} {row['dtype']}{', training' if row['train'] else ''}"


def show(console: Any, found: list[dict[str, Any]]) -> None:
    others = [name for name in OTHERS if name in found[0]["ratios"]]
    headers = ("model", "rung", *(f"{n} / rung [95% CI]" for n in others), "first call: rung", "C++", "MB: rung", "C++")
    table = tables.new_table('backend="rung" beside Inductor\'s C++ and eager', *headers)
    for row in found:
        ratios = [text.ratio(row["ratios"][n]["ratio"], row["ratios"][n]["ratio_ci"]) for n in others]
        first = [text.duration(row["first_s"][name]) for name in ("rung", "C++")]
        memory = [f"{row['peak_mb'][name]:.0f}" for name in ("rung", "C++")]
        table.add_row(label(row), text.duration(row["seconds"]["rung"]), *ratios, *first, *memory)
    console.print(table)
    for name in others:
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
            words = None if place else "Inductor C++ / rung" if name == "C++" else "eager / rung"
            axis.barh(place + offset, ratio["ratio"] - 1, left=1, height=0.36, color=colour, label=words)
            axis.plot(ratio["ratio_ci"], [place + offset] * 2, color="black", linewidth=1)
    ratio_axis(axis, [label(row) for row in found], 1, 8)
    axis.legend(fontsize=8)
    figure.savefig(path, dpi=100)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write raw samples and the environment to this file")
    parser.add_argument("--png", type=Path, help="draw the ratios")
    parser.add_argument("--models", default="", help="words, separated by commas: models whose names have one of them")
    parser.add_argument("--dtype", choices=DTYPES, default="f32")
    parser.add_argument("--train", action="store_true", help="steps of training")
    parser.add_argument("--frozen", action="store_true", help="C++ with constant weights beside")
    parser.add_argument("--warm", action="store_true", help="use Inductor's caches")
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.train and options.frozen:
        raise SystemExit("--frozen: weights that are trained are not constant; leave out one of --train and --frozen")
    words = [word.strip().lower() for word in options.models.split(",") if word.strip()]
    models = [model for model in MODELS if model.train or not options.train]
    picked = [model for model in models if not words or any(word in model.name.lower() for word in words)]
    if not picked:
        raise SystemExit(f"no model is called `{options.models}`; there are: {', '.join(m.name for m in models)}")
    torch.set_num_threads(machine.host().contexts)
    warnings.filterwarnings("ignore")
    sampling = Sampling(rounds=options.rounds, seed=options.seed)
    console, before = tables.console(), noise.read()
    found: list[dict[str, Any]] = []
    config = {**CONFIG, "force_disable_caches": not options.warm}
    with torch.set_grad_enabled(options.train), inductor.patch(config):
        for number, model in enumerate(picked, 1):
            with console.status(f"{number} of {len(picked)}: {model.name}"):
                found.append(measure(model, options.dtype, options.train, options.frozen, sampling))
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
