# What rung uses of `torch_mlir.dialects.vector`: the signatures of torch_mlir 20261001,
# read with `inspect` at run time. A parameter takes any `ir.Value`; anything else in the module is `Any`.
from collections.abc import Sequence
from typing import Any

from torch_mlir import ir

def __getattr__(name: str) -> Any: ...

class BroadcastOp(ir.OpView):
    def __init__(
        self,
        vector: ir.Type,
        source: ir.Value,
        *,
        loc: ir.Location | None = ...,
        ip: ir.InsertionPoint | None = ...,
    ) -> None: ...
    @property
    def source(self) -> ir.Value: ...
    @property
    def vector(self) -> ir.OpResult[ir.VectorType]: ...

class ShuffleOp(ir.OpView):
    def __init__(
        self,
        v1: ir.Value,
        v2: ir.Value,
        mask: Sequence[int] | ir.DenseI64ArrayAttr,
        *,
        results: Sequence[ir.Type] | None = ...,
        loc: ir.Location | None = ...,
        ip: ir.InsertionPoint | None = ...,
    ) -> None: ...
    @property
    def v1(self) -> ir.Value[ir.VectorType]: ...
    @property
    def v2(self) -> ir.Value[ir.VectorType]: ...
    @property
    def mask(self) -> ir.DenseI64ArrayAttr: ...
    @property
    def vector(self) -> ir.OpResult[ir.VectorType]: ...

class ExtractOp(ir.OpView):
    def __init__(
        self,
        source: ir.Value,
        dynamic_position: Sequence[ir.Value],
        static_position: Sequence[int] | ir.DenseI64ArrayAttr,
        *,
        results: Sequence[ir.Type] | None = ...,
        loc: ir.Location | None = ...,
        ip: ir.InsertionPoint | None = ...,
    ) -> None: ...

class InsertOp(ir.OpView):
    def __init__(
        self,
        value_to_store: ir.Value,
        dest: ir.Value,
        dynamic_position: Sequence[ir.Value],
        static_position: Sequence[int] | ir.DenseI64ArrayAttr,
        *,
        results: Sequence[ir.Type] | None = ...,
        loc: ir.Location | None = ...,
        ip: ir.InsertionPoint | None = ...,
    ) -> None: ...
