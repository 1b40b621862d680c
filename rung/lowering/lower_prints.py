"""`lower-prints`: `tl.device_print` becomes calls of the runtime."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir
from torch_mlir.dialects import func

from ..ir.attributes import PRINT
from ..ir.pointers import declare, find_function, i64, pointer_type
from ..ir.prints import CALL, is_print
from ..ir.slicing import named
from ..ir.texts import Texts
from ..passes import Pass


@dataclass(frozen=True)
class LowerPrints(Pass):
    """Hand the runtime what is to be printed.

    before:
        func.call @rung_print(%values, %x, %y, %z) {rung.print = "f 32 -1 1 64 v: "}
    after:
        func.call @rung_print(&"f 32 -1 1 64 v: ", %values, %x, %y, %z)

    With keep=off the calls go away: a modelled device has nowhere to print to.
    """

    name: ClassVar[str] = "lower-prints"
    keep: bool = True
    """The machine has a standard output."""

    def run(self, module: ir.Module) -> None:
        declared = find_function(module, CALL)
        if declared is None:
            return
        found = [op for op in named(module, "func.call") if is_print(op)]
        declared.operation.erase()
        texts = Texts(module)
        if self.keep:
            declare(module, CALL, [pointer_type(), pointer_type(), i64(), i64(), i64()])
        for op in found:
            if self.keep:
                with ir.InsertionPoint(op), op.location:
                    text = texts.address(ir.StringAttr(op.attributes[PRINT]).value)
                    func.CallOp([], CALL, [text, *op.operands])
            op.erase()
