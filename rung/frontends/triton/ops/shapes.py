"""Operations that give a block another shape."""

from __future__ import annotations

from torch_mlir import ir

from ..blocks import BlockConverter
from ..buffers import rebuilt
from ..operation import register
from ..ttir import int_attr, is_pointer, shape
from .families import Reindexing


@register
class Splat(Reindexing):
    """A scalar, everywhere."""

    names = ("tt.splat",)
    free = True

    def dims(self, op: ir.Operation) -> tuple[int, ...]:
        return ()


@register
class ExpandDims(Reindexing):
    """One more dimension, of extent 1."""

    names = ("tt.expand_dims",)
    free = True

    def dims(self, op: ir.Operation) -> list[int]:
        axis, dims = int_attr(op, "axis"), range(len(shape(op.operands[0]) or ()))
        return [d + (d >= axis) for d in dims]


@register
class Broadcast(Reindexing):
    """Dimensions of extent 1 become longer."""

    names = ("tt.broadcast",)
    free = True

    def dims(self, op: ir.Operation) -> list[int | None]:
        return [None if n == 1 else d for d, n in enumerate(shape(op.operands[0]) or ())]


@register
class Trans(Reindexing):
    """Dimensions in another order."""

    names = ("tt.trans",)

    def dims(self, op: ir.Operation) -> list[int]:
        order = list(ir.DenseI32ArrayAttr(op.attributes["order"]))
        return [order.index(d) for d in range(len(order))]


@register
class Reshape(Reindexing):
    """The same elements in row-major order. Where dimensions of extent 1 come or go, nothing moves; elsewhere, the
    block is in scratch, which is seen as another shape."""

    names = ("tt.reshape",)

    def dims(self, op: ir.Operation) -> list[int | None] | None:
        old, new = shape(op.operands[0]) or (), shape(op.results[0]) or ()
        kept = [d for d, n in enumerate(new) if n != 1]
        if [n for n in old if n != 1] != [new[d] for d in kept]:
            return None
        numbers = iter(kept)
        return [None if n == 1 else next(numbers) for n in old]

    def convert(self, blocks: BlockConverter, op: ir.Operation) -> None:
        if is_pointer(op.results[0]) or self.dims(op) is not None:
            return
        blocks.flush()
        buffer = blocks.keep_row_major(op.operands[0])
        blocks.program.meanings.store(op.results[0], rebuilt(buffer, shape(op.results[0]) or ()))
