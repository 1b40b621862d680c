"""Operations on pointers: moved, chosen, seen as another type, made of numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import TypeVar

from torch_mlir import ir
from torch_mlir.dialects import arith

from ....errors import UnsupportedError
from ..absolute import address, place_at
from ..addresses import Either, ElementAddresses, Place, each_place
from ..affine import Affine, added
from ..bases import at_address, either, recast, recount, same_base, start_of
from ..blocks import BlockConverter
from ..expression import Expressions, Leaf
from ..indices import Index
from ..layout import StepAnalysis, Steps
from ..locations import source_line
from ..meanings import Formed
from ..operation import SUPPORTED, Sources, register
from ..pointers import PointerAnalysis
from ..positions import Position
from ..ranges import Range, Ranges
from ..reach import Reach, Walk, scaled, summed, union
from ..ttir import element, element_bytes, is_block, is_pointer, pointee, shape
from .arithmetic import one_of, sum_of_steps
from .families import Elementwise, NoNumbers, Virtual, require_form

_T = TypeVar("_T")


@register
class AddPtr(Virtual, NoNumbers):
    """A pointer and an offset in elements."""

    names = ("tt.addptr",)

    def sources(
        self, result: ir.Value, op: ir.Operation, at: tuple[_T, ...], constant: Callable[[int], _T]
    ) -> Sources[_T]:
        return [(v, at) for v in op.operands]

    def plan(self, expressions: Expressions, op: ir.Operation, leaf: Leaf) -> list[Leaf]:
        return expressions.addresses.leaves(*leaf)

    def element(self, expressions: Expressions, op: ir.Operation, leaf: Leaf) -> ir.Value:
        raise UnsupportedError("the number of an address", source_line(op), SUPPORTED)

    def place(self, addresses: ElementAddresses, op: ir.Operation, position: Position) -> Place | Either:
        pointer, offset = op.operands
        step = addresses.ix.cast(addresses.element(offset, position))
        return each_place(addresses.of(pointer, position), lambda p: p.moved(addresses.ix, step))

    def affine(self, forms: PointerAnalysis, op: ir.Operation) -> Affine | None:
        """The offset is a signed number; one of 64 bits wraps as addresses do."""
        pointer, offset = op.operands
        wide = isinstance(kind := element(offset), ir.IntegerType) and kind.width >= 64
        return added(forms.ix, forms.form(pointer), forms.form(offset) if wide else forms.reading(offset))

    def steps(self, steps: StepAnalysis, op: ir.Operation) -> Steps:
        return sum_of_steps(steps, op)

    def reach(self, walk: Walk, op: ir.Operation, number: int, operands: Sequence[Reach]) -> Reach:
        pointer, offset = operands
        return summed(pointer, scaled(offset, Fraction(element_bytes(pointee(op.results[0])))))


@register
class Bitcast(Elementwise, NoNumbers):
    """The same bits, or the same addresses, seen as another type: offsets are counted in elements of that type."""

    names = ("tt.bitcast",)
    passes = True
    free = True

    def convert(self, blocks: BlockConverter, op: ir.Operation) -> None:
        if is_pointer(op.results[0]):
            require_form(blocks, op)
        else:
            super().convert(blocks, op)

    def place(self, addresses: ElementAddresses, op: ir.Operation, position: Position) -> Place | Either:
        old, new = pointee(op.operands[0]), pointee(op.results[0])
        return each_place(addresses.of(op.operands[0], position), lambda p: p.seen_as(addresses.ix, old, new))

    def affine(self, forms: PointerAnalysis, op: ir.Operation) -> Affine | None:
        inner, result = forms.form(op.operands[0]), op.results[0]
        if inner is None or inner.base is None or not is_pointer(result):
            return None
        old, new = pointee(op.operands[0]), pointee(result)
        extents = shape(result) or ()
        strides = tuple(0 if n == 1 else s for n, s in zip(extents, inner.strides, strict=True))
        for step in (inner.offset, *strides, *(w.scale for w in inner.wraps)):
            if isinstance(step, int) and step * element_bytes(old) % element_bytes(new):
                what = f"pointers to {new} that are not a multiple of {element_bytes(new)} bytes apart"
                raise UnsupportedError(what, source_line(op), "aligned addresses")

        def counted(index: Index) -> Index:
            return recount(forms.ix, index, old, new)

        wraps = tuple(type(w)(w.dim, w.first, w.start, w.modulus, counted(w.scale)) for w in inner.wraps)
        base, offset = recast(inner.base, new), counted(inner.offset)
        return Affine(base, offset, tuple(counted(s) for s in strides), wraps, inner.conditions)

    def steps(self, steps: StepAnalysis, op: ir.Operation) -> Steps:
        return steps.of(op.operands[0])


@register
class IntToPtr(Virtual, NoNumbers):
    """An address from memory, or one for each element."""

    names = ("tt.int_to_ptr",)

    def sources(
        self, result: ir.Value, op: ir.Operation, at: tuple[_T, ...], constant: Callable[[int], _T]
    ) -> Sources[_T]:
        return [(op.operands[0], at)]

    def plan(self, expressions: Expressions, op: ir.Operation, leaf: Leaf) -> list[Leaf]:
        return expressions.addresses.leaves(*leaf)

    def element(self, expressions: Expressions, op: ir.Operation, leaf: Leaf) -> ir.Value:
        raise UnsupportedError("the number of an address", source_line(op), SUPPORTED)

    def place(self, addresses: ElementAddresses, op: ir.Operation, position: Position) -> Place | Either:
        return place_at(addresses.program, addresses.element(op.operands[0], position), pointee(op.results[0]))

    def affine(self, forms: PointerAnalysis, op: ir.Operation) -> Affine | None:
        address = forms.meanings.scalar(op.operands[0])
        if is_block(op.results[0]) or address is None:
            return None
        return Affine(at_address(address, pointee(op.results[0])), 0)


@register
class PtrToInt(Virtual, NoNumbers):
    """The address that a pointer is."""

    names = ("tt.ptr_to_int",)

    def convert(self, blocks: BlockConverter, op: ir.Operation) -> None:
        if is_block(op.results[0]):
            return
        affine = blocks.program.pointer(op.operands[0])
        assert affine.base is not None
        blocks.set_index(op, address(blocks.program, Place(affine.base, affine.offset)))

    def sources(
        self, result: ir.Value, op: ir.Operation, at: tuple[_T, ...], constant: Callable[[int], _T]
    ) -> Sources[_T]:
        return [(op.operands[0], at)]

    def plan(self, expressions: Expressions, op: ir.Operation, leaf: Leaf) -> list[Leaf]:
        return expressions.addresses.leaves(op.operands[0], leaf[1])

    def element(self, expressions: Expressions, op: ir.Operation, leaf: Leaf) -> ir.Value:
        where = address(expressions.program, expressions.addresses.of(op.operands[0], leaf[1]))
        return expressions.ix.to_integer(where, element(leaf[0]))


@register
class Select(Elementwise, NoNumbers):
    """A choice between numbers, or between pointers."""

    names = ("arith.select",)

    def convert(self, blocks: BlockConverter, op: ir.Operation) -> None:
        result = op.results[0]
        if is_block(result) or not is_pointer(result):
            super().convert(blocks, op)
            return
        program = blocks.program
        condition, a, b = program.scalar(op.operands[0]), *(program.pointer(v) for v in op.operands[1:])
        if a.base is None or b.base is None:
            raise UnsupportedError("a choice of pointers", source_line(op), SUPPORTED)
        base = a.base
        if a.base.memref != b.base.memref:
            start = arith.SelectOp(condition, start_of(a.base), start_of(b.base)).result
            base = either(a.base, b.base, start)
        program.meanings[result] = Formed(Affine(base, blocks.ix.choose(condition, a.offset, b.offset)))

    def plan(self, expressions: Expressions, op: ir.Operation, leaf: Leaf) -> list[Leaf]:
        taken = self._taken(expressions, op, leaf)
        return super().plan(expressions, op, leaf) if taken is None else [taken]

    def element(self, expressions: Expressions, op: ir.Operation, leaf: Leaf) -> ir.Value:
        taken = self._taken(expressions, op, leaf)
        return super().element(expressions, op, leaf) if taken is None else expressions.at(*taken)

    def _taken(self, expressions: Expressions, op: ir.Operation, leaf: Leaf) -> Leaf | None:
        """The side that is taken throughout the box, if that is known."""
        condition, yes, no = op.operands
        if not is_block(condition):
            return None
        guards, residual = expressions.conditions(condition, leaf[1])
        if guards is None:
            return no, leaf[1]
        return (yes, leaf[1]) if not guards and not residual else None

    def place(self, addresses: ElementAddresses, op: ir.Operation, position: Position) -> Place | Either:
        yes, no = (addresses.of(v, position) for v in op.operands[1:])
        condition = addresses.element(op.operands[0], position)
        if isinstance(yes, Place) and isinstance(no, Place) and same_base(yes.base, no.base):
            choose = addresses.ix.choose
            index, beyond = choose(condition, yes.index, no.index), choose(condition, yes.beyond, no.beyond)
            return Place(yes.base, index, beyond)
        return Either(op, condition, yes, no)

    def bounds(self, ranges: Ranges, op: ir.Operation) -> Range | None:
        return one_of(ranges, op, ranges.numbers.least, ranges.numbers.greatest)

    def reach(self, walk: Walk, op: ir.Operation, number: int, operands: Sequence[Reach]) -> Reach:
        return union(*operands[1:])
