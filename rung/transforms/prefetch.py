"""`prefetch`: what the next program reads is on its way into the cache while this one computes."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith, memref, scf

from ..ir.footprints import View, element_bytes, view_of
from ..ir.slicing import clone, collect, enclosing, increment, is_inside, is_pure, may_trap, slice_of
from ..passes import Pass

Value = ir.Value[Any]
_NEAREST = 3
"""Locality of a prefetch into the first-level cache."""


@dataclass(frozen=True)
class Prefetch(Pass):
    """Fetch the rows of an argument that the next iteration of the loop over programs reads, line by line, in the
    last vector loop that reads this iteration's.

    before:
        scf.for %program = %begin to %end step %c1 {
          %row = memref.reinterpret_cast %x to offset: [f(%program)], ...
          scf.for %i = ... { vector.load %row[%i] ... } {rung.vectorized}
          scf.for %i = ... { vector.load %row[%i] ... } {rung.vectorized}
        }
    after:
          %next = memref.reinterpret_cast %x to offset: [f(%program + 1)], ...
          scf.for %i = ... { vector.load %row[%i] ... }
          scf.for %i = ... { memref.prefetch %next[%i], read ... vector.load %row[%i] ... } {rung.prefetched, ...}

    A kernel that goes over its row several times reads it from memory in the first pass, which computes least (the
    maximum of softmax), and computes in the others, when memory is idle. The last iteration fetches its own row.

    Left alone: views that one loop reads, a stream that the hardware's prefetchers follow; those whose next position
    is not plain arithmetic of the loop's variables; and those of more than `limit_bytes`, which would push out what
    this iteration still needs.
    """

    name: ClassVar[str] = "prefetch"
    limit_bytes: int = 1 << 19
    line_bytes: int = 64

    def run(self, module: ir.Module) -> None:
        for memory, loads in _last_reads(module).items():
            view = view_of(memory)
            following = _next(view) if view is not None and self._is_small(view) else None
            if following is None:
                continue
            for load in loads[:: max(1, self.line_bytes // _bytes(loads[0]))]:
                with ir.InsertionPoint(load), load.location:
                    memref.prefetch(following, list(load.operands)[1:], False, _NEAREST, True)
            loads[0].parent.attributes["rung.prefetched"] = ir.UnitAttr.get(module.context)

    def _is_small(self, view: View) -> bool:
        return view.bounds is not None and prod(view.bounds) * element_bytes(view.element) <= self.limit_bytes


def _last_reads(module: ir.Module) -> dict[Value, list[ir.Operation]]:
    """Of memory that several vector loops read, the loads in the last of them: of vectors that follow one another."""
    loops: dict[Value, dict[ir.Operation, list[ir.Operation]]] = {}
    for op in collect(module.operation):
        if op.name == "vector.load" and "rung.vectorized" in op.parent.attributes:
            loops.setdefault(op.operands[0], {}).setdefault(op.parent.operation, []).append(op)
    return {memory: list(loads.values())[-1] for memory, loads in loops.items() if len(loads) > 1}


def _next(view: View) -> Value | None:
    """The view at the next iteration of the innermost loop that moves it, made beside it; None where there is none, or
    its position is not plain arithmetic."""
    for outer in enclosing(view.cast.block):
        loop = outer.opview
        if not isinstance(loop, scf.ForOp):
            continue
        ops, roots = slice_of([view.value], outer)
        variables: list[Value] = [loop.induction_variable, *loop.inner_iter_args]
        moving = [root for root in roots if root in variables]
        if moving:
            return _advanced(view, loop, ops, moving)
    return None


def _advanced(view: View, loop: scf.ForOp, ops: list[ir.Operation], moving: list[Value]) -> Value | None:
    steps = [(root, step) for root in moving if (step := _step(loop, root)) is not None]
    if len(steps) < len(moving) or not all(_may_run_early(op, loop) for op in ops):
        return None
    mapping: dict[Value, Value] = {}
    with ir.InsertionPoint.after(view.cast), view.cast.location:
        following = arith.AddIOp(loop.induction_variable, loop.operation.operands[2]).result
        exists = arith.CmpIOp(arith.CmpIPredicate.slt, following, loop.operation.operands[1]).result
        for root, step in steps:
            mapping[root] = arith.SelectOp(exists, arith.AddIOp(root, step).result, root).result
        clone(ops, mapping)
    return mapping[view.value]


def _step(loop: scf.ForOp, root: Value) -> Value | None:
    """By what a variable of `loop` grows per iteration."""
    return loop.operation.operands[2] if root == loop.induction_variable else increment(loop, root)


def _may_run_early(op: ir.Operation, loop: scf.ForOp) -> bool:
    """Whether `op` may be computed for an iteration that perhaps never runs it."""
    return is_pure(op) and (not may_trap(op) or not is_inside(op.operands[1], loop.operation))


def _bytes(load: ir.Operation) -> int:
    kind = ir.VectorType(load.results[0].type)
    return prod(kind.shape) * element_bytes(kind.element_type)
