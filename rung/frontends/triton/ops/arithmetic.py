"""Integer arithmetic: what it does to affine forms, to steps through memory, to bounds, and to what was loaded.

Sums and products of N-bit numbers have a form up to multiples of 2^N; quotients, remainders, extensions and comparisons
ask for the numbers themselves (`forms.reading`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction

from torch_mlir import ir

from ..affine import Affine, Wrap, added
from ..conditions import union
from ..layout import StepAnalysis, Steps
from ..operation import register
from ..pointers import PointerAnalysis
from ..ranges import Number, Range, Ranges, at_most, combine, power_of_two, window
from ..reach import NOTHING, Reach, Walk, scaled, summed, unknown
from ..reach import union as one_of_them
from ..ttir import constant_int, element, shape
from .families import Elementwise, NoNumbers


class _Same(Elementwise):
    """The operand's number, in another width."""

    passes = True

    def affine(self, forms: PointerAnalysis, op: ir.Operation) -> Affine | None:
        return forms.reading(op.operands[0])

    def steps(self, steps: StepAnalysis, op: ir.Operation) -> Steps:
        return steps.of(op.operands[0])

    def bounds(self, ranges: Ranges, op: ir.Operation) -> Range | None:
        return ranges.operand(op, 0)

    def reach(self, walk: Walk, op: ir.Operation, number: int, operands: Sequence[Reach]) -> Reach:
        return operands[0]


@register
class ExtSI(_Same):
    names = ("arith.extsi",)


@register
class ExtUI(_Same):
    names = ("arith.extui",)

    def affine(self, forms: PointerAnalysis, op: ir.Operation) -> Affine | None:
        return forms.reading(op.operands[0], signed=False)

    def bounds(self, ranges: Ranges, op: ir.Operation) -> Range | None:
        found = ranges.operand(op, 0)
        if found is None or at_most(0, found.low):
            return found
        return Range(0, 2 * window(element(op.operands[0]))[1] + 1, found.multiple)


@register
class TruncI(_Same):
    names = ("arith.trunci",)
    follows = True
    overflows = True

    def affine(self, forms: PointerAnalysis, op: ir.Operation) -> Affine | None:
        return forms.form(op.operands[0])


@register
class Cast(Elementwise, NoNumbers):
    """The operand's number, or its bits, as another type."""

    names = ("arith.index_cast", "arith.index_castui", "arith.bitcast")
    passes = True
    free = True


# ---- sums and products


@register
class AddI(Elementwise):
    names = ("arith.addi",)
    follows = True
    overflows = True

    def affine(self, forms: PointerAnalysis, op: ir.Operation) -> Affine | None:
        return added(forms.ix, *(forms.form(v) for v in op.operands))

    def steps(self, steps: StepAnalysis, op: ir.Operation) -> Steps:
        return sum_of_steps(steps, op)

    def bounds(self, ranges: Ranges, op: ir.Operation) -> Range | None:
        ix, of = ranges.numbers, ranges.operands(op)
        if of is None:
            return None
        a, b = of
        return combine(ix.add(a.low, b.low), ix.add(a.high, b.high), min(a.multiple, b.multiple), a, b)

    def reach(self, walk: Walk, op: ir.Operation, number: int, operands: Sequence[Reach]) -> Reach:
        return summed(*operands)


def sum_of_steps(steps: StepAnalysis, op: ir.Operation) -> Steps:
    pairs = zip(*(steps.of(v) for v in op.operands), strict=True)
    return tuple(None if a is None or b is None else a + b for a, b in pairs)


@register
class SubI(Elementwise):
    names = ("arith.subi",)
    follows = True
    overflows = True

    def affine(self, forms: PointerAnalysis, op: ir.Operation) -> Affine | None:
        ix, a, b = forms.ix, forms.form(op.operands[0]), forms.form(op.operands[1])
        if a is None or b is None or b.wraps:
            return None
        return Affine(
            a.base,
            ix.sub(a.offset, b.offset),
            tuple(ix.sub(s, t) for s, t in zip(a.strides, b.strides, strict=True)),
            a.wraps,
            union(a.conditions, b.conditions),
            min(a.multiple, b.multiple),
        )

    def steps(self, steps: StepAnalysis, op: ir.Operation) -> Steps:
        pairs = zip(*(steps.of(v) for v in op.operands), strict=True)
        return tuple(None if a is None or b is None else a - b for a, b in pairs)

    def bounds(self, ranges: Ranges, op: ir.Operation) -> Range | None:
        ix, of = ranges.numbers, ranges.operands(op)
        if of is None:
            return None
        a, b = of
        return combine(ix.sub(a.low, b.high), ix.sub(a.high, b.low), min(a.multiple, b.multiple), a, b)

    def reach(self, walk: Walk, op: ir.Operation, number: int, operands: Sequence[Reach]) -> Reach:
        return summed(*operands)


@register
class MulI(Elementwise):
    names = ("arith.muli",)
    follows = True
    overflows = True

    def affine(self, forms: PointerAnalysis, op: ir.Operation) -> Affine | None:
        """Of a block and a number that is the same for all of it."""
        ix, a, b = forms.ix, forms.form(op.operands[0]), forms.form(op.operands[1])
        if a is None or b is None:
            return None
        if not b.uniform:
            a, b = b, a
        if not b.uniform:
            return None
        factor = b.offset
        return Affine(
            None,
            ix.mul(a.offset, factor),
            tuple(ix.mul(s, factor) for s in a.strides),
            tuple(replace(w, scale=ix.mul(w.scale, factor)) for w in a.wraps),
            union(a.conditions, b.conditions),
            a.multiple * b.multiple,
        )

    def steps(self, steps: StepAnalysis, op: ir.Operation) -> Steps:
        a, b = op.operands
        if any(steps.of(b)):
            a, b = b, a
        factor = constant_int(b)
        return tuple(
            0 if s == t == 0 else None if s is None or t != 0 or factor is None else s * factor
            for s, t in zip(steps.of(a), steps.of(b), strict=True)
        )

    def bounds(self, ranges: Ranges, op: ir.Operation) -> Range | None:
        ix, of = ranges.numbers, ranges.operands(op)
        if of is None:
            return None
        a, b = of
        multiple = a.multiple * b.multiple
        if at_most(0, a.low) and at_most(0, b.low):
            return combine(ix.mul(a.low, b.low), ix.mul(a.high, b.high), multiple, a, b)
        corners = [ix.mul(x, y) for x in dict.fromkeys((a.low, a.high)) for y in dict.fromkeys((b.low, b.high))]
        return combine(ix.least(*corners), ix.greatest(*corners), multiple, a, b)

    def reach(self, walk: Walk, op: ir.Operation, number: int, operands: Sequence[Reach]) -> Reach:
        (a, b), (left, right) = operands, (walk.number(v) for v in op.operands)
        if left is not None:
            return scaled(b, Fraction(left))
        return unknown(a, b) if right is None else scaled(a, Fraction(right))


@register
class Shift(Elementwise, NoNumbers):
    names = ("arith.shli", "arith.shrsi", "arith.shrui")

    def reach(self, walk: Walk, op: ir.Operation, number: int, operands: Sequence[Reach]) -> Reach:
        by = walk.number(op.operands[1])
        if by is None or not 0 <= by < 64:
            return unknown(*operands)
        return scaled(operands[0], Fraction(2) ** (by if op.name == "arith.shli" else -by))


# ---- quotients and remainders


@register
class Quotient(Elementwise, NoNumbers):
    names = ("arith.divsi", "arith.divui")

    def bounds(self, ranges: Ranges, op: ir.Operation) -> Range | None:
        ix, of = ranges.numbers, ranges.operands(op)
        if of is None:
            return None
        a, b = of
        positive = ix.at_most(1, b.low)
        if positive is False or (op.name == "arith.divui" and not at_most(0, a.low)):
            return None
        if not isinstance(positive, bool):
            b = replace(b, needs=union(b.needs, (positive,)))
        if at_most(0, a.low):
            return combine(ix.quotient(a.low, b.high), ix.quotient(a.high, b.low), 1, a, b)
        corners = [ix.quotient(x, y) for x in dict.fromkeys((a.low, a.high)) for y in dict.fromkeys((b.low, b.high))]
        return combine(ix.least(*corners), ix.greatest(*corners), 1, a, b)

    def reach(self, walk: Walk, op: ir.Operation, number: int, operands: Sequence[Reach]) -> Reach:
        divisor = walk.number(op.operands[1])
        return scaled(operands[0], Fraction(1, divisor)) if divisor else unknown(*operands)


class _Bounded(Elementwise, NoNumbers):
    """Not greater than an operand."""

    def reach(self, walk: Walk, op: ir.Operation, number: int, operands: Sequence[Reach]) -> Reach:
        """Bounded by the operand that was not loaded; a remainder's sign is the dividend's, which is not negative."""
        return one_of_them(*operands) if all(operands) else NOTHING


@register
class Remainder(_Bounded):
    names = ("arith.remsi", "arith.remui")

    def affine(self, forms: PointerAnalysis, op: ir.Operation) -> Affine | None:
        """`(offset + i) % modulus`, of numbers that are not negative: that of a negative number is negative.

        Hints (`tl.max_contiguous`) are not looked at: where a block ends inside of a row, they are not true.
        """
        ix, signed = forms.ix, op.name == "arith.remsi"
        a, b = (forms.reading(v, signed) for v in op.operands)
        if a is None or b is None or not b.uniform or a.wraps or a.base is not None:
            return None
        moving = [d for d, s in enumerate(a.strides) if not (isinstance(s, int) and s == 0)]
        extents = shape(op.results[0]) or ()
        conditions, modulus = union(a.conditions, b.conditions), b.offset
        start = ix.rem(a.offset, modulus)
        if not moving:
            return Affine(None, start, a.strides, conditions=conditions)
        if len(moving) != 1 or a.strides[moving[0]] != 1:
            return None
        dim = moving[0]
        if signed and not forms.ranges.at_least(op.operands[0], 0):
            conditions = union(conditions, (ix.less(-1, a.offset),))
        if isinstance(modulus, int) and modulus > 0 and min(a.multiple, power_of_two(modulus)) >= extents[dim]:
            return Affine(None, start, a.strides, conditions=conditions)  # a multiple of it is not inside
        wrap = Wrap(dim, a.offset, start, modulus, 1)
        return Affine(None, 0, (0,) * len(extents), (wrap,), conditions)

    def steps(self, steps: StepAnalysis, op: ir.Operation) -> Steps:
        """A wrap-around breaks the run now and then only."""
        return steps.of(op.operands[0])

    def bounds(self, ranges: Ranges, op: ir.Operation) -> Range | None:
        """It has the sign of the dividend, and is less than either in size."""
        ix, of = ranges.numbers, ranges.operands(op)
        if of is None:
            return None
        a, b = of
        if op.name == "arith.remui" and not (at_most(0, a.low) and at_most(0, b.low)):
            return None
        size = ix.greatest(0, ix.sub(b.high, 1), ix.sub(-1, b.low))
        low = 0 if at_most(0, a.low) else ix.greatest(ix.least(a.low, 0), ix.sub(0, size))
        return combine(low, ix.least(ix.greatest(a.high, 0), size), 1, a, b)


# ---- choices and comparisons


def one_of(ranges: Ranges, op: ir.Operation, low: Callable[..., Number], high: Callable[..., Number]) -> Range | None:
    """Of a number that is one of the last two operands, or between them."""
    of = ranges.operands(op)
    if of is None:
        return None
    a, b = of[-2:]
    if op.name.endswith("ui") and not (at_most(0, a.low) and at_most(0, b.low)):
        return None
    return combine(low(a.low, b.low), high(a.high, b.high), min(a.multiple, b.multiple), a, b)


@register
class Least(_Bounded):
    names = ("arith.minsi", "arith.minui")

    def bounds(self, ranges: Ranges, op: ir.Operation) -> Range | None:
        return one_of(ranges, op, ranges.numbers.least, ranges.numbers.least)


@register
class Greatest(Elementwise, NoNumbers):
    names = ("arith.maxsi", "arith.maxui")
    passes = True

    def bounds(self, ranges: Ranges, op: ir.Operation) -> Range | None:
        return one_of(ranges, op, ranges.numbers.greatest, ranges.numbers.greatest)


@register
class AndI(_Bounded):
    names = ("arith.andi",)

    def bounds(self, ranges: Ranges, op: ir.Operation) -> Range | None:
        """A number that is not negative bounds what it is combined with."""
        of = ranges.operands(op)
        masks = [r.high for r in of or () if at_most(0, r.low)]
        if of is None or not masks:
            return None
        return combine(0, ranges.numbers.least(*masks), max(r.multiple for r in of), *of)


@register
class Compare(Elementwise, NoNumbers):
    names = ("arith.cmpi", "arith.cmpf")

    def reach(self, walk: Walk, op: ir.Operation, number: int, operands: Sequence[Reach]) -> Reach:
        return NOTHING
