"""How fast the modelled device is to use: compile and run a kernel cold, replay its trace, sweep a thousand machines.

Imports and inputs are apart: each size is timed in a fresh process, after everything is imported.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time

from common import arguments, save

SIZES = {"1M": 1 << 20, "16M": 1 << 24}
_ONE = """
import json, resource, sys, time
from rung import machine
from rung.bench import group, suite
from rung.compile import compile_kernel
from rung.schedule import Schedule
from rung.targets.npu.timeline import replay
import rung.frontends.triton.capture, rung.frontends.triton.convert, rung.targets.npu.executable

device = machine.load("hexagon-v73")
case = group.case_of(suite.find("gelu"), (int(sys.argv[1]),), "f32", 0, suite.block_elements(device))
start = time.perf_counter()
compiled = compile_kernel(
    case.kernel, case.signature, dict(case.problem.constexprs), machine=device, schedule=Schedule(double_buffer=True)
)
made = time.perf_counter()
trace = compiled.bind(case.problem.args, case.problem.grid).trace()
ran = time.perf_counter()
replay(trace, device)
once = time.perf_counter()
print(json.dumps({
    "compile_s": made - start, "run_s": ran - made, "replay_s": once - ran, "cold_s": once - start,
    "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
}))
"""
_SWEEP = ["-m", "rung.cli", "sweep", "vec-add", "--vary", "dma.bytes_per_cycle=1,2,3,4,5,6,7,8,9,10"]
_SWEEP += ["--vary", "dma.latency_cycles=0,100,200,500,1000,2000,3000,4000,5000,6000"]
_SWEEP += ["--vary", "npu.cycles_per_packet=1,1.1,1.2,1.3,1.4,1.5,1.6,1.7,1.8,1.9"]


def main() -> None:
    options = arguments(__doc__ or "", runs=5)
    rows: list[dict[str, object]] = []
    for name, size in SIZES.items():
        found = []
        for _ in range(options.runs):
            done = subprocess.run([sys.executable, "-c", _ONE, str(size)], capture_output=True, text=True, check=True)
            found.append(json.loads(done.stdout.splitlines()[-1]))
        best = {key: sorted(run[key] for run in found)[len(found) // 2] for key in found[0]}
        rows.append({"benchmark": f"GELU {name}, double-buffered, 4 contexts", **best})
        print(
            f"GELU {name}, double-buffered on four contexts, median of {options.runs}: cold {best['cold_s']:.3f} s "
            f"(compile {best['compile_s']:.3f}, run {best['run_s']:.3f}, replay {best['replay_s'] * 1e3:.2f} ms); "
            f"peak {best['peak_mb']:.0f} MB with torch"
        )
    start = time.perf_counter()
    subprocess.run([sys.executable, *_SWEEP], stdout=subprocess.DEVNULL, check=True)
    seconds = time.perf_counter() - start
    rows.append({"benchmark": "sweep of 1,000 machines", "seconds": seconds})
    print(f"rung sweep of 1,000 machines, the command as a whole: {seconds:.1f} s")
    save(options.json, "npu_speed", options.seed, rows)


if __name__ == "__main__":
    main()
