"""Raw pointers below memrefs: frames of 8-byte slots, memrefs at a pointer, and calls of the runtime.

A memref at a pointer, and the pointer of a memref, are one op each until the `llvm` stage, where `to-llvm` makes or
reads a descriptor. No address passes through an integer: `index` may be narrower than a pointer.

    %x = builtin.unrealized_conversion_cast %p : !llvm.ptr to memref<?xf32>
    %p = builtin.unrealized_conversion_cast %x : memref<?xf32> to !llvm.ptr
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch_mlir import ir
from torch_mlir.dialects import arith, builtin, func, llvm, memref

Value = ir.Value[Any]


def pointer_type() -> ir.Type:
    return llvm.PointerType.get()


def i64() -> ir.Type:
    return ir.IntegerType.get_signless(64)


def constant(kind: ir.Type, value: int) -> Value:
    return arith.ConstantOp(kind, ir.IntegerAttr.get(kind, value)).result


def index(value: int) -> Value:
    return constant(ir.IndexType.get(), value)


def to_i64(value: Value) -> Value:
    return arith.IndexCastOp(i64(), value).result


def to_index(value: Value) -> Value:
    return arith.IndexCastOp(ir.IndexType.get(), value).result


def memref_at(pointer: Value, kind: ir.Type) -> Value:
    """The memref of type `kind` with this aligned pointer; its layout must be static or an identity."""
    return builtin.UnrealizedConversionCastOp([kind], [pointer]).results[0]


def is_memref_at(op: ir.Operation) -> bool:
    """Whether `op` was made by `memref_at`."""
    if op.name != "builtin.unrealized_conversion_cast" or len(op.operands) != 1 or len(op.results) != 1:
        return False
    return isinstance(op.operands[0].type, llvm.PointerType) and isinstance(op.results[0].type, ir.MemRefType)


def pointer_of(memory: Value) -> Value:
    """The aligned pointer of a memref: its offset is not in it."""
    return builtin.UnrealizedConversionCastOp([pointer_type()], [memory]).results[0]


def is_pointer_of(op: ir.Operation) -> bool:
    """Whether `op` was made by `pointer_of`."""
    if op.name != "builtin.unrealized_conversion_cast" or len(op.operands) != 1 or len(op.results) != 1:
        return False
    return isinstance(op.operands[0].type, ir.MemRefType) and isinstance(op.results[0].type, llvm.PointerType)


def can_be_rebuilt(kind: ir.MemRefType) -> bool:
    """Whether a pointer and the type say all about a memref: static strides and offset, or a plain rank 1."""
    strides, offset = kind.get_strides_and_offset()
    dynamic = ir.MemRefType.get_dynamic_stride_or_offset()
    if offset == dynamic or dynamic in strides:
        return False
    return kind.has_static_shape or kind.rank == 1


def slot(frame: Value, position: int) -> Value:
    """The address of one 8-byte slot of a frame."""
    if position == 0:
        return frame
    flags = ir.Attribute.parse("0 : i32")
    return llvm.GEPOp(pointer_type(), frame, [], [position], i64(), flags).result


def store_slot(frame: Value, position: int, value: Value) -> None:
    """Store a scalar, a pointer, or the aligned pointer of a memref into a slot (low bytes first)."""
    if isinstance(value.type, ir.MemRefType):
        value = pointer_of(value)
    elif isinstance(value.type, ir.IndexType):
        value = to_i64(value)
    llvm.StoreOp(value, slot(frame, position))


def load_slot(frame: Value, position: int, kind: ir.Type) -> Value:
    """Inverse of `store_slot`."""
    address = slot(frame, position)
    if isinstance(kind, ir.MemRefType):
        return memref_at(llvm.LoadOp(pointer_type(), address).result, kind)
    if isinstance(kind, ir.IndexType):
        return to_index(llvm.LoadOp(i64(), address).result)
    return llvm.LoadOp(kind, address).result


def element_address(buffer: Value, position: Sequence[Value]) -> Value:
    """The address of one element of a memref of any layout."""
    kind = ir.MemRefType(buffer.type)
    strides, offset = kind.get_strides_and_offset()
    dynamic = ir.MemRefType.get_dynamic_stride_or_offset()
    parts: list[Value] = []
    if dynamic in strides or offset == dynamic:
        parts = list(memref.ExtractStridedMetadataOp(buffer).operation.results)
    linear = parts[1] if offset == dynamic else index(offset)
    for d, i in enumerate(position):
        stride = parts[2 + kind.rank + d] if strides[d] == dynamic else index(strides[d])
        linear = arith.AddIOp(linear, arith.MulIOp(i, stride).result).result
    dynamic_index = ir.DenseI32ArrayAttr.get([-(1 << 31)])
    flags = ir.Attribute.parse("0 : i32")
    element = kind.element_type
    return llvm.GEPOp(pointer_type(), pointer_of(buffer), [to_i64(linear)], dynamic_index, element, flags).result


def declare(
    module: ir.Module | builtin.ModuleOp, name: str, inputs: Sequence[ir.Type], results: Sequence[ir.Type] = ()
) -> func.FuncOp:
    """The declaration of a runtime function, made on first use."""
    found = find_function(module, name)
    if found is not None:
        return found
    with ir.InsertionPoint.at_block_begin(module.body):
        return func.FuncOp(name, ir.FunctionType.get(list(inputs), list(results)), visibility="private")


def find_function(module: ir.Module | builtin.ModuleOp, name: str) -> func.FuncOp | None:
    for op in module.body.operations:
        if isinstance(op, func.FuncOp) and op.name.value == name:
            return op
    return None


def functions(module: ir.Module) -> list[func.FuncOp]:
    """All functions that have a body."""
    return [op for op in module.body.operations if isinstance(op, func.FuncOp) and not op.is_external]
