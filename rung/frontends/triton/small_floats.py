"""Floats of eight bits: MLIR has types for them, but nothing computes with these. In TTIR they become what they are in
memory, integers, and what computes with them does so in wider types:

before: %c = arith.addf %a, %b : tensor<64xf8E5M2>
after:  %x = tt.fp_to_fp %a {rung.from_float = f8E5M2} : tensor<64xi8> -> tensor<64xf32>      (%y of %b alike)
        %z = arith.addf %x, %y : tensor<64xf32>
        %c = tt.fp_to_fp %z {rung.to_float = f8E5M2} : tensor<64xf32> -> tensor<64xi8>

Reductions and scans combine in f32 throughout, and are rounded once; products (`tt.dot`) are those of f16, which holds
the numbers of all these formats. Nothing else looks at the numbers: blocks are loaded, moved, chosen and carried as
blocks of i8. Refused: atomic operations that compute with them.
"""

from __future__ import annotations

import re

from torch_mlir import ir

from ...dtypes import SMALL_BY_MLIR
from ...errors import UnsupportedError
from ...ir.attributes import FROM_FLOAT, TO_FLOAT
from ...ir.float_formats import constant
from .locations import source_line
from .retype import Types
from .ttir import combine_block, element, int_attr, is_block

MARK = "f8E"
"""What stands in the text of a module that has such floats."""
_SMALL = re.compile(r"f8E\w+")
_CASTS = frozenset({"arith.extf", "arith.truncf"})
_COMPUTES = frozenset({"tt.extern_elementwise", "tt.precise_sqrt", "tt.precise_divf", "tt.clampf"})
_MOVES = frozenset({"arith.constant", "arith.select", "arith.bitcast"})
_FOLDS = frozenset({"tt.reduce", "tt.scan"})
_EXCHANGE = 10
"""Triton's number of the atomic operation that does not look at what it moves."""


def small_floats_to_integers(module: ir.Module) -> None:
    """Rewrite TTIR in place."""
    with module.context:
        for op in _operations(module, into_folds=False):
            with op.location:
                _widen(op)
        everything = _operations(module, into_folds=True)
        for op in everything:
            with op.location:
                _name_formats(op)
        types = Types(lambda text: _SMALL.sub("i8", text))
        for op in everything:
            types.replace(op)


def _operations(module: ir.Module, into_folds: bool) -> list[ir.Operation]:
    found: list[ir.Operation] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        found.append(op)
        return ir.WalkResult.ADVANCE if into_folds or op.name not in _FOLDS else ir.WalkResult.SKIP

    module.operation.walk(visit, ir.WalkOrder.PRE_ORDER)
    return found


# ---- what computes does so in wider types


def _widen(op: ir.Operation) -> None:
    if not any(_is_small(v.type) for v in (*op.operands, *op.results)):
        return
    if op.name in _FOLDS:
        _widen_fold(op)
    elif op.name in _CASTS:
        _replace(op, _converted(op.operands[0], op.results[0].type, before=op))
    elif op.name == "tt.dot":
        _widen_operands(op, ir.F16Type.get())
    elif _computes(op):
        _widen_operands(op, ir.F32Type.get())
        _narrow_results(op)
    elif op.name == "tt.atomic_rmw" and int_attr(op, "atomic_rmw_op") != _EXCHANGE:
        what = f"atomic arithmetic on {element(op.results[0])}"
        raise UnsupportedError(what, source_line(op), "f16, bf16, f32 and f64")


def _computes(op: ir.Operation) -> bool:
    return op.name in _COMPUTES or (op.name.startswith(("arith.", "math.")) and op.name not in _MOVES)


def _replace(op: ir.Operation, value: ir.Value) -> None:
    op.results[0].replace_all_uses_with(value)
    op.erase()


def _widen_operands(op: ir.Operation, kind: ir.Type) -> None:
    for k, operand in enumerate(op.operands):
        if _is_small(operand.type):
            op.operands[k] = _converted(operand, _with_element(operand.type, kind), before=op)


def _narrow_results(op: ir.Operation) -> None:
    for result in op.results:
        if _is_small(result.type):
            small = result.type
            result.set_type(_with_element(small, ir.F32Type.get()))
            with ir.InsertionPoint.after(op):
                cast = _cast(result, small)
            result.replace_all_uses_except(cast.results[0], cast)


def _widen_fold(op: ir.Operation) -> None:
    """A combine function has all in f32: casts of its own between that and the small floats are gone."""
    f32, combine = ir.F32Type.get(), combine_block(op)
    _widen_operands(op, f32)
    widened: set[ir.Value] = {argument for argument in combine.arguments if _retype(argument, f32)}
    for inner in [each.operation for each in combine.operations]:
        _widen_operands(inner, f32)  # what comes from outside; what is inside was seen before
        widened.update(result for result in inner.results if _retype(result, f32))
        if inner.name in (*_CASTS, "tt.fp_to_fp") and widened.intersection((inner.operands[0], inner.results[0])):
            value, kind = inner.operands[0], inner.results[0].type
            _replace(inner, value if value.type == kind else _converted(value, kind, before=inner))
    _narrow_results(op)


def _converted(value: ir.Value, kind: ir.Type, before: ir.Operation) -> ir.Value:
    with ir.InsertionPoint(before):
        return _cast(value, kind).results[0]


def _cast(value: ir.Value, kind: ir.Type) -> ir.Operation:
    return ir.Operation.create("tt.fp_to_fp", results=[kind], operands=[value])


# ---- types


def _is_small(kind: ir.Type) -> bool:
    inner = kind.element_type if isinstance(kind, ir.RankedTensorType) else kind
    return isinstance(inner, ir.FloatType) and str(inner) in SMALL_BY_MLIR


def _with_element(kind: ir.Type, inner: ir.Type) -> ir.Type:
    return ir.RankedTensorType.get(kind.shape, inner) if isinstance(kind, ir.RankedTensorType) else inner


def _retype(value: ir.Value, inner: ir.Type) -> bool:
    """Whether it was small."""
    if not _is_small(value.type):
        return False
    value.set_type(_with_element(value.type, inner))
    return True


def _name_formats(op: ir.Operation) -> None:
    """What a conversion converts, and the codes of constants, before the types say no more."""
    if op.name == "tt.fp_to_fp":
        for name, value in ((FROM_FLOAT, op.operands[0]), (TO_FLOAT, op.results[0])):
            if _is_small(value.type):
                op.attributes[name] = ir.TypeAttr.get(element(value))
    elif op.name == "arith.constant" and _is_small(op.results[0].type):
        op.attributes["value"] = _codes(op.results[0], op.attributes["value"])


def _codes(result: ir.Value, value: ir.Attribute) -> ir.Attribute:
    byte, dtype = ir.IntegerType.get_signless(8), SMALL_BY_MLIR[str(element(result))]

    def code(number: ir.Attribute) -> ir.Attribute:
        found = constant(ir.FloatAttr(number).value, dtype)
        return ir.IntegerAttr.get(byte, found - (found >> 7 << 8))

    if not is_block(result):
        return code(value)
    dense = ir.DenseElementsAttr(value)
    if not dense.is_splat:
        return value  # refused where it is used
    return ir.DenseElementsAttr.get_splat(_with_element(result.type, byte), code(dense.get_splat_value()))
