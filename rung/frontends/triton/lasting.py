"""Which argument a pointer belongs to, whatever loops and branches it went through: a pure question about the TTIR."""

from __future__ import annotations

from collections.abc import Sequence

from torch_mlir import ir

from .bases import Base, same_base
from .meanings import Addresses, Formed
from .operation import pointer_operands
from .program import Program
from .ttir import owner


def lasting_base(program: Program, pointers: Sequence[ir.Value]) -> Base | None:
    """The one base of all `pointers`; None if there are several, or one is not known.

    They need not have been converted: they are followed without the pointer analysis, which would remember the answer.
    """
    found: Base | None = None
    seen: set[ir.Value] = set()
    pending = list(pointers)
    while pending:
        value = pending.pop()
        if value in seen:
            continue
        seen.add(value)
        known = program.meanings.get(value)
        if isinstance(known, Addresses | Formed):
            base = known.base if isinstance(known, Addresses) else known.form.base
            if base is None or (found is not None and not same_base(found, base)):
                return None
            found = base
            continue
        sources = _sources(value)
        if not sources:
            return None
        pending += sources
    return found


def _sources(value: ir.Value) -> list[ir.Value]:
    """What a pointer is derived from, or handed on by control flow; nothing where it was made otherwise."""
    op = owner(value)
    if op is None:
        argument = ir.BlockArgument(value)
        return _carried(argument.owner.owner.operation, argument)
    number = ir.OpResult(value).result_number
    if op.name == "scf.if":
        return [_end(region).operands[number] for region in op.regions]
    if op.name == "scf.for":
        return [op.operands[number + 3], _end(op.regions[0]).operands[number]]
    if op.name == "scf.while":
        return [_end(op.regions[0]).operands[number + 1]]
    return pointer_operands(op)


def _carried(loop: ir.Operation, argument: ir.BlockArgument) -> list[ir.Value]:
    """The values that an argument of a loop's block may be."""
    number = argument.arg_number
    if loop.name == "scf.for":  # operands: lower bound, upper bound and step come first
        return [] if number == 0 else [loop.operands[number + 2], _end(loop.regions[0]).operands[number - 1]]
    if loop.name != "scf.while":
        return []
    if argument.owner == loop.regions[0].blocks[0]:
        return [loop.operands[number], _end(loop.regions[1]).operands[number]]
    return [_end(loop.regions[0]).operands[number + 1]]


def _end(region: ir.Region) -> ir.Operation:
    return list(region.blocks[0].operations)[-1].operation
