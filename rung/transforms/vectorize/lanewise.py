"""Operations that are executed lane by lane: atomics, and in scalar code everything that has
regions of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch_mlir import ir

from ...ir.body import Instr, captured
from ...ir.emit import DYNAMIC
from .values import Masks, Val

if TYPE_CHECKING:
    from .body import BodyEmitter


def run_lanewise(body: BodyEmitter, instr: Instr, masks: Masks) -> None:
    """Emit `instr` once per active lane of every copy.

    %r = memref.atomic_rmw addf %v, %x[%i] : (f32, memref<?xf32>) -> f32
      ->
    scf.for %l = %c0 to %lanes step %c1 { scf.if %mask[%l] { memref.atomic_rmw addf %v[%l], %x[%i[%l]] } }
    """
    used = [v for v in captured(instr.op) if v in body.env]
    for copy in body.copies:
        values = {v: body.get(v, copy) for v in used}
        if body.lanes == 1:
            results = clone(body, instr.op, {v: body.vector(val) for v, val in values.items()})
        else:
            results = _lane_loop(body, instr, values, masks.values[copy])
        body.define(instr.results, copy, results)


def clone(body: BodyEmitter, op: ir.Operation, mapping: dict[ir.Value, ir.Value]) -> list[ir.Value]:
    """A copy of `op` with everything nested in it, its captured values replaced."""
    made = op.clone(body.e.ip).operation
    _remap(made, mapping)
    return list(made.results)


def _remap(op: ir.Operation, mapping: dict[ir.Value, ir.Value]) -> None:
    for i, value in enumerate(op.operands):
        new = mapping.get(value)
        if new is not None:
            op.operands[i] = new
    for region in op.regions:
        for block in region.blocks:
            for inner in block.operations:
                _remap(inner.operation, mapping)


def _lane_loop(body: BodyEmitter, instr: Instr, values: dict[ir.Value, Val], mask: ir.Value | None) -> list[ir.Value]:
    e = body.e
    vectors = {v: (None if val.step == 0 else body.vector(val)) for v, val in values.items()}
    scalars = {v: body.scalar(val) for v, val in values.items() if val.step == 0}
    inits = [e.head_broadcast(e.zero(r.type), body.lanes) for r in instr.results]
    types = [r.type for r in instr.results]

    def one_lane(lane: ir.Value) -> list[ir.Value]:
        mapping = dict(scalars)
        for value, vector in vectors.items():
            if vector is not None:
                mapping[value] = e.extract(vector, lane)
        return clone(body, instr.op, mapping)

    def iteration(lane: ir.Value, carried: list[ir.Value]) -> list[ir.Value]:
        if mask is None:
            results = one_lane(lane)
        else:
            made = e.op("scf.if", types, [e.extract(mask, lane)], None, regions=2)
            with e.at(ir.InsertionPoint(made.regions[0].blocks.append())):
                e.op("scf.yield", [], one_lane(lane))
            if types:
                with e.at(ir.InsertionPoint(made.regions[1].blocks.append())):
                    e.op("scf.yield", [], [e.zero(t) for t in types])
            results = list(made.results)
        position = {"static_position": ir.DenseI64ArrayAttr.get([DYNAMIC], e.context)}
        return [
            e.value("vector.insert", vector.type, [value, vector, lane], position)
            for value, vector in zip(results, carried, strict=True)
        ]

    return e.loop(0, body.lanes, 1, inits, iteration)
