"""Which innermost loops of a nest can be the lanes of one register together: short ones, along which every operand runs
forwards or backwards. Nothing here changes the IR."""

from __future__ import annotations

from math import prod

from torch_mlir import ir

from .emit import bits
from .nest import Nest, Operand
from .slicing import collect

_DYNAMIC = ir.ShapedType.get_dynamic_stride_or_offset()


def first_joined(nest: Nest, register_bits: int) -> int:
    """The outermost of the loops that are joined with all further in; the rank where it is not worth it: where nothing
    runs backwards along them, and the body asks for none of their numbers."""
    if not nest.operands or any(not isinstance(size, int) for size in nest.sizes[-1:]):
        return nest.rank
    elements = register_bits // max(bits(o.element) for o in nest.operands)
    first, length = nest.rank, 1
    while first > 0:
        size = nest.sizes[first - 1]
        if not isinstance(size, int) or size & (size - 1) or length * size > elements:
            break
        if nest.reduction[first - 1] or not all(_is_dense(o, first - 1, nest) for o in nest.operands):
            break
        first, length = first - 1, length * size
    return first if first < nest.rank and _pays(nest, first) else nest.rank


def _is_dense(operand: Operand, first: int, nest: Nest) -> bool:
    """Whether an operand's elements along the loops from `first` on follow one another, forwards or backwards along
    each of them, or it sees none of them."""
    seen = [d for d in operand.dims if d >= first]
    if not seen:
        return True
    kind = ir.MemRefType(operand.view.type)
    joined = list(range(first, nest.rank))
    if seen != joined or list(operand.dims[-len(joined) :]) != joined or not kind.has_static_shape:
        return False
    steps, offset = operand.strides[-len(joined) :], kind.get_strides_and_offset()[1]
    if offset == _DYNAMIC or None in operand.strides:
        return False
    wanted = [prod(kind.shape[len(operand.dims) - len(joined) + k + 1 :]) for k in range(len(joined))]
    forwards = list(steps) == wanted
    return forwards or (not operand.is_output and [abs(s or 0) for s in steps] == wanted)


def turned_by(operand: Operand, first: int) -> int:
    """By what exclusive or an operand's lanes differ from the nest's."""
    kind = ir.MemRefType(operand.view.type)
    found = 0
    for d, size, step in zip(operand.dims, kind.shape, operand.strides, strict=True):
        if d >= first and step is not None and step < 0:
            found += (size - 1) * -step
    return found


def _pays(nest: Nest, first: int) -> bool:
    asked = (ir.IntegerAttr(op.attributes["dim"]).value for op in collect(nest.op) if op.name == "linalg.index")
    return any(turned_by(o, first) for o in nest.operands) or any(d >= first for d in asked)
