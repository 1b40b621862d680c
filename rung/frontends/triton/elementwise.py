"""Scalar meaning of Triton's elementwise operations: each is one or a few `arith` / `math` operations."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch_mlir import ir
from torch_mlir.dialects import arith, func, math

from ...dtypes import BY_MLIR, SMALL_BY_MLIR, Dtype
from ...errors import UnsupportedError
from ...ir.attributes import FROM_FLOAT, TO_FLOAT
from ...ir.float_formats import convert_float, narrow, widen
from . import total
from .locations import source_line
from .ttir import int_attr, is_float

_FUSIBLE = frozenset({"arith.addf", "arith.subf", "arith.mulf"})
_DROPPED = frozenset({"libname", "libpath", "pure", "symbol", "operandSegmentSizes"})

EXPENSIVE = frozenset(
    {
        *(
            "math." + f
            for f in [
                "exp",
                "exp2",
                "expm1",
                "log",
                "log2",
                "log10",
                "log1p",
                "tanh",
                "erf",
                "erfc",
                "sin",
                "cos",
                "tan",
                "sqrt",
                "rsqrt",
                "powf",
            ]
        ),
        *("math." + f for f in ["asin", "acos", "atan", "atan2", "sinh", "cosh", "asinh", "acosh", "atanh", "cbrt"]),
        "arith.divf",
        "arith.divsi",
        "arith.divui",
        "arith.remsi",
        "arith.remui",
        "arith.remf",
        "tt.extern_elementwise",
        "tt.map_elementwise",
        "tt.precise_sqrt",
        "tt.precise_divf",
    }
)
"""Operations worth keeping in scratch rather than computing twice."""


def build(op: ir.Operation, operands: Sequence[ir.Value], result: ir.Type, fuse: bool) -> ir.Value:
    """The scalar result of the elementwise `op` for one element.

    `operands` are its scalar operands and `result` the element type; `fuse` allows multiply-add contraction.
    """
    if op.name in _BUILDERS:
        return _BUILDERS[op.name](op, operands, result)
    if op.name in total.NAMES:
        return total.build(op.name, operands, result)
    return create(op.name, operands, result, _attributes(op, fuse))


def create(
    name: str,
    operands: Sequence[ir.Value],
    result: ir.Type,
    attributes: dict[str, ir.Attribute] | None = None,
) -> ir.Value:
    return ir.Operation.create(name, results=[result], operands=list(operands), attributes=attributes or {}).results[0]


def _attributes(op: ir.Operation, fuse: bool) -> dict[str, ir.Attribute]:
    kept: dict[str, ir.Attribute] = {}
    for key in op.attributes:
        if key not in _DROPPED and not key.startswith("tt."):
            kept[key] = op.attributes[key]
    if fuse and op.name in _FUSIBLE:
        kept["fastmath"] = ir.Attribute.parse("#arith.fastmath<contract>")
    return kept


Builder = Callable[[ir.Operation, Sequence[ir.Value], ir.Type], ir.Value]


def _extern(op: ir.Operation, operands: Sequence[ir.Value], result: ir.Type) -> ir.Value:
    symbol = ir.StringAttr(op.attributes["symbol"]).value
    if symbol.startswith(("math.", "arith.")):
        return create_math(symbol, operands, result)
    if symbol.startswith("libm."):
        return _libm(symbol.removeprefix("libm."), operands, result)
    raise UnsupportedError(f"the external function `{symbol}`", source_line(op), "tl.extra.libdevice functions")


_FLOAT_PREDICATES = frozenset({"math.isnan", "math.isinf", "math.isfinite", "math.isnormal"})


def create_math(symbol: str, operands: Sequence[ir.Value], result: ir.Type) -> ir.Value:
    return _predicate(symbol, operands[0]) if symbol in _FLOAT_PREDICATES else create(symbol, operands, result)


def _predicate(symbol: str, value: ir.Value) -> ir.Value:
    """As comparisons: LLVM's `is.fpclass` does not come from vectors of these operations."""
    kind = value.type
    if symbol == "math.isnan":
        return arith.CmpFOp(arith.CmpFPredicate.UNO, value, value).result
    size = create("math.absf", [value], kind)
    infinity = arith.ConstantOp(kind, ir.FloatAttr.get(kind, float("inf"))).result
    if symbol == "math.isinf":
        return arith.CmpFOp(arith.CmpFPredicate.OEQ, size, infinity).result
    finite = arith.CmpFOp(arith.CmpFPredicate.OLT, size, infinity).result
    if symbol == "math.isfinite":
        return finite
    least = arith.ConstantOp(kind, ir.FloatAttr.get(kind, BY_MLIR[str(kind)].smallest_normal)).result
    return arith.AndIOp(finite, arith.CmpFOp(arith.CmpFPredicate.OGE, size, least).result).result


def _libm(name: str, operands: Sequence[ir.Value], result: ir.Type) -> ir.Value:
    """A call of the C library, in float for narrow types."""
    f32 = ir.F32Type.get()
    wide = result if isinstance(result, ir.F64Type) else f32
    args = [v if v.type == wide or not is_float(v.type) else arith.ExtFOp(wide, v).result for v in operands]
    symbol = name if isinstance(wide, ir.F64Type) else name + "f"
    declare(symbol, [a.type for a in args], [wide])
    value = func.CallOp([wide], symbol, args).result
    return value if wide == result else arith.TruncFOp(result, value).result


def declare(symbol: str, inputs: list[ir.Type], results: list[ir.Type]) -> None:
    """Declare an external function once in the module that is being built."""
    module = ir.InsertionPoint.current.block.owner.operation
    while module.name != "builtin.module":
        module = module.parent.operation
    body = module.regions[0].blocks[0]
    for existing in body.operations:
        if existing.operation.name == "func.func" and ir.StringAttr(existing.attributes["sym_name"]).value == symbol:
            return
    with ir.InsertionPoint.at_block_begin(body):
        func.FuncOp(symbol, ir.FunctionType.get(inputs, results), visibility="private")


def _fp_to_fp(op: ir.Operation, operands: Sequence[ir.Value], result: ir.Type) -> ir.Value:
    """Formats that the machine does not know are attributes; in between is f32, which holds their numbers."""
    value, source, target = operands[0], _format(op, FROM_FLOAT), _format(op, TO_FLOAT)
    towards_zero = "rounding" in op.attributes and int_attr(op, "rounding") == _TOWARDS_ZERO
    if source is not None:
        value = widen(value, source, ir.F32Type.get() if target is not None else result)
    if target is not None:
        return narrow(value, target, towards_zero)
    if towards_zero and ir.FloatType(result).width < ir.FloatType(value.type).width:
        return arith.BitcastOp(result, narrow(value, BY_MLIR[str(result)], towards_zero)).result
    return convert_float(value, result)


_TOWARDS_ZERO = 0
"""Triton's number for `fp_downcast_rounding="rtz"`."""


def _format(op: ir.Operation, name: str) -> Dtype | None:
    return SMALL_BY_MLIR[str(ir.TypeAttr(op.attributes[name]).value)] if name in op.attributes else None


def _bitcast(op: ir.Operation, operands: Sequence[ir.Value], result: ir.Type) -> ir.Value:
    return operands[0] if operands[0].type == result else arith.BitcastOp(result, operands[0]).result


def _mulhiui(op: ir.Operation, operands: Sequence[ir.Value], result: ir.Type) -> ir.Value:
    return arith.MulUIExtendedOp(operands[0], operands[1]).results[1]


def _clampf(op: ir.Operation, operands: Sequence[ir.Value], result: ir.Type) -> ir.Value:
    x, low, high = operands
    # PropagateNan::ALL (0xFFFF) keeps a NaN; NONE behaves like IEEE minNum / maxNum.
    keep_nan = "propagateNan" in op.attributes and int_attr(op, "propagateNan") != 0
    if keep_nan:
        return arith.MinimumFOp(arith.MaximumFOp(x, low).result, high).result
    return arith.MinNumFOp(arith.MaxNumFOp(x, low).result, high).result


def _sqrt(op: ir.Operation, operands: Sequence[ir.Value], result: ir.Type) -> ir.Value:
    return math.SqrtOp(operands[0]).result


def _divf(op: ir.Operation, operands: Sequence[ir.Value], result: ir.Type) -> ir.Value:
    return arith.DivFOp(operands[0], operands[1]).result


_BUILDERS: dict[str, Builder] = {
    "tt.extern_elementwise": _extern,
    "tt.fp_to_fp": _fp_to_fp,
    "tt.bitcast": _bitcast,
    "tt.mulhiui": _mulhiui,
    "tt.clampf": _clampf,
    "tt.precise_sqrt": _sqrt,
    "tt.precise_divf": _divf,
}
