"""`prefetch`: what the next program reads is on its way into the cache while this one computes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from typing import Annotated, Any, ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith, memref, scf

from ..ir.allocations import allocation_of
from ..ir.attributes import PREFETCHED, VECTORIZED
from ..ir.footprints import View, element_bytes, view_of
from ..ir.slicing import clone, collect, enclosing, increment, is_inside, is_pure, may_trap, slice_of
from ..passes import Pass
from ..passes.options import Limits

Value = ir.Value[Any]
Accesses = dict[Value, list[ir.Operation]]

_MEMORY = {"vector.load": 0, "vector.maskedload": 0, "vector.store": 1, "vector.maskedstore": 0}
"""Accesses, and which operand is the memory."""
_FIRST_LEVEL, _SECOND_LEVEL = 3, 2
"""Locality of a prefetch, by the cache that it fills."""


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
          scf.for %i = ... { memref.prefetch %next[%i], read ... vector.load %row[%i] ... }
            {rung.prefetched = {bytes = 4096, ops = 1}, ...}

    A kernel that goes over its row several times reads it from memory in the first pass, which computes least (the
    maximum of softmax), and computes in the others, when memory is idle. The last iteration fetches its own row. The
    attribute counts, for all rows that a loop fetches, the operations in its body and the bytes of the next iteration.

    A row whose position is a number that was loaded (gathers of rows) is fetched if one loop reads it, too: the next
    one's number is loaded ahead.

    Left alone: other views that one loop reads, a stream that the hardware's prefetchers follow; those whose next
    position is neither plain arithmetic of the loop's variables nor a number at such a place; and all of an iteration
    that touches more than `limit_bytes` with what it would fetch, which would push out what it still needs. Up to
    `near_bytes`, lines go to the first-level cache; beyond, they would push each other out of it, and go to the second.
    """

    name: ClassVar[str] = "prefetch"
    limit_bytes: Annotated[int, Limits(0, 1 << 40)] = 1 << 20
    """Of an iteration, with what it would fetch."""
    near_bytes: Annotated[int, Limits(0, 1 << 40)] = 1 << 15
    """Up to which lines go to the first-level cache."""
    line_bytes: Annotated[int, Limits(1, 4096, powers_of_two=True)] = 64

    def run(self, module: ir.Module) -> None:
        accesses = _accesses(module)
        last_reads = {memory: loads for memory, found in accesses.items() if (loads := _last_loads(memory, found))}
        for memory, loads in last_reads.items():
            view = view_of(memory)
            loop = _moving_loop(view) if view is not None else None
            if view is None or loop is None:
                continue
            locality = self._locality(loop.operation, accesses, last_reads)
            if locality is None or (following := _next(view, loop)) is None:
                continue
            ahead = loads[:: max(1, self.line_bytes // _bytes(loads[0]))]
            for load in ahead:
                with ir.InsertionPoint(load), load.location:
                    memref.prefetch(following, list(load.operands)[1:], False, locality, True)
            _count(loads[0].parent.operation, len(ahead), _size(view))

    def _locality(self, loop: ir.Operation, accesses: Accesses, twice: Iterable[Value]) -> int | None:
        """For what is read `twice` in `loop`; None where its views have no bound, or too large a one."""
        total = 0
        for memory, ops in accesses.items():
            view = view_of(memory)
            if view is None or all(loop not in enclosing(op.block) for op in ops):
                continue
            if view.bounds is None:
                return None
            total += _size(view) * (2 if memory in twice else 1)
        if total > self.limit_bytes:
            return None
        return _FIRST_LEVEL if total <= self.near_bytes else _SECOND_LEVEL


def _size(view: View) -> int:
    """Bytes of a view that has bounds."""
    assert view.bounds is not None
    return prod(view.bounds) * element_bytes(view.element)


def _count(loop: ir.Operation, ops: int, size: int) -> None:
    """Add to what `loop` fetches ahead."""
    found = {"ops": ops, "bytes": size}
    before = loop.attributes.get(PREFETCHED)
    if before is not None:
        found = {name: more + ir.IntegerAttr(ir.DictAttr(before)[name]).value for name, more in found.items()}
    kind = ir.IntegerType.get_signless(64, loop.context)
    numbers: dict[str, ir.Attribute] = {name: ir.IntegerAttr.get(kind, number) for name, number in found.items()}
    loop.attributes[PREFETCHED] = ir.DictAttr.get(numbers, loop.context)


def _accesses(module: ir.Module) -> Accesses:
    """What vector loops load and store, by the memory."""
    found: Accesses = {}
    for op in collect(module.operation):
        if op.name in _MEMORY and VECTORIZED in op.parent.attributes:
            found.setdefault(op.operands[_MEMORY[op.name]], []).append(op)
    return found


def _last_loads(memory: Value, accesses: list[ir.Operation]) -> list[ir.Operation]:
    """Where several loops read, or one what nobody can foresee, the loads in the last of them: of vectors that follow
    one another."""
    loops: dict[ir.Operation, list[ir.Operation]] = {}
    for op in accesses:
        if op.name == "vector.load":
            loops.setdefault(op.parent.operation, []).append(op)
    return list(loops.values())[-1] if len(loops) > 1 or (loops and _jumps(memory)) else []


def _jumps(memory: Value) -> bool:
    """Whether a view's position is computed from a number that each iteration loads."""
    view = view_of(memory)
    loop = _moving_loop(view) if view is not None else None
    if view is None or loop is None:
        return False
    return any(op.name == "memref.load" for op in slice_of([view.value], loop.operation)[0])


def _moving_loop(view: View) -> scf.ForOp | None:
    """The innermost loop whose variables the view's position depends on."""
    for outer in enclosing(view.cast.block):
        loop = outer.opview
        if isinstance(loop, scf.ForOp) and _moving(view, loop):
            return loop
    return None


def _moving(view: View, loop: scf.ForOp) -> list[Value]:
    """The variables of `loop` that move the view."""
    variables: list[Value] = [loop.induction_variable, *loop.inner_iter_args]
    return [root for root in slice_of([view.value], loop.operation)[1] if root in variables]


def _next(view: View, loop: scf.ForOp) -> Value | None:
    """The view at the next iteration of `loop`, made beside it; None where its position is not plain arithmetic, of
    what may be loaded ahead."""
    ops, moving = slice_of([view.value], loop.operation)[0], _moving(view, loop)
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
    if op.name == "memref.load":
        own = allocation_of(op.operands[0]).owner
        computed = not isinstance(own, ir.Block) and own.name.startswith("memref.alloc")
        return op.block == loop.body and not computed  # of a program that there is, whatever it asks
    return is_pure(op) and (not may_trap(op) or not is_inside(op.operands[1], loop.operation))


def _bytes(load: ir.Operation) -> int:
    kind = ir.VectorType(load.results[0].type)
    return prod(kind.shape) * element_bytes(kind.element_type)
