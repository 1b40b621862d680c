# What rung uses of `torch_mlir.dialects.cf`: the signatures of torch_mlir 20261001,
# read with `inspect` at run time. A parameter takes any `ir.Value`; anything else in the module is `Any`.
from typing import Any

from torch_mlir import ir

def __getattr__(name: str) -> Any: ...

class AssertOp(ir.OpView):
    def __init__(
        self,
        arg: ir.Value,
        msg: str | ir.StringAttr,
        *,
        loc: ir.Location | None = ...,
        ip: ir.InsertionPoint | None = ...,
    ) -> None: ...
    @property
    def arg(self) -> ir.Value[ir.IntegerType]: ...
    @property
    def msg(self) -> ir.StringAttr: ...
