"""Operations of `arith` that have no result for some operands, built so that they have one for all, and never trap.

Elements under a mask, and arguments of `tl.where`, are computed whether they are used or not: on a GPU nothing traps.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch_mlir import ir
from torch_mlir.dialects import arith

from .ttir import constant_int

_DIVISIONS = frozenset({"arith.divsi", "arith.divui", "arith.remsi", "arith.remui"})
_SHIFTS = frozenset({"arith.shli", "arith.shrsi", "arith.shrui"})
_CONVERSIONS = frozenset({"arith.fptosi", "arith.fptoui"})
NAMES = _DIVISIONS | _SHIFTS | _CONVERSIONS


def build(name: str, operands: Sequence[ir.Value], result: ir.Type) -> ir.Value:
    """`name` on scalars."""
    if name in _CONVERSIONS:
        return convert(operands[0], result, signed=name == "arith.fptosi")
    a, b = operands
    return divide(name, a, b) if name in _DIVISIONS else shift(name, a, b)


# ---- quotients and remainders


def divide(name: str, a: ir.Value, b: ir.Value) -> ir.Value:
    """A quotient or a remainder. By 0, they are those of a division by 1; the smallest number by -1 is itself.

    before: %q = arith.divsi %a, %b
    after:  %q = arith.select %b == -1, 0 - %a, %a / (arith.select %b in {-1, 0}, 1, %b)

    What is asked of the divisor is asked once where that is one number for many dividends.
    """
    kind, known, unsigned = b.type, constant_int(b), name.endswith("ui")
    if known is not None and known not in ((0,) if unsigned else (0, -1)):
        return _op(name, a, b)
    if _is_positive(b):
        return _op(name, a, b)
    if unsigned:
        return _op(name, a, arith.SelectOp(_equal(b, 0), _number(kind, 1), b).result)
    one = _number(kind, 1)
    special = arith.CmpIOp(arith.CmpIPredicate.ule, arith.AddIOp(b, one).result, one).result
    found = _op(name, a, arith.SelectOp(special, one, b).result)
    if name == "arith.remsi":  # by -1 as by 1
        return found
    return arith.SelectOp(_equal(b, -1), arith.SubIOp(_number(kind, 0), a).result, found).result


# ---- shifts


def shift(name: str, a: ir.Value, by: ir.Value) -> ir.Value:
    """A shift; by the width or more, all bits are gone, or are copies of the sign."""
    width = ir.IntegerType(a.type).width
    known = constant_int(by)
    if known is not None and 0 <= known < width:
        return _op(name, a, by)
    most = _number(a.type, width - 1)
    if name == "arith.shrsi":
        return _op(name, a, arith.MinUIOp(by, most).result)
    some = arith.CmpIOp(arith.CmpIPredicate.ule, by, most).result
    return arith.SelectOp(some, _op(name, a, by), _number(a.type, 0)).result


# ---- floats to integers


def convert(x: ir.Value, result: ir.Type, signed: bool) -> ir.Value:
    """A float rounded towards zero, as torch has it on this processor where it is out of range, too.

    before: %n = arith.fptosi %x : f32 to i8
    after:  %n = arith.trunci (arith.fptosi %x : f32 to i32) : i32 to i8

    Conversions to 32 and 64 signed bits are the processor's own, the same on scalars as on vectors (on x86, what is out
    of range, and NaN, are the smallest number). All others are made of them: the narrow ones by leaving bits out, and
    the unsigned ones by

    after:  %n = arith.select %x >= 2^31, (arith.fptosi (%x - 2^31)) xor 2^31, (arith.fptosi %x) : f32 to i32
    """
    if isinstance(x.type, ir.F16Type | ir.BF16Type):
        x = arith.ExtFOp(ir.F32Type.get(), x).result
    width = ir.IntegerType(result).width
    if width < 32:
        # torch takes unsigned bytes through 64 bits, which is seen where 32 are not enough for what f64 can tell apart.
        wide = width == 8 and not signed and isinstance(x.type, ir.F64Type)
        return arith.TruncIOp(result, _rounded(x, 64 if wide else 32)).result
    low = _rounded(x, width)
    if signed:
        return low
    high = arith.XOrIOp(
        _rounded(arith.SubFOp(x, _number(x.type, 2.0 ** (width - 1))).result, width),
        _number(result, -(1 << (width - 1))),
    ).result
    found = arith.SelectOp(_compare("OGE", x, 2.0 ** (width - 1)), high, low).result
    if width == 64:
        return found
    # What no integer is near to leaves 0 in the lower half of 64 bits, through which torch takes single numbers.
    return arith.SelectOp(_compare("OGT", x, -float("inf")), found, _number(result, 0)).result


def _rounded(x: ir.Value, width: int) -> ir.Value:
    return arith.FPToSIOp(ir.IntegerType.get_signless(width), x).result


def _compare(predicate: str, x: ir.Value, bound: float) -> ir.Value:
    return arith.CmpFOp(arith.CmpFPredicate[predicate], x, _number(x.type, bound)).result


# ---- building


def _is_positive(value: ir.Value) -> bool:
    """Whether `value` is a maximum of 1 or a larger number."""
    owner = value.owner
    if isinstance(owner, ir.Block) or owner.name != "arith.maxsi":
        return False
    return any((constant_int(operand) or 0) > 0 for operand in owner.operands)


def _op(name: str, a: ir.Value, b: ir.Value) -> ir.Value:
    return ir.Operation.create(name, results=[a.type], operands=[a, b]).results[0]


def _number(kind: ir.Type, value: float) -> ir.Value:
    attribute = ir.IntegerAttr if isinstance(value, int) else ir.FloatAttr
    return arith.ConstantOp(kind, attribute.get(kind, value)).result


def _equal(value: ir.Value, number: int) -> ir.Value:
    return arith.CmpIOp(arith.CmpIPredicate.eq, value, _number(value.type, number)).result
