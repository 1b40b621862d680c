"""Accuracy of GELU (f32) against float64: the largest relative error for |x| < 4, and values at the edges.

python benchmarks/accuracy.py --points 4000000 --json accuracy.json

Points are evenly spread over |x| < 4 and drawn in addition over all exponents. torch's own error stands
beside ours.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any

import torch
from common import arguments, save

from rung import machine
from rung.bench import references, suite
from rung.bench.problem import signature
from rung.bench.toolchain import native
from rung.frontends.triton.loader import load_kernel
from rung.report import tables
from rung.schedule import Schedule

EDGES = (0.0, -0.0, 1e-45, -1e-45, 1e-38, 4.0, -4.0, 13.0, -13.0, 100.0, -100.0, 3.4e38, -3.4e38)
SPECIAL = (math.inf, -math.inf, math.nan)
SCHEDULES = {"scalar": Schedule(vectorize=False, threads=1), "vec": Schedule(threads=1)}


def compiled(workload: suite.Workload, schedule: Schedule) -> Callable[[torch.Tensor], torch.Tensor]:
    """The kernel as a function of a tensor of any length."""
    kernel: Any = load_kernel(workload.kernel)
    problem = workload.problem((1024,), "f32", 0)
    types, constexprs = signature(kernel.arg_names, problem), dict(problem.constexprs)
    executable = native().compile(kernel, types, constexprs, machine=machine.host(), schedule=schedule)

    def apply(x: torch.Tensor) -> torch.Tensor:
        out = torch.full_like(x, math.nan)
        executable.bind((x, out, x.numel()), (-(-x.numel() // 1024), 1, 1))()
        return out

    return apply


def inputs(points: int, seed: int) -> torch.Tensor:
    """|x| < 4: half evenly spread, half over all exponents down to 2^-30 with random signs."""
    generator = torch.Generator().manual_seed(seed)
    even = torch.linspace(-4, 4, points // 2 + 2)[1:-1]
    exponents = torch.rand(points // 2, generator=generator) * 32 - 30
    signs = torch.randint(0, 2, (points // 2,), generator=generator) * 2 - 1
    x = torch.cat([even, signs * torch.exp2(exponents)])
    return x[x.abs() < 4].contiguous()


def worst(got: torch.Tensor, x: torch.Tensor, reference: Callable[[Any], Any]) -> tuple[float, float]:
    """(largest relative error, the x where it is)"""
    wanted = reference(x.double())
    error = ((got.double() - wanted).abs() / wanted.abs()).nan_to_num(nan=0.0)
    at = int(error.argmax())
    return float(error[at]), float(x[at])


def main() -> int:
    options = arguments(__doc__ or "", points=4_000_000)
    x = inputs(options.points, options.seed)
    edges = torch.tensor(EDGES + SPECIAL)
    console = tables.console()
    errors = tables.new_table("GELU f32, |x| < 4, against float64", "form", "by", "max relative error", "at x")
    table = tables.new_table("values at the edges", "form", "by", "max |error| / max(|expected|, 1)", "inf, -inf, nan")
    rows: list[dict[str, Any]] = []
    for name in ("gelu", "gelu-erf"):
        workload = suite.find(name)
        reference = workload.function
        makers = {f"rung {rung}": compiled(workload, schedule) for rung, schedule in SCHEDULES.items()}
        for by, function in {**makers, "torch": reference}.items():
            error, at = worst(function(x), x, reference)
            got, wanted = function(edges).double(), exact(name, edges.double())
            finite = slice(0, len(EDGES))
            edge = float(((got - wanted).abs() / wanted.abs().clamp(min=1))[finite].max())
            special = ", ".join(f"{value:g}" for value in got[len(EDGES) :].tolist())
            errors.add_row(name, by, f"{error:.3g}", f"{at:.6g}")
            table.add_row(name, by, f"{edge:.3g}", special)
            rows.append({"form": name, "by": by, "max_rel": error, "at": at, "edge": edge, "special": special})
    console.print(errors)
    console.print(table)
    console.print("exact GELU at inf, -inf, nan: inf, -0, nan", style="dim")
    save(options.json, "accuracy", options.seed, rows)
    return 0


def exact(name: str, x: torch.Tensor) -> torch.Tensor:
    """GELU in float64 by its definition; 0 where float64 itself would give inf * 0."""
    wanted = references.gelu_tanh(x) if name == "gelu" else references.gelu_erf(x)
    return torch.where(torch.isneginf(x), -0.0, wanted)


if __name__ == "__main__":
    sys.exit(main())
