"""Operations that need whole blocks: reductions, scans, contractions, histograms."""

from __future__ import annotations

from collections.abc import Container, Sequence

from torch_mlir import ir
from torch_mlir.dialects import arith, memref, scf

from .. import elementwise, reductions, scans
from ..blocks import BlockConverter
from ..buffers import contract, fill, round_into
from ..exchanges import is_part
from ..expression import Expressions
from ..layout import order_of, without
from ..meanings import InScratch
from ..nest_sinks import Accumulate, Effect, Keep, Sink
from ..operation import is_free, register
from ..positions import Position
from ..reach import Reach, Walk, unknown
from ..scratch import Buffer, from_memory
from ..traversal import cone, needed_after, needed_besides, walk
from ..ttir import combine_block, element, int_attr, is_block, is_bool, owner, shape
from .families import Whole

_LONG_CHAIN = 24
"""Operations from which on a value that is needed twice is kept rather than computed again."""
_GROWING = frozenset(f"arith.{name}" for name in ("addi", "subi", "muli", "ori", "xori", "shli"))


class _Fold(Whole):
    """Combines elements by a function of its own."""

    def reach(self, walk: Walk, op: ir.Operation, number: int, operands: Sequence[Reach]) -> Reach:
        grows = any(_grows(each.operation) for each in combine_block(op).operations)
        return unknown(*operands) if grows else operands[number]


def _grows(op: ir.Operation) -> bool:
    """Whether the combination of two numbers may be larger than both."""
    if len(op.regions) or op.name == "tt.call":
        return True  # not looked into
    return op.name in _GROWING and not is_bool(op.results[0].type)


@register
class Reduce(_Fold):
    """`tt.reduce`: accumulators in scratch, from the identity of the combine function, or flagged where it has none.
    Nothing where it only makes neighbours change places (`exchanges.py`)."""

    names = ("tt.reduce",)

    def convert(self, blocks: BlockConverter, op: ir.Operation) -> None:
        if is_part(op):
            return
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
        blocks.nest(extents, sinks)
        for sink in sinks:
            if isinstance(sink, Keep):
                blocks.program.meanings.store(sink.value, sink.buffer)
        for buffer, value, result in zip(buffers, values, op.results, strict=True):
            whole = buffer
            if buffer.element != element(value):
                whole = blocks.program.scratch.allocate(rest, element(value), order)
                round_into(buffer, whole)
            _finish_reduction(blocks, result, whole)


def _finish_reduction(blocks: BlockConverter, result: ir.Value, buffer: Buffer) -> None:
    if is_block(result):
        blocks.program.meanings.store(result, buffer)
    else:
        blocks.program.set_scalar(result, from_memory(memref.LoadOp(buffer.memref, []).result, result.type))


def _shared_expensive(blocks: BlockConverter, op: ir.Operation, extents: tuple[int, ...]) -> list[Sink]:
    """Values that the reduction computes anyway and a later nest needs again, written on the way if that pays.

    It pays for expensive operations, and for long chains of cheap ones. What is needed again only for what is written
    is not written itself, nor what is a few operations away from that.
    """
    order, block = blocks.positions, blocks.current
    assert block is not None
    written: dict[ir.Value, None] = {}
    needed: dict[ir.Value, bool] = {}
    made = [(v, d) for v in cone(blocks.program, list(op.operands)).values if (d := owner(v)) is not None]
    for value, definer in sorted(made, key=lambda each: -order.get(each[1], -1)):  # users first
        needed[value] = needed_besides(value, written, needed, order, order[op], block)
        candidate = shape(value) == extents and not is_free(definer) and not blocks.program.is_stored(value)
        if candidate and needed[value] and _pays(blocks, value):
            written[value] = None
    kept: dict[ir.Value, None] = {}
    for value in reversed(written):
        if _pays(blocks, value, kept):
            kept[value] = None
    return [Keep(value, blocks.allocate(value)) for value in kept]


def _pays(blocks: BlockConverter, value: ir.Value, kept: Container[ir.Value] = ()) -> bool:
    """Whether reading `value` is cheaper than computing it, from `kept` among others."""
    definer = owner(value)
    if definer is not None and definer.name in elementwise.EXPENSIVE:
        return True
    seen: set[ir.Value] = set()
    for below, _ in walk(blocks.program, [value], kept):
        seen.add(below)
        if len(seen) == _LONG_CHAIN:
            return True
    return False


@register
class Scan(_Fold):
    """`tt.scan`: the source is copied to scratch and scanned there."""

    names = ("tt.scan",)

    def convert(self, blocks: BlockConverter, op: ir.Operation) -> None:
        blocks.flush()
        axis = int_attr(op, "axis")
        reverse = "reverse" in op.attributes and bool(ir.BoolAttr(op.attributes["reverse"]).value)
        buffers = [
            blocks.keep(v, blocks.program.scratch.allocate(shape(v) or (), element(v)), False) for v in op.operands
        ]
        if (shape(op.operands[0]) or ())[axis] > 1:
            scans.scan(blocks, op, buffers, axis, reverse)
        for result, buffer in zip(op.results, buffers, strict=True):
            blocks.program.meanings.store(result, buffer)


@register
class Dot(Whole):
    """`tt.dot`: a named contraction that accumulates into scratch, in place where a loop carries the accumulator."""

    names = ("tt.dot",)

    def convert(self, blocks: BlockConverter, op: ir.Operation) -> None:
        blocks.flush()
        a, b, c = op.operands
        result = op.results[0]
        left, right = blocks.keep_row_major(a), blocks.keep_row_major(b)
        target = blocks.in_place.get(result)
        if target is None or not target.is_row_major or not _may_replace(blocks, op, target, (left, right)):
            target = blocks.program.scratch.allocate(shape(c) or (), element(c))
        if not target.is_at(blocks.program.meanings.buffer(c)):
            blocks.keep(c, target, record=False)
        contract(left, right, target)
        blocks.program.meanings.store(result, target)


def _may_replace(blocks: BlockConverter, op: ir.Operation, old: Buffer, operands: Sequence[Buffer]) -> bool:
    """Whether a contraction may accumulate where a loop carries `old`: that is read element for element by its own
    accumulator only, in whatever shape, and not behind it."""
    program = blocks.program
    assert blocks.current is not None
    if any(operand.shares(old) for operand in operands):
        return False
    for read, dims in cone(program, [op.operands[2]]).buffers:
        buffer = program.buffer(read)
        if buffer.shares(old) and not buffer.follows(dims, old):
            return False
    index = blocks.positions[op]
    return not any(
        needed_after(value, blocks.positions, index, blocks.current)
        for value, found in program.meanings.items()
        if isinstance(found, InScratch) and found.buffer.shares(old)
    )


@register
class Histogram(Whole):
    """`tt.histogram`: counts in scratch, one atomic addition per element."""

    names = ("tt.histogram",)

    def convert(self, blocks: BlockConverter, op: ir.Operation) -> None:
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
        blocks.program.meanings.store(result, bins)
