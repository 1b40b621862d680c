"""Order of memory accesses: a load is computed where it is used, or kept in scratch before a store may change it."""

from __future__ import annotations

from collections.abc import Sequence

from torch_mlir import ir

from .affine import Affine, equal
from .bases import Base
from .lasting import lasting_base
from .nest_sinks import Store
from .program import Program
from .traversal import Order, cone, contents, needed_after
from .ttir import element_bytes, is_block, is_volatile_load, pointee, shape


class MemoryOrder:
    """The loads of the block being converted that have not been computed yet, and what stores mean for them."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.loads: list[ir.Operation] = []

    def may_alias(self, a: ir.Value, b: ir.Value) -> bool:
        """Whether two pointers may reach the same memory, not counting different arguments (see `assume`)."""
        return self._may_alias(self.program.base(a), self.program.base(b))

    def _may_alias(self, a: Base | None, b: Base | None) -> bool:
        if a is None or b is None or a.key is None or b.key is None:
            return True
        return a.key == b.key or not self.program.distinct

    def assume(self, a: ir.Value, b: ir.Value) -> None:
        """Note that the order of two accesses is kept only if their arguments are different memory."""
        self._assume(self.program.base(a), self.program.base(b))

    def _assume(self, a: Base | None, b: Base | None) -> None:
        if a is None or b is None or a.key is None or b.key is None or a.key == b.key:
            return
        self.program.assumed.add((min(a.key, b.key), max(a.key, b.key)))

    def endangered_by_region(self, op: ir.Operation, order: Order, block: ir.Block) -> list[ir.Value]:
        """Loads before `op` that are needed behind it and that a store inside may change."""
        waiting = self._waiting(order, order[op], block)
        if not waiting:
            return []
        written = _written_inside(self.program, op)
        found: list[ir.Value] = []
        for load in waiting:
            base = self.program.base(load.operands[0])
            if any(self._may_alias(base, other) for other in written):
                found.append(load.results[0])
                continue
            for other in written:
                self._assume(base, other)
        return found

    def needed_from(self, order: Order, index: int, block: ir.Block) -> list[ir.Value]:
        """Loads whose values the operation at `index` of `block`, or one behind it, needs."""
        return [load.results[0] for load in self._waiting(order, index - 1, block)]

    def _waiting(self, order: Order, index: int, block: ir.Block) -> list[ir.Operation]:
        """Loads that have not been read and are needed behind position `index` of `block`."""
        return [
            load
            for load in self.loads
            if not self.program.is_stored(load.results[0]) and needed_after(load.results[0], order, index, block)
        ]

    def endangered(self, stores: Sequence[Store], order: Order, index: int, block: ir.Block) -> list[ir.Value]:
        """Loads that must be in scratch before `stores` (a group that ends at `index` of `block`) are carried out."""
        roots = [v for s in stores for v in (s.value, s.pointer, s.mask) if v is not None and is_block(v)]
        inside = cone(self.program, roots)
        moved = {op for op, dims in inside.loads if dims != tuple(range(len(dims)))}
        read_here = {op for op, _ in inside.loads}
        found: list[ir.Value] = []
        for load in self.loads:
            value = load.results[0]
            if self.program.is_stored(value):
                continue
            later = needed_after(value, order, index, block)
            if not later and load not in read_here:
                continue
            for store in stores:
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
        if element_bytes(pointee(pointer)) != element_bytes(pointee(store.pointer)):
            return False
        return self._once(b, store) and equal(Affine(b.base, a.offset, a.strides, a.wraps), b)

    def _once(self, affine: Affine, store: Store) -> bool:
        """Whether no two elements are stored to one place, so that none is read when another has been stored there.

        A stride that is not known yet is taken to step over all that lies between.
        """
        extents = shape(store.pointer) or ()
        counts = list(extents)
        if store.mask is not None and is_block(store.mask):
            spans = self.program.masks.decompose(store.mask).spans
            counts = [span.most(n) for span, n in zip(spans, extents, strict=True)]
        known = [(abs(s), n) for s, n in zip(affine.strides, counts, strict=True) if isinstance(s, int) and n > 1]
        reach = 0
        for stride, count in sorted(known):
            if stride <= reach:
                return False
            reach += stride * (count - 1)
        return not affine.wraps


def _written_inside(program: Program, op: ir.Operation) -> list[Base | None]:
    """What stores inside `op` write to; None for anything: where others may be waited for, they may have written.

    They have not been converted: pointers are followed without the pointer analysis, which would remember the answer.
    """
    found: list[Base | None] = []

    def visit(inner: ir.Operation) -> None:
        if inner.name == "tt.store":
            found.append(lasting_base(program, inner.operands[:1]))
        elif inner.name.startswith(("tt.atomic_", "tt.call")) or is_volatile_load(inner):
            found.append(None)

    for inner in (op, *contents(op, program.contents).accesses):  # a call writes itself
        visit(inner)
    return found
