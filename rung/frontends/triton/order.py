"""Order of memory accesses: loads are computed where they are used, so one that a later store may change is kept in scratch first."""

from __future__ import annotations

from collections.abc import Sequence

from torch_mlir import ir

from .nests import Store
from .pointers import Affine, Base, equal
from .program import Program
from .traversal import cone, needed_after
from .ttir import is_block, owner


def base_of(program: Program, pointer: ir.Value) -> Base | None:
    """The kernel argument that a pointer, or a block of pointers, is derived from; None if that is not known."""
    seen: ir.Value = pointer
    while True:
        if seen in program.offsets:
            return program.offsets[seen][0]
        affine = program.pointers.affine(seen)
        if affine is not None and affine.base is not None:
            return affine.base
        op = owner(seen)
        if op is None or not op.operands:
            return None
        seen = op.operands[1] if op.name == "arith.select" else op.operands[0]


class MemoryOrder:
    """The loads of the block being converted that have not been computed yet, and what stores mean for them."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.loads: list[ir.Operation] = []

    def may_alias(self, a: ir.Value, b: ir.Value) -> bool:
        """Whether two pointers may reach the same memory, not counting different arguments (see `assume`)."""
        left, right = base_of(self.program, a), base_of(self.program, b)
        if left is None or right is None or left.key is None or right.key is None:
            return True
        return left.key == right.key or not self.program.distinct

    def assume(self, a: ir.Value, b: ir.Value) -> None:
        """Note that the order of two accesses is kept only if their arguments are different memory."""
        left, right = base_of(self.program, a), base_of(self.program, b)
        if left is None or right is None or left.key is None or right.key is None or left.key == right.key:
            return
        self.program.assumed.add((min(left.key, right.key), max(left.key, right.key)))

    def endangered(
        self, stores: Sequence[Store], order: dict[ir.Operation, int], index: int, block: ir.Block
    ) -> list[ir.Value]:
        """Loads that must be in scratch before `stores` (a group that ends at `index` of `block`) are carried out."""
        roots = [v for s in stores for v in (s.value, s.pointer, s.mask) if v is not None and is_block(v)]
        inside = cone(self.program, roots)
        straight = {op for op, dims in inside.loads if dims == tuple(range(len(dims)))}
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
                in_place = not later and load in straight and self._same_place(load.operands[0], store)
                if in_place:
                    continue
                if self.may_alias(load.operands[0], store.pointer):
                    found.append(value)
                    break
                self.assume(load.operands[0], store.pointer)
        return found

    def _same_place(self, pointer: ir.Value, store: Store) -> bool:
        """Element for element the same place, or (other arguments) the same place if the arguments are the same memory."""
        a, b = self.program.pointers.affine(pointer), self.program.pointers.affine(store.pointer)
        if a is None or b is None or a.base is None or b.base is None:
            return False
        return equal(Affine(b.base, a.offset, a.strides, a.wraps), b)
