# What rung uses of `torch_mlir.dialects.memref` 20261001; made by tools/make_typings.py, not to be edited.

from collections.abc import Sequence
from typing import Any

from torch_mlir import ir

class AtomicRMWOp(ir.OpView):
    def __init__(
        self,
        kind: Any,
        value: ir.Value,
        memref: ir.Value,
        indices: Sequence[ir.Value],
        *,
        results: Sequence[ir.Type] | None = None,
        loc: ir.Location | None = None,
        ip: ir.InsertionPoint | None = None,
    ) -> None: ...
    @property
    def value(self) -> ir.Value: ...
    @property
    def memref(self) -> ir.Value[ir.MemRefType]: ...
    @property
    def indices(self) -> ir.OpOperandList[ir.IndexType]: ...
    @property
    def kind(self) -> ir.Attribute: ...
    @kind.setter
    def kind(self, value: ir.Attribute) -> None: ...
    @property
    def result(self) -> ir.OpResult: ...

class AtomicYieldOp(ir.OpView):
    def __init__(
        self, result: ir.Value, *, loc: ir.Location | None = None, ip: ir.InsertionPoint | None = None
    ) -> None: ...
    @property
    def result(self) -> ir.Value: ...

class CopyOp(ir.OpView):
    def __init__(
        self, source: ir.Value, target: ir.Value, *, loc: ir.Location | None = None, ip: ir.InsertionPoint | None = None
    ) -> None: ...
    @property
    def source(self) -> ir.Value: ...
    @property
    def target(self) -> ir.Value: ...

class GenericAtomicRMWOp(ir.OpView):
    def __init__(
        self,
        result: ir.Type,
        memref: ir.Value,
        indices: Sequence[ir.Value],
        *,
        loc: ir.Location | None = None,
        ip: ir.InsertionPoint | None = None,
    ) -> None: ...
    @property
    def memref(self) -> ir.Value[ir.MemRefType]: ...
    @property
    def indices(self) -> ir.OpOperandList[ir.IndexType]: ...
    @property
    def result(self) -> ir.OpResult: ...

class LoadOp(ir.OpView):
    def __init__(
        self,
        memref: ir.Value,
        indices: Sequence[ir.Value],
        *,
        nontemporal: bool | ir.BoolAttr | None = None,
        alignment: int | ir.IntegerAttr | None = None,
        invariant: bool | ir.BoolAttr | None = None,
        results: Sequence[ir.Type] | None = None,
        loc: ir.Location | None = None,
        ip: ir.InsertionPoint | None = None,
    ) -> None: ...
    @property
    def memref(self) -> ir.Value[ir.MemRefType]: ...
    @property
    def indices(self) -> ir.OpOperandList[ir.IndexType]: ...
    @property
    def alignment(self) -> ir.IntegerAttr | None: ...
    @alignment.setter
    def alignment(self, value: ir.IntegerAttr | None) -> None: ...
    @property
    def result(self) -> ir.OpResult: ...

class AllocaOp(ir.OpView):
    def __init__(
        self,
        memref: ir.Type,
        dynamicSizes: Sequence[ir.Value],
        symbolOperands: Sequence[ir.Value],
        *,
        alignment: int | ir.IntegerAttr | None = None,
        loc: ir.Location | None = None,
        ip: ir.InsertionPoint | None = None,
    ) -> None: ...
    @property
    def alignment(self) -> ir.IntegerAttr | None: ...
    @alignment.setter
    def alignment(self, value: ir.IntegerAttr | None) -> None: ...
    @property
    def memref(self) -> ir.OpResult[ir.MemRefType]: ...

class DimOp(ir.OpView):
    def __init__(
        self,
        source: ir.Value,
        index: ir.Value,
        *,
        results: Sequence[ir.Type] | None = None,
        loc: ir.Location | None = None,
        ip: ir.InsertionPoint | None = None,
    ) -> None: ...
    @property
    def source(self) -> ir.Value: ...
    @property
    def index(self) -> ir.Value[ir.IndexType]: ...
    @property
    def result(self) -> ir.OpResult[ir.IndexType]: ...

class DmaStartOp(ir.OpView):
    def __init__(
        self, operands_: Sequence[ir.Value], *, loc: ir.Location | None = None, ip: ir.InsertionPoint | None = None
    ) -> None: ...

class DmaWaitOp(ir.OpView):
    def __init__(
        self,
        tagMemRef: ir.Value,
        tagIndices: Sequence[ir.Value],
        numElements: ir.Value,
        *,
        loc: ir.Location | None = None,
        ip: ir.InsertionPoint | None = None,
    ) -> None: ...

class ExtractAlignedPointerAsIndexOp(ir.OpView):
    def __init__(
        self,
        source: ir.Value,
        *,
        results: Sequence[ir.Type] | None = None,
        loc: ir.Location | None = None,
        ip: ir.InsertionPoint | None = None,
    ) -> None: ...
    @property
    def source(self) -> ir.Value: ...

class ExtractStridedMetadataOp(ir.OpView):
    def __init__(
        self,
        source: ir.Value,
        *,
        results: Sequence[ir.Type] | None = None,
        loc: ir.Location | None = None,
        ip: ir.InsertionPoint | None = None,
    ) -> None: ...
    @property
    def source(self) -> ir.Value[ir.MemRefType]: ...
    @property
    def offset(self) -> ir.OpResult[ir.IndexType]: ...
    @property
    def sizes(self) -> ir.OpResultList[ir.IndexType]: ...
    @property
    def strides(self) -> ir.OpResultList[ir.IndexType]: ...

class PrefetchOp(ir.OpView):
    def __init__(
        self,
        memref: ir.Value,
        indices: Sequence[ir.Value],
        isWrite: bool | ir.BoolAttr,
        localityHint: int | ir.IntegerAttr,
        isDataCache: bool | ir.BoolAttr,
        *,
        loc: ir.Location | None = None,
        ip: ir.InsertionPoint | None = None,
    ) -> None: ...
    @property
    def memref(self) -> ir.Value[ir.MemRefType]: ...
    @property
    def indices(self) -> ir.OpOperandList[ir.IndexType]: ...

def prefetch(
    memref: ir.Value,
    indices: Sequence[ir.Value],
    is_write: bool | ir.BoolAttr,
    locality_hint: int | ir.IntegerAttr,
    is_data_cache: bool | ir.BoolAttr,
    *,
    loc: ir.Location | None = None,
    ip: ir.InsertionPoint | None = None,
) -> PrefetchOp: ...

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
        loc: ir.Location | None = None,
        ip: ir.InsertionPoint | None = None,
    ) -> None: ...
    @property
    def source(self) -> ir.Value: ...
    @property
    def sizes(self) -> ir.OpOperandList[ir.IndexType]: ...
    @property
    def strides(self) -> ir.OpOperandList[ir.IndexType]: ...
    @property
    def result(self) -> ir.OpResult[ir.MemRefType]: ...

class StoreOp(ir.OpView):
    def __init__(
        self,
        value: ir.Value,
        memref: ir.Value,
        indices: Sequence[ir.Value],
        *,
        nontemporal: bool | ir.BoolAttr | None = None,
        alignment: int | ir.IntegerAttr | None = None,
        loc: ir.Location | None = None,
        ip: ir.InsertionPoint | None = None,
    ) -> None: ...
    @property
    def value(self) -> ir.Value: ...
    @property
    def memref(self) -> ir.Value[ir.MemRefType]: ...
    @property
    def indices(self) -> ir.OpOperandList[ir.IndexType]: ...
    @property
    def alignment(self) -> ir.IntegerAttr | None: ...
    @alignment.setter
    def alignment(self, value: ir.IntegerAttr | None) -> None: ...

class ViewOp(ir.OpView):
    def __init__(
        self,
        result: ir.Type,
        source: ir.Value,
        byte_shift: ir.Value,
        sizes: Sequence[ir.Value],
        *,
        loc: ir.Location | None = None,
        ip: ir.InsertionPoint | None = None,
    ) -> None: ...
    @property
    def source(self) -> ir.Value[ir.MemRefType]: ...
    @property
    def sizes(self) -> ir.OpOperandList[ir.IndexType]: ...
