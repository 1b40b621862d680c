"""torch.compile through rung, against torch.compile through Inductor's C++ back end and against eager torch, all cores.

python benchmarks/against_inductor.py --json against_inductor.json

The same torch functions, compiled by the same Inductor: once for Triton, whose kernels rung compiles, and once for C++,
which the system's compiler does. One interleaved run; every call goes through torch.compile's guards and allocates its
outputs. Results are checked against float64 first. First calls are timed, too, without caches: they compile.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.nn.functional as F
from common import arguments, ratio_fields, save, subject
from torch._inductor import config as inductor_config

from rung import machine
from rung.bench import noise
from rung.bench.measure import Sampling, interleave
from rung.bench.stats import median, paired_ratio
from rung.report import tables, text

BACKENDS = {"rung": "triton", "cpp": "cpp"}
CONFIG = {"force_disable_caches": True, "compile_threads": 1}
"""Compile anew, in this process: workers that start meanwhile would take the cores."""
Function = Callable[..., torch.Tensor]


@dataclass(frozen=True)
class Model:
    """A function of torch and the shapes of its f32 arguments."""

    name: str
    function: Function
    shapes: tuple[tuple[int, ...], ...]


def rotary(x: torch.Tensor, angle: torch.Tensor) -> torch.Tensor:
    a, b = x.chunk(2, -1)
    return torch.cat([a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()], -1)


def mlp(x: torch.Tensor, up: torch.Tensor, down: torch.Tensor) -> torch.Tensor:
    return x + F.gelu(F.layer_norm(x, x.shape[-1:]) @ up) @ down


IMAGES = (32, 64, 28, 28)
MATRIX = (4096, 1024)
MODELS = (
    Model("gelu (erf)", F.gelu, ((1 << 20,),)),
    Model("gelu (tanh)", lambda x: F.gelu(x, approximate="tanh"), ((1 << 20,),)),
    Model("silu(x) * y", lambda x, y: F.silu(x) * y, ((1024, 1024),) * 2),
    Model("relu(x + bias)", lambda x, bias: F.relu(x + bias), ((2048, 1024), (1024,))),
    Model("softmax, rows", lambda x: x.softmax(1), (MATRIX,)),
    Model("softmax, columns", lambda x: x.softmax(0), ((1024, 1024),)),
    Model("sum, rows", lambda x: x.sum(1), (MATRIX,)),
    Model("sum, columns", lambda x: x.sum(0), (MATRIX,)),
    Model("argmax, rows", lambda x: x.argmax(1), ((1024, 1024),)),
    Model("layer norm", lambda x: F.layer_norm(x, (1024,)), (MATRIX,)),
    Model("RMS norm", lambda x: F.rms_norm(x, (1024,)), (MATRIX,)),
    Model("batch norm", lambda x: F.batch_norm(x, None, None, training=True), (IMAGES,)),
    Model("transpose and add", lambda x, y: x.t() + y, ((1024, 1024),) * 2),
    Model("upsample, bilinear", lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"), ((8, 64, 28, 28),)),
    Model("max pool", lambda x: F.max_pool2d(x, 2), ((32, 64, 56, 56),)),
    Model("rotary embedding", rotary, ((8, 512, 64), (512, 32))),
    Model("MLP (products by ATen)", mlp, ((256, 512), (512, 2048), (2048, 512))),
)


def compiled(function: Function, backend: str) -> Function:
    return cast(Any, torch).compile(function, options={"cpu_backend": backend}, dynamic=False)


def measure(model: Model, sampling: Sampling) -> dict[str, Any]:
    """One row: raw samples, medians, seconds to compile, and the paired ratios cpp / rung and eager / rung."""
    generator = torch.Generator().manual_seed(sampling.seed)
    inputs = [torch.randn(shape, generator=generator) for shape in model.shapes]
    expected = model.function(*(x.double() for x in inputs)).double()
    calls: dict[str, Callable[[], object]] = {"eager": lambda: model.function(*inputs)}
    row: dict[str, Any] = {"function": model.name, "shapes": [list(s) for s in model.shapes], "correct": True}
    for name, backend in BACKENDS.items():
        function = compiled(model.function, backend)
        start = time.perf_counter()
        result = function(*inputs)
        row[f"compile_{name}_s"] = time.perf_counter() - start
        within = 1e-5 * expected.abs().max().item()
        row["correct"] &= torch.allclose(result.double(), expected, rtol=1e-4, atol=within)
        calls[name] = lambda function=function: function(*inputs)
    if not row["correct"]:
        return row
    eager, rung, cpp = interleave([subject(name, call) for name, call in calls.items()], sampling)
    for name, other in (("cpp", cpp), ("eager", eager)):
        row |= {f"{name}_{key}": value for key, value in ratio_fields(paired_ratio(other.values, rung.values)).items()}
    row["samples"] = {"rung": rung.values, "cpp": cpp.values, "eager": eager.values}
    return row | {f"{s.name}_s": median(s.values) for s in (rung, cpp, eager)}


def main() -> int:
    options = arguments(__doc__ or "", rounds=20)
    contexts = machine.host().contexts
    torch.set_num_threads(contexts)
    sampling = Sampling(rounds=options.rounds, seed=options.seed)
    before = noise.read()
    console = tables.console()
    rows: list[dict[str, Any]] = []
    with torch.no_grad(), cast(Any, inductor_config).patch(CONFIG):
        compiled(torch.neg, "cpp")(torch.ones(8))  # the first of a process also compiles a header of torch
        for model in MODELS:
            with console.status(model.name):
                rows.append(measure(model, sampling))
    window = noise.compare(before, noise.read())
    table = tables.new_table(
        f"torch.compile through rung, torch {torch.__version__}, f32, {contexts} threads",
        *("function", "rung", "C++ / rung [95% CI]", "eager / rung [95% CI]", "compile: rung", "C++"),
    )
    for row in rows:
        compile_times = (text.duration(row["compile_rung_s"]), text.duration(row["compile_cpp_s"]))
        if row["correct"]:
            ratios = (text.ratio(row[f"{o}_ratio"], row[f"{o}_ratio_ci"]) for o in ("cpp", "eager"))
            table.add_row(row["function"], text.duration(row["rung_s"]), *ratios, *compile_times)
        else:
            table.add_row(row["function"], "[red]WRONG[/red]", "-", "-", *compile_times)
    console.print(table)
    console.print(f"medians of {options.rounds} interleaved rounds; above 1, rung is faster", style="dim")
    if window.noisy:
        console.print(text.noise(window), style="yellow")
    save(options.json, "against_inductor", options.seed, rows, window)
    return 0 if all(row["correct"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
