"""The predictor: a compiled kernel, its launch, a Machine -> what the launch will take, before it runs.

On the host it is the cost model (`rung.cost`); on a modelled device the launch is recorded once, and replayed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch_mlir import ir

from ..cost import predict as host
from ..cost.count import Lanes
from ..cost.launch import LaunchWork, count_launch
from ..ir.context import compiler_context
from ..machine import Machine
from ..schedule import Schedule

if TYPE_CHECKING:
    from ..compile import AnyExecutable


@dataclass(frozen=True)
class Predicted:
    """In `unit`. `terms` say what the time is made of, by name, where the host's model tells."""

    time: float
    unit: str
    terms: Mapping[str, float]


@dataclass(frozen=True)
class Predictor:
    """Predicts launches of one compiled kernel with one set of arguments. What it does is counted once; prices are
    those of any machine that the code runs on, so that machines can be compared."""

    work: LaunchWork | None
    sizes: Mapping[int, float]
    replay: Any = None

    def on(self, machine: Machine) -> Predicted:
        if self.work is None:
            return Predicted(self.replay(machine).cycles, "cycles", {})
        found = host.predict(self.work, machine, self.sizes, engine=True)
        terms = {name: getattr(found, name) * 1e-9 for name in ("launch", "fork", "compute", "memory", "transfers")}
        return Predicted(found.total * 1e-9, "s", terms)


def predictor(executable: AnyExecutable, args: Sequence[Any], grid: Sequence[int], schedule: Schedule) -> Predictor:
    """Of one launch. On a modelled device it computes the values, which a host's does not."""
    machine = executable.machine
    if machine.kind == "npu":
        from ..targets.npu.timeline import Replayer

        bound: Any = executable.bind(args, (grid[0], grid[1], grid[2]))
        return Predictor(None, {}, Replayer(bound.trace()).on)
    context, lock = compiler_context()
    with lock, context:
        module = ir.Module.parse(executable.stages["vector"], context)
        lanes = machine.vector_bytes // 4 if schedule.vectorize else 1
        work = count_launch(module, args, grid, Lanes(lanes, "fma" in machine.features))
    return Predictor(work, sizes(args))


def sizes(args: Sequence[Any]) -> Mapping[int, float]:
    """Bytes of each array, by the number of the argument."""
    return {
        number: float(value.numel() * value.element_size())
        for number, value in enumerate(args)
        if hasattr(value, "element_size")
    }
