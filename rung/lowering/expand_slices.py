"""`expand-slices`: parts of vectors become shuffles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir
from torch_mlir.dialects import vector

from ..ir.slicing import named
from ..passes.base import Pass


@dataclass(frozen=True)
class ExpandSlices(Pass):
    """Turn parts of vectors into shuffles.

    For the generic conversion to the `llvm` dialect, which does not know `vector.extract_strided_slice`.

    before: %s = vector.extract_strided_slice %v {offsets = [8], sizes = [8], strides = [1]}
    after:  %s = vector.shuffle %v, %v [8, 9, ..., 15]

    Leaves slices of more than one dimension alone.
    """

    name: ClassVar[str] = "expand-slices"

    def run(self, module: ir.Module) -> None:
        for op in named(module, "vector.extract_strided_slice"):
            kind = ir.VectorType(op.results[0].type)
            if kind.rank != 1:
                continue
            first = ir.IntegerAttr(ir.ArrayAttr(op.attributes["offsets"])[0]).value
            with ir.InsertionPoint(op), op.location:
                source = op.operands[0]
                part = vector.ShuffleOp(source, source, [first + i for i in range(kind.shape[0])]).result
                op.results[0].replace_all_uses_with(part)
            op.erase()
