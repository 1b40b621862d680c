"""Which loads and stores of the device's code go to DRAM: those that are not in scratch, scratchpad or on the stack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import llvmlite.binding as llvm

from .ir_objects import Blocks, Function, Instruction, symbol

_POINTER_OPERAND = {"load": 0, "store": 1, "atomicrmw": 0, "cmpxchg": 0}
_MASKED = "llvm.masked."
_POINTER_ARGUMENT = {"load": 0, "store": 1, "gather": 0, "scatter": 1}
"""Of the intrinsics `llvm.masked.*`."""


@dataclass
class Traffic:
    """Accesses to DRAM that one execution of a block makes."""

    scalar: int = 0
    vector: int = 0
    vector_bytes: int = 0


def dram_traffic(
    functions: Mapping[str, Function], vector_bytes: int, address_bytes: int
) -> dict[tuple[str, str], Traffic]:
    """Of every block that makes any. What is narrower than a vector counts as scalars of 8 bytes.

    A masked vector counts as a whole one, whatever its mask; a gather or scatter as one scalar per lane; an atomic
    update as a load and a store. `address_bytes`: of a pointer in memory.
    """
    tasks = {task for function in functions.values() for task in _tasks(function)}
    found: dict[tuple[str, str], Traffic] = {}
    for name, function in functions.items():
        # The frame of a task is the launcher's own memory.
        near = _near_pointers(function.blocks, set(function.arguments[:1]) if name in tasks else set())
        for block, instructions in function.blocks.items():
            traffic = Traffic()
            for instruction in instructions:
                pointer = _pointer(instruction)
                if pointer is not None and (place := symbol(pointer)).startswith("%") and place not in near:
                    _count(instruction, traffic, vector_bytes, address_bytes)
            if traffic.scalar or traffic.vector:
                found[name, block] = traffic
    return found


def _tasks(function: Function) -> set[str]:
    """Functions that it hands to the contexts."""
    forks = (i for block in function.blocks.values() for i in block if i.opcode == "call" and i.callee == "rung_fork")
    return {name[1:] for fork in forks for given in fork.operands[:-1] if (name := symbol(given)).startswith("@")}


def _masked(instruction: Instruction) -> str:
    """`load`, `store`, `gather` or `scatter` for a call of an intrinsic `llvm.masked.*`, otherwise empty."""
    callee = instruction.callee
    return callee.removeprefix(_MASKED).partition(".")[0] if callee.startswith(_MASKED) else ""


def _pointer(instruction: Instruction) -> llvm.ValueRef | None:
    """Where an instruction reads or writes memory, if it does."""
    position = _POINTER_OPERAND.get(instruction.opcode)
    if position is None and instruction.opcode == "call":
        position = _POINTER_ARGUMENT.get(_masked(instruction))
    return None if position is None else instruction.operands[position]


def _count(instruction: Instruction, traffic: Traffic, vector_bytes: int, address_bytes: int) -> None:
    if instruction.opcode in ("atomicrmw", "cmpxchg"):
        traffic.scalar += 2
        return
    masked = _masked(instruction)
    kind = instruction.operands[0].type if "store" in (instruction.opcode, masked) else instruction.type
    if masked in ("gather", "scatter"):
        traffic.scalar += (instruction.operands[0].type if masked == "scatter" else kind).element_count
        return
    # LLVM does not know the width of an address without its module's data layout.
    bits = kind.type_width or 8 * address_bytes * (kind.element_count if kind.is_vector else 1)
    size = max(1, bits // 8)
    if kind.is_vector and size >= vector_bytes:
        traffic.vector += -(-size // vector_bytes)
        traffic.vector_bytes += size
    else:
        traffic.scalar += -(-size // 8)


def _near_pointers(blocks: Blocks, near: set[str]) -> set[str]:
    """Pointers that can only point into the stack or an arena: by address arithmetic, phis and selects."""
    derived: dict[str, list[str]] = {}
    for instructions in blocks.values():
        for instruction in instructions:
            match instruction.opcode:
                case "alloca":
                    near.add(instruction.name)
                case "call" if instruction.callee == "rung_arena_enter":
                    near.add(instruction.name)
                case "getelementptr":
                    derived[instruction.name] = [symbol(instruction.operands[0])]
                case "phi" | "select" if instruction.type.is_pointer:
                    first = 1 if instruction.opcode == "select" else 0
                    derived[instruction.name] = [symbol(source) for source in instruction.operands[first:]]
                case _:
                    pass
    # From above: all derived pointers are near until one of their sources is not. Loops of phis need this order.
    far = {source for sources in derived.values() for source in sources} - near - set(derived)
    hopeful = set(derived)
    while lost := {name for name in hopeful if any(source in far for source in derived[name])}:
        hopeful -= lost
        far |= lost
    return near | hopeful
