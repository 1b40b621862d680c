"""`guard-constants`: conversions of constants that are out of range, which LLVM would make poison, get a value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith

from ..ir.slicing import named
from ..passes.base import Pass
from .math.emit import element_of, splat

Value = ir.Value[Any]


@dataclass(frozen=True)
class GuardConstants(Pass):
    """Let a float that is known and does not fit an integer become the least one.

    before: %n = arith.fptosi %c : f32 to i32, where %c = 3.0e9 or is computed from constants alone
    after:  %in = -2^31 <= %c and %c < 2^31
            %n = arith.select %in, (arith.fptosi %c), -2^31

    On x86 that is what the instruction gives for a number that LLVM is not told. Leaves those alone: they cost nothing.
    """

    name: ClassVar[str] = "guard-constants"

    def run(self, module: ir.Module) -> None:
        known: dict[Value, bool] = {}
        for op in named(module, "arith.fptosi"):
            x, result = op.operands[0], op.results[0]
            if not _is_known(x, known):
                continue
            least = -(1 << (ir.IntegerType(element_of(result.type)).width - 1))
            with ir.InsertionPoint.after(op), op.location:
                above = arith.CmpFOp(arith.CmpFPredicate.OGE, x, splat(x.type, float(least))).result
                below = arith.CmpFOp(arith.CmpFPredicate.OLT, x, splat(x.type, -float(least))).result
                inside = arith.AndIOp(above, below).result
                chosen = arith.SelectOp(inside, result, splat(result.type, least))
            result.replace_all_uses_except(chosen.result, [chosen.operation])


def _is_known(value: Value, known: dict[Value, bool]) -> bool:
    """Whether `value` is computed from constants alone: LLVM computes with them while it is given them."""
    if value not in known:
        owner = value.owner
        operands = () if isinstance(owner, ir.Block) else owner.operands
        constant = not isinstance(owner, ir.Block) and owner.name == "arith.constant"
        known[value] = constant or (len(operands) > 0 and all(_is_known(v, known) for v in operands))
    return known[value]
