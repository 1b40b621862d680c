"""What a sum begins with: a constant that was just put into all of C need not be stored there, and loaded again."""

from __future__ import annotations

from typing import Any

from torch_mlir import ir

from ...ir.allocations import VIEWS, allocation_of
from ...ir.emit import constant
from ...ir.slicing import is_pure

Value = ir.Value[Any]


def filling_before(op: ir.Operation) -> ir.Operation | None:
    """The nest before a contraction that sets all of its C to a constant, if nothing between them touches C.

    linalg.generic outs(%c) { linalg.yield %zero }
    linalg.generic ins(%x) outs(%b)
    linalg.matmul ins(%a, %b) outs(%c)
    """
    c = op.operands[2]
    filling: ir.Operation | None = None
    for each in op.block.operations:
        before = each.operation
        if before == op:
            return filling
        if _fills(before, c):
            filling = before
        elif filling is not None and not _leaves_alone(before, c):
            filling = None
    return None


def filled_with(filling: ir.Operation) -> Value:
    """The constant, a scalar."""
    return filling.regions[0].blocks[0].operations[0].operation.operands[0]


def _fills(op: ir.Operation, c: Value) -> bool:
    if op.name != "linalg.generic" or list(op.operands) != [c]:
        return False
    [order] = ir.ArrayAttr(op.attributes["indexing_maps"])
    body = list(op.regions[0].blocks[0].operations)
    rank = ir.MemRefType(c.type).rank
    whole = ir.AffineMapAttr(order).value == ir.AffineMap.get_identity(rank)
    return whole and len(body) == 1 and constant(body[0].operation.operands[0]) is not None


def _leaves_alone(op: ir.Operation, c: Value) -> bool:
    """Whether `op` neither reads nor writes C, which is an allocation: nothing else may be the same memory."""
    if is_pure(op) or op.name in VIEWS or op.name == "memref.alloca":
        return True
    memory = allocation_of(c)
    if isinstance(memory.owner, ir.Block) or memory.owner.name != "memref.alloca" or op.name != "linalg.generic":
        return False
    return all(allocation_of(each) != memory for each in op.operands if isinstance(each.type, ir.MemRefType))
