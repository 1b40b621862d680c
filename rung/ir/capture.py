"""What a region uses from outside of it, and how to make that available in another function."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from torch_mlir import ir
from torch_mlir.dialects import llvm

from ..errors import ContractError
from .allocations import VIEWS
from .pointers import can_be_rebuilt

Value = ir.Value[Any]

# Ops that make a memref out of a memref: cheap, and a copy tells later passes more than a pointer would.
_REPEATED = (*VIEWS, "memref.get_global", "memref.assume_alignment")
_PURE_DIALECTS = ("arith.", "math.", "vector.")
_CONSTANTS = ("arith.constant", "llvm.mlir.constant", "func.constant", "ub.poison")


@dataclass
class Captures:
    """`slots`: values to hand over. `clones`: ops to repeat over there, in an order that respects their
    operands."""

    slots: list[Value] = field(default_factory=list[Value])
    clones: list[ir.Operation] = field(default_factory=list[ir.Operation])
    uses: list[tuple[ir.Operation, int, Value]] = field(default_factory=list[tuple[ir.Operation, int, Value]])
    """Every (op, operand position, outside value) in the region."""


def captures(region_op: ir.Operation) -> Captures:
    """Captures of the regions of an op: what they use that is defined before it.

    Constants and views are repeated; vectors, which fit no slot, are repeated with the pure ops that make
    them; scalars, pointers and whole buffers are handed over. Refuses (ContractError) values that are none of
    these.
    """
    result = Captures()
    known: set[Value] = set()
    # Few values are defined outside and most ops are inside: ask the values for their users.
    for value in _visible(region_op):
        inside = [(use.owner.operation, use.operand_number) for use in value.uses]
        inside = [(user, position) for user, position in inside if _is_within(user, region_op)]
        if inside:
            result.uses += [(user, position, value) for user, position in inside]
            _capture(value, known, result)
    return result


def _visible(op: ir.Operation) -> Iterator[Value]:
    """All values that are defined before `op` in the blocks around it, up to its function."""
    around = [op]
    while around[-1].name != "func.func":
        around.append(around[-1].parent.operation)
    for inner in around[-2::-1]:
        block = inner.block
        yield from block.arguments
        for before in block.operations:
            if before.operation == inner:
                break
            yield from before.operation.results


def _is_within(op: ir.Operation, outer: ir.Operation) -> bool:
    """Whether `op` is nested in a region of `outer`."""
    while op.name != "func.func":
        op = op.parent.operation
        if op == outer:
            return True
    return False


def _capture(value: Value, known: set[Value], result: Captures) -> None:
    if value in known:
        return
    known.add(value)
    op = None if isinstance(value.owner, ir.Block) else value.owner.operation
    if op is not None and _is_repeated(op, value):
        for operand in op.operands:
            _capture(operand, known, result)
        known.update(op.results)
        result.clones.append(op)
    elif _fits_slot(value.type):
        result.slots.append(value)
    else:
        source = "a block argument" if op is None else f"`{op.name}`"
        raise ContractError(f"a value of type {value.type}, from {source}, cannot be handed to a context task")


def _fits_slot(kind: ir.Type) -> bool:
    if isinstance(kind, ir.MemRefType):
        return can_be_rebuilt(kind)
    return isinstance(kind, ir.IndexType | ir.IntegerType | ir.FloatType | llvm.PointerType)


def _is_repeated(op: ir.Operation, value: Value) -> bool:
    if op.name in _CONSTANTS or op.name in _REPEATED:
        return True
    if isinstance(value.type, ir.MemRefType):
        return op.name == "arith.select" and not can_be_rebuilt(value.type)
    if not isinstance(value.type, ir.VectorType) or not op.name.startswith(_PURE_DIALECTS):
        return False
    return not _touches_memory(op)


def _touches_memory(op: ir.Operation) -> bool:
    return any(isinstance(operand.type, ir.MemRefType) for operand in op.operands) or len(op.regions) > 0
