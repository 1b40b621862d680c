"""`tt.atomic_rmw` and `tt.atomic_cas`: atomic operations of the memref dialect, element by element."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence

from torch_mlir import ir
from torch_mlir.dialects import arith, memref, scf

from ....errors import UnsupportedError
from ..bases import Base, recast
from ..blocks import BlockConverter
from ..buffers import fill
from ..expression import Expressions
from ..locations import source_line
from ..nest_sinks import Effect
from ..operation import register
from ..positions import Position
from ..scratch import from_memory, to_memory
from ..ttir import element, int_attr, is_block, pointee, shape
from .families import Whole

Update = Callable[[Base, ir.Value, list[ir.Value]], ir.Value]
"""Builds one atomic operation from memory, an index and the operands; returns the old value."""

# tt.atomic_rmw's kinds, by number: and, or, xor, add, fadd, max, min, umax, umin, xchg.
_KINDS = {
    1: arith.AtomicRMWKind.andi,
    2: arith.AtomicRMWKind.ori,
    3: arith.AtomicRMWKind.xori,
    4: arith.AtomicRMWKind.addi,
    5: arith.AtomicRMWKind.addf,
    6: arith.AtomicRMWKind.maxs,
    7: arith.AtomicRMWKind.mins,
    8: arith.AtomicRMWKind.maxu,
    9: arith.AtomicRMWKind.minu,
    10: arith.AtomicRMWKind.assign,
}
_OF_BITS = (arith.AtomicRMWKind.andi, arith.AtomicRMWKind.ori, arith.AtomicRMWKind.xori)


class _Atomic(Whole):
    """What is computed from memory before it must be read before it."""

    def convert(self, blocks: BlockConverter, op: ir.Operation) -> None:
        blocks.synchronize(op)
        self.update(blocks, op)

    @abstractmethod
    def update(self, blocks: BlockConverter, op: ir.Operation) -> None:
        """Build the atomic operations."""


@register
class AtomicRmw(_Atomic):
    """Read, modify, write; the old value is kept only where it is used. Floats are anded, ored, xored bit by bit."""

    names = ("tt.atomic_rmw",)

    def update(self, blocks: BlockConverter, op: ir.Operation) -> None:
        pointer, value = op.operands[0], op.operands[1]
        mask = op.operands[2] if len(op.operands) > 2 else None
        kind = _KINDS.get(int_attr(op, "atomic_rmw_op"))
        if kind is None:
            raise UnsupportedError("this kind of tt.atomic_rmw", source_line(op), "and, or, xor, add, max, min, xchg")

        def one(base: Base, index: ir.Value, operands: list[ir.Value]) -> ir.Value:
            [given] = operands
            if kind not in _OF_BITS or given.type == (bits := _bits(given)).type:
                return memref.AtomicRMWOp(kind, given, base.memref, [index]).result
            old = memref.AtomicRMWOp(kind, bits, recast(base, bits.type).memref, [index]).result
            return arith.BitcastOp(given.type, old).result

        _atomic(blocks, op, pointer, (value,), mask, one)


@register
class AtomicCas(_Atomic):
    """Compare and swap: the store happens where memory holds the bits of the expected value, also those of a NaN."""

    names = ("tt.atomic_cas",)

    def update(self, blocks: BlockConverter, op: ir.Operation) -> None:
        pointer, expected, desired = op.operands

        def one(base: Base, index: ir.Value, operands: list[ir.Value]) -> ir.Value:
            kind = operands[0].type
            rmw = memref.GenericAtomicRMWOp(kind, base.memref, [index])
            body = ir.Block.create_at_start(rmw.operation.regions[0], [kind])
            with ir.InsertionPoint(body):
                current = body.arguments[0]
                same = arith.CmpIOp(arith.CmpIPredicate.eq, _bits(current), _bits(operands[0]))
                chosen = arith.SelectOp(same.result, operands[1], current).result
                memref.AtomicYieldOp(chosen)
            return rmw.operation.results[0]

        _atomic(blocks, op, pointer, (expected, desired), None, one)


def _bits(value: ir.Value) -> ir.Value:
    """A number as an integer."""
    if not isinstance(value.type, ir.FloatType):
        return value
    return arith.BitcastOp(ir.IntegerType.get_signless(ir.FloatType(value.type).width), value).result


def _atomic(
    blocks: BlockConverter,
    op: ir.Operation,
    pointer: ir.Value,
    values: Sequence[ir.Value],
    mask: ir.Value | None,
    update: Update,
) -> None:
    program = blocks.program
    result = op.results[0]
    used = any(True for _ in result.uses)
    if not is_block(pointer):
        _scalar_atomic(blocks, op, pointer, values, mask, update)
        return
    kept = program.scratch.allocate(shape(result) or (), element(result)) if used else None
    if kept is not None and mask is not None:
        fill(kept, blocks.ix.zero(element(result)))  # what is masked off is not written below

    def emit(expressions: Expressions, position: Position) -> None:
        memory = pointee(pointer)
        operands = [to_memory(expressions.at(v, position if is_block(v) else ()), memory) for v in values]

        def at(base: Base, index: ir.Value) -> list[ir.Value]:
            return [update(base, index, operands)]

        [old] = expressions.addresses.access(pointer, position, [memory], at)
        if kept is not None:
            memref.StoreOp(old, kept.memref, expressions.place(kept, position))

    blocks.nests.emit(shape(pointer) or (), [Effect((pointer, *values), mask, emit)])
    if kept is not None:
        program.meanings.store(result, kept)


def _scalar_atomic(
    blocks: BlockConverter,
    op: ir.Operation,
    pointer: ir.Value,
    values: Sequence[ir.Value],
    mask: ir.Value | None,
    update: Update,
) -> None:
    program, ix = blocks.program, blocks.ix
    affine = program.pointer(pointer)
    assert affine.base is not None
    base, index = affine.base, ix.value(affine.offset)
    memory = ir.MemRefType(base.memref.type).element_type
    operands = [to_memory(program.scalar(v), memory) for v in values]
    result = op.results[0]
    if mask is None:
        program.set_scalar(result, from_memory(update(base, index, operands), result.type))
        return
    branch = scf.IfOp(program.scalar(mask), [result.type], has_else=True)
    with ir.InsertionPoint(branch.then_block):
        scf.YieldOp([from_memory(update(base, index, operands), result.type)])
    with ir.InsertionPoint(branch.else_block):
        scf.YieldOp([blocks.ix.zero(result.type)])
    program.set_scalar(result, branch.results[0])
