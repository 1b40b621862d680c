"""`tl.map_elementwise(f, x, pack=2)` calls f with two elements of each block at once. In TTIR, that becomes a function
of one element each of twice as many blocks:

before: %r = tt.map_elementwise %x {pack = 2} { ^(%x0, %x1): return %r0, %r1 } : tensor<64xf32>
after:  %even, %odd = tt.split (tt.reshape %x : tensor<32x2xf32>)
        %a, %b = tt.map_elementwise %even, %odd { the same } : tensor<32xf32>
        %r = tt.reshape (tt.join %a, %b)

The elements of a pack are neighbours in row-major order. On a GPU, they are neighbours in a thread's registers.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from torch_mlir import ir

from ...errors import UnsupportedError
from .locations import source_line
from .ttir import element, int_attr, shape

MARK = "tt.map_elementwise"
"""What stands in the text of a module that has maps."""


def unpack_maps(module: ir.Module) -> None:
    """Rewrite TTIR in place."""
    packed: list[ir.Operation] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        if op.name == MARK and int_attr(op, "pack") > 1:
            packed.append(op)
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    with module.context:
        for op in packed:
            with ir.InsertionPoint(op), op.location:
                _unpack(op)


def _unpack(op: ir.Operation) -> None:
    pack, extents = int_attr(op, "pack"), shape(op.operands[0]) or ()
    count = prod(extents)
    if pack > count:
        what = f"`tl.map_elementwise` of {count} elements with pack={pack}"
        raise UnsupportedError(what, source_line(op), "packs that a block holds")
    parts = [part for operand in op.operands for part in _parts(operand, count // pack, pack)]
    kinds = [_block([count // pack], element(r)) for r in op.results for _ in range(pack)]
    one = {"pack": ir.IntegerAttr.get(ir.IntegerType.get_signless(32), 1)}
    made = ir.Operation.create(MARK, results=kinds, operands=parts, attributes=one, regions=1)
    for block in list(op.regions[0].blocks):
        block.append_to(made.regions[0])
    for number, result in enumerate(op.results):
        whole = _joined(list(made.results)[number * pack : (number + 1) * pack])
        result.replace_all_uses_with(_reshape(whole, extents))
    op.erase()


def _parts(value: ir.Value, count: int, pack: int) -> list[ir.Value]:
    """Of a block of count * pack elements: the first of each pack, the second, ..."""
    if pack == 1:
        return [_reshape(value, [count])]
    half = [count * pack // 2]
    pairs = _reshape(value, [*half, 2])
    kind = _block(half, element(value))
    even, odd = ir.Operation.create("tt.split", results=[kind, kind], operands=[pairs]).results
    halves = zip(_parts(even, count, pack // 2), _parts(odd, count, pack // 2), strict=True)
    return [part for both in halves for part in both]


def _joined(parts: Sequence[ir.Value]) -> ir.Value:
    """The inverse, of one dimension."""
    if len(parts) == 1:
        return parts[0]
    even, odd = _joined(parts[::2]), _joined(parts[1::2])
    extents = shape(even) or ()
    pairs = _block([*extents, 2], element(even))
    joined = ir.Operation.create("tt.join", results=[pairs], operands=[even, odd]).results[0]
    return _reshape(joined, [2 * prod(extents)])


def _reshape(value: ir.Value, extents: Sequence[int]) -> ir.Value:
    kind = _block(extents, element(value))
    return ir.Operation.create("tt.reshape", results=[kind], operands=[value]).results[0]


def _block(extents: Sequence[int], kind: ir.Type) -> ir.Type:
    return ir.RankedTensorType.get(list(extents), kind)
