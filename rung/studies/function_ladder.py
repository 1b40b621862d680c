"""`rung ladder --inductor FILE.py::name`: the ladder of every kernel of a torch function, and of whole calls of it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..bench import captured, graph, group, ladder
from ..bench.group import Lab, Step, Tell
from ..bench.ladder_result import Graph
from ..bench.problem import check_memory
from ..bench.result import Result
from ..frontends import torch_function
from ..machine import Machine
from ..options import examples
from ..schedule import Schedule
from .study import Part

if TYPE_CHECKING:
    from ..frontends.inductor import CompiledFunction
    from ..frontends.torch_function import Given, TorchFunction

Found = list[Result] | Graph


@dataclass(frozen=True)
class FunctionLadder:
    """`check`: watch the first launches of every kernel."""

    function: TorchFunction
    machine: Machine
    schedules: Sequence[Schedule]
    check: bool

    @contextmanager
    def parts(self, tell: Tell) -> Generator[tuple[Part[Found], ...]]:
        """One for each kernel, and the whole; the function stays compiled while the context is open."""
        with compiled(self.function, tell) as found:
            names = captured.labels(found.kernels)
            labelled = list(zip(names, found.kernels, strict=True))
            results: list[Result] = []

            def one(label: str, number: int) -> Part[Found]:
                def run(lab: Lab) -> Found:
                    case = captured.case(found, found.kernels[number], label)
                    if self.check:
                        group.watch(case, lab.tell)
                    variants = [group.Variant(schedule.rung, case, schedule) for schedule in self.schedules]
                    measured = ladder.with_ratios(group.measure(variants, lab))
                    results.extend(measured)
                    return measured

                return Part(label, run)

            def whole(lab: Lab) -> Found:
                if lab.exact:
                    return graph.model(self.function, found, labelled, results, self.machine.name)
                return graph.measure(self.function, found, labelled, self.schedules, lab)

            yield (*(one(label, number) for number, label in enumerate(names)), Part(self.function.name, whole))


@contextmanager
def compiled(function: TorchFunction, tell: Callable[[Step], None]) -> Generator[CompiledFunction]:
    """By Inductor, after a call without it. Raises UsageError for what fails, or becomes no kernel."""
    from ..frontends import inductor
    from ..runtime import threads_as_before

    tell(Step(f"calling {function.name} without a compiler"))
    function.call_eager()
    tell(Step(f"compiling {function.name} with Inductor"))
    with threads_as_before(), inductor.compiled(function.call, function.target, function.name) as found:
        if not found.kernels:
            raise inductor.no_kernel(function.name)
        yield found


def load(spec: str, inputs: str | None, seed: int) -> TorchFunction:
    """`FILE.py::name` on `--inputs`, or on what the file says."""
    return torch_function.load(spec, None if inputs is None else _given(inputs), seed)


def _given(text: str) -> list[Given]:
    found: list[Given] = []
    for each in examples.parse(text, torch_function.DTYPES):
        if isinstance(each, examples.Example):
            elements = 1
            for size in each.shape:
                elements *= size
            check_memory(elements)
            found.append(torch_function.Drawn(torch_function.DTYPES[each.dtype], each.shape, each.span))
        else:
            found.append(each)
    return found


def announce(function: TorchFunction) -> str:
    """`model.py::Block on f32[4,64,256]`"""
    return f"{function.where} on {function.words or 'no inputs'}"
