"""Packing for instructions that add products of narrow elements to 32-bit lanes: factors side by side in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from operator import mul

from torch_mlir import ir

from ...ir.attributes import IN_PLACE
from ...ir.build_nest import build_elementwise_nest, build_map_nest
from ...ir.emit import bits, is_float
from ...ir.packing import WORD_BYTES, is_signed, rows_in_place, rows_type, words_type
from ...ir.pointers import i64
from ...targets.isa.base import Intrinsic
from .scratch import scratch

Values = Sequence[ir.Value]


def rows_of_words(op: ir.Operation, dot: Intrinsic) -> ir.Value:
    """A, with rows of whole words that start at a multiple of a word's bytes: itself, or a copy.

    before: memref<5x7xi8>
    after:  memref<5x8xi8>, the last column of which is 0: whatever is there times 0 is not 0 if it is no number, and
            counts in the sums of rows.
    """
    view = op.operands[0]
    if IN_PLACE in op.attributes:
        return view
    allocation = rows_in_place(view, dot)
    if allocation is not None:
        _align(allocation)
        return view
    kind = ir.MemRefType(view.type)
    padded = scratch(op, rows_type(view, dot))
    assert not isinstance(padded.owner, ir.Block)
    _align(padded.owner)
    factor = partial(_factor, op, dot)
    build_map_nest(ir.InsertionPoint(op), op.location, view, _part(op, padded, [0] * kind.rank, kind.shape), factor)
    *outer, k = kind.shape
    missing = -k % dot.products
    if missing:
        rest = _part(op, padded, [*[0] * len(outer), k], [*outer, missing])
        zero = partial(_zero, ir.MemRefType(padded.type).element_type, op)
        build_elementwise_nest(ir.InsertionPoint(op), op.location, [], rest, zero)
    return padded


def words(op: ir.Operation, dot: Intrinsic, width: int) -> ir.Value:
    """B as words of several rows, little end first, in rows of whole vectors.

    before: memref<7x40xi8>
    after:  memref<2x64xi32>, whose [0, j] holds the bytes [0, j], [1, j], [2, j] and [3, j]; [1, j] holds three and 0

    A bias has been added to every byte, also to the 0, which A's are multiplied with.

    Where B is several panels of `width` columns, each lies in one piece, so that its rows do not share the sets of the
    first-level cache: memref<8x64xi8> becomes memref<2x2x32xi32>.
    """
    view, each = op.operands[1], dot.products
    *outer, k, n = ir.MemRefType(view.type).shape
    panels = _panels_of(view, width)
    kind = words_type(view, dot)
    if panels > 1:
        kind = ir.MemRefType.get([panels, kind.shape[0], width], kind.element_type, loc=op.location)
    packed = scratch(op, kind)
    whole = k // each
    batch = [0] * len(outer)
    for first, count, used in ((0, whole, each), (whole, 1, k % each)):
        if count == 0 or used == 0:
            continue
        size = [*outer, count, n]
        sources = [_part(op, view, [*batch, each * first + j, 0], size, each) for j in range(used)]
        if panels > 1:
            batch, size = [0], [panels, count, width]
            sources = [_in_panels(op, source, size) for source in sources]
        target = _part(op, packed, [*batch, first, 0], size)
        batch = [0] * len(outer)
        build_elementwise_nest(ir.InsertionPoint(op), op.location, sources, target, partial(_word, op, dot))
    return packed


def _panels_of(view: ir.Value, width: int) -> int:
    """How many panels of so many columns a matrix is; 1 where they cannot be told apart."""
    kind = ir.MemRefType(view.type)
    strides, offset = kind.get_strides_and_offset()
    known = ir.ShapedType.get_dynamic_stride_or_offset() not in (offset, *strides)
    return kind.shape[-1] // width if kind.rank == 2 and known and kind.shape[-1] % width == 0 else 1


def _in_panels(op: ir.Operation, source: ir.Value, size: list[int]) -> ir.Value:
    """A matrix as its panels, one after another."""
    kind = ir.MemRefType(source.type)
    (row, column), offset = kind.get_strides_and_offset()
    strides = [size[-1] * column, row, column]
    layout = ir.StridedLayoutAttr.get(offset, strides, op.context)
    attributes = {
        "static_offsets": ir.DenseI64ArrayAttr.get([offset], op.context),
        "static_sizes": ir.DenseI64ArrayAttr.get(size, op.context),
        "static_strides": ir.DenseI64ArrayAttr.get(strides, op.context),
        "operandSegmentSizes": ir.DenseI32ArrayAttr.get([1, 0, 0, 0], op.context),
    }
    panels = ir.MemRefType.get(size, kind.element_type, layout, kind.memory_space, loc=op.location)
    ip = ir.InsertionPoint(op)
    return ir.Operation.create("memref.reinterpret_cast", [panels], [source], attributes, loc=op.location, ip=ip).result


def _word(op: ir.Operation, dot: Intrinsic, values: Values, ip: ir.InsertionPoint) -> ir.Value:
    """The elements side by side."""
    make, width = _maker(op, ip), 32 // dot.products
    narrow, wide = (ir.IntegerType.get_signless(size, op.context) for size in (width, 32))

    def field(value: ir.Value) -> ir.Value:
        if is_float(value.type):
            value = make("bitcast", narrow, value)
        elif bits(value.type) < width:
            value = make("extsi" if is_signed(op) else "extui", narrow, value)
        return make("extui", wide, value)

    word = field(values[0])
    for number, value in enumerate(values[1:], 1):
        shift = _constant(op, ip, wide, width * number)
        word = make("ori", wide, word, make("shli", wide, field(value), shift))
    if not dot.bias:
        return word
    # Half the range, added without a carry.
    return make("xori", wide, word, _constant(op, ip, wide, int.from_bytes(bytes([dot.bias] * dot.products))))


def _factor(op: ir.Operation, dot: Intrinsic, value: ir.Value, ip: ir.InsertionPoint) -> ir.Value:
    """An element of A as the instruction takes it."""
    make, kind = _maker(op, ip), ir.Type.parse(dot.element, op.context)
    if value.type != kind:
        value = make("extsi" if is_signed(op) else "extui", kind, value)
    return value


def _zero(kind: ir.Type, op: ir.Operation, _: Values, ip: ir.InsertionPoint) -> ir.Value:
    if not is_float(kind):
        return _constant(op, ip, kind, 0)
    value = {"value": ir.FloatAttr.get(kind, 0.0)}
    return ir.Operation.create("arith.constant", [kind], [], value, loc=op.location, ip=ip).result


def _constant(op: ir.Operation, ip: ir.InsertionPoint, kind: ir.Type, number: int) -> ir.Value:
    size = 1 << bits(kind)
    signed = (number + size // 2) % size - size // 2
    value = {"value": ir.IntegerAttr.get(kind, signed)}
    return ir.Operation.create("arith.constant", [kind], [], value, loc=op.location, ip=ip).result


def _maker(op: ir.Operation, ip: ir.InsertionPoint) -> Callable[..., ir.Value]:
    def make(name: str, kind: ir.Type, *operands: ir.Value) -> ir.Value:
        return ir.Operation.create(f"arith.{name}", [kind], operands, loc=op.location, ip=ip).result

    return make


def _align(alloca: ir.Operation | ir.OpView) -> None:
    """Words need a multiple of their size."""
    if "alignment" not in alloca.attributes or ir.IntegerAttr(alloca.attributes["alignment"]).value < WORD_BYTES:
        alloca.attributes["alignment"] = ir.IntegerAttr.get(i64(), WORD_BYTES)


def _part(op: ir.Operation, view: ir.Value, start: Sequence[int], size: Sequence[int], step: int = 1) -> ir.Value:
    """Part of a view; `step`: of the rows."""
    kind = ir.MemRefType(view.type)
    if list(size) == list(kind.shape) and not any(start) and step == 1:
        return view
    steps = [1] * len(size)
    steps[-2] = step
    strides, offset = kind.get_strides_and_offset()
    dynamic = ir.ShapedType.get_dynamic_stride_or_offset()
    moved = dynamic in (offset, *(stride for first, stride in zip(start, strides, strict=True) if first))
    at = dynamic if moved else offset + sum(map(mul, start, strides))
    layout = ir.StridedLayoutAttr.get(
        at, [s if s == dynamic else s * n for s, n in zip(strides, steps, strict=True)], op.context
    )
    part = ir.MemRefType.get(list(size), kind.element_type, layout, kind.memory_space, loc=op.location)
    attributes = {
        "static_offsets": ir.DenseI64ArrayAttr.get(list(start), op.context),
        "static_sizes": ir.DenseI64ArrayAttr.get(list(size), op.context),
        "static_strides": ir.DenseI64ArrayAttr.get(steps, op.context),
        "operandSegmentSizes": ir.DenseI32ArrayAttr.get([1, 0, 0, 0], op.context),
    }
    ip = ir.InsertionPoint(op)
    return ir.Operation.create("memref.subview", [part], [view], attributes, loc=op.location, ip=ip).result
