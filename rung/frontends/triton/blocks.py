"""Converting the operations of one block in program order: scalars at once, block values when a sink needs them."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith, memref, scf

from ...errors import UnsupportedError
from ...ir.volatile import load_volatile
from . import elementwise, sinks
from .control import convert_control
from .layout import order_of
from .locations import source_line
from .nests import Keep, NestBuilder, Store
from .order import MemoryOrder
from .pointers import Affine, either, start_of
from .program import SUPPORTED, Program
from .scratch import Buffer, from_memory, to_memory
from .traversal import cone, is_virtual
from .ttir import (
    defined_in,
    element,
    element_bytes,
    int_attr,
    is_block,
    is_pointer,
    is_volatile_load,
    owner,
    shape,
)
from .volatile import load_block


class BlockConverter:
    """Converts TTIR blocks into the block at the current insertion point. Control flow is in `control.py`."""

    def __init__(self, program: Program, module: ir.Block) -> None:
        self.program, self.ix = program, program.ix
        self.module = module
        self.nests = NestBuilder(program)
        self.memory = MemoryOrder(program)
        self.pending: list[Store] = []
        self.positions: dict[ir.Operation, int] = {}
        self.current: ir.Block | None = None
        self._combiners = 0
        self.in_place: dict[ir.Value, Buffer] = {}
        """Buffers of the blocks that a loop carries, by what they become: where a contraction may accumulate."""

    # ---- the walk

    def combiner_symbol(self) -> str:
        """A name for one more combine function."""
        self._combiners += 1
        return f"combine{self._combiners - 1}"

    def convert(self, block: ir.Block) -> ir.Operation:
        """Convert all operations but the terminator, which is returned."""
        saved = self.current, self.positions
        self.current = block
        operations = [o.operation for o in block.operations]
        self.positions = {op: k for k, op in enumerate(operations)}
        for op in operations[:-1]:
            with op.location:  # what is made of it comes from the same line
                self.operation(op)
        self.flush()
        self.current, self.positions = saved
        return operations[-1]

    @contextmanager
    def region(self) -> Generator[None]:
        """Enter with every region that is built and may not be run, or that is converted more than once.

        What becomes known inside is forgotten at the end: a buffer that is filled inside may be empty behind it.
        """
        program, loads = self.program, len(self.memory.loads)
        facts: list[dict[ir.Value, Any]] = [
            program.scalars,
            program.stored,
            program.offsets,
            program.pointers.known,
        ]
        saved = [dict(known) for known in facts]
        with self.ix.scope():
            yield
        for known, before in zip(facts, saved, strict=True):
            known.clear()
            known.update(before)
        del self.memory.loads[loads:]

    def operation(self, op: ir.Operation) -> None:
        if op.name in _IGNORED:
            return
        handler = self._HANDLERS.get(op.name)
        if handler is not None:
            handler(self, op)
        elif op.name in _SINKS:
            _SINKS[op.name](self, op)
        elif any(is_block(r) for r in op.results):
            if not is_virtual(op):
                raise UnsupportedError(f"the operation `{op.name}`", source_line(op), SUPPORTED)
        elif any(is_pointer(r) for r in op.results) and op.name != "arith.select":
            if self.program.pointers.affine(op.results[0]) is None:
                raise UnsupportedError(f"a pointer from `{op.name}`", source_line(op), SUPPORTED)
        elif op.name == "arith.constant":
            self.program.scalars[op.results[0]] = self.ix.literal(op.attributes["value"], op.results[0].type)
        elif op.name == "arith.select" and is_pointer(op.results[0]):
            self._select_pointer(op)
        elif op.name == "tt.ptr_to_int":
            self._address(op)
        elif elementwise.is_elementwise(op):
            self._scalar(op)
        else:
            raise UnsupportedError(f"the operation `{op.name}`", source_line(op), SUPPORTED)

    def _scalar(self, op: ir.Operation) -> None:
        operands = [self.program.scalar(v) for v in op.operands]
        if len(op.results) != 1:
            clone = ir.Operation.create(
                op.name,
                results=[r.type for r in op.results],
                operands=operands,
                attributes={n: op.attributes[n] for n in op.attributes},
            )
            self.program.scalars.update(zip(op.results, clone.results, strict=True))
            return
        result = op.results[0]
        self.program.scalars[result] = elementwise.build(op, operands, result.type, self.program.fuse)

    def _address(self, op: ir.Operation) -> None:
        affine = self.program.pointer(op.operands[0])
        assert affine.base is not None
        start = memref.ExtractAlignedPointerAsIndexOp(affine.base.memref).result
        size = element_bytes(ir.MemRefType(affine.base.memref.type).element_type)
        address = self.ix.add(start, self.ix.mul(affine.offset, size))
        self.program.scalars[op.results[0]] = self.ix.to_integer(address, op.results[0].type)

    def _select_pointer(self, op: ir.Operation) -> None:
        a, b = self.program.pointer(op.operands[1]), self.program.pointer(op.operands[2])
        if a.base is None or b.base is None:
            raise UnsupportedError("a choice of pointers", source_line(op), SUPPORTED)
        condition, base = self.program.scalar(op.operands[0]), a.base
        if a.base.memref != b.base.memref:
            start = arith.SelectOp(condition, start_of(a.base), start_of(b.base)).result
            base = either(a.base, b.base, start)
        chosen = Affine(base, self.ix.choose(condition, a.offset, b.offset))
        self.program.pointers.known[op.results[0]] = chosen

    # ---- keeping block values in scratch

    def keep(self, value: ir.Value, into: Buffer | None = None, record: bool = True) -> Buffer:
        """Compute a block value into scratch, unless it is there."""
        if into is None and value in self.program.stored:
            return self.program.stored[value]
        buffer = into or self.allocate(value)
        self.nests.emit(shape(value) or (), [Keep(value, buffer)])
        if record:
            self.program.stored[value] = buffer
        return buffer

    def allocate(self, value: ir.Value, like: ir.Value | None = None) -> Buffer:
        """Scratch for a block, laid out as suits what it, or `like`, is computed from."""
        order = order_of(self.program, value if like is None else like)
        return self.program.scratch.allocate(shape(value) or (), element(value), order)

    def keep_row_major(self, value: ir.Value) -> Buffer:
        """`keep` for those who rely on the order in memory."""
        known = self.program.stored.get(value)
        if known is not None and known.is_row_major:
            return known
        return self.keep(value, self.program.scratch.allocate(shape(value) or (), element(value)), record=known is None)

    def worth_keeping(self, value: ir.Value) -> bool:
        """Whether computing `value` again would cost more than reading it: loads and expensive operations below it."""
        if value in self.program.stored or not is_block(value):
            return False
        below = cone(self.program, [value])
        return bool(below.loads) or any(
            (op := owner(v)) is not None and op.name in elementwise.EXPENSIVE for v in below.values
        )

    def keep_for_region(self, op: ir.Operation) -> None:
        """Before a region or a function is entered: what is defined outside and used inside is computed once, here.

        So are loads that are needed behind it, if it may write what they read.
        """
        self.flush()
        assert self.current is not None
        for load in self.memory.endangered_by_region(op, self.positions, self.current):
            self.keep(load)
        for value in _used_inside(op):
            if is_pointer(value):
                for part in self._offset_parts(value):
                    if self.worth_keeping(part):
                        self.keep(part)
            elif self.worth_keeping(value):
                self.keep(value)

    def _offset_parts(self, pointer: ir.Value) -> list[ir.Value]:
        """The blocks of integers that a block of pointers adds up."""
        op = owner(pointer)
        if op is None or not is_block(pointer) or not is_virtual(op):
            return []
        parts: list[ir.Value] = []
        for operand in op.operands:
            parts += self._offset_parts(operand) if is_pointer(operand) else [operand] if is_block(operand) else []
        return parts

    # ---- memory

    def flush(self) -> None:
        """Carry out the pending stores."""
        if not self.pending:
            return
        group, self.pending = self.pending, []
        assert self.current is not None
        last = self.positions[group[-1].op]
        with group[-1].op.location:
            for value in self.memory.endangered(group, self.positions, last, self.current):
                self.keep(value)
            self.nests.emit(shape(group[0].pointer) or (), list(group))

    def synchronize(self, op: ir.Operation) -> None:
        """Before `op`, at which others may be waited for: what is stored is in memory, what is loaded has been read."""
        self.flush()
        assert self.current is not None
        for value in self.memory.needed_from(self.positions, self.positions[op], self.current):
            self.keep(value)

    def _load(self, op: ir.Operation) -> None:
        pointer, volatile = op.operands[0], is_volatile_load(op)
        if volatile:
            self.synchronize(op)
        for store in self.pending:
            if self.memory.may_alias(pointer, store.pointer):
                self.flush()
                break
            self.memory.assume(pointer, store.pointer)
        if not is_block(pointer):
            self._scalar_load(op, volatile)
        elif volatile:
            load_block(self, op)
        else:
            self.memory.loads.append(op)

    def _scalar_load(self, op: ir.Operation, volatile: bool) -> None:
        affine = self.program.pointer(op.operands[0])
        assert affine.base is not None
        result, base, where = op.results[0], affine.base, self.ix.value(affine.offset)

        def read() -> ir.Value:
            value = load_volatile(base.memref, [where]) if volatile else memref.LoadOp(base.memref, [where]).result
            return from_memory(value, result.type)

        if len(op.operands) == 1:
            self.program.scalars[result] = read()
            return
        condition = self.program.scalar(op.operands[1])
        branch = scf.IfOp(condition, [result.type], has_else=True)
        with ir.InsertionPoint(branch.then_block), self.ix.scope():
            scf.YieldOp([read()])
        with ir.InsertionPoint(branch.else_block), self.ix.scope():
            other = self.program.scalar(op.operands[2]) if len(op.operands) > 2 else self.ix.zero(result.type)
            scf.YieldOp([other])
        self.program.scalars[result] = branch.results[0]

    def _store(self, op: ir.Operation) -> None:
        store = Store(op)
        if not is_block(store.pointer):
            self.flush()
            self._scalar_store(store)
            return
        if self.pending and not self._joins(store):
            self.flush()
        self.pending.append(store)

    def _joins(self, store: Store) -> bool:
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

    def _scalar_store(self, store: Store) -> None:
        assert self.current is not None
        index = self.positions[store.op]
        for value in self.memory.endangered([store], self.positions, index, self.current):
            self.keep(value)
        affine = self.program.pointer(store.pointer)
        assert affine.base is not None
        base, where = affine.base, self.ix.value(affine.offset)
        kind = ir.MemRefType(base.memref.type).element_type
        value = to_memory(self.program.scalar(store.value), kind)
        if store.mask is None:
            memref.StoreOp(value, base.memref, [where])
            return
        branch = scf.IfOp(self.program.scalar(store.mask), [])
        with ir.InsertionPoint(branch.then_block):
            memref.StoreOp(value, base.memref, [where])
            scf.YieldOp([])

    def _program_id(self, op: ir.Operation) -> None:
        source = self.program.ids if op.name == "tt.get_program_id" else self.program.grid
        result = op.results[0]
        self.program.scalars[result] = self.ix.to_integer(source[int_attr(op, "axis")], result.type)

    _HANDLERS: ClassVar[dict[str, Callable[[BlockConverter, ir.Operation], None]]] = {
        "tt.load": _load,
        "tt.store": _store,
        "tt.get_program_id": _program_id,
        "tt.get_num_programs": _program_id,
    }


def _used_inside(op: ir.Operation) -> list[ir.Value]:
    """Block values from outside that are used inside `op`'s regions, each once, in order of use."""
    found: dict[ir.Value, None] = {}

    def visit(inner: ir.Operation) -> ir.WalkResult:
        for value in inner.operands:
            if is_block(value) and not defined_in(value, op):
                found.setdefault(value)
        return ir.WalkResult.ADVANCE

    for region in op.regions:
        for block in region.blocks:
            for inner in block.operations:
                inner.operation.walk(visit)
    return list(found)


_IGNORED = frozenset({"llvm.intr.assume", "gpu.barrier", "ttg.barrier", "ttg.local_barrier", "tt.print"})

_SINKS: dict[str, Callable[[BlockConverter, ir.Operation], None]] = {
    "tt.reduce": sinks.reduce,
    "tt.scan": sinks.scan,
    "tt.dot": sinks.dot,
    "tt.reshape": sinks.reshape,
    "tt.cat": sinks.cat,
    "tt.gather": sinks.gather,
    "tt.unsplat": sinks.unsplat,
    "tt.histogram": sinks.histogram,
    "tt.assert": sinks.device_assert,
    "tt.atomic_rmw": sinks.atomic,
    "tt.atomic_cas": sinks.atomic,
    "scf.for": convert_control,
    "scf.if": convert_control,
    "scf.while": convert_control,
    "tt.call": convert_control,
}
"""What needs block values in memory, or ends the run of stores that may share a nest."""
