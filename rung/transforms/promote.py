"""`promote`: copy the footprints of views through buffers in the scratchpad."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from torch_mlir import ir
from torch_mlir.dialects import arith, memref, scf
from torch_mlir.passmanager import PassManager

from ..errors import UsageError
from ..ir.attributes import DIRECT, HELD, IN_ORDER, PROMOTED, SCRATCHPAD_BYTES, STREAMS, TRANSFER
from ..ir.constants import constant_value
from ..ir.dependences import anchor_in
from ..ir.footprints import buffer_view
from ..ir.pointers import functions, index, to_index
from ..ir.promotion import Promotion, PromotionPlan, note_assumed, plan
from ..ir.scratchpad_budget import Budget
from ..ir.slicing import enclosing, hoist_invariants, loops_in
from ..ir.transfers import SCRATCHPAD
from ..passes import Pass

Value = ir.Value[Any]


@dataclass(frozen=True)
class Promote(Pass):
    """Give the views that nests, contractions and copies use inside loops a buffer in the scratchpad.

    before:
        scf.for %i = ... {
          %v = memref.reinterpret_cast %x to offset: [%o], sizes: [%n], strides: [1] {rung.bounds = [1024]}
          %w = memref.reinterpret_cast %y ...
          linalg.generic ins(%v) outs(%w)
        }
    after:
        %bx = memref.alloca() : memref<1024xf32, 1>
        %by = memref.alloca() : memref<1024xf32, 1>
        scf.for %i = ... {
          %v = ...; %fv = memref.reinterpret_cast %bx to offset: [0], sizes: [%n], strides: [1]
          %w = ...; %fw = memref.reinterpret_cast %by to ...
          memref.copy %v, %fv {rung.transfer = "load"}
          linalg.generic ins(%fv) outs(%fw)
          memref.copy %fw, %w {rung.transfer = "store"}
        } {rung.promoted = 2, rung.streams = 2, rung.scratchpad_bytes = 8192}

    A buffer is packed: the innermost dimension is the one that is contiguous in global memory, dimensions of
    stride 0 are stored once. Where a transfer may not overtake others (`rung.ir.dependences`), the copy
    stands right at its use and says why in `rung.in_order`. A view that does not change in an inner loop is
    loaded once, before that loop. A view whose place is a quotient of the iteration's number (a bias in a grid
    of two dimensions) keeps its buffer while that does not change: `scf.if %py != %held { memref.copy }`.

    Different arguments are taken to be different memory, or accessed element for element alike; pairs for which the
    copies rely on that are listed in `rung.assumed` on the kernel, by number. `rung.may_alias` on the kernel says that
    all arguments may be one array.

    What there is room for was decided by `fit-scratchpad`, `rung.scratchpad = {budget_bytes = 262144, buffers = 2,
    ...}` on the kernel: so many buffers for what can be double-buffered, and one for the rest. Refuses to exceed it
    (`on-overflow=error`), or leaves the largest views direct (`on-overflow=direct`); refuses kernels without it. Views
    left direct, with the reason, are listed in `rung.direct` on the loop: no static bound, no contiguous dimension, a
    single element, array also accessed element by element by the same nest.
    """

    name: ClassVar[str] = "promote"
    on_overflow: Literal["error", "direct"] = "error"
    """What becomes of views that do not fit."""

    def run(self, module: ir.Module) -> None:
        tell_views_apart(module)
        for function in functions(module):
            found, budget = plan(function), Budget.read(function)
            taken = self._fit(found, budget)
            for promotion in taken:
                _emit(promotion)
            _annotate(taken, found.refusals, budget)
            if found.assumed:
                note_assumed(function, found.assumed)

    def _fit(self, found: PromotionPlan, budget: Budget) -> list[Promotion]:
        """The promotions that fit the budget; all of them, or an error, unless views may be left direct."""
        promotions = found.promotions
        needed = sum(map(budget.tile_bytes, promotions))
        if needed <= budget.budget_bytes:
            return promotions
        if self.on_overflow == "error":
            beside = f" beside {budget.scratch_bytes} of scratch" if budget.scratch_bytes else ""
            raise UsageError(
                f"promote: needs {needed} bytes of scratchpad ({len(promotions)} buffers, {budget.buffers} deep "
                f"where they stream){beside}, a context has {budget.budget_bytes + budget.scratch_bytes}: "
                f"reduce the block, the tile or the depth"
            )
        kept: list[Promotion] = sorted(promotions, key=budget.tile_bytes)
        while kept and sum(map(budget.tile_bytes, kept)) > budget.budget_bytes:
            largest = kept[-1]
            # All of an array goes one way: direct accesses and transfers would not see each other.
            dropped = [p for p in kept if found.may_alias or p.view.base == largest.view.base]
            kept = [p for p in kept if not (found.may_alias or p.view.base == largest.view.base)]
            found.refusals.extend((p.loop, f"{p.name}: its {budget.tile_bytes(p)} bytes do not fit") for p in dropped)
        left = {id(p) for p in kept}
        taken = [p for p in promotions if id(p) in left]
        if len(taken) < len(promotions):
            # Stores of two arrays are in order if both are transfers, or both direct.
            stored = {p.number for p in taken if p.stores}
            direct = {p.number for p in promotions if p.stores} - stored
            found.assumed.update((min(a, b), max(a, b)) for a in stored for b in direct)
        return taken


def tell_views_apart(module: ir.Module) -> None:
    """What `plan` asks of a module: addresses as far out as they can be, and equal views one value."""
    for function in functions(module):
        for loop in reversed(loops_in(function.operation)):
            hoist_invariants(loop)
    PassManager.parse("builtin.module(cse)").run(module.operation)


def _emit(promotion: Promotion) -> None:
    """Make the buffer and the copies, and rewire the uses."""
    outermost = promotion.outermost
    view = promotion.view
    space = ir.IntegerAttr.get(ir.IntegerType.get_signless(64), SCRATCHPAD)
    kind = ir.MemRefType.get([promotion.layout.elements], view.element, None, space)
    with ir.InsertionPoint(outermost), view.cast.location:
        buffer = memref.AllocaOp(kind, [], []).result
    inside = any(op == outermost for op in enclosing(view.cast.block))
    with ir.InsertionPoint.after(view.cast) if inside else ir.InsertionPoint(outermost), view.cast.location:
        footprint = buffer_view(buffer, view, promotion.layout)
    for access in promotion.uses:
        access.op.operands[access.operand] = footprint
    if promotion.placement == "resident":
        with ir.InsertionPoint(promotion.before), view.cast.location:
            _guarded_load(promotion, footprint)
        return
    if promotion.placement == "held":
        _held_load(promotion, footprint)
        return
    once = promotion.placement == "stream"
    ops = [anchor_in(promotion.loop, op) for op in promotion.ops] if once else promotion.ops
    if promotion.loads:
        for op in ops[:1] if once else ops:
            with ir.InsertionPoint(op), op.location:
                _copy(view.value, footprint, "load", promotion.in_order)
    if promotion.stores:
        for op in ops[-1:] if once else ops:
            with ir.InsertionPoint.after(op), op.location:
                _copy(footprint, view.value, "store", promotion.in_order)


def _copy(source: Value, target: Value, direction: str, reason: str) -> None:
    copy = memref.CopyOp(source, target).operation
    copy.attributes[TRANSFER] = ir.StringAttr.get(direction)
    if reason:
        copy.attributes[IN_ORDER] = ir.StringAttr.get(reason)


def _guarded_load(promotion: Promotion, footprint: Value) -> None:
    """Load what does not change in a nest of loops, if each of them runs at all."""
    runs: Value | None = None
    for loop in promotion.around:
        lower, upper = loop.operation.operands[0], loop.operation.operands[1]
        if _runs_at_least_once(loop):
            continue
        one = arith.CmpIOp(arith.CmpIPredicate.slt, lower, upper).result
        runs = one if runs is None else arith.AndIOp(runs, one).result
    if runs is None:
        _copy(promotion.view.value, footprint, "load", promotion.in_order)
        return
    guard = scf.IfOp(runs)
    with ir.InsertionPoint(guard.then_block):
        _copy(promotion.view.value, footprint, "load", promotion.in_order)
        scf.YieldOp([])


def _held_load(promotion: Promotion, footprint: Value) -> None:
    """Load before the first use, if the keys are not those of what the buffer holds."""
    with ir.InsertionPoint(anchor_in(promotion.loop, promotion.ops[0])), promotion.view.cast.location:
        keys = [key if isinstance(key.type, ir.IndexType) else to_index(key) for key in promotion.keys]
    with ir.InsertionPoint(promotion.outermost), promotion.view.cast.location:
        held = memref.AllocaOp(promotion.keys_type, [], []).result
    # The place may depend on loops around this one, too: every run of it begins anew.
    with ir.InsertionPoint(promotion.loop.operation), promotion.view.cast.location:
        for number in range(len(keys)):  # no quotient of an iteration's number is negative
            memref.StoreOp(index(-1), held, [index(number)])
    with ir.InsertionPoint(anchor_in(promotion.loop, promotion.ops[0])), promotion.view.cast.location:
        changed: Value | None = None
        for number, key in enumerate(keys):
            last = memref.LoadOp(held, [index(number)]).result
            one = arith.CmpIOp(arith.CmpIPredicate.ne, key, last).result
            changed = one if changed is None else arith.OrIOp(changed, one).result
        assert changed is not None
        guard = scf.IfOp(changed)
        with ir.InsertionPoint(guard.then_block):
            _copy(promotion.view.value, footprint, "load", promotion.in_order)
            for number, key in enumerate(keys):
                memref.StoreOp(key, held, [index(number)])
            scf.YieldOp([])


def _runs_at_least_once(loop: scf.ForOp) -> bool:
    lower, upper = (constant_value(bound) for bound in list(loop.operation.operands)[:2])
    return lower is not None and upper is not None and lower < upper


def _annotate(taken: list[Promotion], refusals: list[tuple[scf.ForOp, str]], budget: Budget) -> None:
    """Write what was decided on the loops."""
    i64 = ir.IntegerType.get_signless(64)
    for promotion in taken:
        attributes = promotion.loop.operation.attributes
        for key, amount in (
            (PROMOTED, 1),
            (STREAMS, int(promotion.placement == "stream")),
            (SCRATCHPAD_BYTES, budget.tile_bytes(promotion)),
        ):
            before = ir.IntegerAttr(attributes[key]).value if key in attributes else 0
            attributes[key] = ir.IntegerAttr.get(i64, before + amount)
        if promotion.placement == "held":
            before = ir.IntegerAttr(attributes[HELD]).value if HELD in attributes else 0
            attributes[HELD] = ir.IntegerAttr.get(i64, before + 1)
    for loop, reason in refusals:
        attributes = loop.operation.attributes
        reasons = list(ir.ArrayAttr(attributes[DIRECT])) if DIRECT in attributes else []
        reasons.append(ir.StringAttr.get(reason))
        attributes[DIRECT] = ir.ArrayAttr.get(reasons)
