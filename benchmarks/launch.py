"""What a launch costs: an empty kernel from C, through compiled[grid], and through kernel[grid] with 2, 5 and 12
arguments, beside Triton's own dispatch of the same and a torch.add of one element.

    python benchmarks/launch.py --json launch.json

All but the first need rung to be installed (pip install .).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from common import arguments, save
from launched_kernels import five_arguments, twelve_arguments, two_arguments

from rung import machine
from rung.bench import probes
from rung.bench.toolchain import native
from rung.report import tables, text

ADD = "torch.add(x, y, out=z) of one element"


def ways(kernel: Any, given: tuple[Any, ...]) -> dict[str, Callable[[], object]]:
    """One kernel through each of the ways to launch it, after it has been launched through kernel[grid] before."""
    import triton

    run: Any = triton.JITFunction.run
    for _ in range(3):
        compiled: Any = kernel[(1,)](*given)
    bound, kept, launcher, count = compiled[(1, 1, 1)], kernel[(1,)], compiled.run, len(given)
    return {
        f"the launcher alone, {count}": lambda: launcher(1, 1, 1, 0, compiled.function, None, None, None, None, *given),
        f"kernel[grid](...), {count}": lambda: kernel[(1,)](*given),
        f"kernel[grid] kept, {count}": lambda: kept(*given),
        f"compiled[grid](...), {count}": lambda: compiled[(1, 1, 1)](*given),
        f"compiled[grid] kept, {count}": lambda: bound(*given),
        f"kernel[grid](...) by Triton alone, {count}": lambda: run(kernel, *given, grid=(1,), warmup=False),
    }


def main() -> int:
    import torch
    from triton.backends import backends
    from triton.runtime import driver

    options = arguments(__doc__ or "")
    driver.set_active(backends["cpu"].driver())
    tensors = tuple(torch.zeros(16) for _ in range(5))
    x, y, z = (torch.zeros(1) for _ in range(3))
    calls: dict[str, Callable[[], object]] = {ADD: lambda: torch.add(x, y, out=z)}
    for kernel, given in (
        (two_arguments, (tensors[0], 3)),
        (five_arguments, (*tensors[:3], 7, 9)),
        (twelve_arguments, (*tensors, *range(2, 9))),
    ):
        calls |= ways(kernel, given)
    seconds = {"from C, arguments packed": probes.empty_launch(native(), machine.host())()}
    seconds |= probes.in_turn(calls)
    rows = [{"path": path, "seconds": took, "of_torch_add": took / seconds[ADD]} for path, took in seconds.items()]
    table = tables.new_table("launch of an empty kernel, by the number of arguments", "path", "median", "of torch.add")
    for row in rows:
        table.add_row(str(row["path"]), text.duration(float(row["seconds"])), f"{row['of_torch_add']:.2f}")
    tables.console().print(table)
    save(options.json, "launch", options.seed, rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
