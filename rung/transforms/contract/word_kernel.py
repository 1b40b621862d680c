"""The micro-kernel of contractions in words: an instruction adds several products to each 32-bit lane."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from torch_mlir import ir

from ...ir.emit import Emitter, Index, is_float
from ...ir.packing import WORD_BYTES
from ...ir.pointers import i64
from ...targets.isa.base import Intrinsic
from .kernel import Contraction, KernelPlan, Tile
from .live import Live
from .steps import Steps


class WordContraction(Contraction):
    """C += A B on words: k counts words, and every vector of C is whole; the last one of a row under a mask.

    Where B's elements come with a bias, every tile begins at C less the bias's share, bias * (the sum of A's row),
    which is computed once. (The sums of B's columns would be as good; but A, which is not packed, would need the bias.)
    """

    def __init__(
        self,
        e: Emitter,
        operands: tuple[ir.Value, ir.Value, ir.Value],
        prefix: list[ir.Value],
        plan: KernelPlan,
        name: str,
        dot: Intrinsic,
        steps: Steps | None = None,
        first: ir.Value | None = None,
        in_place: bool = False,
        live: Live = (None, None),
        row_sums: ir.Value | None = None,
    ) -> None:
        sums = ir.MemRefType(operands[2].type).element_type
        super().__init__(e, operands, prefix, sums, plan, False, steps, first, in_place, live)
        self.name, self.dot = name, dot
        self.word = ir.IntegerType.get_signless(32, e.context)
        self.factors = ir.VectorType.get(
            [dot.vector_bytes * 8 // int(dot.operand.lstrip("bfi"))], ir.Type.parse(dot.operand, e.context)
        )
        self.panel: dict[Index, tuple[Index, Index]] = {}
        """Where B lies in panels: the panel of a column, and its place in there."""
        self.shares = row_sums
        """Scratch for the bias's share in each row, where there is a bias."""

    def run(self) -> None:
        if self.shares is not None:
            self._loop(0, self.plan.m, 1, partial(self._sum_row, self.shares), self.live_rows)
        super().run()

    def _panels(self) -> Iterator[tuple[int, int, int, int]]:
        """Whole panels, whole vectors, and what is left."""
        plan = self.plan
        columns, vectors = plan.n - plan.n % plan.lanes, plan.vectors
        wide = columns - columns % (vectors * plan.lanes)
        for start, stop, each in ((0, wide, vectors), (wide, columns, 1), (columns, plan.n, 1)):
            if stop > start:
                yield start, stop, each, plan.lanes

    def _columns(self, j: Index, vectors: int, lanes: int) -> list[Index]:
        columns = super()._columns(j, vectors, lanes)
        kind = ir.MemRefType(self.b.type)
        width = kind.shape[-1]
        if kind.rank > len(self.prefix) + 2 + (self.steps is not None and self.steps.b is not None):
            # A panel that is not the first of others begins at a multiple of `width`.
            number = (
                j // width
                if isinstance(j, int)
                else self.e.value("arith.divui", self.e.index_type, [j, self.e.index(width)])
            )
            self.panel = {column: (number, v * lanes) for v, column in enumerate(columns)}
        return columns

    def _place(self, row: Index, column: Index, buffer: ir.Value) -> list[ir.Value]:
        if buffer != self.b or column not in self.panel:
            return super()._place(row, column, buffer)
        number, place = self.panel[column]
        *outer, _, _ = super()._place(row, 0, buffer)
        return [*outer, self.e.index(number), self.e.index(row), self.e.index(place)]

    def _sum_row(self, shares: ir.Value, row: Index) -> None:
        """bias * (the sum of a row of A), by the same instruction, with as many words at once as it has lanes."""
        e, lanes, k = self.e, self.plan.lanes, self.plan.k
        bias = e.number(self.word, int.from_bytes(bytes([self.dot.bias] * self.dot.products)))
        factors = e.head_broadcast(bias, lanes)

        def add(at: Index, sums: list[ir.Value], words: int = lanes) -> list[ir.Value]:
            return [self._multiply_add(self._words(row, at, words, lanes), factors, sums[0], lanes)]

        def all_words(sums: list[ir.Value]) -> list[ir.Value]:
            whole = k - k % lanes
            if whole:
                sums = add(0, sums) if whole == lanes else e.loop(0, whole, lanes, sums, add)
            return add(whole, sums, k - whole) if whole < k else sums

        [sums] = self._over_steps([e.broadcast(e.zero(self.computed), lanes)], all_words)
        kind = {"kind": ir.Attribute.parse("#vector.kind<add>", e.context)}
        e.op("memref.store", [], [e.value("vector.reduction", self.computed, [sums], kind), shares, e.index(row)])

    def _words(self, row: Index, k: Index, count: int, lanes: int) -> ir.Value:
        """So many words of a row of A, and zeros in the lanes that are left."""
        e, each = self.e, self.dot.products
        kind = ir.VectorType.get([count * each], ir.MemRefType(self.a.type).element_type)
        found = e.value("vector.load", kind, [self.a, *self._place(row, e.mul(k, each), self.a)], self._aligned())
        if count == lanes:
            return found
        zeros = e.broadcast(e.zero(kind.element_type), lanes * each)
        at = {name: ir.ArrayAttr.get([ir.IntegerAttr.get(i64(), n)]) for name, n in (("offsets", 0), ("strides", 1))}
        return e.value("vector.insert_strided_slice", zeros.type, [found, zeros], at)

    def _first(self, tile: Tile, rows: list[Index], columns: list[Index]) -> list[ir.Value]:
        sums = super()._first(tile, rows, columns)
        if self.shares is None:
            return sums
        shares = [self.e.value("memref.load", self.computed, [self.shares, self.e.index(row)]) for row in rows]
        vectors = [self.e.broadcast(share, tile.lanes) for share in shares for _ in columns]
        return [self.e.value("arith.subi", c.type, [c, share]) for c, share in zip(sums, vectors, strict=True)]

    def _factor(self, row: Index, k: Index) -> ir.Value:
        """Several elements of a row of A as one word."""
        e, each = self.e, self.dot.products
        element = ir.MemRefType(self.a.type).element_type
        place = self._place(row, e.mul(k, each), self.a)
        elements = e.value("vector.load", ir.VectorType.get([each], element), [self.a, *place], self._aligned())
        return e.extract(e.value("vector.bitcast", ir.VectorType.get([1], self.word), [elements]), 0)

    def _aligned(self) -> dict[str, ir.Attribute]:
        """Of a word of A: an argument's rows begin anywhere."""
        return {
            "alignment": ir.IntegerAttr.get(i64(), WORD_BYTES // self.dot.products if self.in_place else WORD_BYTES)
        }

    def _multiply_add(self, a: ir.Value, b: ir.Value, c: ir.Value, lanes: int) -> ir.Value:
        if self.dot.bias:
            a, b = b, a  # the unsigned factors are B's
        factors = [x if x.type == self.factors else self.e.value("vector.bitcast", self.factors, [x]) for x in (a, b)]
        operands = [c, *factors] if self.dot.accumulates else factors
        attributes = {
            "intrin": ir.StringAttr.get(self.name, self.e.context),
            "operandSegmentSizes": ir.DenseI32ArrayAttr.get([len(operands), 0], self.e.context),
            "op_bundle_sizes": ir.DenseI32ArrayAttr.get([], self.e.context),
        }
        result = self.e.value("llvm.call_intrinsic", c.type, operands, attributes)
        return result if self.dot.accumulates else self.e.value("arith.addi", c.type, [c, result])

    def _load_c(self, row: Index, column: Index, lanes: int) -> ir.Value:
        mask = self._mask(column)
        if mask is None:
            return super()._load_c(row, column, lanes)
        kind = ir.VectorType.get([lanes], self.computed)
        attribute = ir.FloatAttr if is_float(self.computed) else ir.IntegerAttr
        zero = self.e.constant(ir.DenseElementsAttr.get_splat(kind, attribute.get(self.computed, 0)))
        return self.e.value("vector.maskedload", kind, [self.c, *self._place(row, column, self.c), mask, zero])

    def _store_c(self, row: Index, column: Index, value: ir.Value, lanes: int) -> None:
        mask = self._mask(column)
        if mask is None:
            super()._store_c(row, column, value, lanes)
        else:
            self.e.op("vector.maskedstore", [], [self.c, *self._place(row, column, self.c), mask, value])

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
        named["products"] = ir.IntegerAttr.get(ir.IntegerType.get_signless(64, self.e.context), self.dot.products)
        return ir.DictAttr.get(named, self.e.context)
