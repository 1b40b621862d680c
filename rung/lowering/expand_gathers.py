"""`expand-gathers`: gathers and scatters under a mask become accesses of their lanes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith, memref, scf, vector

from ..ir.slicing import named
from ..passes.base import Pass

Value = ir.Value[Any]


@dataclass(frozen=True)
class ExpandGathers(Pass):
    """Turn gathers and scatters under a mask into accesses of their lanes.

    For targets whose LLVM would take them apart itself, with branches of its own.

    before:
        %v = vector.gather %x[%o] [%i], %m, %p : memref<?xf32>, vector<32xi32>, vector<32xi1>, vector<32xf32>
    after, for each lane:
        %on = vector.extract %m[0] : i1
        %e = scf.if %on -> f32 { %l = memref.load %x[%o + %i[0]]; scf.yield %l } else { scf.yield %p[0] }
        %v0 = vector.insert %e, %p [0]
    and `vector.scatter` as an `scf.if` with a store. Lanes are stored in order.

    Leaves those with a mask of ones, which LLVM takes apart without a branch, and vectors of more than one dimension.
    """

    name: ClassVar[str] = "expand-gathers"

    def run(self, module: ir.Module) -> None:
        for op in named(module, "vector.gather", "vector.scatter"):
            *place, indices, mask, lanes = op.operands
            if ir.VectorType(lanes.type).rank != 1 or _is_all_ones(mask):
                continue
            with ir.InsertionPoint(op), op.location:
                if op.name == "vector.gather":
                    op.results[0].replace_all_uses_with(_gather(place, indices, mask, lanes))
                else:
                    _scatter(place, indices, mask, lanes)
            op.erase()


def _is_all_ones(mask: Value) -> bool:
    owner = mask.owner
    if not isinstance(owner, ir.OpView | ir.Operation) or owner.operation.name != "arith.constant":
        return False
    value = owner.operation.attributes["value"]
    return isinstance(value, ir.DenseElementsAttr) and value.is_splat and str(value).startswith("dense<true>")


def _lane(values: Value, lane: int) -> Value:
    return vector.ExtractOp(values, [], [lane]).result


def _position(place: list[Value], indices: Value, lane: int) -> list[Value]:
    """The element of a lane: its index counts in the last dimension, from the offsets on."""
    step = _lane(indices, lane)
    if not isinstance(step.type, ir.IndexType):
        step = arith.IndexCastOp(ir.IndexType.get(), step).result
    *outer, last = place[1:]
    return [*outer, arith.AddIOp(last, step).result]


def _gather(place: list[Value], indices: Value, mask: Value, others: Value) -> Value:
    found = others
    for lane in range(ir.VectorType(others.type).shape[0]):
        other = _lane(others, lane)
        branch = scf.IfOp(_lane(mask, lane), [other.type], has_else=True)
        with ir.InsertionPoint(branch.then_block):
            loaded = memref.LoadOp(place[0], _position(place, indices, lane)).result
            scf.YieldOp([loaded])
        with ir.InsertionPoint(branch.else_block):
            scf.YieldOp([other])
        found = vector.InsertOp(branch.results[0], found, [], [lane]).result
    return found


def _scatter(place: list[Value], indices: Value, mask: Value, values: Value) -> None:
    for lane in range(ir.VectorType(values.type).shape[0]):
        branch = scf.IfOp(_lane(mask, lane))
        with ir.InsertionPoint(branch.then_block):
            memref.StoreOp(_lane(values, lane), place[0], _position(place, indices, lane))
            scf.YieldOp([])
