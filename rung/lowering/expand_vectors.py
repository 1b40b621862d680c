"""Vector ops that the generic conversion to LLVM does not know, as ops that it does."""

from __future__ import annotations

from collections.abc import Iterable

from torch_mlir import ir
from torch_mlir.dialects import arith, vector


def expand_masks(masks: Iterable[ir.Operation]) -> None:
    """before: %m = vector.create_mask %n : vector<16xi1>
    after:  %m = arith.cmpi slt, [0, 1, ..., 15], vector.broadcast %n : vector<16xi32>

    Leaves masks of more than one dimension alone.
    """
    i32 = ir.IntegerType.get_signless(32)
    for mask in masks:
        kind = ir.VectorType(mask.results[0].type)
        if kind.rank != 1:
            continue
        with ir.InsertionPoint(mask), mask.location:
            lanes = ir.VectorType.get(kind.shape, i32)
            steps = ir.DenseElementsAttr.get([ir.IntegerAttr.get(i32, i) for i in range(kind.shape[0])], lanes)
            bound = arith.IndexCastOp(i32, mask.operands[0]).result
            every = vector.BroadcastOp(lanes, bound).result
            inside = arith.CmpIOp(arith.CmpIPredicate.slt, arith.ConstantOp(lanes, steps).result, every).result
            mask.results[0].replace_all_uses_with(inside)
        mask.erase()


def expand_slices(slices: Iterable[ir.Operation]) -> None:
    """before: %s = vector.extract_strided_slice %v {offsets = [8], sizes = [8], strides = [1]}
    after:  %s = vector.shuffle %v, %v [8, 9, ..., 15]

    Leaves slices of more than one dimension alone.
    """
    for op in slices:
        kind = ir.VectorType(op.results[0].type)
        if kind.rank != 1:
            continue
        first = ir.IntegerAttr(ir.ArrayAttr(op.attributes["offsets"])[0]).value
        with ir.InsertionPoint(op), op.location:
            source = op.operands[0]
            part = vector.ShuffleOp(source, source, [first + i for i in range(kind.shape[0])]).result
            op.results[0].replace_all_uses_with(part)
        op.erase()
