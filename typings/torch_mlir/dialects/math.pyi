# What rung uses of `torch_mlir.dialects.math` 20261001; made by tools/make_typings.py, not to be edited.

from collections.abc import Sequence
from typing import Any

from torch_mlir import ir

class SqrtOp(ir.OpView):
    def __init__(
        self,
        operand: ir.Value,
        *,
        fastmath: Any = None,
        results: Sequence[ir.Type] | None = None,
        loc: ir.Location | None = None,
        ip: ir.InsertionPoint | None = None,
    ) -> None: ...
    @property
    def operand(self) -> ir.Value: ...
    @property
    def result(self) -> ir.OpResult: ...

class TruncOp(ir.OpView):
    def __init__(
        self,
        operand: ir.Value,
        *,
        fastmath: Any = None,
        results: Sequence[ir.Type] | None = None,
        loc: ir.Location | None = None,
        ip: ir.InsertionPoint | None = None,
    ) -> None: ...
    @property
    def operand(self) -> ir.Value: ...
    @property
    def result(self) -> ir.OpResult: ...
