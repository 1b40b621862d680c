"""`expand-math`: math ops on f32, f16 and bf16 become arithmetic; no libm call is left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir

from ..passes.base import Pass
from .math import integer_division, narrow
from .math.emit import Constants, Emit, Value, shaped
from .math.functions import CANDIDATES, CONVERSIONS, DOUBLE_FUNCTIONS, EXACT, FUNCTIONS, WIDENED


@dataclass(frozen=True)
class ExpandMath(Pass):
    """Replace elementary functions by polynomials, with the same bits on scalars as on vectors of any shape.

    before: %y = math.exp %x : vector<16xf32>
    after:  20 arith and math.fma ops on vector<16xf32>

    f16 and bf16 are computed in f32 and rounded, after each operation; bf16 arithmetic and conversions become f32 and
    integer arithmetic. Integer vectors are divided through floats, exactly. Left alone: the f64 functions that are not
    in `DOUBLE_FUNCTIONS` (for convert-math-to-libm), what is exact on f16 (negf, maxnumf ...), and what LLVM lowers to
    instructions (sqrt, fma, absf, floor ...).
    Error bounds: `rung.lowering.math.bounds`.

    `fma`: products and sums fuse (math.fma); off, each is rounded. `float_division`: the machine divides vectors of
    floats; off, vectors of integers are left alone. `avx512`: whole registers are multiplied by powers of two by
    its instruction, which takes 5 of exp's operations out, and erf is a polynomial whose coefficients it picks.
    """

    name: ClassVar[str] = "expand-math"
    fma: bool = True
    """The machine has fused multiply-add."""
    float_division: bool = True
    """It divides floats itself."""
    avx512: bool = False
    """It has the instructions of AVX-512 that scale and round."""

    def run(self, module: ir.Module) -> None:
        with module.context:
            for view in module.body.operations:
                top = view.operation
                found = _collect(top)
                if not found:
                    continue
                constants = Constants(top.regions[0].blocks[0], top.location)
                expander = _Expander(constants, self.fma, self.float_division, self.avx512)
                # No handle may outlive its operation: a new one at the same address would be taken for it.
                while found:
                    expander.expand(found.pop())


def _collect(top: ir.Operation) -> list[ir.Operation]:
    """Ops that may need expansion, the last one first."""
    found: list[ir.Operation] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        if op.name in CANDIDATES:
            found.append(op)
        return ir.WalkResult.ADVANCE

    top.walk(visit)
    found.reverse()
    return found


def _is_constant(value: Value) -> bool:
    owner = value.owner
    while not isinstance(owner, ir.Block) and owner.name == "vector.broadcast":
        owner = owner.operands[0].owner
    return not isinstance(owner, ir.Block) and owner.name == "arith.constant"


class _Expander:
    """Replaces single ops of one function."""

    def __init__(self, constants: Constants, fma: bool, float_division: bool, avx512: bool) -> None:
        self._constants = constants
        self._fma = fma
        self._avx512 = avx512
        self._float_division = float_division
        self._f32 = ir.F32Type.get()
        self._f16 = ir.F16Type.get()
        self._bf16 = ir.BF16Type.get()
        self._f64 = ir.F64Type.get()

    def expand(self, op: ir.Operation) -> None:
        name, operands, result = op.name, op.operands, op.results[0]
        if name in integer_division.NAMES:
            self._divide(op)
            return
        source, target = self._constants.element(operands[0].type), self._constants.element(result.type)
        if not self._applies(name, source, target):
            return
        ip = ir.InsertionPoint(op)
        if target == self._f64 and name in DOUBLE_FUNCTIONS:
            e = Emit(result.type, ip, op.location, self._constants, self._fma, self._avx512)
            result.replace_all_uses_with(DOUBLE_FUNCTIONS[name](e, *operands))
            op.erase()
            return
        e = self._emit(result.type, op, ip)
        if name in CONVERSIONS:
            value = self._convert(e, operands[0], source, target)
        elif name in FUNCTIONS:
            value = self._round(e, FUNCTIONS[name](e, *self._widen(operands, op, ip)), target)
        else:
            value = self._widened(e, op, self._widen(operands, op, ip), target)
        result.replace_all_uses_with(value)
        op.erase()

    def _divide(self, op: ir.Operation) -> None:
        """Vectors only: scalars have an instruction, and constant divisors become products in LLVM."""
        a, b = op.operands
        if not self._float_division or not isinstance(a.type, ir.VectorType) or _is_constant(b):
            return
        divider = integer_division.Divider(a.type, ir.InsertionPoint(op), op.location, self._constants)
        value = divider.run(op.name, a, b)
        if value is not None:
            op.results[0].replace_all_uses_with(value)
            op.erase()

    def _applies(self, name: str, source: ir.Type, target: ir.Type) -> bool:
        if target == self._f64 and name in DOUBLE_FUNCTIONS:
            return True
        if name in FUNCTIONS:
            return target in (self._f32, self._f16, self._bf16)
        if source == self._bf16 or target == self._bf16:
            return True
        if name in CONVERSIONS:
            return target == self._f16 and source != self._f32
        return name in WIDENED and target == self._f16

    def _emit(self, like: ir.Type, op: ir.Operation, ip: ir.InsertionPoint) -> Emit:
        return Emit(shaped(like, self._f32), ip, op.location, self._constants, self._fma, self._avx512)

    def _convert(self, e: Emit, x: Value, source: ir.Type, target: ir.Type) -> Value:
        if source == self._bf16:
            wide = narrow.extend_bf16(e, x)
            return wide if target == self._f32 else e.op("arith.extf", shaped(e.type, target), [wide])
        return self._round(e, x if source == self._f32 else narrow.f64_to_odd_f32(e, x), target)

    def _widen(self, operands: Sequence[Value], op: ir.Operation, ip: ir.InsertionPoint) -> list[Value]:
        """f16 and bf16 operands as f32, others as they are."""
        wide: list[Value] = []
        for x in operands:
            element = self._constants.element(x.type)
            if element == self._bf16:
                x = narrow.extend_bf16(self._emit(x.type, op, ip), x)
            elif element == self._f16:
                e = self._emit(x.type, op, ip)
                x = e.op("arith.extf", e.type, [x])
            wide.append(x)
        return wide

    def _round(self, e: Emit, x: Value, target: ir.Type) -> Value:
        if target == self._bf16:
            return narrow.truncate_bf16(e, x)
        return e.op("arith.truncf", shaped(e.type, self._f16), [x]) if target == self._f16 else x

    def _widened(self, e: Emit, op: ir.Operation, operands: Sequence[Value], target: ir.Type) -> Value:
        """The same op on f32."""
        attributes = {name: op.attributes[name] for name in op.attributes}
        if target not in (self._f16, self._bf16):
            return e.op(op.name, op.results[0].type, operands, attributes)
        value = e.op(op.name, e.type, operands, attributes)
        if target == self._bf16 and op.name in EXACT:
            return narrow.truncate_exact_bf16(e, value)
        return self._round(e, value, target)
