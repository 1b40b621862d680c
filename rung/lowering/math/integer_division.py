"""Quotients and remainders of integer vectors through floating-point division, which vectors have and integers lack.

Exact for all operands but a zero divisor, whose result is undefined. With a and b exact as floats of p bits and
|a| < 2^(p-1), the rounded quotient cannot reach the next integer: a / b is at least 1 / b away from it, and half an
ulp of the quotient is less.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch_mlir import ir

from .emit import CMPI, Constants, Value, shaped

_LARGEST_BELOW_2_63 = 9223372036854774784.0
SIGNED = frozenset({"arith.divsi", "arith.remsi"})
NAMES = SIGNED | {"arith.divui", "arith.remui"}


class Divider:
    """Emits divisions on vectors of the type of `like`, in front of `ip`."""

    def __init__(self, like: ir.Type, ip: ir.InsertionPoint, location: ir.Location, constants: Constants) -> None:
        self._ip, self._location, self._constants, self._like = ip, location, constants, like

    def run(self, name: str, a: Value, b: Value) -> Value | None:
        """`arith.<div|rem><si|ui>`; None for widths that it does not know."""
        element = self._constants.element(a.type)
        signed = name in SIGNED
        if isinstance(element, ir.IndexType):
            i64 = self._integer(64)
            wide = self.run(name, self._op("arith.index_cast", i64, a), self._op("arith.index_cast", i64, b))
            return None if wide is None else self._op("arith.index_cast", a.type, wide)
        width = ir.IntegerType(element).width
        if width not in (8, 16, 32, 64):
            return None
        if width < 64:
            quotient = self._quotient(a, b, width, signed)
            rest = self._rest(a, quotient, b)
        else:
            quotient, rest = self._quotient_64(a, b) if signed else self._quotient_u64(a, b)
        return quotient if name.startswith("arith.div") else rest

    def _quotient(self, a: Value, b: Value, width: int, signed: bool) -> Value:
        real = shaped(self._like, ir.F32Type.get() if width <= 16 else ir.F64Type.get())
        to_real, to_integer = ("arith.sitofp", "arith.fptosi") if signed else ("arith.uitofp", "arith.fptoui")
        if width < 32:  # at 32 bits conversions are instructions
            wide = self._integer(32)
            a, b = (self._op("arith.extsi" if signed else "arith.extui", wide, v) for v in (a, b))
            exact = self._op("arith.divf", real, *(self._op("arith.sitofp", real, v) for v in (a, b)))
            return self._op("arith.trunci", self._integer(width), self._op("arith.fptosi", wide, exact))
        exact = self._op("arith.divf", real, *(self._op(to_real, real, v) for v in (a, b)))
        return self._op(to_integer, a.type, exact)

    def _quotient_64(self, a: Value, b: Value) -> tuple[Value, Value]:
        """A quotient to 52 bits, the quotient of what is left, and one step where that was rounded across.

        |a - q b| <= 2^12 |b| after the first and |b| after the second, all modulo 2^64 exactly.
        """
        zero, one = self._constants.get(a.type, 0), self._constants.get(a.type, 1)
        first = self._rounded_quotient(a, b)
        rest = self._rest(a, first, b)
        second = self._rounded_quotient(rest, b)
        quotient, rest = self._op("arith.addi", a.type, first, second), self._rest(rest, second, b)
        # The remainder has the sign of a, or is 0, and is smaller than b.
        sign = self._op("arith.shrsi", a.type, self._op("arith.xori", a.type, a, b), self._constants.get(a.type, 63))
        step = self._op("arith.ori", a.type, sign, one)
        signed_b = self._op("arith.muli", a.type, step, b)
        opposite = self._cmp("slt", self._op("arith.xori", a.type, rest, a), zero)
        beyond = self._op("arith.andi", opposite.type, opposite, self._cmp("ne", rest, zero))
        short = self._cmp("uge", self._magnitude(rest), self._magnitude(b))
        short = self._op("arith.andi", short.type, short, self._cmp("ne", beyond, self._true(beyond)))
        down, up = (self._op("arith.select", a.type, c, step, zero) for c in (beyond, short))
        less, more = (self._op("arith.select", a.type, c, signed_b, zero) for c in (beyond, short))
        quotient = self._op("arith.addi", a.type, self._op("arith.subi", a.type, quotient, down), up)
        return quotient, self._op("arith.subi", a.type, self._op("arith.addi", a.type, rest, less), more)

    def _quotient_u64(self, a: Value, b: Value) -> tuple[Value, Value]:
        """2 (a / 2 / b), which has a sign bit to spare, or one more; 0 or 1 for divisors that have none."""
        zero, one = self._constants.get(a.type, 0), self._constants.get(a.type, 1)
        large = self._cmp("slt", b, zero)
        divisor = self._op("arith.select", a.type, large, one, b)
        half, _ = self._quotient_64(self._op("arith.shrui", a.type, a, one), divisor)
        even = self._op("arith.select", a.type, large, zero, self._op("arith.shli", a.type, half, one))
        rest = self._rest(a, even, b)
        more = self._cmp("uge", rest, b)
        quotient = self._op("arith.addi", a.type, even, self._op("arith.select", a.type, more, one, zero))
        return quotient, self._op("arith.subi", a.type, rest, self._op("arith.select", a.type, more, b, zero))

    def _rounded_quotient(self, a: Value, b: Value) -> Value:
        real = shaped(self._like, ir.F64Type.get())
        exact = self._op("arith.divf", real, *(self._op("arith.sitofp", real, v) for v in (a, b)))
        bounded = self._op("arith.minnumf", real, exact, self._constants.get(real, _LARGEST_BELOW_2_63))
        return self._op("arith.fptosi", a.type, bounded)

    def _magnitude(self, x: Value) -> Value:
        """|x| as a number without sign."""
        sign = self._op("arith.shrsi", x.type, x, self._constants.get(x.type, 63))
        return self._op("arith.subi", x.type, self._op("arith.xori", x.type, x, sign), sign)

    def _rest(self, a: Value, quotient: Value, b: Value) -> Value:
        return self._op("arith.subi", a.type, a, self._op("arith.muli", a.type, quotient, b))

    def _true(self, like: Value) -> Value:
        return self._constants.get(like.type, 1)

    def _integer(self, width: int) -> ir.Type:
        return shaped(self._like, ir.IntegerType.get_signless(width))

    def _cmp(self, predicate: str, a: Value, b: Value) -> Value:
        number = ir.IntegerAttr.get(ir.IntegerType.get_signless(64), CMPI[predicate])
        return self._op("arith.cmpi", self._integer(1), a, b, attributes={"predicate": number})

    def _op(
        self, name: str, type_: ir.Type, *operands: Value, attributes: dict[str, ir.Attribute] | None = None
    ) -> Value:
        operands_: Sequence[Value] = operands
        return ir.Operation.create(name, [type_], operands_, attributes, loc=self._location, ip=self._ip).result
