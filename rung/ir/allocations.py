"""Which memory a memref is: two values are the same memory, in whole or in part, if they lead to one allocation.

A view is another SSA value, often of another shape; whoever asks whether memory is read again, or written before it is
read, must not compare those.
"""

from __future__ import annotations

from typing import Any

from torch_mlir import ir

from .pointers import is_memref_at, is_pointer_of

Value = ir.Value[Any]

VIEWS = (
    "memref.reinterpret_cast",
    "memref.subview",
    "memref.cast",
    "memref.view",
    "memref.collapse_shape",
    "memref.expand_shape",
    "memref.transpose",
    "memref.memory_space_cast",
)
"""Operations that make a memref of (a part of) the memory of their first operand."""


def is_recast(op: ir.Operation) -> bool:
    """Whether `op` is the same memref with elements of another type (`Emitter.as_integers`)."""
    is_cast = op.name == "builtin.unrealized_conversion_cast"
    return is_cast and all(isinstance(v.type, ir.MemRefType) for v in (*op.operands, *op.results))


def allocation_of(memory: Value) -> Value:
    """What `memory` is a view of: an allocation, an argument, or a memref at a pointer that was computed."""
    while not isinstance(memory.owner, ir.Block):
        op = memory.owner.operation
        if op.name in VIEWS or op.name == "memref.extract_strided_metadata" or is_recast(op):
            memory = op.operands[0]
            continue
        source = op.operands[0].owner if is_memref_at(op) else None
        if source is None or isinstance(source, ir.Block) or not is_pointer_of(source.operation):
            break
        memory = source.operation.operands[0]  # the same memory as elements of another type
    return memory
