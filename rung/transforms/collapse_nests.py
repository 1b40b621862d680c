"""`collapse-nests`: loops too short for a vector, whose elements follow one another in all operands, become one."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Annotated, ClassVar

from torch_mlir import ir
from torch_mlir.dialects import memref

from ..ir.joined_lanes import first_joined
from ..ir.nest import Nest, Operand, read_nest
from ..ir.slicing import collect, named
from ..passes import Pass
from ..passes.options import Limits

_DYNAMIC = ir.ShapedType.get_dynamic_stride_or_offset()


@dataclass(frozen=True)
class CollapseNests(Pass):
    """Merge neighbouring loops of fewer than `lanes` iterations each.

    before, of 2 x 2 x 2 x 2:
        linalg.generic {indexing_maps = [(i, j, k, l) -> (i, j, k, l), (i, j, k, l) -> (i, j, k)],
            iterator_types = [parallel, parallel, parallel, reduction]}
            ins(%a : memref<2x2x2x2xf32>) outs(%b : memref<2x2x2xf32>)
    after:
        linalg.generic {indexing_maps = [(i, l) -> (i, l), (i, l) -> (i)], iterator_types = [parallel, reduction]}
            ins(%a' : memref<8x2xf32, strided<[2, 1]>>) outs(%b' : memref<8xf32, strided<[1]>>)

    `tl.sort` and `tl.topk` see a block of 2^n elements as 2 x 2 x ... x 2: n loops, none of them as long as a vector.

    Left alone: loops that the body asks for the number of (`linalg.index`), one that becomes part of a register with
    those further in (`join-lanes`) and the one around it, of which an operand sees only one, over
    elements that do not follow one another, and where lengths, steps or the operand's offset are not constants.
    """

    name: ClassVar[str] = "collapse-nests"
    lanes: Annotated[int, Limits(1, 1024)] = 16
    """Of a vector."""

    def run(self, module: ir.Module) -> None:
        for op in named(module, "linalg.generic"):
            nest = read_nest(op) if self._has_short_loops(op) else ""
            if isinstance(nest, Nest):
                self._collapse(nest)

    def _collapse(self, nest: Nest) -> None:
        indices = [op for op in collect(nest.op) if op.name == "linalg.index"]
        asked = {ir.IntegerAttr(op.attributes["dim"]).value for op in indices}
        groups: list[list[int]] = []
        joined = first_joined(nest, self.lanes * 32)
        for d in range(nest.rank):
            joins = d not in (0, joined) and not asked & {d - 1, d} and nest.reduction[d - 1] == nest.reduction[d]
            if joins and self._are_short(nest, d) and all(_follow(operand, d) for operand in nest.operands):
                groups[-1].append(d)
            else:
                groups.append([d])
        if len(groups) < nest.rank:
            _rewrite(nest, groups, indices)

    def _has_short_loops(self, op: ir.Operation) -> bool:
        """Two of one operand: without, there is nothing to merge. Most nests are not looked at any closer."""
        shapes = (v.type.shape for v in op.operands if isinstance(v.type, ir.MemRefType))
        return any(sum(0 <= size < self.lanes for size in shape) > 1 for shape in shapes)

    def _are_short(self, nest: Nest, dim: int) -> bool:
        return all(isinstance(size, int) and size < self.lanes for size in nest.sizes[dim - 1 : dim + 1])


def _follow(operand: Operand, dim: int) -> bool:
    """Whether the elements along `dim - 1` and `dim` follow one another, or are the same for all of both."""
    seen = [d for d in operand.dims if d in (dim - 1, dim)]
    if not seen:
        return True
    kind = ir.MemRefType(operand.view.type)
    if seen != [dim - 1, dim] or not kind.has_static_shape or kind.get_strides_and_offset()[1] == _DYNAMIC:
        return False
    inner = operand.dims.index(dim)
    outer_step, step = operand.strides[inner - 1 : inner + 1]
    return operand.dims[inner - 1] == dim - 1 and step is not None and outer_step == step * kind.shape[inner]


def _rewrite(nest: Nest, groups: list[list[int]], indices: list[ir.Operation]) -> None:
    op, number = nest.op, {d: g for g, group in enumerate(groups) for d in group}
    for index in indices:
        dim = ir.IntegerAttr(index.attributes["dim"])
        index.attributes["dim"] = ir.IntegerAttr.get(dim.type, number[dim.value])
    with ir.InsertionPoint(op), op.location:
        followed = [list(dict.fromkeys(number[d] for d in operand.dims)) for operand in nest.operands]
        maps = [ir.AffineMap.get(len(groups), 0, [ir.AffineDimExpr.get(g) for g in each]) for each in followed]
        kinds = list(ir.ArrayAttr(op.attributes["iterator_types"]))
        attributes = {name: op.attributes[name] for name in op.attributes}
        attributes["indexing_maps"] = ir.ArrayAttr.get([ir.AffineMapAttr.get(each) for each in maps])
        attributes["iterator_types"] = ir.ArrayAttr.get([kinds[group[0]] for group in groups])
        views = [
            _merged(operand, [groups[g] for g in each]) for operand, each in zip(nest.operands, followed, strict=True)
        ]
        made = ir.Operation.create("linalg.generic", results=[], operands=views, attributes=attributes, regions=1)
        op.regions[0].blocks[0].append_to(made.regions[0])
    op.erase()


def _merged(operand: Operand, groups: list[list[int]]) -> ir.Value:
    """The same elements, with one dimension for each group of loops."""
    if len(groups) == len(operand.dims):
        return operand.view
    kind = ir.MemRefType(operand.view.type)
    strides, offset = kind.get_strides_and_offset()
    axes = [[operand.dims.index(d) for d in group] for group in groups]
    sizes, steps = [prod(kind.shape[a] for a in each) for each in axes], [strides[each[-1]] for each in axes]
    layout = ir.StridedLayoutAttr.get(offset, steps)
    result = ir.MemRefType.get(sizes, kind.element_type, layout=layout, memory_space=kind.memory_space)
    return memref.ReinterpretCastOp(result, operand.view, [], [], [], [offset], sizes, steps).result
