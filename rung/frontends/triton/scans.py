"""`tt.scan`: a nest whose accumulators, the carries, are also yielded for every element."""

from __future__ import annotations

from collections.abc import Sequence

from torch_mlir import ir
from torch_mlir.dialects import linalg, memref

from ...ir.build_nest import build_map_nest
from . import reductions
from .blocks import BlockConverter
from .buffers import fill
from .scratch import Buffer, from_memory, to_memory
from .ttir import memory_type
from .views import View, create_nest, make_view


def scan(blocks: BlockConverter, op: ir.Operation, buffers: Sequence[Buffer], axis: int, reverse: bool) -> None:
    """Scan `buffers` in place along `axis`, which is longer than 1.

    linalg.generic outs(%x, %carry : memref<RxNxf32>, memref<Rxf32>) iterators = [parallel, reduction] {
      ^bb0(%e, %c):
        %r = arith.addf %c, %e
        linalg.yield %r, %r
    }

    The carries start at the identity; where the combine function has none, they start at the first element and the
    nest at the second. Backwards: the views begin at the end and have a negative stride.
    """
    extents = buffers[0].extents
    rest = (*extents[:axis], *extents[axis + 1 :])
    start = reductions.identity(op)
    carries = [blocks.program.scratch.allocate(rest, buffer.element) for buffer in buffers]
    if start is not None:
        combine = reductions.single_combine(blocks.program, op)
        fill(carries[0], blocks.ix.literal(start, buffers[0].element))
    else:
        combine = reductions.called_combine(blocks.program, op, blocks.module, blocks.combiner_symbol())
        for buffer, carry in zip(buffers, carries, strict=True):
            first = _slice(buffer, axis, extents[axis] - 1 if reverse else 0)
            _copy(first, carry, op.location)
    kept = [d for d, n in enumerate(extents) if n != 1]
    skipped = 0 if start is not None else 1
    views = [_along(b, axis, skipped, reverse) for b in buffers]
    across = tuple(k for k, d in enumerate(kept) if d != axis)
    views += [View(c.memref, across) for c in carries]
    nest = create_nest(len(kept), [], views, {kept.index(axis)})
    body = ir.Block.create_at_start(nest.regions[0], [v.element for v in views])
    with ir.InsertionPoint(body), blocks.ix.scope():
        values, accumulators = list(body.arguments)[: len(buffers)], list(body.arguments)[len(buffers) :]
        elements = [from_memory(v, b.element) for v, b in zip(values, buffers, strict=True)]
        made = combine(accumulators, elements)
        running = [to_memory(v, memory_type(b.element)) for v, b in zip(made, buffers, strict=True)]
        linalg.YieldOp([*running, *running])


def _along(buffer: Buffer, axis: int, skipped: int, reverse: bool) -> View:
    """All of `buffer` but the first `skipped` along `axis`; from the end on if `reverse`."""
    kept = [d for d, n in enumerate(buffer.extents) if n != 1]
    sizes = [buffer.extents[d] - (skipped if d == axis else 0) for d in kept]
    strides = [-buffer.strides[d] if d == axis and reverse else buffer.strides[d] for d in kept]
    first = buffer.extents[axis] - 1 - skipped if reverse else skipped
    return make_view(buffer.memref, first * buffer.strides[axis], strides, sizes, sizes)


def _slice(buffer: Buffer, axis: int, at: int) -> ir.Value:
    """The elements of `buffer` at one place of `axis`."""
    kept = [d for d, n in enumerate(buffer.extents) if n != 1 and d != axis]
    strides, sizes = [buffer.strides[d] for d in kept], [buffer.extents[d] for d in kept]
    return make_view(buffer.memref, at * buffer.strides[axis], strides, sizes, sizes).memref


def _copy(source: ir.Value, target: Buffer, where: ir.Location) -> None:
    if ir.MemRefType(source.type).rank == 0:
        memref.StoreOp(memref.LoadOp(source, []).result, target.memref, [])
    else:
        build_map_nest(ir.InsertionPoint.current, where, source, target.memref)
