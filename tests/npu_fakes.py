"""A toolchain for a modelled device that compiles nothing: values by torch, the trace that of a pipelined loop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from rung.bench import tracing
from rung.bench.toolchain import Toolchain
from rung.bench.trace_result import TraceRecord
from rung.evidence import Launch
from rung.machine import Machine
from rung.schedule import Schedule
from rung.targets.npu.ledger import Cause, Ledger
from rung.targets.npu.timeline import Timeline
from rung.targets.npu.trace import Trace
from tests.bench_fakes import ENVIRONMENT, KERNELS
from tests.model.traces import computing, launch, pipelined

TILES, TILE_BYTES = 64, 65_536


def traced(found: Timeline, machine: Machine, **changes: Any) -> TraceRecord:
    """A timeline as the record of a kernel. Nothing is told of the causes of its cycles but that contexts compute."""
    engine = {"bytes": found.cycles, "rows": 0.0, "descriptors": 0.0, "nothing to do": 0.0}
    spent = Ledger(found.cycles, machine.contexts, {Cause.COMPUTE: found.cycles * machine.contexts}, engine)
    fields: dict[str, Any] = {
        "kernel": "vec-add", "dtype": "f32", "shape": [1024], "rung": "Vec+MT+DB", "schedule": "",
        "clock_ghz": machine.clock_ghz,
    }  # fmt: skip
    return tracing.record(found, spent, ENVIRONMENT, **fields | changes)


@dataclass
class FakeDevice:
    """Remembers what it was asked to compile for; `error` is added to all results."""

    error: float = 0.0
    compiled: list[tuple[Machine, Schedule]] = field(default_factory=list)

    def toolchain(self) -> Toolchain:
        def compile(kernel: Any, signature: object, constexprs: object, *, machine: Machine, schedule: Schedule) -> Any:
            self.compiled.append((machine, schedule))
            return _Executable(kernel, machine, schedule, self.error)

        return Toolchain(compile, lambda: None, Launch)


@dataclass
class _Executable:
    kernel: Any
    machine: Machine
    schedule: Schedule
    error: float

    def bind(self, args: Sequence[Any], grid: tuple[int, int, int]) -> _Bound:
        return _Bound(self, [value for value in args if isinstance(value, torch.Tensor)])


@dataclass
class _Bound:
    executable: _Executable
    tensors: list[torch.Tensor]

    def trace(self) -> Trace:
        function = KERNELS[self.executable.kernel.__name__]
        inputs = (tensor.double() for tensor in self.tensors[:-1])
        self.tensors[-1].copy_(function(*inputs) + self.executable.error)
        contexts = self.executable.machine.contexts
        return launch([pipelined(TILES // contexts, TILE_BYTES)] * contexts, computing(20_000, 20_000))
