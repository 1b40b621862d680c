"""`join-lanes`: the short innermost loops of a nest become one, as long as a register, also where operands run
backwards along some of them, or the body asks for their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Annotated, ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith, linalg, memref

from ..ir.joined_lanes import first_joined, turned_by
from ..ir.nest import Nest, Operand, read_nest
from ..ir.slicing import collect, named
from ..passes import Pass
from ..passes.options import Limits


@dataclass(frozen=True)
class JoinLanes(Pass):
    """Join the innermost loops whose lengths are powers of two, up to `lanes` of 32 bits of the widest operand.

    before, of 64 x 2 x 8, where %b is %a with the halves of every 16 elements exchanged:
        linalg.generic ins(%a : memref<64x2x8xf32>, %b : memref<64x2x8xf32, strided<[16, -8, 1], offset: 8>>)
            outs(%c : memref<64x2x8xf32>) { %i = linalg.index 1; ... %in_b ... }
    after, of 64 x 16:
        linalg.generic ins(%a' : memref<64x16xf32>) outs(%c' : memref<64x16xf32>) {
          %lane = linalg.index 1; %i = arith.shrui %lane, 3
          %in_b = memref.load %b'[%row, (arith.xori %lane, 8)] : memref<64x16xf32>; ... }

    An index that differs from the lane's by an exclusive or is a shuffle of a register (`vectorize`). The stages of
    `tl.sort` and `tl.topk` are such nests: a block of 2^n elements, seen as 2 x 2 x ... x 2, and its neighbours.

    Left alone: nests that neither run backwards nor ask (`collapse-nests` sees to them), reductions along these loops,
    outputs that run backwards, an operand that sees some of the loops only or has gaps between them, and lengths, steps
    or offsets that are not constants.
    """

    name: ClassVar[str] = "join-lanes"
    lanes: Annotated[int, Limits(1, 256, powers_of_two=True)] = 16
    """Of a vector, of 32 bits each."""

    def run(self, module: ir.Module) -> None:
        for op in named(module, "linalg.generic"):
            nest = read_nest(op) if _has_short_loops(op) else ""
            if isinstance(nest, Nest):
                first = first_joined(nest, self.lanes * 32)
                if first < nest.rank - 1:
                    _rewrite(nest, first)


def _has_short_loops(op: ir.Operation) -> bool:
    """Whether there can be anything to do; most nests are not looked at any closer."""
    kinds = [v.type for v in op.operands if isinstance(v.type, ir.MemRefType)]
    return any(k.rank > 1 and k.has_static_shape and sum(k.shape[-2:]) <= 64 for k in kinds)


def _rewrite(nest: Nest, first: int) -> None:
    op, rank = nest.op, first + 1
    turned = [o for o in nest.operands if turned_by(o, first)]
    kept = [o for o in nest.operands if o not in turned]
    with ir.InsertionPoint(op), op.location:
        views = {o: _joined(o, first, nest) for o in nest.operands}
        maps = [ir.AffineMap.get(rank, 0, [ir.AffineDimExpr.get(d) for d in _dims(o, first)]) for o in kept]
        attributes = {name: op.attributes[name] for name in op.attributes}
        attributes["indexing_maps"] = ir.ArrayAttr.get([ir.AffineMapAttr.get(each) for each in maps])
        attributes["iterator_types"] = ir.ArrayAttr.get(list(ir.ArrayAttr(op.attributes["iterator_types"]))[:rank])
        outputs = sum(o.is_output for o in kept)
        attributes["operandSegmentSizes"] = ir.DenseI32ArrayAttr.get([len(kept) - outputs, outputs])
        operands = [views[o] for o in kept]
        made = ir.Operation.create("linalg.generic", results=[], operands=operands, attributes=attributes, regions=1)
    indices = [each for each in collect(op) if each.name == "linalg.index"]
    indices = [each for each in indices if ir.IntegerAttr(each.attributes["dim"]).value >= first]
    op.regions[0].blocks[0].append_to(made.regions[0])
    body = made.regions[0].blocks[0]
    with ir.InsertionPoint.at_block_begin(body), op.location:
        lane = linalg.IndexOp(first).result
        for index in indices:
            index.results[0].replace_all_uses_with(_part(lane, ir.IntegerAttr(index.attributes["dim"]).value, nest))
        for operand in turned:
            place: list[ir.Value] = [linalg.IndexOp(d).result for d in _dims(operand, first)[:-1]]
            place.append(arith.XOrIOp(lane, _constant(turned_by(operand, first))).result)
            operand.arg.replace_all_uses_with(memref.LoadOp(views[operand], place).result)
    for index in indices:
        index.erase()
    for operand in sorted(turned, key=lambda o: -nest.operands.index(o)):
        body.erase_argument(nest.operands.index(operand))
    op.erase()


def _dims(operand: Operand, first: int) -> list[int]:
    return list(dict.fromkeys(min(d, first) for d in operand.dims))


def _part(lane: ir.Value, dim: int, nest: Nest) -> ir.Value:
    """The number of one of the joined loops."""
    inner = prod(_sizes(nest)[dim + 1 :])
    shifted = arith.ShRUIOp(lane, _constant(inner.bit_length() - 1)).result
    return arith.AndIOp(shifted, _constant(_sizes(nest)[dim] - 1)).result


def _sizes(nest: Nest) -> Sequence[int]:
    return [size if isinstance(size, int) else 0 for size in nest.sizes]


def _constant(number: int) -> ir.Value:
    return arith.ConstantOp(ir.IndexType.get(), number).result


def _joined(operand: Operand, first: int, nest: Nest) -> ir.Value:
    """The same memory, forwards, with one dimension for the joined loops."""
    if operand.dims[-1:] != (nest.rank - 1,):
        return operand.view
    kind = ir.MemRefType(operand.view.type)
    strides, offset = kind.get_strides_and_offset()
    outer = len(_dims(operand, first)) - 1
    sizes, steps = [*kind.shape[:outer], prod(kind.shape[outer:])], [*strides[:outer], 1]
    offset -= turned_by(operand, first)
    layout = ir.StridedLayoutAttr.get(offset, steps)
    result = ir.MemRefType.get(sizes, kind.element_type, layout=layout, memory_space=kind.memory_space)
    return memref.ReinterpretCastOp(result, operand.view, [], [], [], [offset], sizes, steps).result
