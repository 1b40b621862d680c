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
from ..ir.constants import constant_value
from ..ir.footprints import View, element_bytes, view_below
from ..ir.pointers import index
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
    maximum of softmax), and computes in the others, when memory is idle. Rows of a page at most that do not follow one
    another (a tile of a transpose, a block of a matrix) are fetched though one loop reads them: the hardware's
    prefetchers begin anew at each. The last iteration of a loop inside another fetches what the next one of that begins
    with, the very last one its own rows. The attribute counts, for all rows that a loop fetches, the operations in its
    body and the bytes of the next iteration.

    A row whose position is a number that was loaded (gathers of rows) is fetched if one loop reads it, too: the next
    one's number is loaded ahead.

    An iteration that touches more than `limit_bytes` with what it would fetch would push out what it still needs: of a
    large block of short rows it fetches its own, those that lie `ahead_bytes` behind the row that it reads.

    Left alone: other views that one loop reads, a stream that the hardware's prefetchers follow; those whose next
    position is neither plain arithmetic of the loop's variables nor a number at such a place, and that are no short
    rows. Up to `near_bytes`, lines go to the first-level cache; beyond, they would push each other out of it, and go to
    the second.
    """

    name: ClassVar[str] = "prefetch"
    limit_bytes: Annotated[int, Limits(0, 1 << 40)] = 1 << 20
    """Of an iteration, with what it would fetch."""
    near_bytes: Annotated[int, Limits(0, 1 << 40)] = 1 << 15
    """Up to which lines go to the first-level cache."""
    ahead_bytes: Annotated[int, Limits(0, 1 << 20)] = 1 << 12
    """Of rows of one block, between what is read and what is fetched."""
    line_bytes: Annotated[int, Limits(1, 4096, powers_of_two=True)] = 64
    page_bytes: Annotated[int, Limits(1, 1 << 30, powers_of_two=True)] = 4096
    """Which the hardware's prefetchers do not look beyond."""

    def run(self, module: ir.Module) -> None:
        ops = collect(module.operation)
        accesses, loaded = _accesses(ops), any(op.name == "memref.load" for op in ops)
        last_reads = {
            memory: loads for memory, found in accesses.items() if (loads := self._worthwhile(memory, found, loaded))
        }
        for memory, loads in last_reads.items():
            view = view_below(memory)
            loop = _moving_loop(view) if view is not None else None
            if view is None or loop is None:
                continue
            locality, rows = self._locality(loop.operation, accesses, last_reads), 0
            following = None if locality is None else _next(memory, view, loop)
            if locality is None or following is None:
                following, locality, rows = memory, _FIRST_LEVEL, self._rows_ahead(view)
                if not rows:
                    continue
            ahead = loads[:: max(1, self.line_bytes // _bytes(loads[0]))]
            fetched = sum(_fetch(load, following, locality, rows) for load in ahead)
            if fetched:
                _count(loads[0].parent.operation, fetched, _size(view))

    def _worthwhile(self, memory: Value, accesses: list[ir.Operation], loaded: bool) -> list[ir.Operation]:
        """The last loads of what several loops read, or of rows that no hardware follows or foresees. loaded: there are
        numbers that were loaded at all."""
        loops: dict[ir.Operation, list[ir.Operation]] = {}
        for op in accesses:
            if op.name == "vector.load":
                loops.setdefault(op.parent.operation, []).append(op)
        view = view_below(memory)
        if len(loops) > 1 or (loops and view is not None and (self._are_short(view) or (loaded and _jumps(view)))):
            # Beside tiles, there are loops for what no whole tile covers.
            tiles = [loads for loop, loads in loops.items() if "tile" in ir.DictAttr(loop.attributes[VECTORIZED])]
            return (tiles or list(loops.values()))[-1]
        return []

    def _are_short(self, view: View) -> bool:
        """Whether a view is rows of no more than a page each, at a distance."""
        if view.bounds is None or view.strides.count(1) != 1:
            return False
        length = view.bounds[view.strides.index(1)]
        rows = [b for b, s in zip(view.bounds, view.strides, strict=True) if s not in (0, 1, length)]
        return prod(rows) > 1 and length * element_bytes(view.element) <= self.page_bytes

    def _rows_ahead(self, view: View) -> int:
        """How many rows of a view lie in `ahead_bytes`; 0 where it is no rows at a distance."""
        if view.bounds is None or not self._are_short(view):
            return 0
        length = view.bounds[view.strides.index(1)]
        return max(1, self.ahead_bytes // (length * element_bytes(view.element)))

    def _locality(self, loop: ir.Operation, accesses: Accesses, twice: Iterable[Value]) -> int | None:
        """For what is read `twice` in `loop`; None where its views have no bound, or too large a one."""
        total = 0
        for memory, ops in accesses.items():
            view = view_below(memory)
            if view is None or all(loop not in enclosing(op.block) for op in ops):
                continue
            if view.bounds is None:
                return None
            total += _size(view) * (2 if memory in twice else 1)
        if total > self.limit_bytes:
            return None
        return _FIRST_LEVEL if total <= self.near_bytes else _SECOND_LEVEL


def _fetch(load: ir.Operation, memory: Value, locality: int, rows: int) -> bool:
    """Fetch from `memory` what lies where `load` reads, or so many rows behind that; whether rows were found."""
    indices: list[Value] = list(load.operands)[1:]
    with ir.InsertionPoint(load), load.location:
        if rows:
            found = _row_loop(load, indices)
            if found is None:
                return False
            dimension, step = found
            indices[dimension] = arith.AddIOp(indices[dimension], index(step * rows)).result
        memref.prefetch(memory, indices, False, locality, True)
    return True


def _row_loop(load: ir.Operation, indices: list[Value]) -> tuple[int, int] | None:
    """The innermost index of a load but its last that is counted by a loop around the load's own, and that one's
    step."""
    for around in list(enclosing(load.parent.operation.block)):
        loop = around.opview
        if not isinstance(loop, scf.ForOp):
            continue
        for dimension in reversed(range(len(indices) - 1)):
            step = constant_value(loop.operation.operands[2])
            if indices[dimension] == loop.induction_variable and step:
                return dimension, step
    return None


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


def _accesses(ops: list[ir.Operation]) -> Accesses:
    """What vector loops load and store, by the memory."""
    found: Accesses = {}
    for op in ops:
        if op.name in _MEMORY and VECTORIZED in op.parent.attributes:
            found.setdefault(op.operands[_MEMORY[op.name]], []).append(op)
    return found


def _jumps(view: View) -> bool:
    """Whether a view's position is computed from a number that each iteration loads."""
    loop = _moving_loop(view)
    return loop is not None and any(op.name == "memref.load" for op in slice_of([view.value], loop.operation)[0])


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


def _next(memory: Value, view: View, loop: scf.ForOp) -> Value | None:
    """`memory`, which is the view or lies below it, at the next iteration of `loop`, made beside it; behind its last
    one, at the first of the next iteration of the loop around it. None where its position is not plain arithmetic, of
    what may be loaded ahead."""
    outer = _restarted_by(view, loop)
    around = loop if outer is None else outer
    ops, moving = slice_of([memory], around.operation)[0], _moving(view, loop)
    steps = [(root, step) for root in moving if (step := _step(loop, root)) is not None]
    if len(steps) < len(moving) or not all(_may_run_early(op, around) for op in ops):
        return None
    mapping: dict[Value, Value] = {}
    made = ops[-1]
    with ir.InsertionPoint.after(made), made.location:
        following, exists = _following(loop)
        for root, step in steps:
            last = root if outer is None else loop.lowerBound
            mapping[root] = arith.SelectOp(exists, arith.AddIOp(root, step).result, last).result
        if outer is not None:
            following, another = _following(outer)
            turn = arith.SelectOp(another, following, outer.induction_variable).result
            mapping[outer.induction_variable] = arith.SelectOp(exists, outer.induction_variable, turn).result
        clone(ops, mapping)
    return mapping[memory]


def _following(loop: scf.ForOp) -> tuple[Value, Value]:
    """The next number of a loop, and whether there is one."""
    following = arith.AddIOp(loop.induction_variable, loop.operation.operands[2]).result
    return following, arith.CmpIOp(arith.CmpIPredicate.slt, following, loop.operation.operands[1]).result


def _restarted_by(view: View, loop: scf.ForOp) -> scf.ForOp | None:
    """The loop around `loop` that moves the view, too, if the view's position is a function of their numbers alone."""
    for op in enclosing(loop.operation.block):
        outer = op.opview
        if isinstance(outer, scf.ForOp) and (moving := _moving(view, outer)):
            ops, roots = slice_of([view.value], outer.operation)
            known = [loop.induction_variable, outer.induction_variable]
            early = all(_may_run_early(op, outer) for op in ops) and not is_inside(loop.lowerBound, outer.operation)
            return outer if early and moving == known[1:] and all(root in known for root in roots) else None
    return None


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
