"""Writes docs/validation-host.md from what `rung validate --device host --json` recorded, and its figure."""

from __future__ import annotations

import math
import sys
from pathlib import Path

from rung.bench.host_validation_result import HostValidationRecord
from rung.bench.host_validation_score import Step, missed, steps
from rung.report import host_validation as report
from rung.report import tables
from rung.studies import read

DOCS = Path(__file__).parents[1] / "docs"
TEXT = """# The host, predicted

rung's own times on one machine, predicted before they were measured. Everything here is of one run of

```
rung validate --device host --json host.json    # a minute
python tools/make_validation_host.py host.json  # writes this page and its figure
```

{environment}.

First the machine's constants are measured, by kernels that do one thing only; then all kernels are compiled and
predicted, at every size, with the model of [model.md](model.md); then they are run, with forks forced. Nothing is
fitted to a kernel. Goals: steps within 25% for 80% of kernels and sizes; told right whether a mechanism pays for 95%.

**{conclusion}.**

![predicted against measured steps](images/validation-host.png)

{score}

{constants}

## Misses
{misses}

The machine is a guest with two cores, whose last cache and memory others share: of the runs made with this model
between 69% and 89% of the steps were within 25%, and 94% to 99% of the signs were right. What moved them was how the
fork and the far levels of memory happened to be when the constants were measured, and whether the second core was there
when MT was.

## All times
{times}
"""


def reason(step: Step) -> str:
    """Of a miss, from what is known of the launch."""
    name, elements = step.result.kernel, math.prod(step.result.shape)
    if name == "row-sum" and step.mechanism == "Vec":
        return "its scalar loop loads what it stored 4 KiB away: 3 cycles per element, and the model says 2"
    if step.mechanism == "MT" and step.measured < 1.5 and elements < 1 << 20:
        return "the second core was busy with something else: two contexts were hardly faster than one"
    if name.startswith("vec-add") and step.mechanism == "Vec":
        return "scalar code hides less of far memory than the model says: it reads three arrays, a page at a time"
    if step.mechanism == "DB" and name == "matmul":
        return "operands are copied twice, to the scratchpad and into panels, and evict one another"
    if step.mechanism == "DB":
        return (
            "contexts copy their tiles themselves: what 4 KiB of a far level cost beside their bytes is a constant here"
        )
    if elements >= 1 << 20:
        return "arrays are about as large as the last cache, of which others leave now more, now less"
    return "polynomials and reductions of a row are less parallel than the pipes would allow"


def main() -> None:
    record = read(sys.argv[1])
    assert isinstance(record, HostValidationRecord)
    constants, times, score, misses = report.sheets(record)
    found = [step for step in steps(record) if missed(step)]
    rows = tuple((*row, reason(step)) for row, step in zip(misses.rows, found, strict=True))
    listed = report.Sheet(misses.title, (*misses.headers, "probably because"), rows)
    text = TEXT.format(
        environment=tables.environment(record.environment),
        conclusion=report.conclusion(record),
        score=score.markdown(),
        constants=constants.markdown(),
        misses=listed.markdown() if rows else "None.",
        times=times.markdown(),
    )
    (DOCS / "validation-host.md").write_text(text)
    report.plot(record, DOCS / "images" / "validation-host.png")
    print(f"wrote {DOCS / 'validation-host.md'}")


if __name__ == "__main__":
    main()
