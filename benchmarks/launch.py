"""What a launch costs: an empty kernel from C, through compiled[grid], and through kernel[grid].

    python benchmarks/launch.py --json launch.json

The last two are Triton's own ways and need rung to be installed (pip install .).
"""

from __future__ import annotations

import sys
from typing import Any

from common import arguments, save
from rich.markup import escape

from rung import machine
from rung.bench import probes
from rung.bench.toolchain import native
from rung.report import tables, text


def without_launcher() -> tuple[float, float]:
    """Seconds per launch that are Triton's own: (kernel[grid], compiled[grid]) with rung's launcher taken out."""
    import torch

    from rung.bench.empty import empty

    x = torch.zeros(1)
    compiled: Any = empty[(1,)](x, 1)
    compiled._run = lambda *_: None
    return probes.per_call(lambda: empty[(1,)](x, 1)), probes.per_call(lambda: compiled[(1, 1, 1)](x, 1))


def main() -> int:
    options = arguments(__doc__ or "")
    from_c = probes.empty_launch(native(), machine.host())()
    through_kernel, through_compiled = probes.triton_launches()
    bare_kernel, bare_compiled = without_launcher()
    rows = [
        {"path": "from C, arguments packed", "seconds": from_c},
        {"path": "compiled[grid](...)", "seconds": through_compiled},
        {"path": "the same, with a launcher that does nothing", "seconds": bare_compiled},
        {"path": "kernel[grid](...)", "seconds": through_kernel},
        {"path": "the same, with a launcher that does nothing", "seconds": bare_kernel},
    ]
    table = tables.new_table("launch of an empty kernel, 2 arguments", "path", "median per launch")
    for row in rows:
        table.add_row(escape(str(row["path"])), text.duration(float(row["seconds"])))
    tables.console().print(table)
    save(options.json, "launch", options.seed, rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
