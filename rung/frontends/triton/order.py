"""Order of memory accesses: a load is computed where it is used, or kept in scratch before a store may change it."""

from __future__ import annotations

from collections.abc import Sequence

from torch_mlir import ir

from .bases import base_of
from .nest_sinks import Store
from .pointers import Affine, Base, equal
from .program import Program
from .traversal import cone, needed_after
from .ttir import is_block, owner, shape
from .views import is_zero


class MemoryOrder:
    """The loads of the block being converted that have not been computed yet, and what stores mean for them."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.loads: list[ir.Operation] = []

    def may_alias(self, a: ir.Value, b: ir.Value) -> bool:
        """Whether two pointers may reach the same memory, not counting different arguments (see `assume`)."""
        return self._may_alias(base_of(self.program, a), base_of(self.program, b))

    def _may_alias(self, a: Base | None, b: Base | None) -> bool:
        if a is None or b is None or a.key is None or b.key is None:
            return True
        return a.key == b.key or not self.program.distinct

    def assume(self, a: ir.Value, b: ir.Value) -> None:
        """Note that the order of two accesses is kept only if their arguments are different memory."""
        self._assume(base_of(self.program, a), base_of(self.program, b))

    def _assume(self, a: Base | None, b: Base | None) -> None:
        if a is None or b is None or a.key is None or b.key is None or a.key == b.key:
            return
        self.program.assumed.add((min(a.key, b.key), max(a.key, b.key)))

    def endangered_by_region(self, op: ir.Operation, order: dict[ir.Operation, int], block: ir.Block) -> list[ir.Value]:
        """Loads before `op` that are needed behind it and that a store inside may change."""
        waiting = [
            load
            for load in self.loads
            if load.results[0] not in self.program.stored and needed_after(load.results[0], order, order[op], block)
        ]
        if not waiting:
            return []
        written = _written_inside(self.program, op)
        found: list[ir.Value] = []
        for load in waiting:
            base = base_of(self.program, load.operands[0])
            if any(self._may_alias(base, other) for other in written):
                found.append(load.results[0])
                continue
            for other in written:
                self._assume(base, other)
        return found

    def endangered(
        self, stores: Sequence[Store], order: dict[ir.Operation, int], index: int, block: ir.Block
    ) -> list[ir.Value]:
        """Loads that must be in scratch before `stores` (a group that ends at `index` of `block`) are carried out."""
        roots = [v for s in stores for v in (s.value, s.pointer, s.mask) if v is not None and is_block(v)]
        inside = cone(self.program, roots)
        moved = {op for op, dims in inside.loads if dims != tuple(range(len(dims)))}
        read_here = {op for op, _ in inside.loads}
        skip = frozenset(s.op for s in stores)
        found: list[ir.Value] = []
        for load in self.loads:
            value = load.results[0]
            if value in self.program.stored:
                continue
            later = needed_after(value, order, index, block, skip)
            for store in stores:
                if not later and (load not in read_here):
                    continue
                in_place = not later and load not in moved and self._same_place(load.operands[0], store)
                if in_place:
                    continue
                if self.may_alias(load.operands[0], store.pointer):
                    found.append(value)
                    break
                self.assume(load.operands[0], store.pointer)
        return found

    def _same_place(self, pointer: ir.Value, store: Store) -> bool:
        """Element for element the same place; with different arguments, if they are the same memory."""
        a, b = self.program.pointers.affine(pointer), self.program.pointers.affine(store.pointer)
        if a is None or b is None or a.base is None or b.base is None:
            return False
        extents = shape(pointer) or ()
        once = all(n == 1 or not is_zero(s) for n, s in zip(extents, a.strides, strict=True))
        return once and equal(Affine(b.base, a.offset, a.strides, a.wraps), b)


_KEEP_BASE = frozenset(
    {"tt.addptr", "tt.splat", "tt.broadcast", "tt.expand_dims", "tt.reshape", "tt.trans", "tt.bitcast"}
)


def _written_inside(program: Program, op: ir.Operation) -> list[Base | None]:
    """What stores and atomics inside `op` write to; None for anything.

    They have not been converted: pointers are followed without the pointer analysis, which would remember the answer.
    """
    found: list[Base | None] = []

    def visit(inner: ir.Operation) -> ir.WalkResult:
        if inner.name == "tt.store" or inner.name.startswith("tt.atomic_"):
            found.append(_root(program, inner.operands[0]))
        elif inner.name == "tt.call":
            found.append(None)
        return ir.WalkResult.ADVANCE

    op.walk(visit)
    return found


def _root(program: Program, pointer: ir.Value) -> Base | None:
    while pointer not in program.offsets:
        known = program.pointers.known.get(pointer)
        if known is not None:
            return known.base
        op = owner(pointer)
        if op is not None and op.name in _KEEP_BASE:
            pointer = op.operands[0]
            continue
        argument = ir.BlockArgument(pointer) if op is None else None
        loop = argument.owner.owner.operation if argument is not None else None
        if argument is None or loop is None or loop.name != "scf.for" or argument.arg_number == 0:
            return None
        pointer = loop.operands[argument.arg_number + 2]  # lower bound, upper bound and step come first
    return program.offsets[pointer][0]
