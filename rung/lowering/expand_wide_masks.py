"""`expand-wide-masks`: masked accesses to 64-bit elements become accesses to their halves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch_mlir import ir
from torch_mlir.dialects import llvm

from ..ir.slicing import named
from ..passes.base import Pass

Value = ir.Value[Any]


@dataclass(frozen=True)
class ExpandWideMasks(Pass):
    """Turn masked accesses to 64-bit elements into accesses to their halves.

    On the `llvm` dialect, for vector units whose elements have 32 bits: LLVM would make a branch per lane.

    before: %v = llvm.intr.masked.load %p, %mask, %other : (!llvm.ptr, vector<32xi1>, vector<32xi64>)
    after:
        %words = llvm.select %mask, 1, 0 : vector<32xi1>, vector<32xi32>
        %twice = llvm.shufflevector %words, %words [0, 0, 1, 1, ...] : vector<32xi32> to vector<64xi32>
        %halves = llvm.icmp "ne" %twice, 0 : vector<64xi32>
        %other.halves = llvm.bitcast %other : vector<32xi64> to vector<64xi32>
        %v.halves = llvm.intr.masked.load %p, %halves, %other.halves : (!llvm.ptr, vector<64xi1>, vector<64xi32>)
        %v = llvm.bitcast %v.halves : vector<64xi32> to vector<32xi64>
    and `llvm.intr.masked.store` alike, also for f64.

    Leaves accesses to narrower elements alone.
    """

    name: ClassVar[str] = "expand-wide-masks"

    def run(self, module: ir.Module) -> None:
        for op in named(module, "llvm.intr.masked.load", "llvm.intr.masked.store"):
            loads = op.name == "llvm.intr.masked.load"
            kind = ir.VectorType(op.results[0].type if loads else op.operands[0].type)
            if str(kind.element_type) not in ("i64", "f64"):
                continue
            with ir.InsertionPoint(op), op.location:
                halves = ir.VectorType.get([2 * kind.shape[0]], ir.IntegerType.get_signless(32))
                if loads:
                    pointer, mask, *other = op.operands
                    operands = [pointer, _twice(mask, halves), *(llvm.BitcastOp(halves, v).result for v in other)]
                else:
                    data, pointer, mask = op.operands
                    operands = [llvm.BitcastOp(halves, data).result, pointer, _twice(mask, halves)]
                attributes = {name: op.attributes[name] for name in op.attributes}
                results = [halves] if loads else []
                found = ir.Operation.create(op.name, results, operands, attributes)
                if loads:
                    op.results[0].replace_all_uses_with(llvm.BitcastOp(kind, found.results[0]).result)
            op.erase()


def _twice(mask: Value, halves: ir.VectorType) -> Value:
    """The mask of both halves of every lane. Bits cannot be shuffled; words can."""
    lanes = halves.shape[0] // 2
    words = ir.VectorType.get([lanes], halves.element_type)
    chosen = llvm.SelectOp(mask, _splat(words, 1), _splat(words, 0)).result
    order = ir.DenseI32ArrayAttr.get([lane // 2 for lane in range(2 * lanes)])
    doubled = llvm.ShuffleVectorOp(halves, chosen, chosen, order).result
    return llvm.ICmpOp(llvm.ICmpPredicate.ne, doubled, _splat(halves, 0)).result


def _splat(kind: ir.VectorType, value: int) -> Value:
    every = ir.DenseElementsAttr.get_splat(kind, ir.IntegerAttr.get(kind.element_type, value))
    return llvm.ConstantOp(kind, every).result
