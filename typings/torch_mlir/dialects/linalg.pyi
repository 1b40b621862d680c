# What rung uses of `torch_mlir.dialects.linalg`: the signatures of torch_mlir 20261001,
# read with `inspect` at run time. A parameter takes any `ir.Value`; anything else in the module is `Any`.
from collections.abc import Sequence
from typing import Any

from torch_mlir import ir

def __getattr__(name: str) -> Any: ...

class IndexOp(ir.OpView):
    def __init__(
        self,
        dim: int | ir.IntegerAttr,
        *,
        results: Sequence[ir.Type] | None = ...,
        loc: ir.Location | None = ...,
        ip: ir.InsertionPoint | None = ...,
    ) -> None: ...
    @property
    def dim(self) -> ir.IntegerAttr: ...
    @property
    def result(self) -> ir.OpResult[ir.IndexType]: ...

class YieldOp(ir.OpView):
    def __init__(
        self, values: Sequence[ir.Value], *, loc: ir.Location | None = ..., ip: ir.InsertionPoint | None = ...
    ) -> None: ...
    @property
    def values(self) -> ir.OpOperandList: ...

def batch_matmul(*ins: ir.Value, outs: Sequence[ir.Value], **options: Any) -> Any: ...
def matmul(*ins: ir.Value, outs: Sequence[ir.Value], **options: Any) -> Any: ...
