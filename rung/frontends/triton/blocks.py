"""Converting the operations of one block in program order: scalars at once, block values when a sink needs them."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from itertools import count
from math import prod

from torch_mlir import ir

from ...ir.symbols import free_symbol
from . import elementwise
from .indices import Index
from .layout import order_of
from .locations import at
from .nest_sinks import Keep, Sink, Store, roots_of
from .nests import NestBuilder
from .operation import is_virtual, meaning
from .order import MemoryOrder
from .program import Program
from .scratch import Buffer
from .traversal import Order, contents, walk
from .ttir import Shape, element, is_block, is_float, is_pointer, owner, shape


class BlockConverter:
    """Converts TTIR blocks into the block at the current insertion point, as the operations' classes say (`ops/`)."""

    def __init__(self, program: Program, module: ir.Block) -> None:
        self.program, self.ix = program, program.ix
        self.module = module
        self.nests = NestBuilder(program)
        self.memory = MemoryOrder(program)
        self.pending: list[Store] = []
        self.positions = Order()
        self.current: ir.Block | None = None
        self.in_place: dict[ir.Value, Buffer] = {}
        """Buffers of the blocks that a loop carries, by what they become: where a contraction may accumulate."""

    # ---- the walk

    def combiner_symbol(self) -> str:
        """A name for one more combine function."""
        return free_symbol(self.module, (f"combine{number}" for number in count()))

    def convert(self, block: ir.Block) -> ir.Operation:
        """Convert all operations but the terminator, which is returned."""
        saved = self.current, self.positions
        self.current = block
        self.positions = Order(block)
        *operations, end = self.positions
        for op in operations:
            with at(op):
                self.operation(op)
        self.flush()
        self.current, self.positions = saved
        return end

    @contextmanager
    def region(self) -> Generator[None]:
        """Enter with every region that is built and may not be run, or that is converted more than once.

        What becomes known inside is forgotten at the end: a buffer that is filled inside may be empty behind it.
        """
        meanings, loads = self.program.meanings, len(self.memory.loads)
        before = dict(meanings)
        with self.ix.scope():
            yield
        meanings.clear()
        meanings.update(before)
        del self.memory.loads[loads:]

    def operation(self, op: ir.Operation) -> None:
        """One operation, where it stands."""
        meaning(op).convert(self, op)

    def scalar(self, op: ir.Operation) -> None:
        """An elementwise operation on scalars."""
        operands = [self.program.scalar(v) for v in op.operands]
        if len(op.results) != 1:
            clone = ir.Operation.create(
                op.name,
                results=[r.type for r in op.results],
                operands=operands,
                attributes={n: op.attributes[n] for n in op.attributes},
            )
            for result, made in zip(op.results, clone.results, strict=True):
                self.program.set_scalar(result, made)
            return
        result = op.results[0]
        self.program.set_scalar(result, elementwise.build(op, operands, result.type, self.program.fuse))

    def set_index(self, op: ir.Operation, number: Index) -> None:
        """The integer that `op` gives."""
        result = op.results[0]
        self.program.set_scalar(result, self.ix.to_integer(number, result.type))

    # ---- nests, and keeping block values in scratch

    def nest(self, extents: Shape, sinks: Sequence[Sink]) -> None:
        """Compute `sinks` over blocks of shape `extents` in one nest. What is expensive and the same for many of its
        elements (`tl.exp(x)[:, None]`) is computed before, on vectors, and once for all who need it."""
        for value, _ in walk(self.program, roots_of(sinks)) if len(extents) > 1 else ():
            repeats = 2 * prod(shape(value) or ()) <= prod(extents)
            if repeats and not self.program.is_stored(value) and _is_expensive_float(value):
                self.keep(value)
        self.nests.emit(extents, sinks)

    def keep(self, value: ir.Value, into: Buffer | None = None, record: bool = True) -> Buffer:
        """Compute a block value into scratch, unless it is there."""
        if into is None and self.program.is_stored(value):
            return self.program.buffer(value)
        buffer = into or self.allocate(value)
        self.nest(shape(value) or (), [Keep(value, buffer)])
        if record:
            self.program.meanings.store(value, buffer)
        return buffer

    def allocate(self, value: ir.Value, like: ir.Value | None = None) -> Buffer:
        """Scratch for a block, laid out as suits what it, or `like`, is computed from."""
        order = order_of(self.program, value if like is None else like)
        return self.program.scratch.allocate(shape(value) or (), element(value), order)

    def keep_row_major(self, value: ir.Value) -> Buffer:
        """`keep` for those who rely on the order in memory."""
        known = self.program.meanings.buffer(value)
        if known is not None and known.is_row_major:
            return known
        return self.keep(value, self.program.scratch.allocate(shape(value) or (), element(value)), record=known is None)

    def worth_keeping(self, value: ir.Value) -> bool:
        """Whether computing `value` again would cost more than reading it: loads and expensive operations below it."""
        if self.program.is_stored(value) or not is_block(value):
            return False
        form = self.program.pointers.form(value)
        if form is not None and not form.wraps and not form.conditions:
            return False  # index arithmetic, which nests do once
        return any(
            (op := owner(v)) is not None
            and (op.name in elementwise.EXPENSIVE or (op.name == "tt.load" and not self.program.is_stored(v)))
            for v, _ in walk(self.program, [value])
        )

    def keep_for_region(self, op: ir.Operation) -> None:
        """Before a region or a function is entered: what is defined outside and used inside is computed once, here.

        So are loads that are needed behind it, if it may write what they read.
        """
        self.flush()
        assert self.current is not None
        for load in self.memory.endangered_by_region(op, self.positions, self.current):
            self.keep(load)
        for value in contents(op, self.program.contents).used:
            if is_pointer(value):
                for part in self._offset_parts(value):
                    if self.worth_keeping(part):
                        self.keep(part)
            elif self.worth_keeping(value):
                self.keep(value)

    def _offset_parts(self, pointer: ir.Value) -> list[ir.Value]:
        """The blocks of integers that a block of pointers adds up, each once."""
        parts: dict[ir.Value, None] = {}
        seen: set[ir.Value] = set()
        pending = [pointer]
        while pending:
            value = pending.pop()
            op = owner(value)
            if value in seen or op is None or not is_block(value) or not is_virtual(op):
                continue
            seen.add(value)
            parts.update((v, None) for v in op.operands if is_block(v) and not is_pointer(v))
            pending += [v for v in reversed(list(op.operands)) if is_pointer(v)]
        return list(parts)

    # ---- memory

    def flush(self) -> None:
        """Carry out the pending stores."""
        if not self.pending:
            return
        group, self.pending = self.pending, []
        with at(group[-1].op):
            self.keep_endangered(group)
            self.nest(shape(group[0].pointer) or (), list(group))

    def synchronize(self, op: ir.Operation) -> None:
        """Before `op`, at which others may be waited for: what is stored is in memory, what is loaded has been read."""
        self.flush()
        assert self.current is not None
        for value in self.memory.needed_from(self.positions, self.positions[op], self.current):
            self.keep(value)

    def joins_pending(self, store: Store) -> bool:
        """Whether a store may share a nest with the pending ones: same shape, same mask, other memory."""
        first = self.pending[0]
        masks = [list(s.op.operands)[2:] for s in (first, store)]  # an SSA value cannot be compared with None
        if shape(first.pointer) != shape(store.pointer) or masks[0] != masks[1]:
            return False
        for other in self.pending:
            if self.memory.may_alias(other.pointer, store.pointer):
                return False
            self.memory.assume(other.pointer, store.pointer)
        return True

    def keep_endangered(self, stores: Sequence[Store]) -> None:
        """Before a group of stores is carried out: what they may change is read that is needed later."""
        assert self.current is not None
        last = self.positions[stores[-1].op]
        for value in self.memory.endangered(stores, self.positions, last, self.current):
            self.keep(value)


def _is_expensive_float(value: ir.Value) -> bool:
    """Not of integers: quotients of indices are looked into where they are used."""
    op = owner(value)
    return op is not None and op.name in elementwise.EXPENSIVE and is_float(element(value))
