"""Who reads and writes memory: the arguments, structured (through views) and element by element, or what a pointer
that was computed or loaded leads to.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from torch_mlir import ir
from torch_mlir.dialects import func

from .allocations import allocation_of
from .attributes import COMBINER
from .footprints import View, view_of
from .pointers import is_memref_at, is_pointer_of
from .slicing import collect
from .volatile import is_volatile

Value = ir.Value[Any]

_METADATA = ("memref.dim", "memref.extract_strided_metadata", "memref.extract_aligned_pointer_as_index")
_ATOMICS = ("memref.atomic_rmw", "memref.generic_atomic_rmw")
_OVERWRITES = ("linalg.fill", "linalg.copy", "linalg.transpose", "linalg.broadcast")


@dataclass(frozen=True)
class Access:
    """One operand of one operation that touches global memory."""

    base: Value
    op: ir.Operation
    operand: int
    view: View | None
    """None: element by element, or in a way that is not understood."""
    reads: bool
    writes: bool
    order: int
    """Position in the function, for comparing."""

    @property
    def anywhere(self) -> bool:
        """Whether it goes through a pointer that was computed or loaded: it may reach any argument's memory."""
        return not isinstance(self.base.owner, ir.Block)


def accesses(function: func.FuncOp) -> list[Access]:
    """All accesses to memref arguments of `function` and to memrefs at pointers, in program order."""
    order = {op: position for position, op in enumerate(collect(function.operation))}
    found: list[Access] = []
    for argument in function.arguments:
        if isinstance(argument.type, ir.MemRefType):
            found += _through(argument, argument, order)
    for op in order:
        if is_memref_at(op):
            found += _through(allocation_of(op.results[0]), op.results[0], order)
    return sorted(found, key=lambda access: access.order)


def _through(base: Value, memory: Value, order: dict[ir.Operation, int]) -> list[Access]:
    """The accesses to `memory`, which are accesses to `base`."""
    found: list[Access] = []
    for use in memory.uses:
        user = use.owner.operation
        view = view_of(user.results[0]) if user.name == "memref.reinterpret_cast" else None
        if view is None:
            found += _access(base, None, user, use.operand_number, order)
            continue
        for inner in view.value.uses:
            accessed = _access(base, view, inner.owner.operation, inner.operand_number, order)
            # The offset of a view of another element type is not comparable.
            found += accessed if memory == base else [replace(a, view=None) for a in accessed]
    return found


def is_atomic(op: ir.Operation) -> bool:
    return op.name in _ATOMICS


def is_fence(op: ir.Operation) -> bool:
    """Whether others may synchronize with us at `op`: an atomic, a volatile load, or a call of something unknown."""
    if is_atomic(op) or is_volatile(op):
        return True
    return op.name == "func.call" and not _is_combiner(op)


def _is_combiner(call: ir.Operation) -> bool:
    module = call
    while module.parent is not None:
        module = module.parent.operation
    name = ir.FlatSymbolRefAttr(call.attributes["callee"]).value
    for op in module.regions[0].blocks[0].operations:
        if isinstance(op, func.FuncOp) and op.name.value == name:
            return COMBINER in op.operation.attributes
    return False


def _access(
    base: Value, view: View | None, op: ir.Operation, operand: int, order: dict[ir.Operation, int]
) -> list[Access]:
    if op.name in _METADATA or is_pointer_of(op):
        return []
    position = order.get(op, len(order))
    if op.name == "memref.load":
        return [Access(base, op, operand, None, True, False, position)]
    if op.name == "memref.store":
        return [Access(base, op, operand, None, False, True, position)]
    effect = structured_effect(op, operand) if view is not None else None
    if effect is None:
        return [Access(base, op, operand, None, True, True, position)]
    return [Access(base, op, operand, view, *effect, position)] if any(effect) else []


def effect(op: ir.Operation, operand: int) -> tuple[bool, bool]:
    """(reads, writes) of one operand, a memref, of any operation: both where it is not understood."""
    if op.name.endswith((".load", ".transfer_read", ".maskedload", ".gather")):
        return True, False
    return structured_effect(op, operand) or (True, True)


def structured_effect(op: ir.Operation, operand: int) -> tuple[bool, bool] | None:
    """(reads, writes) of one operand of a nest, contraction or copy; None for other operations."""
    if op.name == "memref.copy":
        return operand == 0, operand == 1
    if not op.name.startswith("linalg."):
        return None
    inputs = ir.DenseI32ArrayAttr(op.attributes["operandSegmentSizes"])[0]
    if op.name != "linalg.generic":
        return (True, False) if operand < inputs else (op.name not in _OVERWRITES, True)
    body = op.regions[0].blocks[0]
    argument = body.arguments[operand]
    if operand < inputs:
        return len(list(argument.uses)) > 0, False
    terminator = body.operations[-1]
    unchanged = terminator.operands[operand - inputs] == argument
    # Nothing covers for elements that a nest leaves alone, so one that looks at its old value keeps it.
    return len(list(argument.uses)) > (1 if unchanged else 0), not unchanged
