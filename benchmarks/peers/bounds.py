"""What this machine can do at best, measured in the same run: copies from memory and caches, multiply-adds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from common import subject
from launched_kernels import five_arguments
from row import Row

from rung import machine
from rung.bench import group, suite
from rung.bench.measure import Sampling, interleave
from rung.bench.roofline import Roofs, roofs
from rung.bench.stats import median
from rung.bench.toolchain import native
from rung.report import text


@dataclass(frozen=True)
class Bounds:
    """`seconds(row)`: the longer of its bytes at the measured copy rate of so many bytes, and its operations at the
    measured rate of f32 multiply-adds; and behind that `launch`, which an empty kernel with five arguments takes."""

    roofs: Roofs
    contexts: int
    launch: float

    def seconds(self, row: Row) -> float:
        moved = row.bytes / self.roofs.copy(row.bytes, self.contexts)
        return max(moved, row.operations / self.fma) + self.launch

    @property
    def fma(self) -> float:
        """Operations per second, two for each multiply-add."""
        return self.roofs.fma(self.contexts)

    @property
    def copy(self) -> float:
        """Bytes per second, read and written, of arrays beyond the caches."""
        return self.roofs.copy(1 << 28, self.contexts)

    def __str__(self) -> str:
        rates = f"copies of 128 MiB: {self.copy / 1e9:.1f} GB/s; multiply-adds, f32: {self.fma / 1e9:.0f} Gflop/s"
        return f"{rates}; an empty launch: {text.duration(self.launch)}"


def measure() -> Bounds:
    host = machine.host()
    workload = suite.find("gelu")
    found = roofs(native(), host, group.case_of(workload, workload.shape, "f32", 0))
    assert found is not None
    return Bounds(found, host.contexts, _empty_launch())


def _empty_launch() -> float:
    given = (*(torch.zeros(16) for _ in range(3)), 7, 9)
    bound: Any = five_arguments[(1,)]
    (found,) = interleave([subject("", lambda: bound(*given))], Sampling(rounds=7))
    return median(found.values)
