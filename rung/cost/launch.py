"""The work of one launch of a compiled kernel, whose sizes are known: what its caller does, and each context."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch_mlir import ir

from .count import Counting, Lanes
from .work import Work

Value = ir.Value[Any]
_FORKS = ("rung_fork", "rung_run_programs")


@dataclass(frozen=True)
class Shared:
    """A forked loop: what the context with the largest share does, on how many contexts."""

    contexts: int
    longest: Work


@dataclass(frozen=True)
class LaunchWork:
    """`alone` is done by the caller; `forks` follow one another."""

    alone: Work
    forks: tuple[Shared, ...] = ()


def count_launch(module: ir.Module, arguments: Sequence[object], grid: Sequence[int], lanes: Lanes) -> LaunchWork:
    """Of a module at stage `vector`. arguments: the launch's, of which integers count; others may be anything.

    A context's share is followed as the last one runs it: blocks of programs differ by one, and it has the larger."""
    functions = {
        ir.StringAttr(op.operation.attributes["sym_name"]).value: op.operation
        for op in module.body.operations
        if op.operation.name == "func.func" and len(op.operation.regions[0].blocks)
    }
    kernel = next(op for op in functions.values() if "rung.kernel" in op.attributes)
    block = kernel.regions[0].blocks[0]
    counting = Counting(lanes)
    numbers = [*arguments[: len(block.arguments) - len(grid)], *grid]
    for position, (value, number) in enumerate(zip(block.arguments, numbers, strict=True)):
        if isinstance(value.type, ir.MemRefType):
            counting.arguments[value] = position
        elif isinstance(number, int | bool):
            counting.known[value] = int(number)
    forks: list[Shared] = []
    slots = _Slots()
    for view in block.operations:
        op = view.operation
        slots.follow(op)
        if op.name == "func.call" and _callee(op) in _FORKS:
            shared = _shared(op, counting, slots, functions, lanes)
            if shared is not None:
                forks.append(shared)
    counting.block(block)
    return LaunchWork(counting.work, tuple(forks))


def _shared(
    op: ir.Operation, caller: Counting, slots: _Slots, functions: Mapping[str, ir.Operation], lanes: Lanes
) -> Shared | None:
    before = Counting(lanes, known=dict(caller.known), arguments=dict(caller.arguments))
    before.block(op.block)
    contexts = before.number(op.operands[2]) or 1
    if contexts < 1:
        return None
    constant: Any = op.operands[0].owner
    named = ir.FlatSymbolRefAttr(constant.attributes["value"]).value
    task = functions[named].regions[0].blocks[0]
    inside = Counting(lanes)
    inside.known[task.arguments[1]] = contexts - 1
    for load in task.operations:
        if load.operation.name == "llvm.load":
            slots.hand(load.operation, task.arguments[0], before, inside)
    inside.block(task)
    return Shared(contexts, inside.work)


class _Slots:
    """What a caller puts into the frame of a task, by place."""

    def __init__(self) -> None:
        self._stored: dict[int, Value] = {}

    def follow(self, op: ir.Operation) -> None:
        if op.name == "llvm.store":
            self._stored[_place(op.operands[1])] = op.operands[0]

    def hand(self, load: ir.Operation, frame: Value, caller: Counting, inside: Counting) -> None:
        address = load.operands[0]
        owner = address.owner
        base = address if isinstance(owner, ir.Block) else owner.operands[0]
        value = self._stored.get(_place(address))
        if base != frame or value is None:
            return
        result = load.results[0]
        number = caller.number(value)
        if number is not None:
            inside.known[result] = number
        source = value.owner
        origin = value if isinstance(source, ir.Block) else source.operands[0] if len(source.operands) else value
        argument = caller.arguments.get(value, caller.arguments.get(origin))
        if argument is not None:
            inside.arguments[result] = argument


def _place(address: Value) -> int:
    owner = address.owner
    if isinstance(owner, ir.Block) or owner.name != "llvm.getelementptr":
        return 0
    return list(ir.DenseI32ArrayAttr(owner.attributes["rawConstantIndices"]))[-1]


def _callee(op: ir.Operation) -> str:
    return ir.FlatSymbolRefAttr(op.attributes["callee"]).value
