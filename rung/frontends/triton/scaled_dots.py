"""`tl.dot_scaled`: products of blocks whose elements share scales in groups along K (OCP's MX formats, revision 1.0).

In TTIR they become plain products of f32, which holds every scaled element but those beyond its range:

before: %d = tt.dot_scaled %a scale %s, %b, %c lhs = e5m2 rhs = bf16 : tensor<MxKxf8E5M2>, tensor<MxGxi8> * ...
after:  %x = tt.fp_to_fp (tt.reshape %a : MxK -> MxGxn) * tt.fp_to_fp %s {rung.from_float = f8E8M0FNU} : MxGx1
        %d = tt.dot (tt.reshape %x : MxGxn -> MxK), (tt.fp_to_fp %b), %c : tensor<MxKxf32> * tensor<KxNxf32>

Two numbers of four bits lie in a byte, the first one in the lower half. Where they are neighbours along K, both
operands are taken apart into those of even and those of odd k, one after the other: a sum is the same in any order, and
elements stay neighbours in memory. Along M or N they are put back in their places.

Nothing is refused that Triton accepts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from torch_mlir import ir

from ...dtypes import E8M0, F4E2
from ...ir.attributes import FROM_FLOAT
from .ttir import Shape, element, int_attr, shape

MARK = "tt.dot_scaled"
_E2M1 = 4
"""Triton's number for the format of four bits."""


def scaled_dots_to_dots(module: ir.Module) -> None:
    """Rewrite TTIR in place."""
    found: list[ir.Operation] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        if op.name == MARK:
            found.append(op)
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit, ir.WalkOrder.PRE_ORDER)
    for op in found:
        with ir.InsertionPoint(op), op.location:
            _replace(op)


@dataclass(frozen=True)
class _Operand:
    """One side of a product. k: its dimension K, from behind, whose other dimension of the matrix is `3 - k`."""

    value: ir.Value
    scale: ir.Value | None
    k: int
    packed: bool
    """Two numbers in a byte."""
    along_k: bool
    """They are neighbours along K."""

    @property
    def halves_k(self) -> bool:
        return self.packed and self.along_k


def _replace(op: ir.Operation) -> None:
    a, b, c, *scales = op.operands
    has = list(ir.DenseI32ArrayAttr(op.attributes["operandSegmentSizes"]))[3:]
    left_scale = scales[0] if has[0] else None
    right_scale = scales[-1] if has[1] else None
    left = _Operand(a, left_scale, 1, _has_four_bits(op, "a_elem_type"), _flag(op, "lhs_k_pack"))
    right = _Operand(b, right_scale, 2, _has_four_bits(op, "b_elem_type"), _flag(op, "rhs_k_pack"))
    apart = left.halves_k or right.halves_k
    operands = [_numbers(left, apart), _numbers(right, apart), c]
    zero = ir.IntegerAttr.get(ir.IntegerType.get_signless(32), 0)
    made = _create("tt.dot", operands, op.results[0].type, inputPrecision=zero, maxNumImpreciseAcc=zero)
    op.results[0].replace_all_uses_with(made)
    op.erase()


def _has_four_bits(op: ir.Operation, name: str) -> bool:
    return int_attr(op, name) == _E2M1


def _flag(op: ir.Operation, name: str) -> bool:
    return ir.BoolAttr(op.attributes[name]).value


def _numbers(side: _Operand, apart: bool) -> ir.Value:
    """The scaled elements as a matrix of f32. apart: those of even k, then those of odd k."""
    value = side.value
    if side.packed and not side.along_k:
        value = _interleaved(value, 3 - side.k)
    at = len(_shape(value)) - side.k  # the dimension K
    before, k, behind = _shape(value)[:at], _shape(value)[at], _shape(value)[at + 1 :]
    groups = 1
    if side.scale is not None:
        groups = _shape(side.scale)[-1]
    if side.halves_k:
        value = _joined(_reshape(value, (*before, groups, k // groups, *behind)))
        k *= 2
    else:
        inside = (k // groups // 2, 2) if apart else (k // groups,)
        value = _reshape(value, (*before, groups, *inside, *behind))
    if apart:  # (.., groups, pairs, .., 2) or (.., groups, pairs, 2, ..): the halves to the front
        half = len(_shape(value)) - 1 if side.halves_k else at + 2
        value = _moved(value, half, at)
    number = _widened(value, F4E2.mlir if side.packed else None)
    if side.scale is not None:
        number = _create("arith.mulf", [number, _scales(side, at + apart, _shape(number))], number.type)
    return _reshape(number, (*before, k, *behind))


def _scales(side: _Operand, at: int, to: Shape) -> ir.Value:
    """The scales (.., M or N, groups) as a block of the shape of the elements, whose dimension `at` is the groups."""
    assert side.scale is not None
    scale = _widened(side.scale, E8M0.mlir if isinstance(element(side.scale), ir.IntegerType) else None)
    if side.k == 2:  # N is the last dimension
        rank = len(_shape(scale))
        scale = _moved(scale, rank - 1, rank - 2)
    groups = len(_shape(scale)) - side.k
    if at > groups:
        scale = _expand(scale, groups)
    scale = _expand(scale, at + 1)
    return _create("tt.broadcast", [scale], _block(to, element(scale)))


# ---- numbers of four bits


def _joined(value: ir.Value) -> ir.Value:
    """Bytes as pairs of numbers, in a new last dimension; only the lower four bits count."""
    four = ir.Operation.create(
        "arith.constant",
        results=[value.type],
        attributes={"value": ir.DenseElementsAttr.get_splat(value.type, ir.IntegerAttr.get(element(value), 4))},
    ).results[0]
    upper = _create("arith.shrui", [value, four], value.type)
    return _create("tt.join", [value, upper], _block((*_shape(value), 2), element(value)))


def _interleaved(value: ir.Value, dim: int) -> ir.Value:
    """Bytes as numbers, neighbours along a dimension, which is counted from behind."""
    extents = list(_shape(value))
    at = len(extents) - dim
    pairs = _moved(_joined(value), len(extents), at + 1)
    extents[at] *= 2
    return _reshape(pairs, extents)


def _widened(value: ir.Value, source: str | None) -> ir.Value:
    """As f32. source: the format of what the IR has as integers."""
    kind = _block(_shape(value), ir.F32Type.get())
    if value.type == kind:
        return value
    attributes = {FROM_FLOAT: ir.TypeAttr.get(ir.Type.parse(source))} if source is not None else {}
    return _create("tt.fp_to_fp", [value], kind, **attributes)


# ---- operations on shapes


def _shape(value: ir.Value) -> Shape:
    return shape(value) or ()


def _block(extents: Sequence[int], kind: ir.Type) -> ir.Type:
    return ir.RankedTensorType.get(list(extents), kind)


def _reshape(value: ir.Value, extents: Sequence[int]) -> ir.Value:
    assert prod(extents) == prod(_shape(value))
    if tuple(extents) == _shape(value):
        return value
    return _create("tt.reshape", [value], _block(extents, element(value)))


def _expand(value: ir.Value, axis: int) -> ir.Value:
    extents = list(_shape(value))
    extents.insert(axis, 1)
    attribute = ir.IntegerAttr.get(ir.IntegerType.get_signless(32), axis)
    return _create("tt.expand_dims", [value], _block(extents, element(value)), axis=attribute)


def _moved(value: ir.Value, dim: int, to: int) -> ir.Value:
    """With dimension `dim` in the place `to`."""
    order = [d for d in range(len(_shape(value))) if d != dim]
    order.insert(to, dim)
    kind = _block([_shape(value)[d] for d in order], element(value))
    return _create("tt.trans", [value], kind, order=ir.DenseI32ArrayAttr.get(order))


def _create(name: str, operands: Sequence[ir.Value], result: ir.Type, **attributes: ir.Attribute) -> ir.Value:
    return ir.Operation.create(name, results=[result], operands=list(operands), attributes=attributes).results[0]
