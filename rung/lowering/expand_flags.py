"""`expand-flags`: vectors of bits become vectors of floats by a choice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith

from ..ir.slicing import named
from ..passes.base import Pass
from .math.emit import splat


@dataclass(frozen=True)
class ExpandFlags(Pass):
    """Turn conversions of vectors of bits to floats into choices between two numbers.

    For back ends that cannot select such a conversion, and end the process.

    before: %f = arith.uitofp %m : vector<64xi1> to vector<64xf16>
    after:  %f = arith.select %m, 1.0, 0.0 : vector<64xi1>, vector<64xf16>
    and `arith.sitofp` with -1.0, which is what a set bit is.

    Leaves conversions of wider integers, and of scalars, alone.
    """

    name: ClassVar[str] = "expand-flags"

    def run(self, module: ir.Module) -> None:
        for op in named(module, "arith.uitofp", "arith.sitofp"):
            kind = op.results[0].type
            if not isinstance(kind, ir.VectorType) or not _is_flag(op.operands[0].type):
                continue
            with ir.InsertionPoint(op), op.location:
                one = 1.0 if op.name == "arith.uitofp" else -1.0
                chosen = arith.SelectOp(op.operands[0], splat(kind, one), splat(kind, 0.0)).result
                op.results[0].replace_all_uses_with(chosen)
            op.erase()


def _is_flag(kind: ir.Type) -> bool:
    return isinstance(kind, ir.VectorType) and kind.element_type == ir.IntegerType.get_signless(1)
