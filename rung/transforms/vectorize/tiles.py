"""The loops over tiles that are transposed in registers, and over what no whole tile covers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from torch_mlir import ir

from ...ir.emit import Index
from ...ir.lanes import VARYING
from ...ir.nest import Operand
from .access import Access, load, locate_operand, store
from .state import Scope, Variant, fresh
from .transposes import lies_across, transpose
from .values import Masks, Val

if TYPE_CHECKING:
    from .loops import NestLowering


class TileLoops:
    """Emits the two innermost loops of a nest some of whose operands lie along the outer one, `across`.

    scf.for %j = 0 to %rows { scf.for %i = 0 to %n step 16 { vector.gather %x, vector.store %y[%j, %i] } }
      ->
    scf.for %j = 0 to %whole_rows step 16 {
      scf.for %i = 0 to %whole step 16 { 16 x vector.load %x, 64 x vector.shuffle, 16 x vector.store %y }
    }
    scf.for %j = 0 to %whole_rows { the rest of the row, from %whole, as before }
    scf.for %j = %whole_rows to %rows { the whole row as before }

    Outputs that lie along `across` are transposed on their way back. The body is written once for each row of a tile.
    """

    def __init__(self, lowering: NestLowering, level: int, scope: Scope) -> None:
        """level: of the loop along `across`; the lanes' is the next."""
        self.lowering, self.level, self.scope = lowering, level, scope
        self.e, self.plan, self.nest = lowering.e, lowering.plan, lowering.nest
        self.edge = self.plan.lanes
        self.variant = Variant(self.edge, 1, [0], tile=self.edge)

    def run(self) -> None:
        e, edge = self.e, self.edge
        rows, columns = self.nest.sizes[self.plan.across], self.nest.sizes[self.plan.dim]
        whole_rows, whole_columns = e.floor_to(rows, edge), e.floor_to(columns, edge)

        def tiles(row: Index, _: list[ir.Value]) -> list[ir.Value]:
            def tile(column: Index, _: list[ir.Value]) -> list[ir.Value]:
                self._tile(row, column)
                return []

            self.lowering.loop(0, whole_columns, edge, [], {}, tile, self.lowering.evidence(self.variant))
            return []

        self.lowering.loop(0, whole_rows, edge, [], {}, tiles, None)
        beside = replace(self.scope, remainder=True)
        self.lowering.plain_loop(self.level, beside, {}, 0, self._unless_equal(whole_rows, whole_columns, columns))
        self.lowering.plain_loop(self.level, self.scope, {}, whole_rows, rows)

    def _unless_equal(self, value: Index, a: Index, b: Index) -> Index:
        """`value`, or 0 where nothing lies between a and b."""
        if isinstance(a, int) and isinstance(b, int):
            return 0 if a == b else value
        equal = ir.IntegerAttr.get(ir.IntegerType.get_signless(64, self.e.context), 0)
        same = self.e.value("arith.cmpi", self.e.i1, [self.e.index(a), self.e.index(b)], {"predicate": equal})
        return self.e.value("arith.select", self.e.index_type, [same, self.e.index(0), self.e.index(value)])

    def _tile(self, row: Index, column: Index) -> None:
        """One tile: all loads, then row by row the body and its stores, then what is transposed back."""
        loaded = self._load(row, column)
        back: dict[Operand, list[ir.Value]] = {}
        for r in range(self.edge):
            scope = self._at(row, column, r)
            scope.loaded.update({arg: [rows[r]] for arg, rows in loaded.items()})
            body = self.lowering.body_at(scope, self.variant)
            body.run(self.nest.body, Masks([None]))
            self.e.loc = self.nest.op.location
            for output in self.nest.elementwise_outputs:
                assert output.yielded is not None
                value = body.vector(body.get(output.yielded, 0))
                if self._is_across(output):
                    back.setdefault(output, []).append(value)
                else:
                    store(self.e, self.lowering.place(output, scope, 0, self.edge), self.edge, None, value)
        for output, values in back.items():
            for r, value in enumerate(transpose(self.e, values)):
                store(self.e, self._place_across(output, row, column, r), self.edge, None, value)

    def _load(self, row: Index, column: Index) -> dict[ir.Value, list[Val]]:
        """The operands that move in a tile, for each of its rows."""
        loaded: dict[ir.Value, list[Val]] = {}
        for operand in self.lowering.inputs:
            if self.lowering.level_of[id(operand)] < self.level:
                continue
            self.e.loc = operand.arg.location
            if self._is_across(operand):
                places = [self._place_across(operand, row, column, r) for r in range(self.edge)]
                rows = transpose(self.e, [load(self.e, place, self.edge, None, None) for place in places])
                loaded[operand.arg] = [Val(VARYING, vector=value) for value in rows]
            elif self.plan.across not in operand.dims:
                loaded[operand.arg] = [self._load_row(operand, self._at(row, column, 0))] * self.edge
            else:
                loaded[operand.arg] = [self._load_row(operand, self._at(row, column, r)) for r in range(self.edge)]
        self.e.loc = self.nest.op.location
        return loaded

    def _load_row(self, operand: Operand, scope: Scope) -> Val:
        uniform = operand.stride_along(self.plan.dim) == 0 and not operand.is_output
        lanes = 1 if uniform else self.edge
        value = load(self.e, self.lowering.place(operand, scope, 0, lanes), lanes, None, None)
        return Val(0, scalar=value) if uniform else Val(VARYING, vector=value)

    def _is_across(self, operand: Operand) -> bool:
        return lies_across(operand, self.plan.dim, self.plan.across)

    def _place_across(self, operand: Operand, row: Index, column: Index, r: int) -> Access:
        """Row r of a tile as memory has it: along `across`, from lane r's place."""
        position = {**self.scope.position, self.plan.across: row, self.plan.dim: self.e.add(column, r)}
        return locate_operand(self.e, operand, position, self.plan.across, self.edge)

    def _at(self, row: Index, column: Index, r: int) -> Scope:
        """Row r of the tile, whose lanes begin at `column`."""
        position = {**self.scope.position, self.plan.across: self.e.add(row, r), self.plan.dim: column}
        return Scope(position, fresh(self.scope.loaded, self.variant), self.variant, starts=[column])
