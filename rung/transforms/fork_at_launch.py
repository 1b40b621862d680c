"""What an iteration of a parallel loop costs, and from how many iterations on sharing them pays: a number, or, where a
loop in the body runs as often as the launch says, a few operations in front of it.

    K = 4096 / 256 steps per program; known at launch
    %steps = ceildiv(%K, 256)
    %saved = 120 + 35 * %steps          // nanoseconds that one iteration saves
    %least = max(2, ceildiv(300, %saved))
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Any

from torch_mlir import ir
from torch_mlir.dialects import arith, scf

from ..cost.count import ASSUMED_TRIPS, Counting, Lanes
from ..cost.forking import Price, break_even
from ..ir.pointers import index
from ..ir.slicing import clone, is_pure, may_trap, slice_of

Value = ir.Value[Any]
_SCALE = 16
"""Parts of a nanosecond that are told apart."""
_MOST_VARYING = 4
"""Loops whose trips are counted with at launch, the dearest first; the others run as often as assumed."""
_MOST = 1 << 28
"""Of any product: an index may have 32 bits."""


@dataclass(frozen=True)
class LoopCost:
    """Nanoseconds of an iteration. body_ns: of a context alone; together_ns: for which contexts take turns. varying: of
    loops in it, whose trips are known in front, what `ASSUMED_TRIPS` of each add to both."""

    body_ns: float
    together_ns: float
    varying: tuple[tuple[scf.ForOp, float, float], ...] = ()

    @classmethod
    def of(cls, loop: scf.ForallOp, lanes: Lanes, price: Price, clock_ghz: float) -> LoopCost:
        found = _count(loop, lanes)
        dearest = sorted(found.unknown, key=lambda each: price.alone(each[1]), reverse=True)
        varying: list[tuple[scf.ForOp, float, float]] = []
        for op, work in dearest[:_MOST_VARYING]:
            inner = op.opview
            if isinstance(inner, scf.ForOp) and _in_front(inner, loop) is not None:
                varying.append((inner, price.alone(work) / clock_ghz, price.together(work) / clock_ghz))
        work = found.work
        return cls(price.alone(work) / clock_ghz, price.together(work) / clock_ghz, tuple(varying))

    def least(self, fork_ns: float, contexts: int) -> int:
        """Iterations from which on a fork pays, where loops run as often as assumed."""
        return break_even(self.body_ns, self.together_ns, fork_ns, contexts)

    def at_launch(self, loop: scf.ForallOp, fork_ns: float, contexts: int) -> Value | None:
        """The same with the launch's own trips, computed at the insertion point; None where nothing varies."""
        if not self.varying:
            return None

        def saved(body: float, together: float) -> float:
            return max(0.0, body - max(body / contexts, together)) * _SCALE

        usual = saved(self.body_ns, self.together_ns)
        fork = min(_MOST, max(1, round(fork_ns * _SCALE)))
        fixed, total = usual, None
        for inner, body, together in self.varying:
            each = max(0.0, saved(self.body_ns + body, self.together_ns + together) - usual) / ASSUMED_TRIPS
            fixed -= each * ASSUMED_TRIPS
            span = _in_front(inner, loop)
            whole = max(1, round(each))
            if span is None or not each:
                continue
            # More steps than that save a fork in one iteration.
            trips = arith.MinUIOp(_trips(inner, span), index(min(_MOST, ceil(fork / whole)))).result
            product = arith.MulIOp(trips, index(min(_MOST, whole))).result
            total = product if total is None else arith.AddIOp(total, product).result
        if total is None:
            return None
        sum_ = arith.AddIOp(total, index(max(1, min(_MOST, round(fixed))))).result
        enough = arith.CeilDivUIOp(index(fork), sum_).result
        return arith.MaxUIOp(enough, index(2)).result


def _count(loop: scf.ForallOp, lanes: Lanes) -> Counting:
    counting = Counting(lanes)
    counting.number_arguments(loop.operation)
    for argument in loop.body.arguments:
        counting.likely[argument] = 0
    counting.block(loop.body)
    return counting


def _in_front(inner: scf.ForOp, loop: scf.ForallOp) -> list[ir.Operation] | None:
    """What has to be computed in front of `loop` for the trips of `inner`; None where they depend on the iteration, or
    on memory."""
    bounds = list(inner.operation.operands)[:3]
    ops, roots = slice_of(bounds, loop.operation)
    if roots or not all(is_pure(op) and not may_trap(op) for op in ops):
        return None
    return ops


def _trips(inner: scf.ForOp, ops: list[ir.Operation]) -> Value:
    mapping: dict[Value, Value] = {}
    clone(ops, mapping)
    lower, upper, step = (mapping.get(value, value) for value in list(inner.operation.operands)[:3])
    span = arith.SubIOp(arith.MaxSIOp(lower, upper).result, lower).result
    return arith.CeilDivUIOp(span, step).result
