"""Double against single buffering over the balanced zone, where transfers and computation take about as long.

    python benchmarks/overlap.py --json overlap.json

One context, so that the copy engine has a core. The target is 1.5x somewhere; `rung overlap` is the whole study.
"""

from __future__ import annotations

import sys

from common import arguments

from rung import machine
from rung.bench import environment, overlap, probes
from rung.bench.group import Lab
from rung.bench.measure import Sampling
from rung.bench.overlap_result import OverlapRecord
from rung.bench.record_file import write
from rung.bench.toolchain import native
from rung.report import overlap as report
from rung.report import tables, text
from rung.schedule import Schedule

DEGREES = (8, 16, 24, 32, 48)
TARGET = 1.5


def main() -> int:
    options = arguments(__doc__ or "", budget=6.0)
    host, toolchain, schedule = machine.host(), native(), Schedule(threads=1)
    lab = Lab(
        host, toolchain, Sampling(budget_s=options.budget, seed=options.seed),
        probe=probes.empty_launch(toolchain, host),
    )  # fmt: skip
    depths = (2,)
    tile = overlap.default_tiles(host, depths, overlap.ELEMENTS, schedule.threads)[1]
    plan = overlap.OverlapPlan(overlap.ELEMENTS, (tile,), depths, schedule)
    plan.check(host)
    results = [result for degree in DEGREES for result in overlap.run(degree, plan, lab)]
    record = OverlapRecord(environment=environment.describe(host, options.seed), results=results)
    report.show(tables.console(), record)
    doubles = [result for result in results if result.step and result.step_ci]
    best = max(doubles, key=lambda result: result.step_ci[0] if result.step_ci else 0.0)
    reached = "reached" if best.step_ci and best.step_ci[0] >= TARGET else "NOT reached"
    print(
        f"target {TARGET}x {reached}: best {text.ratio(best.step, best.step_ci)}, both ends of the 95% interval shown"
    )
    if options.json:
        write(record, options.json)
    return 0 if record.correct else 1


if __name__ == "__main__":
    sys.exit(main())
