"""Stretches of what Inductor writes for a graph that need no Python: launches, and the memory in between.

Inductor plans a graph as lines (allocate, launch, reuse, free), each of which it writes in Python. A stretch is as
many as stand one behind the other and are of the kinds that the runtime knows (rung/runtime/src/sequence.c).

before:  buf0 = empty_strided_cpu((8, 64), (64, 1), torch.float32)
         kernel_0.run(arg0_1, buf0, 8, 64, stream=...)
         buf1 = empty_strided_cpu((8, 64), (64, 1), torch.float32)
         kernel_1.run(buf0, buf1, 8, 64, stream=...)
         del buf0
after:   given = [arg0_1]
         buf1, = sequence_0(given)

where `sequence_0` has these lines as a function, and as steps. What is left in no name behind them, as buf0, is memory
without a tensor. Refused, and left in Python: calls of ATen, launches with other arguments than tensors and numbers,
lines of loops and branches.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import sympy  # pyright: ignore[reportMissingTypeStubs]
from torch._inductor.codegen import wrapper as lines
from torch._inductor.codegen.triton_utils import should_unwrap_unspec_arg
from torch._inductor.utils import LineContext, get_dtype_size
from torch._inductor.virtualized import V
from torch.utils._sympy.symbol import SymT, symbol_is_type

_SILENT = (lines.CommentLine, lines.NullLine, LineContext)
"""Which do nothing."""
_FREEING = (lines.FreeLine, lines.FreeIfNotReusedLine)
_GLOBALS = {"math", "torch", "inf", "nan"}


def belongs(line: Any) -> bool:
    """Whether a line may be a part of a stretch."""
    match line:
        case lines.KernelCallLine():
            return (
                line.triton
                and line.device.type == "cpu"
                and not line.current_stream_idx
                and all(map(_fits, line.call_args))
            )
        case lines.AllocateLine():
            return not line.comm_buffer and _is_plain(line.node)
        case lines.ReuseLine():
            return not line.comm_buffer and line.node.get_dtype() == line.reused_as.get_dtype()
        case lines.FreeIfNotReusedLine():
            return not line.comm_buffer
        case _:
            others = lines.AssertSizeStrideLine, lines.SymbolicCallArgLine, lines.FreeLine
            return isinstance(line, (*_SILENT, *others))


def _fits(argument: Any) -> bool:
    """A tensor by its name, or a number."""
    if isinstance(argument, str):
        return argument.isidentifier() and not should_unwrap_unspec_arg(argument)
    return isinstance(argument, int | float | sympy.Expr | lines.SymbolicCallArg)


def _is_plain(node: Any) -> bool:
    if node.get_name() in V.graph.removed_buffers or node.get_device().type != "cpu" or node.get_is_pinned():
        return False
    return tuple(V.graph.get_allocation_size(node)) == tuple(node.get_size())


def is_launch(line: Any) -> bool:
    return isinstance(line, lines.KernelCallLine)


def cut(planned: Iterable[Any], joined: Callable[[list[Any]], Any]) -> list[Any]:
    """The lines of a graph, with what `joined` makes of each stretch instead of its own."""
    found: list[Any] = []
    stretch: list[Any] = []
    depth = 0

    def close() -> None:
        launches = [n for n, line in enumerate(stretch) if isinstance(line, lines.KernelCallLine)]
        end = launches[-1] + 1 if launches else 0
        while launches and end < len(stretch) and isinstance(stretch[end], (*_SILENT, *_FREEING)):
            end += 1
        found.extend([joined(stretch[:end]), *stretch[end:]] if launches else stretch)
        stretch.clear()

    for line in planned:
        depth += isinstance(line, lines.EnterSubgraphLine) - isinstance(line, lines.ExitSubgraphLine)
        if isinstance(line, lines.KernelDefinitionLine) or _is_of_all(line):
            found.append(line)  # in front of the stretch
        elif depth == 0 and belongs(line):
            stretch.append(line)
        else:
            close()
            found.append(line)
    close()
    return found


def _is_of_all(line: Any) -> bool:
    """Whether a line names a number that any line behind it may use, be it in another stretch: a size that several
    kernels are given is computed once in a graph."""
    return isinstance(line, lines.SymbolicCallArgLine) and symbol_is_type(line.arg.inner, SymT.PRECOMPUTED_SIZE)


@dataclass
class Stretch:
    """One, as steps. Registers are numbers; values are numbered by how they are written in Python."""

    steps: list[tuple[Any, ...]] = field(default_factory=list[tuple[Any, ...]])
    inputs: list[str] = field(default_factory=list[str])
    """Names of the tensors that it is given: the first registers."""
    taken: list[str] = field(default_factory=list[str])
    """Those of them that nobody has afterwards."""
    results: list[str] = field(default_factory=list[str])
    values: dict[str, int] = field(default_factory=dict[str, int])
    registers: dict[str, int] = field(default_factory=dict[str, int])
    """Names that are the same memory one after the other share one."""
    count: int = 0
    """Of registers."""

    @staticmethod
    def of(stretch: Sequence[Any], wrapper: Any) -> Stretch:
        self = Stretch()
        made = [line.node.get_name() for line in stretch if isinstance(line, lines.AllocateLine)]
        made += [line.reused_as.get_name() for line in stretch if isinstance(line, lines.ReuseLine)]
        self.inputs = [
            name for name in dict.fromkeys(n for line in stretch for n in _mentioned(line)) if name not in made
        ]
        dropped = {name for line in stretch for name in _dropped(line)}
        self.taken = [name for name in self.inputs if name in dropped]
        self.results = [name for name in made if name not in dropped]
        _Writer(self, wrapper, stretch).write()
        return self

    @property
    def symbols(self) -> list[str]:
        """Names of the numbers that the values depend on."""
        return list(dict.fromkeys(name for text in self.values for name in _names(text)))


class _Writer:
    """Of the steps of a stretch."""

    def __init__(self, to: Stretch, wrapper: Any, stretch: Sequence[Any]) -> None:
        self._to, self._wrapper, self._lines = to, wrapper, stretch
        self._numbers = {str(line.arg) for line in stretch if isinstance(line, lines.SymbolicCallArgLine)}
        self._seen = {*to.inputs, *to.results}  # as tensors
        self._seen |= {line.name for line in stretch if isinstance(line, lines.AssertSizeStrideLine)}
        self._layouts = dict[int, Any]()  # of the tensors in registers
        for name in to.inputs:
            self._register(name)

    def write(self) -> None:
        tensors = self._tensors()
        for line in self._lines:
            match line:
                case lines.AssertSizeStrideLine():
                    facts = line.size, line.stride, repr(line.op_name)
                    self._step("check", self._to.registers[line.name], *map(self._value, facts))
                case lines.AllocateLine():
                    self._allocate(line.node, line.node.get_name() in tensors)
                case lines.ReuseLine():
                    self._reuse(line)
                    continue
                case lines.KernelCallLine():
                    self._step("launch", line.kernel_name, tuple(map(self._argument, line.call_args)))
                case _:
                    pass
            for name in _dropped(line):
                self._step("drop", self._to.registers[name])

    def _tensors(self) -> set[str]:
        """Names of what is allocated as a tensor: somebody sees it, or what is put there later."""
        found = set(self._seen)
        for line in reversed(self._lines):
            if isinstance(line, lines.ReuseLine):
                old = line.node.get_name()
                if line.reused_as.get_name() in found or old not in _dropped(line):
                    found.add(old)
        return found

    def _step(self, kind: str, *operands: Any) -> None:
        self._to.steps.append((kind, *operands))

    def _register(self, name: str) -> int:
        self._to.registers[name] = self._to.count
        self._to.count += 1
        return self._to.registers[name]

    def _value(self, text: str) -> int:
        return self._to.values.setdefault(text, len(self._to.values))

    def _argument(self, argument: Any) -> int:
        if isinstance(argument, str):
            return self._to.registers[argument]
        if isinstance(argument, lines.SymbolicCallArg) and str(argument) in self._numbers:
            argument = argument.inner_expr  # the name may stand for another number in the next launch
        return ~self._value(*self._wrapper.prepare_triton_kernel_call([argument]))

    def _layout(self, node: Any) -> tuple[int, int]:
        shape = self._wrapper.codegen_python_shape_tuple
        return self._value(shape(tuple(node.get_size()))), self._value(shape(tuple(node.get_stride())))

    def _allocate(self, node: Any, as_tensor: bool) -> None:
        register = self._register(node.get_name())
        if as_tensor:
            self._layouts[register] = _layout(node)
            self._step("allocate", register, *self._layout(node), self._value(str(node.get_dtype())))
        else:
            size = V.graph.get_allocation_storage_size(node) * get_dtype_size(node.get_dtype())
            self._step("scratch", register, self._value(self._wrapper.codegen_python_sizevar(size)))

    def _reuse(self, line: Any) -> None:
        """The new name has the old one's register, unless both are there, or somebody sees another layout."""
        old, new = line.node.get_name(), line.reused_as.get_name()
        before, dropped = self._to.registers[old], old in _dropped(line)
        same = self._layouts.setdefault(before, _layout(line.node)) == _layout(line.reused_as)
        if new in self._seen and not same:
            after = self._register(new)
            self._layouts[after] = _layout(line.reused_as)
            self._step("view", after, before, *self._layout(line.reused_as))
        elif not dropped:
            after = self._register(new)
            self._layouts[after] = self._layouts[before]
            self._step("reuse", after, before)
        else:
            self._to.registers[new] = before
            return
        if dropped:
            self._step("drop", before)


def _layout(node: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    return tuple(node.get_size()), tuple(node.get_stride())


def _mentioned(line: Any) -> Iterable[str]:
    match line:
        case lines.KernelCallLine():
            return [argument for argument in line.call_args if isinstance(argument, str)]
        case lines.AssertSizeStrideLine():
            return [line.name]
        case lines.ReuseLine():
            return [line.node.get_name()]
        case _:
            return _dropped(line)


def _dropped(line: Any) -> list[str]:
    """Names that are gone behind a line, as Inductor writes it."""
    match line:
        case lines.ReuseLine():
            name = line.node.get_name()
            return [name] if line.delete_old and name not in V.graph.get_output_names() else []
        case lines.FreeIfNotReusedLine():
            return [] if line.is_reused else [line.node.get_name()]
        case lines.FreeLine():
            return [line.node.get_name()]
        case _:
            return []


def _names(text: str) -> list[str]:
    """Variables of an expression."""
    found = [node.id for node in ast.walk(ast.parse(text, mode="eval")) if isinstance(node, ast.Name)]
    return [name for name in found if name not in _GLOBALS and not hasattr(builtins, name)]
