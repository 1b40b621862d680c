# What rung uses of `torch_mlir.dialects.linalg` 20261001; made by tools/make_typings.py, not to be edited.

from collections.abc import Sequence
from enum import IntEnum
from typing import Any

from torch_mlir import ir

def batch_matmul(
    *ins: ir.Operation | ir.OpView | ir.Value,
    outs: Sequence[ir.Operation | ir.OpView | ir.Value],
    indexing_maps: Sequence[ir.AffineMapAttr] | None = None,
    cast: TypeFn | ir.Attribute | None = None,
) -> Any: ...

class IndexOp(ir.OpView):
    def __init__(
        self,
        dim: int | ir.IntegerAttr,
        *,
        results: Sequence[ir.Type] | None = None,
        loc: ir.Location | None = None,
        ip: ir.InsertionPoint | None = None,
    ) -> None: ...
    @property
    def dim(self) -> ir.IntegerAttr: ...
    @dim.setter
    def dim(self, value: ir.IntegerAttr) -> None: ...
    @property
    def result(self) -> ir.OpResult[ir.IndexType]: ...

class YieldOp(ir.OpView):
    def __init__(
        self, values: Sequence[ir.Value], *, loc: ir.Location | None = None, ip: ir.InsertionPoint | None = None
    ) -> None: ...
    @property
    def values(self) -> ir.OpOperandList: ...

def matmul(
    *ins: ir.Operation | ir.OpView | ir.Value,
    outs: Sequence[ir.Operation | ir.OpView | ir.Value],
    indexing_maps: Sequence[ir.AffineMapAttr] | None = None,
    cast: TypeFn | ir.Attribute | None = None,
) -> Any: ...

class TypeFn(IntEnum):
    cast_signed = 0
    cast_unsigned = 1
