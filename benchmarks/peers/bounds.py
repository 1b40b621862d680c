"""What this machine can do at best, measured in the same run: copies from memory and caches, multiply-adds."""

from __future__ import annotations

from dataclasses import dataclass

from row import Row

from rung import machine
from rung.bench import group, suite
from rung.bench.roofline import Roofs, roofs
from rung.bench.toolchain import native


@dataclass(frozen=True)
class Bounds:
    """`seconds(row)`: the longer of its bytes at the measured copy rate of so many bytes, and its operations at the
    measured rate of f32 multiply-adds."""

    roofs: Roofs
    contexts: int

    def seconds(self, row: Row) -> float:
        moved = row.bytes / self.roofs.copy(row.bytes, self.contexts)
        return max(moved, row.operations / self.fma)

    @property
    def fma(self) -> float:
        """Operations per second, two for each multiply-add."""
        return self.roofs.fma(self.contexts)

    @property
    def copy(self) -> float:
        """Bytes per second, read and written, of arrays beyond the caches."""
        return self.roofs.copy(1 << 28, self.contexts)


def measure() -> Bounds:
    host = machine.host()
    workload = suite.find("gelu")
    found = roofs(native(), host, group.case_of(workload, workload.shape, "f32", 0))
    assert found is not None
    return Bounds(found, host.contexts)
