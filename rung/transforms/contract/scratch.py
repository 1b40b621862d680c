"""Scratch for packed operands of contractions."""

from __future__ import annotations

from torch_mlir import ir


def scratch(op: ir.Operation, kind: ir.MemRefType) -> ir.Value:
    """A buffer for what `op` uses."""
    segments = {"operandSegmentSizes": ir.DenseI32ArrayAttr.get([0, 0], op.context)}
    top = ir.InsertionPoint.at_block_begin(_scratch_block(op))
    return ir.Operation.create("memref.alloca", [kind], [], segments, loc=op.location, ip=top).result


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
