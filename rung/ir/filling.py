"""Filling: what puts numbers into a buffer in each step of a loop, and what decides which numbers those are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from torch_mlir import ir
from torch_mlir.dialects import scf

from .accesses import effect
from .allocations import VIEWS, allocation_of
from .dependences import anchor_in, encloses
from .slicing import collect, is_inside, is_pure, slice_of

Value = ir.Value[Any]
_CONTROL = ("scf.for", "scf.if", "scf.yield", "linalg.generic", "linalg.yield", "linalg.index")
_MEMORY = ("memref.load", "memref.store")
_DIVISIONS = ("arith.divui", "arith.divsi", "arith.floordivsi")
_QUOTIENTS = (*_DIVISIONS, "arith.shrui", "arith.shrsi")


@dataclass(frozen=True)
class Filling:
    """Of a buffer that `units` alone touch, beside the contraction that reads it."""

    units: list[ir.Operation]
    """Operations of the loop's body, in order: nests, or loops and branches around them."""
    sources: list[Value]
    """What they read beside buffers that they fill themselves: arguments of the function, memrefs at pointers."""
    keys: list[Value]
    """Numbers from outside of the loop. Where they and the sources are what they were, so is what a step fills in."""


def filling_of(loop: scf.ForOp, buffer: Value, reader: ir.Operation, number: int) -> Filling | None:
    """What fills `buffer`, an allocation, for operand `number` of `reader`, which is in the body of `loop`.

    None where the buffer, or one that it is filled from, is touched outside of the loop or by something that is not
    understood: then what a step finds in it may be of another one.
    """
    units = _units(loop, buffer, reader, number)
    if units is None:
        return None
    inside = {op for unit in units for op in collect(unit)}
    search = _Search(loop, inside)
    for op in inside:
        if not all(search.visit(operand) for operand in op.operands):
            return None
    bounds = [bound for bound in (loop.operation.operands[0], loop.operation.operands[2]) if not _is_known(bound)]
    if not all(search.visit(bound) for bound in bounds):
        return None
    ordered = [op.operation for op in loop.body.operations if op.operation in units]
    return Filling(ordered, list(search.sources), list(search.keys))


def changes_slowly(loop: ir.Operation, values: Iterable[Value]) -> bool:
    """Whether `values` depend on the iteration of `loop` through quotients and loads only, or not at all.

    A grid of two dimensions is one loop: `%py = %p / %gx` stays the same for `%gx` programs. Of a choice, one side is
    enough: divisions by what may be -1 are made so. Nothing but time depends on the answer.
    """
    known: set[Value] = set()

    def slow(value: Value) -> bool:
        if value in known or not is_inside(value, loop):
            return True
        owner = value.owner
        if isinstance(owner, ir.Block):
            return False
        if owner.name in _QUOTIENTS or owner.name == "memref.load":
            return True
        if owner.name == "arith.select":
            condition, *sides = owner.operands
            return slow(condition) and any(map(slow, sides))
        if not is_pure(owner.operation) or not all(slow(operand) for operand in owner.operands):
            return False
        known.add(value)
        return True

    return all(slow(value) for value in values)


def turns_of(loop: scf.ForOp, values: Iterable[Value]) -> list[Value]:
    """For how many iterations of `loop` each quotient that `values` depend on stays the same, where a number from
    outside of it says so: `%gx`, where they depend on `%p / %gx`."""
    ops = slice_of(list(values), loop.operation)[0]
    of_iteration = [op for op in ops if op.name in _DIVISIONS and op.operands[0] == loop.induction_variable]
    return [op.operands[1] for op in of_iteration if not is_inside(op.operands[1], loop.operation)]


def _units(loop: scf.ForOp, buffer: Value, reader: ir.Operation, number: int) -> set[ir.Operation] | None:
    units: set[ir.Operation] = set()
    buffers, pending = {buffer}, [buffer]
    while pending:
        for op, operand in _users(pending.pop()):
            if op == reader and operand == number:
                continue
            if op == reader or not encloses(loop.operation, op):
                return None
            unit = anchor_in(loop, op)
            if unit in units:
                continue
            units.add(unit)
            for inner in collect(unit):
                if not _is_understood(inner):
                    return None
                for memory in inner.operands:
                    root = allocation_of(memory) if isinstance(memory.type, ir.MemRefType) else None
                    if root is not None and _is_allocation(root) and root not in buffers:
                        buffers.add(root)
                        pending.append(root)
    if any(is_inside(memory, loop.operation) for memory in buffers):
        return None
    return units


def _users(memory: Value) -> list[tuple[ir.Operation, int]]:
    """What uses an allocation, and as which operand, through whatever views."""
    found: list[tuple[ir.Operation, int]] = []
    for use in memory.uses:
        user = use.owner.operation
        found += _users(user.results[0]) if user.name in VIEWS else [(user, use.operand_number)]
    return found


def _is_understood(op: ir.Operation) -> bool:
    """Whether `op` only computes, moves elements of memrefs, or holds what does; it writes to nothing but buffers."""
    if op.name in _CONTROL or op.name in _MEMORY:
        memories = [number for number, value in enumerate(op.operands) if isinstance(value.type, ir.MemRefType)]
        written = (number for number in memories if op.name == "memref.store" or effect(op, number)[1])
        return all(_is_allocation(allocation_of(op.operands[number])) for number in written)
    return op.name in VIEWS or (op.name.startswith(("arith.", "math.")) and not len(op.regions))


def _is_allocation(root: Value) -> bool:
    return not isinstance(root.owner, ir.Block) and root.owner.name == "memref.alloca"


class _Search:
    """What some operations of a loop's body depend on."""

    def __init__(self, loop: scf.ForOp, inside: set[ir.Operation]) -> None:
        self.loop, self.inside = loop, inside
        self.sources: dict[Value, None] = {}
        self.keys: dict[Value, None] = {}
        self._known: set[Value] = set()

    def visit(self, value: Value) -> bool:
        """Note what `value` depends on; whether that is understood."""
        if value in self._known:
            return True
        self._known.add(value)
        owner = value.owner
        if isinstance(owner, ir.Block):
            return self._argument(value, owner)
        op = owner.operation
        if op in self.inside:
            return True
        if op.name == "memref.alloca":
            return True  # a buffer that they fill
        if op.name in VIEWS:
            return all(map(self.visit, op.operands))
        if isinstance(value.type, ir.MemRefType):
            return self._source(value)
        if not is_inside(value, self.loop.operation):
            return self._number(value)
        if op.name == "memref.load":
            return not _is_allocation(allocation_of(op.operands[0])) and all(map(self.visit, op.operands))
        return is_pure(op) and all(map(self.visit, op.operands))

    def _argument(self, value: Value, block: ir.Block) -> bool:
        if isinstance(value.type, ir.MemRefType):
            return self._source(value)
        if block != self.loop.body:
            return block.owner.operation in self.inside or self._number(value)
        if value == self.loop.induction_variable:
            return True
        position = ir.BlockArgument(value).arg_number - 1
        carried = self.loop.body.operations[-1].operands[position]
        return self.visit(list(self.loop.operation.operands)[3 + position]) and self.visit(carried)

    def _source(self, memory: Value) -> bool:
        """One that is there for as long as the function runs."""
        self.sources[memory] = None
        block = memory.owner if isinstance(memory.owner, ir.Block) else memory.owner.operation.block
        return block.owner.operation.name == "func.func"

    def _number(self, value: Value) -> bool:
        if not _is_known(value):
            self.keys[value] = None
        return isinstance(value.type, ir.IndexType | ir.FloatType) or (
            isinstance(value.type, ir.IntegerType) and value.type.width <= 64
        )


def _is_known(value: Value) -> bool:
    """Whether a number is the same for as long as the function runs."""
    owner = value.owner
    if isinstance(owner, ir.Block):
        return owner.owner.operation.name == "func.func"
    return owner.name == "arith.constant" or owner.operation.block.owner.operation.name == "func.func"
