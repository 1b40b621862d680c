"""Operations that need whole blocks: reductions, scans, contractions, reshapes, histograms, atomics, assertions."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from torch_mlir import ir
from torch_mlir.dialects import arith, cf, memref, scf

from . import elementwise, reductions, scans
from .atomics import atomic_cas, atomic_rmw
from .buffers import contract, fill, rebuilt, round_into, window
from .expression import Expressions
from .layout import order_of, without
from .locations import source_line
from .nest_sinks import Accumulate, Effect, Keep, Sink
from .positions import Position, is_unit_reshape
from .scratch import Buffer, from_memory, row_major_buffer
from .traversal import cone, needed_after
from .ttir import element, int_attr, is_block, is_pointer, owner, shape

if TYPE_CHECKING:
    from .blocks import BlockConverter

_LONG_CHAIN = 24
"""Operations from which on a value that is needed twice is kept rather than computed again."""


def reduce(blocks: BlockConverter, op: ir.Operation) -> None:
    """`tt.reduce`: accumulators in scratch, from the identity of the combine function, or flagged where it has none."""
    blocks.flush()
    values = tuple(op.operands)
    extents, axis = shape(values[0]) or (), int_attr(op, "axis")
    rest = (*extents[:axis], *extents[axis + 1 :])
    if extents[axis] == 1:
        for value, result in zip(values, op.results, strict=True):
            _finish_reduction(blocks, result, blocks.keep(value).reshaped(rest))
        return
    start = reductions.identity(op)
    wide = reductions.wide_combine(op) if start is not None else None
    kinds = [ir.F32Type.get() if wide is not None else element(v) for v in values]
    order = without(order_of(blocks.program, values[0]), axis)
    buffers = [blocks.program.scratch.allocate(rest, kind, order) for kind in kinds]
    if start is not None:
        combine = wide or reductions.single_combine(blocks.program, op)
        if wide is not None:
            start = ir.FloatAttr.get(kinds[0], ir.FloatAttr(start).value)
        fill(buffers[0], blocks.ix.literal(start, kinds[0]))
        accumulators = tuple(buffers)
    else:
        combine = reductions.flagged_combine(blocks.program, op, blocks.module, blocks.combiner_symbol())
        flag = blocks.program.scratch.allocate(rest, ir.IntegerType.get_signless(8), order)
        accumulators = (*buffers, flag)
        for buffer in accumulators:
            fill(buffer, blocks.ix.zero(buffer.element))
    sinks: list[Sink] = [Accumulate(values, axis, accumulators, combine)]
    sinks += _shared_expensive(blocks, op, extents)
    blocks.nests.emit(extents, sinks)
    for sink in sinks:
        if isinstance(sink, Keep):
            blocks.program.stored[sink.value] = sink.buffer
    for buffer, value, result in zip(buffers, values, op.results, strict=True):
        whole = buffer
        if buffer.element != element(value):
            whole = blocks.program.scratch.allocate(rest, element(value), order)
            round_into(buffer, whole)
        _finish_reduction(blocks, result, whole)


def _finish_reduction(blocks: BlockConverter, result: ir.Value, buffer: Buffer) -> None:
    if is_block(result):
        blocks.program.stored[result] = buffer
    else:
        blocks.program.scalars[result] = from_memory(memref.LoadOp(buffer.memref, []).result, result.type)


def _shared_expensive(blocks: BlockConverter, op: ir.Operation, extents: tuple[int, ...]) -> list[Sink]:
    """Values that the reduction computes anyway and a later nest needs again, written on the way if that pays.

    It pays for expensive operations, and for long chains of cheap ones.
    """
    assert blocks.current is not None
    index = blocks.positions[op]
    found: list[Sink] = []
    covered: set[ir.Value] = set()
    for value in cone(blocks.program, list(op.operands)).values:
        definer = owner(value)
        if value in covered or definer is None or value in blocks.program.stored or shape(value) != extents:
            continue
        below = cone(blocks.program, [value]).values
        expensive = definer.name in elementwise.EXPENSIVE
        if (expensive or len(below) >= _LONG_CHAIN) and needed_after(value, blocks.positions, index, blocks.current):
            found.append(Keep(value, blocks.allocate(value)))
            if not expensive:
                covered.update(below)
    return found


def scan(blocks: BlockConverter, op: ir.Operation) -> None:
    """`tt.scan`: the source is copied to scratch and scanned there."""
    blocks.flush()
    axis = int_attr(op, "axis")
    reverse = "reverse" in op.attributes and bool(ir.BoolAttr(op.attributes["reverse"]).value)
    buffers = [blocks.keep(v, blocks.program.scratch.allocate(shape(v) or (), element(v)), False) for v in op.operands]
    if (shape(op.operands[0]) or ())[axis] > 1:
        scans.scan(blocks, op, buffers, axis, reverse)
    blocks.program.stored.update(zip(op.results, buffers, strict=True))


def dot(blocks: BlockConverter, op: ir.Operation) -> None:
    """`tt.dot`: a named contraction that accumulates into scratch, in place where a loop carries the accumulator."""
    blocks.flush()
    a, b, c = op.operands
    result = op.results[0]
    left, right = blocks.keep_row_major(a), blocks.keep_row_major(b)
    into = blocks.in_place.get(result)
    if into is None or not into.is_row_major:
        target = blocks.keep(c, blocks.program.scratch.allocate(shape(c) or (), element(c)), record=False)
    else:
        target = into if blocks.program.stored.get(c) == into else blocks.keep(c, into, record=False)
    contract(left, right, target)
    blocks.program.stored[result] = target


def reshape(blocks: BlockConverter, op: ir.Operation) -> None:
    """A reshape that moves elements between dimensions: the same memory, row-major, with another shape."""
    if is_pointer(op.results[0]) or is_unit_reshape(op):
        return
    blocks.flush()
    blocks.program.stored[op.results[0]] = rebuilt(blocks.keep_row_major(op.operands[0]), shape(op.results[0]) or ())


def cat(blocks: BlockConverter, op: ir.Operation) -> None:
    """Concatenation along the first dimension: two nests, each into its half."""
    blocks.flush()
    result = op.results[0]
    extents = tuple(shape(result) or ())
    buffer = blocks.program.scratch.allocate(extents, element(result))
    half = (extents[0] // 2, *extents[1:])
    for k, operand in enumerate(op.operands):
        part = row_major_buffer(window(buffer.memref, k * prod(half), half), half, buffer.element)
        blocks.keep(operand, part, record=False)
    blocks.program.stored[result] = buffer


def gather(blocks: BlockConverter, op: ir.Operation) -> None:
    """`tt.gather` looks its source up in scratch."""
    blocks.flush()
    blocks.keep(op.operands[0])


def unsplat(blocks: BlockConverter, op: ir.Operation) -> None:
    """The only element of a block, as a scalar."""
    blocks.flush()
    buffer = blocks.keep(op.operands[0])
    blocks.program.scalars[op.results[0]] = from_memory(memref.LoadOp(buffer.memref, []).result, op.results[0].type)


def histogram(blocks: BlockConverter, op: ir.Operation) -> None:
    """`tt.histogram`: counts in scratch, one atomic addition per element."""
    blocks.flush()
    source, result = op.operands[0], op.results[0]
    bins = blocks.program.scratch.allocate(shape(result) or (), element(result))
    fill(bins, blocks.ix.zero(bins.element))
    count = shape(result) or (1,)

    def emit(expressions: Expressions, position: Position) -> None:
        value = blocks.ix.cast_unsigned(expressions.at(source, position))
        counted = arith.CmpIOp(arith.CmpIPredicate.ult, value, blocks.ix.value(count[0])).result
        branch = scf.IfOp(counted, [])
        with ir.InsertionPoint(branch.then_block):
            one = blocks.ix.literal(ir.IntegerAttr.get(bins.element, 1), bins.element)
            where = [value] if count[0] != 1 else []
            memref.AtomicRMWOp(arith.AtomicRMWKind.addi, one, bins.memref, where)
            scf.YieldOp([])

    mask = op.operands[1] if len(op.operands) > 1 else None
    blocks.nests.emit(shape(source) or (), [Effect((source,), mask, emit)])
    blocks.program.stored[result] = bins


def device_assert(blocks: BlockConverter, op: ir.Operation) -> None:
    """`tl.device_assert`, per element for a block."""
    blocks.flush()
    text = ir.StringAttr(op.attributes["message"]).value if "message" in op.attributes else "device_assert failed"
    message = f"{source_line(op)}: {text}"
    condition = op.operands[0]
    if not is_block(condition):
        cf.AssertOp(blocks.program.scalar(condition), message)
        return
    blocks.nests.emit(
        shape(condition) or (),
        [Effect((condition,), None, lambda e, p: cf.AssertOp(e.at(condition, p), message) and None)],
    )


def atomic(blocks: BlockConverter, op: ir.Operation) -> None:
    """What is computed from memory before an atomic must be read before it."""
    blocks.flush()
    assert blocks.current is not None
    for load in list(blocks.memory.loads):
        value = load.results[0]
        if value not in blocks.program.stored and needed_after(
            value, blocks.positions, blocks.positions[op] - 1, blocks.current
        ):
            blocks.keep(value)
    (atomic_cas if op.name == "tt.atomic_cas" else atomic_rmw)(blocks, op)
