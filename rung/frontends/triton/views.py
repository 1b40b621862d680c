"""Views: `memref.reinterpret_cast` of an argument or a scratch buffer, and the loops that its dimensions follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch_mlir import ir
from torch_mlir.dialects import memref

from ...ir.attributes import BOUNDS
from .indices import Index, is_zero


@dataclass(frozen=True)
class View:
    """`memref[...]` whose k-th dimension is indexed by loop `loops[k]`."""

    memref: ir.Value
    loops: tuple[int, ...]

    @property
    def element(self) -> ir.Type:
        return ir.MemRefType(self.memref.type).element_type


def make_view(
    base: ir.Value,
    offset: Index,
    strides: Sequence[Index],
    sizes: Sequence[Index],
    bounds: Sequence[int],
    keep_zero: bool = False,
) -> View:
    """The elements `base[offset + sum(strides[d] * i[d])]` for `i[d] < sizes[d] <= bounds[d]`.

    Loops of stride 0 are left out (the operand is broadcast along them), unless `keep_zero`.
    """
    loops = tuple(d for d, s in enumerate(strides) if keep_zero or not is_zero(s))
    kind = ir.MemRefType(base.type)
    if _is_whole(kind, offset, [strides[d] for d in loops], [sizes[d] for d in loops]):
        return View(base, loops)
    dynamic_size, dynamic = ir.ShapedType.get_dynamic_size(), ir.ShapedType.get_dynamic_stride_or_offset()

    def split(values: Sequence[Index], marker: int) -> tuple[list[ir.Value], list[int]]:
        return [v for v in values if not isinstance(v, int)], [v if isinstance(v, int) else marker for v in values]

    offsets, static_offset = split([offset], dynamic)
    dims, static_sizes = split([sizes[d] for d in loops], dynamic_size)
    steps, static_strides = split([strides[d] for d in loops], dynamic)
    layout = ir.StridedLayoutAttr.get(static_offset[0], static_strides)
    result = ir.MemRefType.get(static_sizes, kind.element_type, layout=layout)
    cast = memref.ReinterpretCastOp(result, base, offsets, dims, steps, static_offset, static_sizes, static_strides)
    if dims:
        cast.operation.attributes[BOUNDS] = ir.DenseI64ArrayAttr.get([bounds[d] for d in loops])
    return View(cast.result, loops)


def _is_whole(kind: ir.MemRefType, offset: Index, strides: Sequence[Index], sizes: Sequence[Index]) -> bool:
    """Whether the view would be the buffer itself."""
    if offset != 0 or not kind.has_static_shape or list(kind.shape) != list(sizes):
        return False
    expected = 1
    for size, stride in zip(reversed(sizes), reversed(strides), strict=True):
        if stride != expected or not isinstance(size, int):
            return False
        expected *= size
    return True


def shape_view(anchor: ir.Value, loops: Sequence[int], sizes: Sequence[Index], bounds: Sequence[int]) -> View:
    """A view of one byte that carries the sizes of `loops`."""
    view = make_view(anchor, 0, [0] * len(loops), [sizes[d] for d in loops], [bounds[d] for d in loops], keep_zero=True)
    return View(view.memref, tuple(loops))


def create_nest(loops: int, inputs: Sequence[View], outputs: Sequence[View], reduced: set[int]) -> ir.Operation:
    """`linalg.generic` over `loops` dimensions, of which `reduced` are reductions; its body is still to be built."""
    maps = [
        ir.AffineMapAttr.get(ir.AffineMap.get(loops, 0, [ir.AffineDimExpr.get(d) for d in view.loops]))
        for view in (*inputs, *outputs)
    ]
    kinds = [ir.Attribute.parse(_ITERATOR[d in reduced]) for d in range(loops)]
    return ir.Operation.create(
        "linalg.generic",
        results=[],
        operands=[v.memref for v in (*inputs, *outputs)],
        attributes={
            "indexing_maps": ir.ArrayAttr.get(maps),
            "iterator_types": ir.ArrayAttr.get(kinds),
            "operandSegmentSizes": ir.DenseI32ArrayAttr.get([len(inputs), len(outputs)]),
        },
        regions=1,
    )


_ITERATOR = {False: "#linalg.iterator_type<parallel>", True: "#linalg.iterator_type<reduction>"}
