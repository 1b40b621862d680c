"""`private-updates`: atomic updates of scratch, which no other context sees, become plain ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith, memref

from ..ir.allocations import allocation_of
from ..ir.slicing import named
from ..passes.base import Pass

Value = ir.Value[Any]
_KINDS: dict[str, Callable[[Value, Value], Any]] = {
    "addf": arith.AddFOp,
    "addi": arith.AddIOp,
    "andi": arith.AndIOp,
    "maxs": arith.MaxSIOp,
    "maxu": arith.MaxUIOp,
    "mins": arith.MinSIOp,
    "minu": arith.MinUIOp,
    "mulf": arith.MulFOp,
    "muli": arith.MulIOp,
    "ori": arith.OrIOp,
    "xori": arith.XOrIOp,
}


@dataclass(frozen=True)
class PrivateUpdates(Pass):
    """Load, compute and store what an atomic update of an allocation of this context's own would change.

    before: %scratch = memref.alloca() : memref<256xi32>
            %old = memref.atomic_rmw addi %one, %scratch[%i] : (i32, memref<256xi32>) -> i32
    after:  %old = memref.load %scratch[%i]; %new = arith.addi %old, %one; memref.store %new, %scratch[%i]

    An atomic instruction takes some twenty cycles, also where nobody is there to see it. `tl.histogram` counts so: each
    program in scratch of its own.

    Left alone: updates of arguments, or of what a pointer leads to, and those that are not one operation of `arith`.
    """

    name: ClassVar[str] = "private-updates"

    def run(self, module: ir.Module) -> None:
        for op in named(module, "memref.atomic_rmw"):
            operand, memory, *place = op.operands
            compute = _KINDS.get(str(arith.AtomicRMWKind(ir.IntegerAttr(op.attributes["kind"]).value)))
            owner = allocation_of(memory).owner
            if compute is None or isinstance(owner, ir.Block) or owner.name != "memref.alloca":
                continue
            with ir.InsertionPoint(op), op.location:
                old = memref.LoadOp(memory, place).result
                memref.StoreOp(compute(old, operand).result, memory, place)
            op.results[0].replace_all_uses_with(old)
            op.erase()
