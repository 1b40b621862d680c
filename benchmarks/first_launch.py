"""The first launch of a kernel in a new process: with an empty cache and from the cache, Triton's part and rung's.

python benchmarks/first_launch.py --processes 5 --json first_launch.json

rung's part is the time within what Triton calls of it (modules that it imports included), the rest is Triton's. Memory
is what the first compilation adds to the process at its peak, beyond the imports.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from common import arguments, save

from rung.bench.stats import median
from rung.report import tables, text

_CHILD = """
import json, resource, sys, time
start = time.perf_counter()
import torch
torch_s = time.perf_counter() - start

inside, depth = [0.0], [0]

def timed(function):
    def call(*args, **keywords):
        if depth[0]:
            return function(*args, **keywords)
        depth[0], begin = 1, time.perf_counter()
        try:
            return function(*args, **keywords)
        finally:
            depth[0] = 0
            inside[0] += time.perf_counter() - begin
    return call

def other(function):
    "What rung has Triton do, to have it done under a lock."
    def call():
        begin = time.perf_counter()
        function()
        inside[0] -= time.perf_counter() - begin
    return call

begin = time.perf_counter()
import triton
import triton.language as tl
triton_s = time.perf_counter() - begin
from rung.triton_backend import cache, compiler, driver

kinds = [(compiler.CpuBackend, ("__init__", "hash", "parse_options", "get_codegen_implementation", "get_module_map")),
         (compiler.CpuBackend, ("add_stages",)), (compiler._Compilation, ("ttir", "linalg", "llvm", "binary")),
         (cache.CheckedCache, ("__init__", "get_group", "get_file", "put", "put_group", "__del__")),
         (driver.Utils, ("load_binary", "get_device_properties"))]
for kind, names in kinds:
    for name in names:
        setattr(kind, name, timed(getattr(kind, name)))
driver.make_launcher = timed(driver.make_launcher)
compiler._look_at_an_argument = other(compiler._look_at_an_argument)
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

@triton.jit
def first(x, o, n, A: tl.constexpr, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(o + i, tl.load(x + i, mask=i < n) * A, mask=i < n)

@triton.jit
def second(x, o, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(o + i, tl.exp(tl.load(x + i, mask=i < n)), mask=i < n)

@triton.jit
def product(a, b, c, N: tl.constexpr, B: tl.constexpr):
    i, j, k = tl.arange(0, B), tl.arange(0, B), tl.arange(0, B)
    rows, columns = tl.program_id(0) * B + i, tl.program_id(1) * B + j
    total = tl.zeros((B, B), tl.float32)
    for start in range(0, N, B):
        total = tl.dot(tl.load(a + rows[:, None] * N + start + k[None, :]),
                       tl.load(b + (start + k)[:, None] * N + columns[None, :]), total)
    tl.store(c + rows[:, None] * N + columns[None, :], total)

x, out = torch.ones(65536), torch.empty(65536)
launches = [lambda: first[(16,)](x, out, 16384, 3, BLOCK=1024), lambda: first[(16,)](x, out, 16384, 5, BLOCK=1024),
            lambda: second[(16,)](x, out, 16384, BLOCK=1024), lambda: product[(4, 4)](x, x, out, N=256, B=64)]
taken, memory = [], []
if sys.argv[1:] == ["imported"]:
    import rung.compile, rung.frontends.triton.convert
for launch in launches:
    inside[0], before, begin = 0.0, peak(), time.perf_counter()
    launch()
    taken.append((time.perf_counter() - begin, inside[0]))
    memory.append(peak() - before)
further = [sum(part) / 3 for part in zip(*taken[1:])]
print(json.dumps({"torch": torch_s, "triton": triton_s, "first": taken[0][0], "first_rung": taken[0][1],
                  "further": further[0], "further_rung": further[1], "memory": max(memory)}))
"""
_ROWS = {
    "torch": "import torch",
    "triton": "import triton, with the plug-in",
    "first": "first kernel, all",
    "first_rung": "first kernel, rung's part",
    "further": "each further kernel, all",
    "further_rung": "each further kernel, rung's part",
}


def child(cache: str, *mode: str) -> dict[str, float]:
    """One fresh process: seconds, and bytes of memory."""
    with tempfile.TemporaryDirectory() as directory:
        program = Path(directory) / "first_launch.py"  # Triton reads a kernel's source from its file
        program.write_text(_CHILD)
        path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
        environment = os.environ | {"TRITON_CACHE_DIR": cache, "PYTHONPATH": path}
        command = [sys.executable, str(program), *mode]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout)


def main() -> int:
    options = arguments(__doc__ or "", processes=5)
    console = tables.console()
    samples: dict[str, list[dict[str, float]]] = {"cold": [], "cached": []}
    memory: list[float] = []
    for number in range(options.processes):
        with console.status(f"process {number + 1} of {options.processes}"), tempfile.TemporaryDirectory() as cache:
            samples["cold"].append(child(cache))
            samples["cached"].append(child(cache))
        with tempfile.TemporaryDirectory() as cache:
            memory.append(child(cache, "imported")["memory"])
    table = tables.new_table("first launches of a new process", "part", "empty cache", "from the cache")
    rows: list[dict[str, Any]] = []
    for name, meaning in _ROWS.items():
        values = {kind: [sample[name] for sample in samples[kind]] for kind in samples}
        table.add_row(meaning, *(text.duration(median(each)) for each in values.values()))
        rows.append({"part": name, **{f"{kind}_s": median(each) for kind, each in values.items()}, "samples": values})
    console.print(table)
    most = max(memory)
    rows.append({"part": "memory", "most_bytes": most, "samples": memory})
    console.print(f"a compilation adds {most / 1e6:.0f} MB at its peak, beyond the imports")
    console.print(f"medians of {options.processes} fresh processes each", style="dim")
    save(options.json, "first_launch", options.seed, rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
