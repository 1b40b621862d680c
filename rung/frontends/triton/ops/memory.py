"""Loads and stores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from torch_mlir import ir
from torch_mlir.dialects import memref, scf

from ....ir.volatile import load_volatile
from ..affine import Affine
from ..bases import Base
from ..blocks import BlockConverter
from ..expression import Expressions, Guard, Leaf
from ..masks import Term
from ..nest_sinks import Store as StoreSink
from ..operation import Sources, register
from ..positions import Position
from ..scratch import from_memory, to_memory
from ..ttir import element, is_block, is_volatile_load, pointee
from ..views import make_view
from ..volatile import load_block
from .families import NoNumbers, Virtual, Whole

_T = TypeVar("_T")


def _mask(op: ir.Operation) -> ir.Value | None:
    return op.operands[1] if len(op.operands) > 1 else None


def _other(op: ir.Operation) -> ir.Value | None:
    return op.operands[2] if len(op.operands) > 2 else None


@dataclass(frozen=True)
class _Nowhere:
    """Masked off throughout the box: `other`."""


@dataclass(frozen=True)
class _ThroughView:
    access: Affine


@dataclass(frozen=True)
class _Guarded:
    """Element by element: under conditions, or from an address that is computed for each."""

    guards: list[Guard]
    residual: tuple[Term, ...]


_Way = _Nowhere | _ThroughView | _Guarded


@register
class Load(Virtual, NoNumbers):
    """A block is read where it is used; `MemoryOrder` has it kept in scratch before a store may change it."""

    names = ("tt.load",)

    def convert(self, blocks: BlockConverter, op: ir.Operation) -> None:
        pointer, volatile = op.operands[0], is_volatile_load(op)
        if volatile:
            blocks.synchronize(op)
        for store in blocks.pending:
            if blocks.memory.may_alias(pointer, store.pointer):
                blocks.flush()
                break
            blocks.memory.assume(pointer, store.pointer)
        if not is_block(pointer):
            self._scalar(blocks, op, volatile)
        elif volatile:
            load_block(blocks, op)
        else:
            blocks.memory.loads.append(op)

    def _scalar(self, blocks: BlockConverter, op: ir.Operation, volatile: bool) -> None:
        program, ix = blocks.program, blocks.ix
        affine = program.pointer(op.operands[0])
        assert affine.base is not None
        result, base, where = op.results[0], affine.base, ix.value(affine.offset)

        def read() -> ir.Value:
            value = load_volatile(base.memref, [where]) if volatile else memref.LoadOp(base.memref, [where]).result
            return from_memory(value, result.type)

        mask, other = _mask(op), _other(op)
        if mask is None:
            program.set_scalar(result, read())
            return
        branch = scf.IfOp(program.scalar(mask), [result.type], has_else=True)
        with ir.InsertionPoint(branch.then_block), ix.scope():
            scf.YieldOp([read()])
        with ir.InsertionPoint(branch.else_block), ix.scope():
            scf.YieldOp([ix.zero(result.type) if other is None else program.scalar(other)])
        program.set_scalar(result, branch.results[0])

    def sources(
        self, result: ir.Value, op: ir.Operation, at: tuple[_T, ...], constant: Callable[[int], _T]
    ) -> Sources[_T]:
        return [(v, at if is_block(v) else ()) for v in op.operands]

    # ---- in a nest

    def _way(self, expressions: Expressions, op: ir.Operation, position: Position) -> _Way:
        mask = _mask(op)
        guards, residual = ([], ()) if mask is None else expressions.conditions(mask, position)
        if guards is None:
            return _Nowhere()
        access = None if guards or residual else expressions.resolved(op.operands[0], position)
        return _Guarded(guards, residual) if access is None else _ThroughView(access)

    def plan(self, expressions: Expressions, op: ir.Operation, leaf: Leaf) -> list[Leaf]:
        position, other = leaf[1], _other(op)
        fallback: list[Leaf] = [] if other is None else [(other, position)]
        way = self._way(expressions, op, position)
        if isinstance(way, _Nowhere):
            return fallback
        if isinstance(way, _ThroughView):
            access, base = way.access, way.access.base
            assert base is not None
            expressions.views[leaf] = make_view(
                base.memref, access.offset, access.strides, expressions.sizes, expressions.bounds
            )
            return []
        needed = expressions.addresses.leaves(op.operands[0], position)
        masks: list[Leaf] = [expressions.term(t, position) for t in way.residual]
        return needed + masks + (fallback if way.guards or way.residual else [])

    def element(self, expressions: Expressions, op: ir.Operation, leaf: Leaf) -> ir.Value:
        value, position = leaf
        kind, way = element(value), self._way(expressions, op, position)
        if isinstance(way, _Nowhere):
            return self._otherwise(expressions, op, position)
        if isinstance(way, _ThroughView):  # a nest without loops has no arguments
            return from_memory(memref.LoadOp(expressions.views[leaf].memref, []).result, kind)
        condition = expressions.condition(way.guards, way.residual, position)
        if condition is None:
            return self._read(expressions, op.operands[0], position, kind)
        fallback = self._otherwise(expressions, op, position)
        branch = scf.IfOp(condition, [kind], has_else=True)
        with ir.InsertionPoint(branch.then_block), expressions.scope():
            scf.YieldOp([self._read(expressions, op.operands[0], position, kind)])
        with ir.InsertionPoint(branch.else_block):
            scf.YieldOp([fallback])
        return branch.results[0]

    def _read(self, expressions: Expressions, pointer: ir.Value, position: Position, kind: ir.Type) -> ir.Value:
        def read(base: Base, index: ir.Value) -> list[ir.Value]:
            return [memref.LoadOp(base.memref, [index]).result]

        [found] = expressions.addresses.access(pointer, position, [pointee(pointer)], read)
        return from_memory(found, kind)

    def _otherwise(self, expressions: Expressions, op: ir.Operation, position: Position) -> ir.Value:
        """What a masked-off load gives: `other`, or zero where Triton leaves it undefined."""
        other = _other(op)
        return expressions.ix.zero(element(op.results[0])) if other is None else expressions.at(other, position)


@register
class Store(Whole):
    """Stores of one shape under one mask to different memory share a nest: they wait for one another."""

    names = ("tt.store",)

    def convert(self, blocks: BlockConverter, op: ir.Operation) -> None:
        store = StoreSink(op)
        if not is_block(store.pointer):
            blocks.flush()
            self._scalar(blocks, store)
            return
        if blocks.pending and not blocks.joins_pending(store):
            blocks.flush()
        blocks.pending.append(store)

    def _scalar(self, blocks: BlockConverter, store: StoreSink) -> None:
        program = blocks.program
        blocks.keep_endangered([store])
        affine = program.pointer(store.pointer)
        assert affine.base is not None
        base, where = affine.base, blocks.ix.value(affine.offset)
        kind = ir.MemRefType(base.memref.type).element_type
        value = to_memory(program.scalar(store.value), kind)
        if store.mask is None:
            memref.StoreOp(value, base.memref, [where])
            return
        branch = scf.IfOp(program.scalar(store.mask), [])
        with ir.InsertionPoint(branch.then_block):
            memref.StoreOp(value, base.memref, [where])
            scf.YieldOp([])
