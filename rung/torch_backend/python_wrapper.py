"""Inductor's writer of the Python around a graph's kernels, with stretches of it as one call each."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import Any, cast

from torch._inductor import config
from torch._inductor.codegen.wrapper import (
    FreeIfNotReusedLine,
    MemoryPlanningState,
    PythonWrapperCodegen,
    WrapperLine,
)
from torch._inductor.utils import IndentedBuffer

from .stretches import Stretch, cut

_IMPORT = "from rung.torch_backend.sequences import sequence"


class PythonWrapper(PythonWrapperCodegen):
    """Of one graph. The bodies of loops and branches are written by Inductor's own."""

    def __init__(self) -> None:
        super().__init__()
        self._numbers = count()

    @staticmethod
    def create(
        is_subgraph: bool, subgraph_name: str | None, parent_wrapper: Any, partition_signatures: Any = None
    ) -> PythonWrapperCodegen:
        if is_subgraph:
            return PythonWrapperCodegen.create(is_subgraph, subgraph_name, parent_wrapper, partition_signatures)
        return PythonWrapper()

    def run_wrapper_ir_passes(self, is_inference: bool) -> None:
        before: list[Any] = list(self.lines)
        super().run_wrapper_ir_passes(is_inference)
        if _is_watched() or (is_inference and config.memory_planning):
            return
        planned: list[Any] = self.lines
        # Inductor leaves out what is freed last. Behind a stretch it would be a result.
        planned += [line.plan(MemoryPlanningState()) for line in before[len(planned) :] if _frees(line)]
        planned[:] = cut(planned, lambda stretch: _Line(self, stretch))

    def write_sequence(self, stretch: list[Any], code: IndentedBuffer) -> None:
        name = f"sequence_{next(self._numbers)}"
        lines = IndentedBuffer()
        with self.set_writeline(lines, lines.writeline):
            for line in stretch:
                if isinstance(line, WrapperLine):
                    cast(Any, line).codegen(lines)
                else:
                    lines.writeline(line)
        found = Stretch.of(stretch, self)
        self.add_import_once(_IMPORT)
        _define(self.subgraph_definitions, name, found, lines)
        code.writeline(f"given = [{', '.join(found.inputs)}]")
        if found.taken:
            code.writeline(f"del {', '.join(found.taken)}")
        results = f"({', '.join(found.results)},) = " if found.results else ""
        code.writeline(f"{results}{name}({', '.join(['given', *found.symbols])})")


@dataclass
class _Line(WrapperLine):
    wrapper: PythonWrapper
    stretch: list[Any]

    def codegen(self, code: IndentedBuffer) -> None:
        self.wrapper.write_sequence(self.stretch, code)


def _frees(line: Any) -> bool:
    return isinstance(line, FreeIfNotReusedLine) and not line.is_reused and not line.comm_buffer


def _is_watched() -> bool:
    """Whether Inductor is to write something between lines, or count what they do."""
    return bool(
        config.aot_inductor.debug_intermediate_value_printer != "0"
        or config.test_configs.track_memory_lifecycle
        or config.profile_bandwidth
    )


def _define(code: IndentedBuffer, name: str, found: Stretch, lines: IndentedBuffer) -> None:
    symbols = found.symbols
    code.writeline(f"def {name}_lines({', '.join(['given', *symbols])}):")
    with code.indent():
        if found.inputs:
            code.writeline(f"({', '.join(found.inputs)},) = given")
        code.writeline("given.clear()")
        code.splice(lines)
        code.writeline(f"return ({''.join(f'{result}, ' for result in found.results)})")
    code.writeline(f"def {name}_values({', '.join(symbols)}):")
    with code.indent():
        code.writeline(f"return ({''.join(f'{value}, ' for value in found.values)})")
    steps, results = tuple(found.steps), tuple(found.registers[result] for result in found.results)
    sizes = f"inputs={len(found.inputs)}, registers={found.count}, count={len(found.values)}"
    code.writeline(f"{name} = sequence({name}_lines, {name}_values, steps={steps}, results={results}, {sizes})")
