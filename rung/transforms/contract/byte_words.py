"""Contractions of signed bytes for a vector unit that adds four products of bytes to each 32-bit lane."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from operator import mul

from torch_mlir import ir

from ...ir.build_nest import build_elementwise_nest, build_map_nest
from ...ir.emit import Emitter, Index
from ...ir.packing import QUAD, rows_type, words_in_place, words_type
from ...ir.pointers import i64
from .kernel import Contraction, KernelPlan, Tile
from .scratch import scratch


def byte_rows(op: ir.Operation) -> ir.Value:
    """A, with rows of whole words that start at a multiple of four bytes: itself, or a copy.

    before: memref<5x7xi8>
    after:  memref<5x8xi8>, the last column of which is never written: in B, there are zeros for it
    """
    view = op.operands[0]
    allocation = words_in_place(view)
    if allocation is not None:
        _align(allocation)
        return view
    kind = ir.MemRefType(view.type)
    padded = scratch(op, rows_type(view))
    build_map_nest(ir.InsertionPoint(op), op.location, view, _part(op, padded, [0] * kind.rank, kind.shape))
    return padded


def byte_words(op: ir.Operation, lanes: int) -> ir.Value:
    """B as words of four rows, little end first, in rows of whole vectors.

    before: memref<7x40xi8>
    after:  memref<2x64xi32>, whose [0, j] holds the bytes [0, j], [1, j], [2, j] and [3, j]; [1, j] holds three and 0
    """
    view = op.operands[1]
    *outer, k, n = ir.MemRefType(view.type).shape
    words = scratch(op, words_type(view, lanes))
    whole = k // QUAD
    batch = [0] * len(outer)
    for first, count, used in ((0, whole, QUAD), (whole, 1, k % QUAD)):
        if count == 0 or used == 0:
            continue
        size = [*outer, count, n]
        sources = [_part(op, view, [*batch, QUAD * first + j, 0], size, QUAD) for j in range(used)]
        target = _part(op, words, [*batch, first, 0], size)
        build_elementwise_nest(ir.InsertionPoint(op), op.location, sources, target, partial(_word, op.location))
    return words


def _word(loc: ir.Location, values: Sequence[ir.Value], ip: ir.InsertionPoint) -> ir.Value:
    """The bytes side by side."""
    i32 = ir.IntegerType.get_signless(32, loc.context)

    def make(name: str, *operands: ir.Value) -> ir.Value:
        return ir.Operation.create(f"arith.{name}", [i32], operands, loc=loc, ip=ip).result

    word = make("extui", values[0])
    for number, value in enumerate(values[1:], 1):
        amount = {"value": ir.IntegerAttr.get(i32, 8 * number)}
        shift = ir.Operation.create("arith.constant", [i32], [], amount, loc=loc, ip=ip).result
        word = make("ori", word, make("shli", make("extui", value), shift))
    return word


def _align(alloca: ir.Operation) -> None:
    """Words need a multiple of their size."""
    if "alignment" not in alloca.attributes or ir.IntegerAttr(alloca.attributes["alignment"]).value < QUAD:
        alloca.attributes["alignment"] = ir.IntegerAttr.get(i64(), QUAD)


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


class ByteContraction(Contraction):
    """C += A B on words: k counts words, and every vector of C is whole; the last one of a row under a mask."""

    def __init__(
        self,
        e: Emitter,
        operands: tuple[ir.Value, ir.Value, ir.Value],
        prefix: list[ir.Value],
        plan: KernelPlan,
        intrinsic: str,
    ) -> None:
        i32 = ir.MemRefType(operands[2].type).element_type
        super().__init__(e, operands, prefix, i32, plan, fma=False)
        self.intrinsic = intrinsic

    def _panels(self) -> Iterator[tuple[int, int, int, int]]:
        """Whole panels, whole vectors, and what is left."""
        plan = self.plan
        columns, vectors = plan.n - plan.n % plan.lanes, plan.vectors
        wide = columns - columns % (vectors * plan.lanes)
        for start, stop, each in ((0, wide, vectors), (wide, columns, 1), (columns, plan.n, 1)):
            if stop > start:
                yield start, stop, each, plan.lanes

    def _factor(self, row: Index, k: Index) -> ir.Value:
        """Four bytes of a row of A as one word."""
        e = self.e
        i8 = ir.MemRefType(self.a.type).element_type
        place = self._place(row, e.mul(k, QUAD))
        alignment = {"alignment": ir.IntegerAttr.get(i64(), QUAD)}
        four = e.value("vector.load", ir.VectorType.get([QUAD], i8), [self.a, *place], alignment)
        return e.extract(e.value("vector.bitcast", ir.VectorType.get([1], self.computed), [four]), 0)

    def _multiply_add(self, a: ir.Value, b: ir.Value, c: ir.Value, lanes: int) -> ir.Value:
        attributes = {
            "intrin": ir.StringAttr.get(self.intrinsic, self.e.context),
            "operandSegmentSizes": ir.DenseI32ArrayAttr.get([3, 0], self.e.context),
            "op_bundle_sizes": ir.DenseI32ArrayAttr.get([], self.e.context),
        }
        return self.e.value("llvm.call_intrinsic", c.type, [c, a, b], attributes)

    def _load_c(self, row: Index, column: Index, lanes: int) -> ir.Value:
        mask = self._mask(column)
        if mask is None:
            return super()._load_c(row, column, lanes)
        kind = ir.VectorType.get([lanes], self.computed)
        zero = self.e.constant(ir.DenseElementsAttr.get_splat(kind, ir.IntegerAttr.get(self.computed, 0)))
        return self.e.value("vector.maskedload", kind, [self.c, *self._place(row, column), mask, zero])

    def _store_c(self, row: Index, column: Index, value: ir.Value, lanes: int) -> None:
        mask = self._mask(column)
        if mask is None:
            super()._store_c(row, column, value, lanes)
        else:
            self.e.op("vector.maskedstore", [], [self.c, *self._place(row, column), mask, value])

    def _mask(self, column: Index) -> ir.Value | None:
        """Lanes of the last vector of a row that are in C."""
        left = self.plan.n - column if isinstance(column, int) else self.plan.lanes
        if left >= self.plan.lanes:
            return None
        kind = ir.VectorType.get([self.plan.lanes], self.e.i1)
        lanes = [ir.IntegerAttr.get(self.e.i1, int(lane < left)) for lane in range(self.plan.lanes)]
        return self.e.constant(ir.DenseElementsAttr.get(lanes, kind))

    def _evidence(self, tile: Tile) -> ir.Attribute:
        plain = ir.DictAttr(super()._evidence(tile))
        named = {each.name: each.attr for each in plain}
        named["products"] = ir.IntegerAttr.get(ir.IntegerType.get_signless(64, self.e.context), QUAD)
        return ir.DictAttr.get(named, self.e.context)
