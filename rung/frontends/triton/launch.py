"""What must hold of a launch for a kernel to do what it was compiled for: a function of the arguments and the grid.

    func.func private @kernel_fits(%x: memref<?xf32>, %n: i32, %gx: index, %gy: index, %gz: index) -> i1 {rung.fits}

`lower-abi` asks it before the kernel. It computes in f64: nothing overflows, and whole numbers up to 2^53 are exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial, reduce
from typing import Any

from torch_mlir import ir
from torch_mlir.dialects import arith, func, math

from ...ir.attributes import FITS
from ...ir.pointers import i64

EXACT = 1 << 53

Number = int | ir.Value
"""A whole number that is known, or one that the launch knows: an f64."""


class Numbers:
    """Arithmetic on numbers. What is known folds; the rest is built at the end of `block`."""

    def __init__(self, block: ir.Block | None = None) -> None:
        self._block = block

    def add(self, a: Number, b: Number) -> Number:
        if isinstance(a, int) and isinstance(b, int):
            return a + b
        return b if a == 0 else a if b == 0 else self.build(arith.AddFOp, a, b)

    def sub(self, a: Number, b: Number) -> Number:
        if isinstance(a, int) and isinstance(b, int):
            return a - b
        return a if b == 0 else self.build(arith.SubFOp, a, b)

    def mul(self, a: Number, b: Number) -> Number:
        if isinstance(a, int) and isinstance(b, int):
            return a * b
        if a == 0 or b == 0:
            return 0
        return b if a == 1 else a if b == 1 else self.build(arith.MulFOp, a, b)

    def quotient(self, a: Number, b: Number) -> Number:
        """`a / b` for positive `b`, rounded towards 0."""
        if isinstance(a, int) and isinstance(b, int):
            return a // b if a >= 0 else -(-a // b)
        return a if b == 1 else 0 if a == 0 else self.build(math.TruncOp, self.build(arith.DivFOp, a, b))

    def least(self, *numbers: Number) -> Number:
        return self._fold(min, partial(_chosen, arith.CmpFPredicate.OLT), numbers)

    def greatest(self, *numbers: Number) -> Number:
        return self._fold(max, partial(_chosen, arith.CmpFPredicate.OGT), numbers)

    def _fold(self, of_known: Any, op: Any, numbers: Sequence[Number]) -> Number:
        known = [n for n in numbers if isinstance(n, int)]
        others = dict.fromkeys(n for n in numbers if not isinstance(n, int))
        parts: list[Number] = [*others, *([of_known(known)] if known else [])]
        return reduce(lambda a, b: self.build(op, a, b), parts)

    def at_most(self, a: Number, b: Number) -> ir.Value | bool:
        """Whether `a <= b`."""
        if isinstance(a, int) and isinstance(b, int):
            return a <= b
        return self.build(partial(arith.CmpFOp, arith.CmpFPredicate.OLE), a, b)

    def build(self, op: Any, *operands: Number) -> ir.Value:
        assert self._block is not None
        with ir.InsertionPoint(self._block), self._block.owner.location:
            return op(*(_f64(v) if isinstance(v, int) else v for v in operands)).result


def _chosen(first: arith.CmpFPredicate, a: ir.Value, b: ir.Value) -> arith.SelectOp:
    """`a` where it comes first, else `b`: without a call of the C library, which `minnum` and `maxnum` are on some."""
    return arith.SelectOp(arith.CmpFOp(first, a, b).result, a, b)


def _inverted(flag: ir.Value) -> arith.XOrIOp:
    return arith.XOrIOp(flag, arith.ConstantOp(flag.type, ir.BoolAttr.get(True)).result)


def _f64(value: int) -> ir.Value:
    kind = ir.F64Type.get()
    return arith.ConstantOp(kind, ir.FloatAttr.get(kind, value)).result


class Launch:
    """Builds the function, as ranges ask for what a launch knows."""

    def __init__(self, name: str, kinds: Sequence[ir.Type], module: ir.Block) -> None:
        """kinds: types of the kernel's parameters, the three grid sizes last."""
        with ir.InsertionPoint(module):
            kind = ir.FunctionType.get(list(kinds), [ir.IntegerType.get_signless(1)])
            self._function = func.FuncOp(f"{name}_fits", kind, visibility="private")
            self._function.operation.attributes[FITS] = ir.UnitAttr.get()
            self._arguments = list(self._function.add_entry_block().arguments)
        self.numbers = Numbers(self._function.entry_block)
        self._required: dict[ir.Value, None] = {}

    def argument(self, number: int) -> ir.Value:
        """The kernel's integer argument of this number, read as a signed one."""
        return self.numbers.build(partial(arith.SIToFPOp, ir.F64Type.get()), self._arguments[number])

    def is_off(self, number: int) -> ir.Value:
        """Whether the kernel's argument of this number, an i1, is 0."""
        return self.numbers.build(_inverted, self._arguments[number])

    def programs(self, axis: int) -> ir.Value:
        """The grid's size along `axis`."""
        size = self.numbers.build(partial(arith.IndexCastOp, i64()), self._arguments[axis - 3])
        return self.numbers.build(partial(arith.SIToFPOp, ir.F64Type.get()), size)

    def require(self, *conditions: ir.Value) -> None:
        self._required.update(dict.fromkeys(conditions))

    def finish(self) -> bool:
        """Complete the function, or erase it if nothing is required. Whether it is there."""
        if not self._required:
            self._function.operation.erase()
            return False
        required = reduce(lambda a, b: self.numbers.build(arith.AndIOp, a, b), self._required)
        with ir.InsertionPoint(self._function.entry_block), self._function.operation.location:
            func.ReturnOp([required])
        return True
