"""`expand-masks`: masks of the first lanes become comparisons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith, vector

from ..ir.slicing import named
from ..passes.base import Pass


@dataclass(frozen=True)
class ExpandMasks(Pass):
    """Turn masks of the first lanes into comparisons.

    For the generic conversion to the `llvm` dialect, which does not know `vector.create_mask`.

    before: %m = vector.create_mask %n : vector<16xi1>
    after:  %m = arith.cmpi slt, [0, 1, ..., 15], vector.broadcast %n : vector<16xi32>

    Leaves masks of more than one dimension alone.
    """

    name: ClassVar[str] = "expand-masks"

    def run(self, module: ir.Module) -> None:
        i32 = ir.IntegerType.get_signless(32)
        for mask in named(module, "vector.create_mask"):
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
