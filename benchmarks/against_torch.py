"""rung against PyTorch eager on the same machine, in one interleaved run, float32, all cores.

python benchmarks/against_torch.py --json against_torch.json

Both are called from Python, with outputs allocated beforehand where torch can take them. Results are
checked first. A ratio above 1 means that rung is faster; it is claimed only when its 95% bootstrap
interval excludes 1.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from common import arguments, ratio_fields, save, subject

from rung import machine
from rung.bench import group, noise, suite
from rung.bench.measure import Sampling, interleave
from rung.bench.problem import compare, outputs
from rung.bench.stats import median, paired_ratio
from rung.bench.toolchain import Toolchain, native
from rung.report import tables, text
from rung.schedule import Schedule

aten: Any = torch.ops.aten


@dataclass(frozen=True)
class Rival:
    """torch's way to compute a workload. `make(inputs, out)` returns the call to time."""

    workload: str
    shape: tuple[int, ...]
    make: Callable[[list[Any], Any], Callable[[], object]]
    note: str = ""


def layer_norm(inputs: list[Any], out: Any) -> Callable[[], object]:
    x, weight, bias = inputs
    mean, rstd = (torch.empty(x.shape[0], 1) for _ in range(2))
    shape = [x.shape[1]]
    return lambda: aten.native_layer_norm.out(x, shape, weight, bias, 1e-5, out0=out, out1=mean, out2=rstd)


RIVALS = (
    Rival("gelu", (1 << 20,), lambda i, o: lambda: aten.gelu.out(i[0], approximate="tanh", out=o)),
    Rival("gelu-erf", (1 << 20,), lambda i, o: lambda: aten.gelu.out(i[0], out=o)),
    Rival("softmax", (4096, 1024), lambda i, o: lambda: torch.softmax(i[0], 1, out=o)),
    Rival("vec-add-1d", (1 << 24,), lambda i, o: lambda: torch.add(i[0], i[1], out=o)),
    Rival(
        "rms-norm",
        (4096, 1024),
        lambda i, o: lambda: torch.nn.functional.rms_norm(i[0], (1024,), i[1], 1e-6),
        "torch allocates its output",
    ),
    Rival("layer-norm", (4096, 1024), layer_norm, "torch also writes mean and rstd"),
    Rival("matmul", (512, 512, 512), lambda i, o: lambda: torch.mm(i[0], i[1], out=o)),
    Rival("matmul", (1024, 1024, 1024), lambda i, o: lambda: torch.mm(i[0], i[1], out=o)),
)


def measure(rival: Rival, toolchain: Toolchain, sampling: Sampling) -> dict[str, Any]:
    """One row: raw samples, medians, and the paired ratio torch / rung."""
    host = machine.host()
    case = group.case_of(suite.find(rival.workload), rival.shape, "f32", sampling.seed)
    problem = case.problem
    constexprs = dict(problem.constexprs)
    executable = toolchain.compile(case.kernel, case.signature, constexprs, machine=host, schedule=Schedule())
    bound = executable.bind(problem.args, problem.grid)
    bound()
    assert problem.expected is not None
    error = compare(outputs(problem), list(problem.expected()), case.tolerance)
    tensors = {n: v for n, v in enumerate(problem.args) if isinstance(v, torch.Tensor)}
    inputs = [value for n, value in tensors.items() if n not in problem.outputs]
    theirs = rival.make(inputs, torch.empty_like(tensors[problem.outputs[0]]))
    row: dict[str, Any] = {
        "kernel": rival.workload,
        "shape": list(rival.shape),
        "dtype": "f32",
        "correct": error.within,
        "note": rival.note,
    }
    if not error.within:
        return row
    ours, torchs = interleave([subject("rung", bound), subject("torch", theirs)], sampling)
    ratio = paired_ratio(torchs.values, ours.values)
    return row | {
        "rung_s": median(ours.values),
        "torch_s": median(torchs.values),
        **ratio_fields(ratio),
        "samples": {"rung": ours.values, "torch": torchs.values},
    }


def main() -> int:
    options = arguments(__doc__ or "", rounds=40)
    contexts = machine.host().contexts
    torch.set_num_threads(contexts)
    toolchain = native()
    sampling = Sampling(rounds=options.rounds, seed=options.seed)
    before = noise.read()
    console = tables.console()
    rows: list[dict[str, Any]] = []
    for rival in RIVALS:
        with console.status(f"{rival.workload} {text.shape(rival.shape)}"):
            rows.append(measure(rival, toolchain, sampling))
    window = noise.compare(before, noise.read())
    table = tables.new_table(
        f"rung against torch {torch.__version__} eager, f32, {contexts} threads",
        *("kernel", "size", "rung", "torch", "torch / rung [95% CI]", "note"),
    )
    for row in rows:
        if row["correct"]:
            cells = (
                text.duration(row["rung_s"]),
                text.duration(row["torch_s"]),
                text.ratio(row["ratio"], row["ratio_ci"]),
            )
        else:
            cells = ("[red]WRONG[/red]", "-", "-")
        table.add_row(row["kernel"], text.shape(row["shape"]), *cells, row["note"])
    console.print(table)
    console.print(f"medians of {options.rounds} interleaved rounds; above 1, rung is faster", style="dim")
    if window.noisy:
        console.print(text.noise(window), style="yellow")
    save(options.json, "against_torch", options.seed, rows, window)
    return 0 if all(row["correct"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
