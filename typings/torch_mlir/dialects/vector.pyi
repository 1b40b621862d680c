# What rung uses of `torch_mlir.dialects.vector` 20261001; made by tools/make_typings.py, not to be edited.

from collections.abc import Sequence
from enum import IntEnum
from typing import Any

from torch_mlir import ir

class BroadcastOp(ir.OpView):
    def __init__(
        self, vector: ir.Type, source: ir.Value, *, loc: ir.Location | None = None, ip: ir.InsertionPoint | None = None
    ) -> None: ...
    @property
    def source(self) -> ir.Value: ...
    @property
    def vector(self) -> ir.OpResult[ir.VectorType]: ...

class ExtractOp(ir.OpView):
    def __init__(
        self,
        source: ir.Value,
        dynamic_position: Sequence[ir.Value],
        static_position: Sequence[int] | ir.DenseI64ArrayAttr,
        *,
        results: Sequence[ir.Type] | None = None,
        loc: ir.Location | None = None,
        ip: ir.InsertionPoint | None = None,
    ) -> None: ...
    @property
    def source(self) -> ir.Value[ir.VectorType]: ...
    @property
    def result(self) -> ir.OpResult: ...

class InsertOp(ir.OpView):
    def __init__(
        self,
        valueToStore: ir.Value,
        dest: ir.Value,
        dynamic_position: Sequence[ir.Value],
        static_position: Sequence[int] | ir.DenseI64ArrayAttr,
        *,
        results: Sequence[ir.Type] | None = None,
        loc: ir.Location | None = None,
        ip: ir.InsertionPoint | None = None,
    ) -> None: ...
    @property
    def result(self) -> ir.OpResult[ir.VectorType]: ...

class ReductionOp(ir.OpView):
    def __init__(
        self,
        dest: ir.Type,
        kind: Any,
        vector: ir.Value,
        *,
        acc: ir.Value | None = None,
        fastmath: Any = None,
        loc: ir.Location | None = None,
        ip: ir.InsertionPoint | None = None,
    ) -> None: ...
    @property
    def vector(self) -> ir.Value[ir.VectorType]: ...
    @property
    def kind(self) -> ir.Attribute: ...
    @kind.setter
    def kind(self, value: ir.Attribute) -> None: ...

class ShuffleOp(ir.OpView):
    def __init__(
        self,
        v1: ir.Value,
        v2: ir.Value,
        mask: Sequence[int] | ir.DenseI64ArrayAttr,
        *,
        results: Sequence[ir.Type] | None = None,
        loc: ir.Location | None = None,
        ip: ir.InsertionPoint | None = None,
    ) -> None: ...
    @property
    def mask(self) -> ir.DenseI64ArrayAttr: ...
    @mask.setter
    def mask(self, value: ir.DenseI64ArrayAttr) -> None: ...
    @property
    def vector(self) -> ir.OpResult[ir.VectorType]: ...

class CombiningKind(IntEnum):
    ADD = 0
    MUL = 1
    MINUI = 2
    MINSI = 3
    MINNUMF = 4
    MAXUI = 5
    MAXSI = 6
    MAXNUMF = 7
    AND = 8
    OR = 9
    XOR = 10
    MAXIMUMF = 12
    MINIMUMF = 11
