"""Volatile loads: each element is read once, where the kernel says so, and kept."""

from __future__ import annotations

from torch_mlir import ir
from torch_mlir.dialects import memref

from ...ir.volatile import load_volatile
from .bases import Base
from .blocks import BlockConverter
from .buffers import fill
from .expression import Expressions
from .nest_sinks import Effect
from .positions import Position
from .ttir import element, pointee, shape


def load_block(blocks: BlockConverter, op: ir.Operation) -> None:
    """A block of volatile loads, into scratch: what is masked off holds `other` before."""
    pointer, result = op.operands[0], op.results[0]
    mask, other = (op.operands[k] if len(op.operands) > k else None for k in (1, 2))
    buffer = blocks.program.scratch.allocate(shape(result) or (), element(result))
    if other is not None:
        blocks.keep(other, buffer, record=False)
    elif mask is not None:
        fill(buffer, blocks.ix.zero(buffer.element))

    def emit(expressions: Expressions, position: Position) -> None:
        def read(base: Base, index: ir.Value) -> list[ir.Value]:
            return [load_volatile(base.memref, [index])]

        [value] = expressions.addresses.access(pointer, position, [pointee(pointer)], read)
        memref.StoreOp(value, buffer.memref, expressions.place(buffer, position))

    blocks.nests.emit(shape(pointer) or (), [Effect((pointer,), mask, emit)])
    blocks.program.meanings.store(result, buffer)
