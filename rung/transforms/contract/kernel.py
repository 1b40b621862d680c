"""The micro-kernel of a contraction and the loops around it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from torch_mlir import ir

from ...ir.attributes import CONTRACTION
from ...ir.emit import Emitter, Index, is_float, vector_of
from .live import Live
from .steps import Steps


@dataclass(frozen=True)
class KernelPlan:
    """C is m x n, the sum has k terms; a tile is `rows` x (`vectors` x `lanes`), k is unrolled by `depth`."""

    m: int
    n: int
    k: int
    lanes: int
    rows: int
    vectors: int
    depth: int


@dataclass(frozen=True)
class Tile:
    """The extent of one register tile."""

    rows: int
    vectors: int
    lanes: int


class Contraction:
    """Emits the loops of one contraction. Indices of A, B and C follow `prefix`, those of a batch; with `steps`, the
    sum goes over slots of A and B."""

    def __init__(
        self,
        e: Emitter,
        operands: tuple[ir.Value, ir.Value, ir.Value],
        prefix: list[ir.Value],
        computed: ir.Type,
        plan: KernelPlan,
        fma: bool,
        steps: Steps | None = None,
        first: ir.Value | None = None,
        in_place: bool = False,
        live: Live = (None, None),
    ) -> None:
        self.live_rows, self.live_columns = live
        """Of C, from the first, that anything reads; None: all. Others are left as they are, or hold anything."""
        self.in_place = in_place
        """Whether A is a part of an argument, for a whole block."""
        self.e, self.prefix, self.computed, self.plan, self.fma = e, prefix, computed, plan, fma
        self.a, self.b, self.c = operands
        self.first = first
        """What all of C begins with, if it is not what is there."""
        self.steps = steps
        self.slots: dict[ir.Value, Index] = {}
        """Of the operands that have some: where the terms are that are summed now."""
        if steps is not None:
            self.a = self.a if steps.a is None else steps.a.buffer
            self.b = self.b if steps.b is None else steps.b.buffer
        self.stored = ir.MemRefType(self.c.type).element_type
        self.contract = {"fastmath": ir.Attribute.parse("#arith.fastmath<contract>", e.context)}

    # Loops: panels of columns outside, so that a panel of B stays in L1 over all rows of A.

    def run(self) -> None:
        for start, stop, vectors, lanes in self._panels():
            self._loop(start, stop, vectors * lanes, partial(self._rows, vectors, lanes), self.live_columns)

    def _panels(self) -> Iterator[tuple[int, int, int, int]]:
        """(start, stop, vectors, lanes): whole panels, then single vectors, then halves down
        to one column."""
        at, plan = 0, self.plan
        vectors, lanes = plan.vectors, plan.lanes
        while at < plan.n:
            step = vectors * lanes
            stop = plan.n - (plan.n - at) % step
            if stop > at:
                yield at, stop, vectors, lanes
            at = stop
            if vectors > 1:
                vectors = max(1, min(vectors - 1, (plan.n - at) // lanes))
            elif lanes > 1:
                lanes //= 2

    def _rows(self, vectors: int, lanes: int, j: Index) -> None:
        plan = self.plan
        whole = plan.m - plan.m % plan.rows
        self._loop(0, whole, plan.rows, partial(self._tile, Tile(plan.rows, vectors, lanes), j), self.live_rows)
        rest = partial(self._tile, Tile(plan.m - whole, vectors, lanes), j)
        self._loop(whole, plan.m, plan.rows, rest, self.live_rows)

    def _loop(self, start: int, stop: int, step: int, body: Callable[[Index], None], live: Index | None = None) -> None:
        """live: nothing from there on is wanted; the last step may go beyond it."""
        e = self.e
        if stop <= start:
            return
        if stop - start <= step and (start == 0 or live is None):
            body(start)
            return

        def iteration(iv: Index, _: list[ir.Value]) -> list[ir.Value]:
            body(iv)
            return []

        end = stop if live is None else e.value("arith.minsi", e.index_type, [e.index(live), e.index(stop)])
        e.loop(start, end, step, [], iteration)

    # One tile of C.

    def _tile(self, tile: Tile, j: Index, i: Index) -> None:
        e, plan = self.e, self.plan
        rows = [e.add(i, r) for r in range(tile.rows)]
        columns = self._columns(j, tile.vectors, tile.lanes)
        evidence = {CONTRACTION: self._evidence(tile)}

        def terms(k: Index, carried: list[ir.Value], count: int = plan.depth) -> list[ir.Value]:
            for offset in range(count):
                carried = self._term(rows, columns, e.add(k, offset), carried, tile)
            return carried

        whole = plan.k - plan.k % plan.depth
        if whole <= plan.depth:
            whole = 0

        def all_terms(sums: list[ir.Value]) -> list[ir.Value]:
            if whole:
                sums = e.loop(0, whole, plan.depth, sums, terms, evidence)
            return terms(whole, sums, plan.k - whole)

        # Told by the innermost loop.
        sums = self._over_steps(self._first(tile, rows, columns), all_terms, {} if whole else evidence)
        for position, value in enumerate(sums):
            row, column = divmod(position, tile.vectors)
            self._store_c(rows[row], columns[column], value, tile.lanes)

    def _columns(self, j: Index, vectors: int, lanes: int) -> list[Index]:
        """Where the vectors of a row of a tile begin."""
        return [self.e.add(j, v * lanes) for v in range(vectors)]

    def _over_steps(
        self,
        sums: list[ir.Value],
        add: Callable[[list[ir.Value]], list[ir.Value]],
        attributes: dict[str, ir.Attribute] | None = None,
    ) -> list[ir.Value]:
        """The sums after the terms of every slot."""
        steps = self.steps
        if steps is None:
            return add(sums)

        def step(number: Index, carried: list[ir.Value]) -> list[ir.Value]:
            for slots in (steps.a, steps.b):
                if slots is not None:
                    self.slots[slots.buffer] = self.e.add(slots.first or 0, number)
            return add(carried)

        sums = step(0, sums) if steps.most == 1 else self.e.loop(0, steps.count, 1, sums, step, attributes)
        self.slots = {}
        return sums

    def _first(self, tile: Tile, rows: list[Index], columns: list[Index]) -> list[ir.Value]:
        """What the sums of a tile begin with, row by row."""
        if self.first is not None:
            return [self.e.head_broadcast(self.first, tile.lanes)] * (len(rows) * len(columns))
        return [self._load_c(r, c, tile.lanes) for r in rows for c in columns]

    def _term(
        self, rows: list[Index], columns: list[Index], k: Index, sums: list[ir.Value], tile: Tile
    ) -> list[ir.Value]:
        """sums + outer product of a column of A and a row of B."""
        e = self.e
        vectors = [self._load(self.b, k, c, tile.lanes) for c in columns]
        result: list[ir.Value] = []
        for number, row in enumerate(rows):
            factor = e.broadcast(self._factor(row, k), tile.lanes)
            for v, vector in enumerate(vectors):
                result.append(self._multiply_add(factor, vector, sums[number * tile.vectors + v], tile.lanes))
        return result

    def _factor(self, row: Index, k: Index) -> ir.Value:
        """What a row of A multiplies B with, as a scalar."""
        return self._load(self.a, row, k, 1)

    def _multiply_add(self, a: ir.Value, b: ir.Value, c: ir.Value, lanes: int) -> ir.Value:
        type_ = c.type
        if not is_float(self.computed):
            return self.e.value("arith.addi", type_, [self.e.value("arith.muli", type_, [a, b]), c])
        if self.fma:
            return self.e.value("math.fma" if lanes == 1 else "vector.fma", type_, [a, b, c])
        product = self.e.value("arith.mulf", type_, [a, b], self.contract)
        return self.e.value("arith.addf", type_, [product, c], self.contract)

    def _load(self, buffer: ir.Value, row: Index, column: Index, lanes: int) -> ir.Value:
        type_ = vector_of(ir.MemRefType(buffer.type).element_type, lanes)
        name = "memref.load" if lanes == 1 else "vector.load"
        return self.e.value(name, type_, [buffer, *self._place(row, column, buffer)])

    def _place(self, row: Index, column: Index, buffer: ir.Value) -> list[ir.Value]:
        slot = [self.e.index(self.slots[buffer])] if buffer in self.slots else []
        return [*self.prefix, *slot, self.e.index(row), self.e.index(column)]

    def _load_c(self, row: Index, column: Index, lanes: int) -> ir.Value:
        value = self._load(self.c, row, column, lanes)
        if self.stored == self.computed:
            return value
        return self.e.value("arith.extf", vector_of(self.computed, lanes), [value])

    def _store_c(self, row: Index, column: Index, value: ir.Value, lanes: int) -> None:
        if self.stored != self.computed:
            value = self.e.value("arith.truncf", vector_of(self.stored, lanes), [value])
        name = "memref.store" if lanes == 1 else "vector.store"
        self.e.op(name, [], [value, self.c, *self._place(row, column, self.c)])

    def _evidence(self, tile: Tile) -> ir.Attribute:
        i64 = ir.IntegerType.get_signless(64, self.e.context)
        numbers = {"lanes": tile.lanes, "mr": tile.rows, "nr": tile.vectors}
        if self.steps is not None:
            if self.steps.most > 1:
                numbers["steps"] = self.steps.most
            for name, slots in (("kept_a", self.steps.a), ("kept_b", self.steps.b)):
                if slots is not None and slots.kept:
                    numbers[name] = slots.kept
        if self.in_place:
            numbers["in_place"] = 1
        attributes = {name: ir.IntegerAttr.get(i64, n) for name, n in numbers.items()}
        return ir.DictAttr.get(attributes, self.e.context)


def emit_contraction(op: ir.Operation, of: Callable[[Emitter, list[ir.Value]], Contraction]) -> None:
    """Emit the loops of a contraction in front of `op`; a leading batch dimension becomes the outermost loop.

    of: (emitter, indices of the batch) -> what to emit.
    """
    e = Emitter(op)
    shape = ir.MemRefType(op.operands[2].type).shape
    if len(shape) == 2:
        of(e, []).run()
    else:

        def batch(iv: ir.Value, _: list[ir.Value]) -> list[ir.Value]:
            of(e, [iv]).run()
            return []

        e.loop(0, shape[0], 1, [], batch)
    e.finish()
