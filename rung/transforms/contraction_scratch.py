"""Scratch for packed operands of contractions."""

from __future__ import annotations

from collections.abc import Sequence

from torch_mlir import ir


def scratch(op: ir.Operation, shape: Sequence[int], element: ir.Type) -> ir.Value:
    """A buffer for what `op` uses, on a cache line of its own."""
    kind = ir.MemRefType.get(shape, element, loc=op.location)
    alignment = ir.IntegerAttr.get(ir.IntegerType.get_signless(64, op.context), 64)
    attributes = {"alignment": alignment, "operandSegmentSizes": ir.DenseI32ArrayAttr.get([0, 0], op.context)}
    top = ir.InsertionPoint.at_block_begin(_scratch_block(op))
    return ir.Operation.create("memref.alloca", [kind], [], attributes, loc=op.location, ip=top).result


def _scratch_block(op: ir.Operation) -> ir.Block:
    """The body of the grid, or of the function: scratch must not be allocated inside other loops."""
    parent = op.parent
    assert parent is not None
    block = op.block
    outer = parent.operation
    while outer.name not in ("scf.forall", "func.func"):
        assert outer.parent is not None
        block, outer = outer.block, outer.parent.operation
    return block
