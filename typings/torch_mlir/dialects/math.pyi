# What rung uses of `torch_mlir.dialects.math`: the signatures of torch_mlir 20261001,
# read with `inspect` at run time. A parameter takes any `ir.Value`; anything else in the module is `Any`.
from collections.abc import Sequence
from typing import Any

from torch_mlir import ir

def __getattr__(name: str) -> Any: ...

class SqrtOp(ir.OpView):
    def __init__(
        self,
        operand: ir.Value,
        *,
        fastmath: Any = ...,
        results: Sequence[ir.Type] | None = ...,
        loc: ir.Location | None = ...,
        ip: ir.InsertionPoint | None = ...,
    ) -> None: ...
    @property
    def operand(self) -> ir.Value: ...
    @property
    def fastmath(self) -> ir.Attribute: ...
    @property
    def result(self) -> ir.OpResult: ...
