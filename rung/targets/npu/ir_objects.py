"""LLVM IR through llvmlite's objects: the functions of a module, their blocks and instructions.

An object is looked at once, and only where somebody asks: each look costs a microsecond or more. All of it under
`device_code.LOCK`, while the module lives and is not changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import llvmlite.binding as llvm
from llvmlite.binding.value import ValueKind

from ...errors import RungError

_GLOBAL = (ValueKind.function, ValueKind.global_alias, ValueKind.global_ifunc, ValueKind.global_variable)
_LOCAL = (ValueKind.instruction, ValueKind.argument)


class Instruction:
    """One instruction, with what was asked about it."""

    def __init__(self, ref: llvm.ValueRef) -> None:
        self._ref = ref
        self.opcode: str = ref.opcode

    def __str__(self) -> str:
        return str(self._ref).strip()

    @cached_property
    def name(self) -> str:
        """Of its result, as an operand is called by `symbol`."""
        return f"%{self._ref.name}"

    @cached_property
    def type(self) -> llvm.TypeRef:
        """Of its result."""
        return self._ref.type

    @cached_property
    def operands(self) -> list[llvm.ValueRef]:
        return list(self._ref.operands)

    @cached_property
    def callee(self) -> str:
        """The function that it calls; empty for what calls none, or one that is computed."""
        if self.opcode != "call":
            return ""
        last = self.operands[-1]
        return last.name if last.value_kind == ValueKind.function else ""

    @cached_property
    def targets(self) -> list[str]:
        """Blocks that it may go to."""
        found = [operand.name for operand in self.operands if operand.value_kind == ValueKind.basic_block]
        # The other one of a conditional branch comes first.
        return found[::-1] if self.opcode == "br" else found


Blocks = dict[str, list[Instruction]]
"""Instructions of every block of a function, by the block's name, in order."""


@dataclass(frozen=True)
class Function:
    """A function that has a body."""

    arguments: tuple[str, ...]
    """As operands are called by `symbol`."""
    blocks: Blocks


def functions(module: llvm.ModuleRef) -> dict[str, Function]:
    """All functions that have a body, in order.

    Every block, and every value that is asked about, must have a name: LLVM's own numbers are not told. RungError for a
    block that has none."""
    found: dict[str, Function] = {}
    for function in module.functions:
        if function.is_declaration:
            continue
        arguments = tuple(f"%{argument.name}" for argument in function.arguments)
        found[function.name] = Function(arguments, {})
        for block in function.blocks:
            if not block.name:
                raise RungError(f"function `{function.name}` has a block without a name")
            found[function.name].blocks[block.name] = [Instruction(ref) for ref in block.instructions]
    return found


def symbol(operand: llvm.ValueRef) -> str:
    """What stands for an operand: `%name`, `@name`, or nothing for another constant."""
    kind = operand.value_kind
    if kind in _LOCAL:
        return f"%{operand.name}"
    return f"@{operand.name}" if kind in _GLOBAL else ""


def find(module: llvm.ModuleRef, text: str, opcodes: Sequence[str]) -> Instruction | None:
    """The first instruction of one of these opcodes, or that takes a constant made by one; None where there is none.

    text: of the module. Where it has no such word, which may also be part of a name, no instruction is looked at.
    """
    if not any(opcode in text for opcode in opcodes):
        return None
    blocks = chain.from_iterable(function.blocks for function in module.functions)
    for instruction in map(Instruction, chain.from_iterable(block.instructions for block in blocks)):
        if instruction.opcode in opcodes or any(_is_made_by(opcodes, operand) for operand in instruction.operands):
            return instruction
    return None


def _is_made_by(opcodes: Sequence[str], operand: llvm.ValueRef) -> bool:
    """Whether a constant is computed by one of them. llvmlite does not look into constants: their text tells, in which
    names begin with @."""
    if operand.value_kind != ValueKind.constant_expr:
        return False
    text = str(operand)
    return any(f" {opcode} (" in text for opcode in opcodes)
