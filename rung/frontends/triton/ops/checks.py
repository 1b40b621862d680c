"""`sanitize.check`: calls of the sanitizer (sanitize.h), for a box of elements at once or for one after another."""

from __future__ import annotations

from collections.abc import Sequence

from torch_mlir import ir
from torch_mlir.dialects import arith, builtin, cf, func, llvm, scf

from ....ir.attributes import WHERE
from ....ir.pointers import constant, declare, pointer_of, pointer_type, to_i64, to_index
from ..affine import Affine
from ..bases import Base, start_of
from ..blocks import BlockConverter
from ..buffers import fill
from ..checks import CHECK, SITE, STORED
from ..expression import Expressions
from ..indices import Index
from ..locations import source_line
from ..nest_sinks import Effect
from ..operation import register
from ..positions import Axis, Position, flat_axis
from ..ttir import int_attr, is_block, row_major, shape
from ..undefined import FAULT, SOURCE
from .families import Whole

_DIM, _BOX, _ELEMENT, _FAILED = "rung_check_dim", "rung_check_box", "rung_check_element", "rung_has_failed"
_VALUE, _STORED = "rung_check_value", "rung_check_stored"


@register
class Check(Whole):
    """Before the access: a launch that is to stop stops here, and nothing outside of what it was given is touched."""

    names = (CHECK,)

    def convert(self, blocks: BlockConverter, op: ir.Operation) -> None:
        _Check(blocks, op).build()


@register
class Fault(Whole):
    """Lanes that nobody may rely on, and that count."""

    names = (FAULT,)

    def convert(self, blocks: BlockConverter, op: ir.Operation) -> None:
        _Fault(blocks, op).build()


@register
class Stored(Whole):
    """Behind a store, which is carried out here."""

    names = (STORED,)

    def convert(self, blocks: BlockConverter, op: ir.Operation) -> None:
        blocks.flush()
        _Stored(blocks, op).build()


class _Calls:
    """Calls of the runtime at an operation of the sanitizer's."""

    def __init__(self, blocks: BlockConverter, op: ir.Operation) -> None:
        self.blocks, self.op, self.program, self.ix = blocks, op, blocks.program, blocks.ix

    def _program(self) -> Index:
        """The number in the grid, x fastest."""
        (x, y, z), (gx, gy, _), ix = self.program.ids, self.program.grid, self.ix
        return ix.add(x, ix.mul(gx, ix.add(y, ix.mul(gy, z))))

    def _call(
        self,
        name: str,
        before: Sequence[Index],
        base: Base | None = None,
        behind: Sequence[Index] = (),
        fine: ir.Value | None = None,
        results: Sequence[ir.Type] = (),
    ) -> list[ir.Value]:
        """A function of the runtime."""
        operands: list[ir.Value] = [to_i64(self.ix.value(n)) for n in before]
        operands += [] if base is None else [start_of(base)]
        operands += [to_i64(self.ix.value(n)) for n in behind]
        operands += [] if fine is None else [fine]
        module = self.blocks.module.owner
        assert isinstance(module, builtin.ModuleOp)
        callee = declare(module, name, [v.type for v in operands], results)
        return list(func.CallOp(callee, operands).results)

    def _leave(self) -> None:
        """Behind a fault the program ends."""
        kind = ir.IntegerType.get_signless(32)
        [failed] = self._call(_FAILED, [], results=[kind])
        fine = arith.CmpIOp(arith.CmpIPredicate.eq, failed, constant(kind, 0)).result
        made = cf.AssertOp(fine, "the sanitizer has found a fault")
        made.operation.attributes[WHERE] = ir.StringAttr.get(f"{source_line(self.op)}: {self.program.name}")


class _Stored(_Calls):
    def build(self) -> None:
        self._call(_STORED, [])
        self._leave()


class _Fault(_Calls):
    def build(self) -> None:
        number = int_attr(self.op, SITE)
        bad, *origins = self.op.operands  # of each lane; else all are of one source

        def tell(place: Index, origin: ir.Value | None) -> None:
            if origin is None:
                source: Index = int_attr(self.op, SOURCE)
            else:
                source = self.ix.sub(to_index(origin), 1)
            self._call(_VALUE, [number, self._program(), place, source])

        if is_block(bad):
            extents = shape(bad) or ()

            def emit(expressions: Expressions, position: Position) -> None:
                place = expressions.coordinate(flat_axis(self.ix, position, row_major(extents), expressions.loops))
                tell(place, expressions.at(origins[0], position) if origins else None)

            self.blocks.nests.emit(extents, [Effect(tuple(origins), bad, emit)])
        else:
            branch = scf.IfOp(self.program.scalar(bad), [])
            with ir.InsertionPoint(branch.then_block), self.ix.scope():
                tell(0, self.program.scalar(origins[0]) if origins else None)
                scf.YieldOp([])
        self._leave()


class _Check(_Calls):
    def __init__(self, blocks: BlockConverter, op: ir.Operation) -> None:
        super().__init__(blocks, op)
        self.pointer, self.mask = op.operands[0], op.operands[1] if len(op.operands) > 1 else None
        self.goes_on = len(op.results) > 0
        self.number = int_attr(op, SITE)

    def build(self) -> None:
        if is_block(self.pointer):
            self._block()
        else:
            self._scalar()
        if not self.goes_on:
            self._leave()

    def _scalar(self) -> None:
        affine = self.program.pointer(self.pointer)
        assert affine.base is not None
        base, where, none = affine.base, self.ix.value(affine.offset), llvm.ZeroOp(pointer_type()).result
        if self.mask is None:
            fine = self._element(base, where, 0, none)
        else:
            branch = scf.IfOp(self.program.scalar(self.mask), [_i1()], has_else=True)
            with ir.InsertionPoint(branch.then_block), self.ix.scope():
                scf.YieldOp([self._element(base, where, 0, none)])
            with ir.InsertionPoint(branch.else_block):
                scf.YieldOp([constant(_i1(), 0)])
            fine = branch.results[0]
        if self.goes_on:
            self.program.set_scalar(self.op.results[0], fine)

    def _block(self) -> None:
        extents = shape(self.pointer) or ()
        kept = self.program.scratch.allocate(extents, _i1()) if self.goes_on else None
        if kept is None:
            fine = llvm.ZeroOp(pointer_type()).result
        else:
            fill(kept, self.ix.literal(ir.IntegerAttr.get(_i1(), 1), _i1()))  # the sanitizer takes away
            fine = pointer_of(kept.memref)

        def flat(expressions: Expressions, position: Position) -> Axis:
            return flat_axis(self.ix, position, row_major(extents), expressions.loops)

        def emit(expressions: Expressions, position: Position) -> None:
            place = expressions.coordinate(flat(expressions, position))

            def check(base: Base, index: ir.Value) -> list[ir.Value]:
                return [self._element(base, index, place, fine)]

            expressions.addresses.access(self.pointer, position, [_i1()], check)

        def at_once(expressions: Expressions, position: Position, access: Affine) -> None:
            assert access.base is not None
            first = flat(expressions, position)
            for size, stride, step in zip(expressions.sizes, access.strides, first.coefficients, strict=True):
                self._call(_DIM, [size, stride, step])
            self._call(_BOX, [self.number, self._program()], access.base, [access.offset, first.constant], fine)

        self.blocks.nests.emit(extents, [Effect((self.pointer,), self.mask, emit, at_once)])
        if kept is not None:
            self.program.meanings.store(self.op.results[0], kept)

    # ---- the calls

    def _element(self, base: Base, index: ir.Value, place: Index, fine: ir.Value) -> ir.Value:
        """Whether it may be accessed."""
        kind = ir.IntegerType.get_signless(32)
        [found] = self._call(_ELEMENT, [self.number, self._program()], base, [index, place], fine, [kind])
        return arith.CmpIOp(arith.CmpIPredicate.ne, found, constant(kind, 0)).result


def _i1() -> ir.Type:
    return ir.IntegerType.get_signless(1)
