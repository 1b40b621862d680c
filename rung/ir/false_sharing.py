"""How many neighbouring iterations of a parallel loop write to one cache line."""

from __future__ import annotations

from math import gcd
from typing import Any

from torch_mlir import ir
from torch_mlir.dialects import scf

from .accesses import structured_effect
from .footprints import Index, element_bytes, view_of
from .slicing import collect, stride_along

Value = ir.Value[Any]


def iterations_per_line(loop: scf.ForallOp, dimension: int, line_bytes: int) -> int:
    """The number of iterations along `dimension` after which all stores to memory are at a line's beginning again.

    1 where every iteration's stores begin at one (a tile of 64 floats), 16 for a loop that stores one float an
    iteration. Arrays are taken to begin at a line, and stores of unknown distance are not counted.
    """
    variable = list(loop.induction_variables)[dimension]
    iterations = 1
    for op in collect(loop.operation):
        for address, element in _stores(op):
            stride = stride_along(address, variable, loop)
            if stride:
                # Lines are powers of two, and so are all of these: the largest one is a multiple of the others.
                iterations = max(iterations, line_bytes // gcd(abs(stride) * element_bytes(element), line_bytes))
    return iterations


def _stores(op: ir.Operation) -> list[tuple[Index, ir.Type]]:
    """(offset, element type) of the places in arguments that `op` writes to."""
    if op.name == "memref.store" and _is_argument(op.operands[1]):
        return [(op.operands[2], ir.MemRefType(op.operands[1].type).element_type)]
    found: list[tuple[Index, ir.Type]] = []
    for number, operand in enumerate(op.operands):
        view = view_of(operand) if isinstance(operand.type, ir.MemRefType) else None
        if view is not None and (structured_effect(op, number) or (False, False))[1]:
            found.append((view.offset, view.element))
    return found


def _is_argument(memory: Value) -> bool:
    return isinstance(memory.owner, ir.Block) and ir.MemRefType(memory.type).rank == 1
