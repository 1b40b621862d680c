"""An operand that is the same for several programs in turn is filled, and packed, by the first of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch_mlir import ir
from torch_mlir.dialects import arith, memref, scf

from ...ir.constants import constant_value
from ...ir.emit import bits, is_float
from ...ir.filling import Filling, filling_of, turns_of
from ...ir.pointers import index
from ...ir.promotion import loops_around
from ...ir.slicing import enclosing

Value = ir.Value[Any]
_FILLED = 0
"""Where it stands how many slots are filled; the keys follow."""


@dataclass(frozen=True)
class Keep:
    """One operand, by its number, is to be kept in up to so many slots."""

    operand: int
    slots: int


@dataclass(frozen=True)
class Kept:
    """What `find_kept` found: of the loop over steps, before anything is changed."""

    operand: int
    slots: int
    step: int
    """Of the loop."""
    filling: Filling
    turns: list[Value]
    """For how many programs it is the same, a number for each quotient that it depends on."""


def find_kept(loop: scf.ForOp, op: ir.Operation, buffer: Value, keep: Keep, most: int) -> Kept | None:
    """What has to be done once only for an operand of a contraction; `most` steps are summed at a time."""
    step, trips = constant_value(loop.operation.operands[2]), trip_count(loop)
    slots = min(keep.slots, keep.slots if trips is None else -(-trips // most) * most) // most * most
    if slots < 1 or not step or step < 1:
        return None
    filling = filling_of(loop, buffer, op, keep.operand)
    if filling is None or any(_is_odd(key.type) for key in filling.keys):
        return None
    around = loops_around(op)
    turns = turns_of(around[1], filling.keys) if len(around) > 1 else []
    return Kept(keep.operand, slots, step, filling, turns)


def keep_steps(kept: Kept, outer: scf.ForOp, inner: scf.ForOp, slot: Value | None) -> tuple[Value, Value]:
    """Fill slots only where they do not hold yet what they should; gives the slots of the first step of a group, and
    of one step.

    before:
        scf.for %k = %lo to %hi step %s {
          linalg.generic outs(%a); linalg.generic outs(%b); use of %b
        }
    after, with 8 slots:
        if %y != %held[1] { %held[0] = 0; %held[1] = %y }
        scf.for %k = %lo to %hi step %s {
          %n = (%k - %lo) / %s
          %slot = min(%n, 8)
          linalg.generic outs(%a)
          if %n >= %held[0] { linalg.generic outs(%bs[%slot]); %held[0] = min(%n + 1, 8) }
          use of %bs[%slot]
        }

    A step that finds no slot is filled each time, into those behind the others. %held is of the whole share of a
    context, and 0 when it begins: memory may have changed since the last launch. Where the grid is so that no two
    programs would find the same (`%y = %p / %gx`, and `%gx` is 1), there are 0 slots instead of 8: what is filled for
    one reader should not go through all of them.
    """
    held = _held(outer, kept)
    with ir.InsertionPoint(outer):
        slots = _worthwhile(kept)
        _compare(held, kept.filling.keys)
    with ir.InsertionPoint.at_block_begin(outer.body):
        number = _number(outer, outer.operation.operands[0], kept.step)
        first = arith.MinSIOp(number, slots).result
    mine = first
    if slot is not None:
        with ir.InsertionPoint.at_block_begin(inner.body):
            mine = arith.AddIOp(first, slot).result
            number = arith.AddIOp(number, slot).result
    units = kept.filling.units
    with ir.InsertionPoint.after(units[-1]):
        filled = memref.LoadOp(held, [index(_FILLED)]).result
        guard = scf.IfOp(arith.CmpIOp(arith.CmpIPredicate.sge, number, filled).result)
    with ir.InsertionPoint(guard.then_block):
        done = arith.MinSIOp(arith.AddIOp(number, index(1)).result, slots).result
        memref.StoreOp(done, held, [index(_FILLED)])
        end = scf.YieldOp([])
    for unit in units:
        unit.move_before(end.operation)
    return first, mine


def trip_count(loop: scf.ForOp) -> int | None:
    lower, upper, step = (constant_value(operand) for operand in list(loop.operation.operands)[:3])
    return None if lower is None or upper is None or not step else -(-(upper - lower) // step)


def _number(loop: scf.ForOp, lower: Value, step: int) -> Value:
    """Of the step that an iteration begins with."""
    return arith.DivUIOp(arith.SubIOp(loop.induction_variable, lower).result, index(step)).result


def _worthwhile(kept: Kept) -> Value:
    """How many are kept: none where no program finds what another one left."""
    slots = index(kept.slots)
    for turns in kept.turns:
        again = arith.CmpIOp(arith.CmpIPredicate.ugt, _as_index(turns), index(1)).result
        slots = arith.SelectOp(again, slots, index(0)).result
    return slots


def _held(outer: scf.ForOp, kept: Kept) -> Value:
    """How many slots are filled, and the keys that they were filled for."""
    function = list(enclosing(outer.operation.block))[-1]
    with ir.InsertionPoint.at_block_begin(function.regions[0].blocks[0]), outer.operation.location:
        held = memref.AllocaOp(ir.MemRefType.get([1 + len(kept.filling.keys)], ir.IndexType.get()), [], []).result
        for position in range(1 + len(kept.filling.keys)):
            memref.StoreOp(index(0), held, [index(position)])
    return held


def _compare(held: Value, keys: list[Value]) -> None:
    """Where a key is another one, nothing is filled."""
    now = [_as_index(key) for key in keys]
    changed: Value | None = None
    for position, key in enumerate(now, 1):
        differs = arith.CmpIOp(arith.CmpIPredicate.ne, key, memref.LoadOp(held, [index(position)]).result).result
        changed = differs if changed is None else arith.OrIOp(changed, differs).result
    if changed is None:
        return
    guard = scf.IfOp(changed)
    with ir.InsertionPoint(guard.then_block):
        memref.StoreOp(index(0), held, [index(_FILLED)])
        for position, key in enumerate(now, 1):
            memref.StoreOp(key, held, [index(position)])
        scf.YieldOp([])


def _is_odd(kind: ir.Type) -> bool:
    return not isinstance(kind, ir.IndexType) and bits(kind) > 64


def _as_index(key: Value) -> Value:
    """A number that differs where keys do."""
    if isinstance(key.type, ir.IndexType):
        return key
    if is_float(key.type):
        key = arith.BitcastOp(ir.IntegerType.get_signless(bits(key.type)), key).result
    return arith.IndexCastOp(ir.IndexType.get(), key).result
