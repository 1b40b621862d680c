"""Where numbers begin that nobody may rely on: the operations, and in which lanes."""

from __future__ import annotations

from dataclasses import dataclass
from math import isinf

from torch_mlir import ir

from ...sanitizer import Follow, Sanitizer, Source
from .taints import (
    along,
    both,
    compare,
    either,
    folded,
    invert,
    is_finite,
    is_number,
    is_sound,
    like,
    origins,
    overflows,
)
from .ttir import constant_int, element, int_attr, is_float, is_integer, is_true, mask_of, shape, splat_constant

_DIVISIONS = ("arith.divsi", "arith.divui", "arith.remsi", "arith.remui")
_SHIFTS = ("arith.shli", "arith.shrsi", "arith.shrui")
_INDEXING = ("arith.addi", "arith.subi", "arith.muli")
_FOLDS = ("tt.reduce", "tt.scan", "tt.dot")
_EQ, _UGE = 0, 9


@dataclass(frozen=True)
class Beginnings:
    """Of the kinds that are asked for."""

    wanted: Sanitizer
    from_infinity: bool = False
    """NaN begins where infinities gave it, too: the kernel has some of its own, such as `other=-float("inf")`."""

    @staticmethod
    def kind(op: ir.Operation) -> Source:
        """In the user's words."""
        if op.name == "tt.load":
            return "left out by a mask"
        if op.name in _DIVISIONS:
            return "division by zero"
        if op.name in _SHIFTS:
            return "shift beyond the width"
        return "index overflow" if op.name in _INDEXING else "not finite"

    def follow(self, op: ir.Operation) -> Follow | None:
        """What may begin in `op`, if anything."""
        if not len(op.results):
            return None
        if op.name == "tt.load":
            mask = mask_of(op)
            left_out = mask is not None and len(op.operands) == 2 and not is_true(mask)
            return "values" if self.wanted.values and left_out else None
        kind = element(op.results[0])
        if op.name in (*_DIVISIONS, *_SHIFTS):
            return "values" if self.wanted.values and _may_be_wrong(op, kind) else None
        if op.name in _INDEXING:
            narrow = is_integer(kind) and isinstance(kind, ir.IntegerType) and kind.width == 32
            return "overflow" if self.wanted.overflow and narrow else None
        if op.name in _FOLDS:
            floats = all(computes(element(v)) for v in (*op.operands, *op.results) if not is_integer(element(v)))
            return "nan" if self.wanted.nan and floats and computes(kind) else None
        return "nan" if self.wanted.nan and _is_of_floats(op) else None

    def begun(self, op: ir.Operation) -> ir.Value | None:
        """The lanes in which `op`, which is no load, gives what nobody may rely on."""
        if op.name == "tt.load" or self.follow(op) is None:
            return None
        if op.name in _DIVISIONS:
            return compare(_EQ, op.operands[1], 0)
        if op.name in _SHIFTS:
            return compare(_UGE, op.operands[1], ir.IntegerType(element(op.results[0])).width)
        if op.name in _INDEXING:
            return overflows(op)
        if op.name in _FOLDS:
            return _folded_to_infinity(op)
        return self._not_finite(op)

    def _not_finite(self, op: ir.Operation) -> ir.Value:
        """Where finite numbers gave one that is not, or infinities NaN: `-inf - -inf`, in a row without a number."""
        result = op.results[0]
        made = invert(is_finite(result))
        for number in _floats(op):
            made = both(made, like(is_finite(number), made))
        if not self.from_infinity:
            return made
        appeared = invert(is_number(result))
        for number in _floats(op):
            appeared = both(appeared, like(is_number(number), appeared))
        return either(made, appeared)


def has_infinities(function: ir.Operation) -> bool:
    """Whether a constant of a function is infinite."""
    found = False

    def visit(op: ir.Operation) -> ir.WalkResult:
        nonlocal found
        constant = splat_constant(op.results[0]) if op.name == "arith.constant" else None
        found = found or (isinstance(constant, ir.FloatAttr) and isinf(constant.value))
        return ir.WalkResult.INTERRUPT if found else ir.WalkResult.ADVANCE

    function.walk(visit)
    return found


def _may_be_wrong(op: ir.Operation, kind: ir.Type) -> bool:
    """Whether a divisor may be 0, or a shift too wide."""
    number = constant_int(op.operands[1])
    if op.name in _DIVISIONS:
        return number is None or number == 0
    return number is None or not 0 <= number < ir.IntegerType(kind).width


def computes(kind: ir.Type) -> bool:
    """Whether there is arithmetic on floats of this type; those of eight bits are converted only."""
    return is_float(kind) and ir.FloatType(kind).width >= 16


def _folded_to_infinity(op: ir.Operation) -> ir.Value:
    """Where the (first) result is not finite, and all that is folded into it is."""
    result = op.results[0]
    bad = invert(is_finite(result))
    rank = len(shape(result) or ())
    for number, operand in enumerate(op.operands):
        if not computes(element(operand)):
            continue
        infinite = origins(invert(is_finite(operand)), 0)
        if op.name == "tt.dot" and number == 2:
            bad = both(bad, is_sound(infinite))
        elif op.name == "tt.dot":
            axis = rank - 1 - number
            bad = both(bad, is_sound(along(folded("tt.reduce", infinite, axis, "arith.maxui"), result, axis)))
        else:
            rest = folded(op.name, infinite, int_attr(op, "axis"), "arith.maxui", is_reverse(op))
            bad = both(bad, is_sound(rest))
    return bad


def is_reverse(scan: ir.Operation) -> bool:
    """Whether it goes from the last element to the first."""
    return "reverse" in scan.attributes and bool(ir.BoolAttr(scan.attributes["reverse"]).value)


def _floats(op: ir.Operation) -> list[ir.Value]:
    return [v for v in op.operands if is_float(element(v))]


def _is_of_floats(op: ir.Operation) -> bool:
    if not op.name.startswith(("arith.", "math.")) or len(op.regions) or not computes(element(op.results[0])):
        return False
    numbers = _floats(op)
    return op.name != "arith.select" and bool(numbers) and all(computes(element(v)) for v in numbers)
