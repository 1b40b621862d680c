"""Where a fork pays, measured, and where rung forks: `python benchmarks/break_even.py [--device NAME] [KERNEL ...]`.

Every kernel runs on one context and, forced, on all of them, at sizes from where a fork loses to where it pays; the
crossing is set beside the size from which on rung forks by itself. Vec is on, without a scratchpad.
"""

from __future__ import annotations

import argparse

from rung import machine as machines
from rung.bench import break_even
from rung.bench.group import Lab
from rung.bench.measure import Sampling
from rung.bench.toolchain import native


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kernels", nargs="*", default=list(break_even.SIZES))
    parser.add_argument("--device", default="host")
    parser.add_argument("--rounds", type=int, default=15)
    given = parser.parse_args()
    machine = machines.load(given.device)
    lab = Lab(machine, native(), Sampling(rounds=given.rounds))
    print(f"{'kernel':12} {'pays from':>12} {'rung forks from':>16} {'ratio':>7}   elements, on {machine.name}")
    for name in given.kernels:
        found = break_even.find(name, lab)
        shown = [f"{size:,.0f}" if size else "never" for size in (found.measured, found.predicted)]
        ratio = f"{found.predicted / found.measured:.2f}" if found.measured and found.predicted else "-"
        print(f"{name:12} {shown[0]:>12} {shown[1]:>16} {ratio:>7}", flush=True)


if __name__ == "__main__":
    main()
