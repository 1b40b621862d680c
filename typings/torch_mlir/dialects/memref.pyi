# What rung uses of `torch_mlir.dialects.memref`: the signatures of torch_mlir 20261001,
# read with `inspect` at run time. A parameter takes any `ir.Value`; anything else in the module is `Any`.
from collections.abc import Sequence
from typing import Any

from torch_mlir import ir

def __getattr__(name: str) -> Any: ...

class AllocaOp(ir.OpView):
    def __init__(
        self,
        memref: ir.Type,
        dynamicSizes: Sequence[ir.Value],
        symbolOperands: Sequence[ir.Value],
        *,
        alignment: int | ir.IntegerAttr | None = ...,
        loc: ir.Location | None = ...,
        ip: ir.InsertionPoint | None = ...,
    ) -> None: ...
    @property
    def dynamicSizes(self) -> ir.OpOperandList[ir.IndexType]: ...
    @property
    def symbolOperands(self) -> ir.OpOperandList[ir.IndexType]: ...
    @property
    def alignment(self) -> ir.IntegerAttr | None: ...
    @property
    def memref(self) -> ir.OpResult[ir.MemRefType]: ...

class AtomicRMWOp(ir.OpView):
    def __init__(
        self,
        kind: Any,
        value: ir.Value,
        memref: ir.Value,
        indices: Sequence[ir.Value],
        *,
        results: Sequence[ir.Type] | None = ...,
        loc: ir.Location | None = ...,
        ip: ir.InsertionPoint | None = ...,
    ) -> None: ...
    @property
    def value(self) -> ir.Value: ...
    @property
    def memref(self) -> ir.Value[ir.MemRefType]: ...
    @property
    def indices(self) -> ir.OpOperandList[ir.IndexType]: ...
    @property
    def kind(self) -> ir.Attribute: ...
    @property
    def result(self) -> ir.OpResult: ...

class AtomicYieldOp(ir.OpView):
    def __init__(
        self, result: ir.Value, *, loc: ir.Location | None = ..., ip: ir.InsertionPoint | None = ...
    ) -> None: ...
    @property
    def result(self) -> ir.Value: ...  # pyright: ignore[reportIncompatibleMethodOverride]

class CopyOp(ir.OpView):
    def __init__(
        self,
        source: ir.Value,
        target: ir.Value,
        *,
        loc: ir.Location | None = ...,
        ip: ir.InsertionPoint | None = ...,
    ) -> None: ...
    @property
    def source(self) -> ir.Value: ...
    @property
    def target(self) -> ir.Value: ...

class DimOp(ir.OpView):
    def __init__(
        self,
        source: ir.Value,
        index: ir.Value,
        *,
        results: Sequence[ir.Type] | None = ...,
        loc: ir.Location | None = ...,
        ip: ir.InsertionPoint | None = ...,
    ) -> None: ...
    @property
    def source(self) -> ir.Value: ...
    @property
    def index(self) -> ir.Value[ir.IndexType]: ...
    @property
    def result(self) -> ir.OpResult[ir.IndexType]: ...

class DmaStartOp(ir.OpView):
    def __init__(
        self,
        operands_: Sequence[ir.Value],
        *,
        loc: ir.Location | None = ...,
        ip: ir.InsertionPoint | None = ...,
    ) -> None: ...
    @property
    def operands_(self) -> ir.OpOperandList: ...

class DmaWaitOp(ir.OpView):
    def __init__(
        self,
        tagMemRef: ir.Value,
        tagIndices: Sequence[ir.Value],
        numElements: ir.Value,
        *,
        loc: ir.Location | None = ...,
        ip: ir.InsertionPoint | None = ...,
    ) -> None: ...
    @property
    def tagMemRef(self) -> ir.Value[ir.MemRefType]: ...
    @property
    def tagIndices(self) -> ir.OpOperandList[ir.IndexType]: ...
    @property
    def numElements(self) -> ir.Value[ir.IndexType]: ...

class ExtractAlignedPointerAsIndexOp(ir.OpView):
    def __init__(
        self,
        source: ir.Value,
        *,
        results: Sequence[ir.Type] | None = ...,
        loc: ir.Location | None = ...,
        ip: ir.InsertionPoint | None = ...,
    ) -> None: ...
    @property
    def source(self) -> ir.Value: ...
    @property
    def aligned_pointer(self) -> ir.OpResult[ir.IndexType]: ...

class ExtractStridedMetadataOp(ir.OpView):
    def __init__(
        self,
        source: ir.Value,
        *,
        results: Sequence[ir.Type] | None = ...,
        loc: ir.Location | None = ...,
        ip: ir.InsertionPoint | None = ...,
    ) -> None: ...
    @property
    def source(self) -> ir.Value[ir.MemRefType]: ...
    @property
    def base_buffer(self) -> ir.OpResult: ...
    @property
    def offset(self) -> ir.OpResult[ir.IndexType]: ...
    @property
    def sizes(self) -> ir.OpResultList[ir.IndexType]: ...
    @property
    def strides(self) -> ir.OpResultList[ir.IndexType]: ...

class GenericAtomicRMWOp(ir.OpView):
    def __init__(
        self,
        result: ir.Type,
        memref: ir.Value,
        indices: Sequence[ir.Value],
        *,
        loc: ir.Location | None = ...,
        ip: ir.InsertionPoint | None = ...,
    ) -> None: ...
    @property
    def memref(self) -> ir.Value[ir.MemRefType]: ...
    @property
    def indices(self) -> ir.OpOperandList[ir.IndexType]: ...
    @property
    def result(self) -> ir.OpResult: ...
    @property
    def atomic_body(self) -> ir.Region: ...

class LoadOp(ir.OpView):
    def __init__(
        self,
        memref: ir.Value,
        indices: Sequence[ir.Value],
        *,
        nontemporal: bool | ir.BoolAttr | None = ...,
        alignment: int | ir.IntegerAttr | None = ...,
        invariant: bool | ir.BoolAttr | None = ...,
        results: Sequence[ir.Type] | None = ...,
        loc: ir.Location | None = ...,
        ip: ir.InsertionPoint | None = ...,
    ) -> None: ...
    @property
    def memref(self) -> ir.Value[ir.MemRefType]: ...
    @property
    def indices(self) -> ir.OpOperandList[ir.IndexType]: ...
    @property
    def nontemporal(self) -> ir.BoolAttr | None: ...
    @property
    def alignment(self) -> ir.IntegerAttr | None: ...
    @property
    def invariant(self) -> ir.BoolAttr | None: ...
    @property
    def result(self) -> ir.OpResult: ...

class ReinterpretCastOp(ir.OpView):
    def __init__(
        self,
        result: ir.Type,
        source: ir.Value,
        offsets: Sequence[ir.Value],
        sizes: Sequence[ir.Value],
        strides: Sequence[ir.Value],
        static_offsets: Sequence[int] | ir.DenseI64ArrayAttr,
        static_sizes: Sequence[int] | ir.DenseI64ArrayAttr,
        static_strides: Sequence[int] | ir.DenseI64ArrayAttr,
        *,
        loc: ir.Location | None = ...,
        ip: ir.InsertionPoint | None = ...,
    ) -> None: ...
    @property
    def source(self) -> ir.Value: ...
    @property
    def offsets(self) -> ir.OpOperandList[ir.IndexType]: ...
    @property
    def sizes(self) -> ir.OpOperandList[ir.IndexType]: ...
    @property
    def strides(self) -> ir.OpOperandList[ir.IndexType]: ...
    @property
    def static_offsets(self) -> ir.DenseI64ArrayAttr: ...
    @property
    def static_sizes(self) -> ir.DenseI64ArrayAttr: ...
    @property
    def static_strides(self) -> ir.DenseI64ArrayAttr: ...
    @property
    def result(self) -> ir.OpResult[ir.MemRefType]: ...

class StoreOp(ir.OpView):
    def __init__(
        self,
        value: ir.Value,
        memref: ir.Value,
        indices: Sequence[ir.Value],
        *,
        nontemporal: bool | ir.BoolAttr | None = ...,
        alignment: int | ir.IntegerAttr | None = ...,
        loc: ir.Location | None = ...,
        ip: ir.InsertionPoint | None = ...,
    ) -> None: ...
    @property
    def value(self) -> ir.Value: ...
    @property
    def memref(self) -> ir.Value[ir.MemRefType]: ...
    @property
    def indices(self) -> ir.OpOperandList[ir.IndexType]: ...
    @property
    def nontemporal(self) -> ir.BoolAttr | None: ...
    @property
    def alignment(self) -> ir.IntegerAttr | None: ...

class ViewOp(ir.OpView):
    def __init__(
        self,
        result: ir.Type,
        source: ir.Value,
        byte_shift: ir.Value,
        sizes: Sequence[ir.Value],
        *,
        loc: ir.Location | None = ...,
        ip: ir.InsertionPoint | None = ...,
    ) -> None: ...
    @property
    def source(self) -> ir.Value[ir.MemRefType]: ...
    @property
    def byte_shift(self) -> ir.Value[ir.IndexType]: ...
    @property
    def sizes(self) -> ir.OpOperandList[ir.IndexType]: ...
