"""`expand-uniform-division`: vectors divided by one number in a loop are multiplied by its reciprocal, exactly."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from torch_mlir import ir

from ..ir.slicing import collect, enclosing, is_inside
from ..passes.base import Pass
from .math.emit import Constants, Emit, element_of
from .math.uniform_division import REACH, beyond_reach, bits_of_power, quotient

Value = ir.Value[Any]
_LOOPS = ("scf.for", "scf.while", "scf.parallel")


@dataclass(frozen=True)
class ExpandUniformDivision(Pass):
    """Replace divisions of f32 and f64 vectors by a number that a loop around them does not change.

    before: scf.for ... { %q = arith.divf %x, %splat : vector<16xf32> }
    after:  %r = 1 / %d
            scf.for ... { three ops with %r; the division only if a lane is too small or too large for them }

    The quotient has the same bits: the division's, correctly rounded. A vector divider takes 10 to 24 cycles for
    each quotient, the three operations and the check 4. Needs fused multiply-add.

    Left alone: divisors that change in the innermost loop, are powers of two (LLVM multiplies) or not positive
    constants; scalars; f16 and bf16, which `expand-math` has widened before.
    """

    name: ClassVar[str] = "expand-uniform-division"

    def run(self, module: ir.Module) -> None:
        with module.context:
            for view in module.body.operations:
                function = view.operation
                found = [op for op in collect(function) if _divides_vectors(op)]
                if found:
                    _Expander(Constants(function.regions[0].blocks[0], function.location)).expand(found)


def _divides_vectors(op: ir.Operation) -> bool:
    if op.name != "arith.divf" or not isinstance(op.results[0].type, ir.VectorType):
        return False
    return element_of(op.results[0].type) in (ir.F32Type.get(), ir.F64Type.get())


@dataclass(frozen=True)
class _Divisor:
    """Splats of what a loop's quotients need; `largest` as bits, -1 where no quotient is in reach."""

    reciprocal: Value
    largest: Value


class _Expander:
    """Replaces the divisions of one function; equal divisors of one loop share a reciprocal."""

    def __init__(self, constants: Constants) -> None:
        self._constants = constants
        self._known: dict[tuple[Value, ir.Operation], _Divisor] = {}

    def expand(self, divisions: list[ir.Operation]) -> None:
        for op in divisions:
            x, splat = op.operands
            divisor = self._divisor(op, splat)
            if divisor is None:
                continue
            e = Emit(op.results[0].type, ir.InsertionPoint(op), op.location, self._constants, fma=True)
            rare = beyond_reach(e, x, divisor.largest)
            value = quotient(e, x, splat, divisor.reciprocal)
            (value,) = e.when_any(rare, lambda inner, x=x, splat=splat: (inner.div(x, splat),), (value,))
            op.results[0].replace_all_uses_with(value)
            op.erase()

    def _divisor(self, op: ir.Operation, splat: Value) -> _Divisor | None:
        number = self._number(splat)
        if number is None:
            return None
        loop = _outermost_loop(op, number)
        if loop is None:
            return None
        key = (splat, loop)
        if key not in self._known:
            self._known[key] = self._prepare(splat, number, loop)
        return self._known[key]

    def _number(self, splat: Value) -> Value | None:
        """What all lanes hold, if that is known to be one number."""
        owner = splat.owner
        if isinstance(owner, ir.Block):
            return None
        if owner.name == "vector.broadcast" and not isinstance(owner.operands[0].type, ir.VectorType):
            return owner.operands[0]
        if owner.name != "arith.constant":
            return None
        values = ir.DenseElementsAttr(owner.attributes["value"])
        if not values.is_splat:
            return None
        value = ir.FloatAttr(values.get_splat_value()).value
        if not 0 < value < math.inf or math.frexp(value)[0] == 0.5:
            return None
        return self._constants.get(element_of(splat.type), value)

    def _prepare(self, splat: Value, number: Value, loop: ir.Operation) -> _Divisor:
        e = Emit(number.type, ir.InsertionPoint(loop), loop.location, self._constants, fma=True)
        reach = REACH[e.width]
        fits = e.both(e.cmp("oge", number, 2.0**-reach), e.cmp("ole", number, 2.0**reach))
        largest = e.select_int(fits, bits_of_power(e.width, reach), -1)
        wide = Emit(splat.type, ir.InsertionPoint(loop), loop.location, self._constants, fma=True)
        return _Divisor(
            e.op("vector.broadcast", wide.type, [e.div(1.0, number)]),
            e.op("vector.broadcast", wide.int_type, [largest]),
        )


def _outermost_loop(op: ir.Operation, number: Value) -> ir.Operation | None:
    """The outermost loop around `op` that `number` is defined outside of."""
    around = [outer for outer in enclosing(op.block) if outer.name in _LOOPS and not is_inside(number, outer)]
    return around[-1] if around else None
