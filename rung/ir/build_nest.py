"""Building small nests: `linalg.generic` from one view to another of the same shape."""

from __future__ import annotations

from collections.abc import Callable

from torch_mlir import ir


def build_map_nest(
    ip: ir.InsertionPoint,
    loc: ir.Location,
    source: ir.Value,
    target: ir.Value,
    body: Callable[[ir.Value, ir.InsertionPoint], ir.Value] | None = None,
) -> ir.Operation:
    """linalg.generic ins(%source) outs(%target) { ^bb0(%x, %y): %r = body(%x); linalg.yield %r }"""
    context = loc.context
    rank = ir.MemRefType(source.type).rank
    elements = [ir.MemRefType(v.type).element_type for v in (source, target)]
    identity = ir.AffineMapAttr.get(ir.AffineMap.get_identity(rank, context))
    parallel = ir.Attribute.parse("#linalg.iterator_type<parallel>", context)
    attributes = {
        "indexing_maps": ir.ArrayAttr.get([identity] * 2, context),
        "iterator_types": ir.ArrayAttr.get([parallel] * rank, context),
        "operandSegmentSizes": ir.DenseI32ArrayAttr.get([1, 1], context),
    }
    generic = ir.Operation.create("linalg.generic", [], [source, target], attributes, None, 1, loc, ip)
    block = ir.Block.create_at_start(generic.regions[0], elements, [loc, loc])
    inside = ir.InsertionPoint(block)
    value = body(block.arguments[0], inside) if body else block.arguments[0]
    ir.Operation.create("linalg.yield", [], [value], loc=loc, ip=inside)
    return generic
