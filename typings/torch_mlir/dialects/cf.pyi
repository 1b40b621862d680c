# What rung uses of `torch_mlir.dialects.cf` 20261001; made by tools/make_typings.py, not to be edited.

from torch_mlir import ir

class AssertOp(ir.OpView):
    def __init__(
        self,
        arg: ir.Value,
        msg: str | ir.StringAttr,
        *,
        loc: ir.Location | None = None,
        ip: ir.InsertionPoint | None = None,
    ) -> None: ...
    @property
    def arg(self) -> ir.Value[ir.IntegerType]: ...
    @property
    def msg(self) -> ir.StringAttr: ...
    @msg.setter
    def msg(self, value: ir.StringAttr) -> None: ...
