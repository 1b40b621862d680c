"""Which argument a pointer belongs to."""

from __future__ import annotations

from torch_mlir import ir

from .pointers import Base, recast, same_base
from .program import Program
from .ttir import owner, pointee


def base_of(program: Program, pointer: ir.Value) -> Base | None:
    """The kernel argument that a pointer, or a block of pointers, is derived from; None if that is not known, or if it
    may be one of several."""
    found = _derived_from(program, pointer)
    return found and recast(found, pointee(pointer))


def _derived_from(program: Program, pointer: ir.Value) -> Base | None:
    if pointer in program.offsets:
        return program.offsets[pointer][0]
    affine = program.pointers.form(pointer)
    if affine is not None and affine.base is not None:
        return affine.base
    op = owner(pointer)
    if op is None or not op.operands:
        return None
    if op.name != "arith.select":
        return _derived_from(program, op.operands[0])
    first, second = (_derived_from(program, v) for v in op.operands[1:])
    return first if first is not None and second is not None and same_base(first, second) else None
