"""Building small nests: `linalg.generic` from views to another one of the same shape."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch_mlir import ir


def build_map_nest(
    ip: ir.InsertionPoint,
    loc: ir.Location,
    source: ir.Value,
    target: ir.Value,
    body: Callable[[ir.Value, ir.InsertionPoint], ir.Value] | None = None,
) -> ir.Operation:
    """linalg.generic ins(%source) outs(%target) { ^bb0(%x, %y): %r = body(%x); linalg.yield %r }"""

    def only(values: Sequence[ir.Value], inside: ir.InsertionPoint) -> ir.Value:
        return body(values[0], inside) if body else values[0]

    return build_elementwise_nest(ip, loc, [source], target, only)


def build_elementwise_nest(
    ip: ir.InsertionPoint,
    loc: ir.Location,
    sources: Sequence[ir.Value],
    target: ir.Value,
    body: Callable[[Sequence[ir.Value], ir.InsertionPoint], ir.Value],
) -> ir.Operation:
    """linalg.generic ins(%a, %b) outs(%target) { ^bb0(%x, %y, %z): %r = body(%x, %y); linalg.yield %r }"""
    context = loc.context
    views = [*sources, target]
    rank = ir.MemRefType(target.type).rank
    elements = [ir.MemRefType(v.type).element_type for v in views]
    identity = ir.AffineMapAttr.get(ir.AffineMap.get_identity(rank, context))
    parallel = ir.Attribute.parse("#linalg.iterator_type<parallel>", context)
    attributes = {
        "indexing_maps": ir.ArrayAttr.get([identity] * len(views), context),
        "iterator_types": ir.ArrayAttr.get([parallel] * rank, context),
        "operandSegmentSizes": ir.DenseI32ArrayAttr.get([len(sources), 1], context),
    }
    generic = ir.Operation.create("linalg.generic", [], views, attributes, None, 1, loc, ip)
    block = ir.Block.create_at_start(generic.regions[0], elements, [loc] * len(views))
    inside = ir.InsertionPoint(block)
    value = body(list(block.arguments)[:-1], inside)
    ir.Operation.create("linalg.yield", [], [value], loc=loc, ip=inside)
    return generic
