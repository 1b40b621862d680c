"""Converting the operations of one block in program order: scalars at once, block values when a sink needs them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith, linalg, memref, scf

from ...errors import UnsupportedError
from . import elementwise, reductions
from .atomics import atomic_cas, atomic_rmw
from .expression import Expressions, from_memory, to_memory
from .locations import source_line
from .nests import Accumulate, Effect, Keep, NestBuilder, Sink, Store
from .order import MemoryOrder
from .pointers import same_base
from .positions import Position, is_unit_reshape
from .program import Program
from .scratch import Buffer
from .traversal import cone, is_virtual, needed_after
from .ttir import (
    defined_in,
    element,
    element_bytes,
    int_attr,
    is_block,
    is_pointer,
    memory_type,
    owner,
    shape,
)

_LONG_CHAIN = 24
"""Operations from which on a value that is needed twice is kept rather than computed again."""

SUPPORTED = "see docs/triton.md for the operations that rung compiles"


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
        self.combiners = 0
        self.in_place: dict[ir.Value, Buffer] = {}
        """Results of contractions that may be accumulated in a loop-carried buffer."""

    # ---- the walk

    def convert(self, block: ir.Block) -> ir.Operation:
        """Convert all operations but the terminator, which is returned."""
        saved = self.current, self.positions
        self.current = block
        operations = [o.operation for o in block.operations]
        self.positions = {op: k for k, op in enumerate(operations)}
        for op in operations[:-1]:
            self.operation(op)
        self.terminator = operations[-1]
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
        if a.base is None or b.base is None or not same_base(a.base, b.base):
            raise UnsupportedError(
                "a choice between two kernel arguments", source_line(op), "one argument + offsets"
            )
        condition = self.program.scalar(op.operands[0])
        chosen = type(a)(a.base, self.ix.choose(condition, a.offset, b.offset))
        self.program.pointers.known[op.results[0]] = chosen

    # ---- keeping block values in scratch

    def keep(self, value: ir.Value, into: Buffer | None = None, record: bool = True) -> Buffer:
        """Compute a block value into scratch, unless it is there."""
        if into is None and value in self.program.stored:
            return self.program.stored[value]
        extents = shape(value) or ()
        buffer = into or self.program.scratch.allocate(extents, element(value))
        self.nests.emit(extents, [Keep(value, buffer)])
        if record:
            self.program.stored[value] = buffer
        return buffer

    def worth_keeping(self, value: ir.Value) -> bool:
        """Whether computing `value` again would cost more than reading it: loads and expensive operations below it."""
        if value in self.program.stored or not is_block(value):
            return False
        below = cone(self.program, [value])
        return bool(below.loads) or any(
            (op := owner(v)) is not None and op.name in elementwise.EXPENSIVE for v in below.values
        )

    def keep_for_region(self, op: ir.Operation) -> None:
        """Before a region is entered: what is defined outside and used inside is computed once, here.

        So are loads that are needed behind the region, if it may write what they read.
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
            parts += (
                self._offset_parts(operand) if is_pointer(operand) else [operand] if is_block(operand) else []
            )
        return parts

    # ---- memory

    def flush(self) -> None:
        """Carry out the pending stores."""
        if not self.pending:
            return
        group, self.pending = self.pending, []
        assert self.current is not None
        last = self.positions[group[-1].op]
        for value in self.memory.endangered(group, self.positions, last, self.current):
            self.keep(value)
        self.nests.emit(shape(group[0].pointer) or (), list(group))

    def _load(self, op: ir.Operation) -> None:
        pointer = op.operands[0]
        for store in self.pending:
            if self.memory.may_alias(pointer, store.pointer):
                self.flush()
                break
            self.memory.assume(pointer, store.pointer)
        if is_block(pointer):
            self.memory.loads.append(op)
            return
        self._scalar_load(op)

    def _scalar_load(self, op: ir.Operation) -> None:
        affine = self.program.pointer(op.operands[0])
        assert affine.base is not None
        result, base, offset = op.results[0], affine.base, affine.offset

        def read() -> ir.Value:
            return from_memory(memref.LoadOp(base.memref, [self.ix.value(offset)]).result, result.type)

        if len(op.operands) == 1:
            self.program.scalars[result] = read()
            return
        where = self.ix.value(offset)
        condition = self.program.scalar(op.operands[1])
        branch = scf.IfOp(condition, [result.type], has_else=True)
        with ir.InsertionPoint(branch.then_block), self.ix.scope():
            scf.YieldOp([from_memory(memref.LoadOp(base.memref, [where]).result, result.type)])
        with ir.InsertionPoint(branch.else_block), self.ix.scope():
            other = self.program.scalar(op.operands[2]) if len(op.operands) > 2 else self.zero(result.type)
            scf.YieldOp([other])
        self.program.scalars[result] = branch.results[0]

    def zero(self, kind: ir.Type) -> ir.Value:
        zero = ir.FloatAttr.get(kind, 0.0) if isinstance(kind, ir.FloatType) else ir.IntegerAttr.get(kind, 0)
        return self.ix.literal(zero, kind)

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

    # ---- sinks

    def _reduce(self, op: ir.Operation) -> None:
        self.flush()
        values = tuple(op.operands)
        extents, axis = shape(values[0]) or (), int_attr(op, "axis")
        rest = (*extents[:axis], *extents[axis + 1 :])
        if extents[axis] == 1:
            for value, result in zip(values, op.results, strict=True):
                self._finish_reduction(result, self.keep(value).reshaped(rest))
            return
        start = reductions.identity(op)
        buffers = [self.program.scratch.allocate(rest, element(v)) for v in values]
        if start is not None:
            combine = reductions.single_combine(self.program, op)
            self._fill(buffers[0], self.ix.literal(start, element(values[0])))
            accumulators = tuple(buffers)
        else:
            symbol = f"combine{self.combiners}"
            self.combiners += 1
            combine = reductions.flagged_combine(self.program, op, self.module, symbol)
            flag = self.program.scratch.allocate(rest, ir.IntegerType.get_signless(8))
            accumulators = (*buffers, flag)
            for buffer in accumulators:
                self._fill(buffer, self.zero(buffer.element))
        sinks: list[Sink] = [Accumulate(values, axis, accumulators, combine)]
        sinks += self._shared_expensive(op, extents)
        self.nests.emit(extents, sinks)
        for sink in sinks:
            if isinstance(sink, Keep):
                self.program.stored[sink.value] = sink.buffer
        for buffer, result in zip(buffers, op.results, strict=True):
            self._finish_reduction(result, buffer)

    def _finish_reduction(self, result: ir.Value, buffer: Buffer) -> None:
        if is_block(result):
            self.program.stored[result] = buffer
        else:
            self.program.scalars[result] = from_memory(memref.LoadOp(buffer.memref, []).result, result.type)

    def _shared_expensive(self, op: ir.Operation, extents: tuple[int, ...]) -> list[Sink]:
        """Values that the reduction computes anyway and a later nest needs again, written on the way if that pays.

        It pays for expensive operations, and for long chains of cheap ones.
        """
        assert self.current is not None
        index = self.positions[op]
        found: list[Sink] = []
        covered: set[ir.Value] = set()
        for value in cone(self.program, list(op.operands)).values:
            definer = owner(value)
            if value in covered or definer is None or value in self.program.stored or shape(value) != extents:
                continue
            below = cone(self.program, [value]).values
            expensive = definer.name in elementwise.EXPENSIVE
            if (expensive or len(below) >= _LONG_CHAIN) and needed_after(value, self.positions, index, self.current):
                found.append(Keep(value, self.program.scratch.allocate(extents, element(value))))
                if not expensive:
                    covered.update(below)
        return found

    def _fill(self, buffer: Buffer, scalar: ir.Value) -> None:
        """Set every element of a buffer."""
        kind = memory_type(buffer.element)
        value = to_memory(scalar, kind)
        rank = ir.MemRefType(buffer.memref.type).rank
        if rank == 0:
            memref.StoreOp(value, buffer.memref, [])
            return
        fill_nest(value, buffer.memref, rank)

    def _scan(self, op: ir.Operation) -> None:
        self.flush()
        axis = int_attr(op, "axis")
        reverse = "reverse" in op.attributes and bool(ir.BoolAttr(op.attributes["reverse"]).value)
        buffers = [
            self.keep(v, self.program.scratch.allocate(shape(v) or (), element(v)), False)
            for v in op.operands
        ]
        reductions.scan(self.program, op, buffers, axis, reverse)
        self.program.stored.update(zip(op.results, buffers, strict=True))

    def _dot(self, op: ir.Operation) -> None:
        self.flush()
        a, b, c = op.operands
        result = op.results[0]
        left, right = self.keep(a), self.keep(b)
        into = self.in_place.get(result)
        if into is not None and self.program.stored.get(c) == into:
            target = into
        else:
            target = self.keep(
                c, into or self.program.scratch.allocate(shape(c) or (), element(c)), record=False
            )
        contract(left, right, target)
        self.program.stored[result] = target

    def _reshape(self, op: ir.Operation) -> None:
        if is_pointer(op.results[0]) or is_unit_reshape(op):
            return
        self.flush()
        self.program.stored[op.results[0]] = rebuilt(self.keep(op.operands[0]), shape(op.results[0]) or ())

    def _cat(self, op: ir.Operation) -> None:
        """Concatenation along the first dimension: two nests, each into its half."""
        self.flush()
        result = op.results[0]
        extents = tuple(shape(result) or ())
        buffer = self.program.scratch.allocate(extents, element(result))
        half = (extents[0] // 2, *extents[1:])
        for k, operand in enumerate(op.operands):
            size = half[0] * (1 if len(half) == 1 else _product(half[1:]))
            part = Buffer(window(buffer.memref, k * size, half), half, buffer.element)
            self.keep(operand, part, record=False)
        self.program.stored[result] = buffer

    def _keep_source(self, op: ir.Operation) -> None:
        self.flush()
        self.keep(op.operands[0])

    def _unsplat(self, op: ir.Operation) -> None:
        self.flush()
        buffer = self.keep(op.operands[0])
        self.program.scalars[op.results[0]] = from_memory(
            memref.LoadOp(buffer.memref, []).result, op.results[0].type
        )

    def _histogram(self, op: ir.Operation) -> None:
        self.flush()
        source, result = op.operands[0], op.results[0]
        bins = self.program.scratch.allocate(shape(result) or (), element(result))
        self._fill(bins, self.zero(bins.element))
        count = shape(result) or (1,)

        def emit(expressions: Expressions, position: Position) -> None:
            value = self.ix.cast(expressions.at(source, position))
            above = arith.CmpIOp(arith.CmpIPredicate.ult, value, self.ix.value(count[0])).result
            branch = scf.IfOp(above, [])
            with ir.InsertionPoint(branch.then_block):
                one = self.ix.literal(ir.IntegerAttr.get(bins.element, 1), bins.element)
                where = [value] if count[0] != 1 else []
                memref.AtomicRMWOp(arith.AtomicRMWKind.addi, one, bins.memref, where)
                scf.YieldOp([])

        mask = op.operands[1] if len(op.operands) > 1 else None
        self.nests.emit(shape(source) or (), [Effect((source,), mask, emit)])
        self.program.stored[result] = bins

    def _assert(self, op: ir.Operation) -> None:
        self.flush()
        from torch_mlir.dialects import cf

        text = (
            ir.StringAttr(op.attributes["message"]).value
            if "message" in op.attributes
            else "device_assert failed"
        )
        message = f"{source_line(op)}: {text}"
        condition = op.operands[0]
        if not is_block(condition):
            cf.AssertOp(self.program.scalar(condition), message)
            return
        self.nests.emit(
            shape(condition) or (),
            [Effect((condition,), None, lambda e, p: cf.AssertOp(e.at(condition, p), message) and None)],
        )

    def _program_id(self, op: ir.Operation) -> None:
        source = self.program.ids if op.name == "tt.get_program_id" else self.program.grid
        result = op.results[0]
        self.program.scalars[result] = self.ix.to_integer(source[int_attr(op, "axis")], result.type)

    def _atomic(self, op: ir.Operation) -> None:
        self.flush()
        assert self.current is not None
        for load in list(self.memory.loads):
            value = load.results[0]
            if value not in self.program.stored and needed_after(
                value, self.positions, self.positions[op] - 1, self.current
            ):
                self.keep(value)
        (atomic_cas if op.name == "tt.atomic_cas" else atomic_rmw)(self, op)

    def _control(self, op: ir.Operation) -> None:
        from .control import convert_control

        self.flush()
        convert_control(self, op)

    _HANDLERS: ClassVar[dict[str, Callable[[BlockConverter, ir.Operation], None]]] = {
        "tt.load": _load,
        "tt.store": _store,
        "tt.reduce": _reduce,
        "tt.scan": _scan,
        "tt.dot": _dot,
        "tt.reshape": _reshape,
        "tt.cat": _cat,
        "tt.gather": _keep_source,
        "tt.unsplat": _unsplat,
        "tt.histogram": _histogram,
        "tt.assert": _assert,
        "tt.get_program_id": _program_id,
        "tt.get_num_programs": _program_id,
        "tt.atomic_rmw": _atomic,
        "tt.atomic_cas": _atomic,
        "scf.for": _control,
        "scf.if": _control,
        "scf.while": _control,
        "tt.call": _control,
    }


def _product(extents: Sequence[int]) -> int:
    total = 1
    for n in extents:
        total *= n
    return total


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


def window(buffer: ir.Value, offset: int, extents: Sequence[int]) -> ir.Value:
    """A dense block of `extents` at an element offset of a dense buffer."""
    kept = [n for n in extents if n != 1]
    strides = [_product(kept[d + 1 :]) for d in range(len(kept))]
    layout = ir.StridedLayoutAttr.get(offset, strides)
    kind = ir.MemRefType.get(kept, ir.MemRefType(buffer.type).element_type, layout=layout)
    return memref.ReinterpretCastOp(kind, buffer, [], [], [], [offset], kept, strides).result


def rebuilt(buffer: Buffer, extents: tuple[int, ...]) -> Buffer:
    """The same memory, row-major, as another shape."""
    if [n for n in extents if n != 1] == [n for n in buffer.extents if n != 1]:
        return buffer.reshaped(extents)
    return Buffer(window(buffer.memref, 0, extents), extents, buffer.element)


def fill_nest(value: ir.Value, target: ir.Value, rank: int) -> None:
    """`linalg.generic` that writes a scalar everywhere."""
    identity = ir.AffineMapAttr.get(ir.AffineMap.get_identity(rank))
    parallel = ir.Attribute.parse("#linalg.iterator_type<parallel>")
    op = ir.Operation.create(
        "linalg.generic",
        results=[],
        operands=[target],
        attributes={
            "indexing_maps": ir.ArrayAttr.get([identity]),
            "iterator_types": ir.ArrayAttr.get([parallel] * rank),
            "operandSegmentSizes": ir.DenseI32ArrayAttr.get([0, 1]),
        },
        regions=1,
    )
    body = ir.Block.create_at_start(op.regions[0], [value.type])
    with ir.InsertionPoint(body):
        linalg.YieldOp([value])


def contract(a: Buffer, b: Buffer, c: Buffer) -> None:
    """`c += a @ b` on scratch: a named contraction. Dimensions of extent 1 are put back, linalg wants them."""
    full = [rebuilt_with_units(x) for x in (a, b, c)]
    name = "linalg.matmul" if len(c.extents) == 2 else "linalg.batch_matmul"
    builder = linalg.matmul if name == "linalg.matmul" else linalg.batch_matmul
    builder(full[0], full[1], outs=[full[2]])


def rebuilt_with_units(buffer: Buffer) -> ir.Value:
    if 1 not in buffer.extents:
        return buffer.memref
    extents = list(buffer.extents)
    strides = list(buffer.strides)
    layout = ir.StridedLayoutAttr.get(0, strides)
    kind = ir.MemRefType.get(extents, ir.MemRefType(buffer.memref.type).element_type, layout=layout)
    return memref.ReinterpretCastOp(kind, buffer.memref, [], [], [], [0], extents, strides).result


_IGNORED = frozenset({"llvm.intr.assume", "gpu.barrier", "ttg.barrier", "ttg.local_barrier", "tt.print"})
