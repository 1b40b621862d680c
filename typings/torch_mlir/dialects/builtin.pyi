# What rung uses of `torch_mlir.dialects.builtin`: the signatures of torch_mlir 20261001,
# read with `inspect` at run time. A parameter takes any `ir.Value`; anything else in the module is `Any`.
from collections.abc import Sequence
from typing import Any

from torch_mlir import ir

def __getattr__(name: str) -> Any: ...

class UnrealizedConversionCastOp(ir.OpView):
    def __init__(
        self,
        outputs: Sequence[ir.Type],
        inputs: Sequence[ir.Value],
        *,
        loc: ir.Location | None = ...,
        ip: ir.InsertionPoint | None = ...,
    ) -> None: ...
    @property
    def inputs(self) -> ir.OpOperandList: ...
    @property
    def outputs(self) -> ir.OpResultList: ...
