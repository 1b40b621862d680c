"""Operations on whole scratch buffers: windows, other shapes, filling, contractions."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from torch_mlir import ir
from torch_mlir.dialects import arith, linalg, memref

from .scratch import Buffer, row_major_buffer, to_memory
from .ttir import memory_type, row_major


def window(buffer: ir.Value, offset: int, extents: Sequence[int]) -> ir.Value:
    """A dense block of `extents` at an element offset of a dense buffer."""
    kept = [n for n in extents if n != 1]
    strides = [prod(kept[d + 1 :]) for d in range(len(kept))]
    layout = ir.StridedLayoutAttr.get(offset, strides)
    kind = ir.MemRefType.get(kept, ir.MemRefType(buffer.type).element_type, layout=layout)
    return memref.ReinterpretCastOp(kind, buffer, [], [], [], [offset], kept, strides).result


def rebuilt(buffer: Buffer, extents: tuple[int, ...]) -> Buffer:
    """The memory of a row-major buffer as another shape."""
    if [n for n in extents if n != 1] == [n for n in buffer.extents if n != 1]:
        return buffer.reshaped(extents)
    return row_major_buffer(window(buffer.memref, 0, extents), extents, buffer.element)


def fill(buffer: Buffer, scalar: ir.Value) -> None:
    """Set every element of a buffer."""
    value = to_memory(scalar, memory_type(buffer.element))
    if ir.MemRefType(buffer.memref.type).rank == 0:
        memref.StoreOp(value, buffer.memref, [])
        return
    with ir.InsertionPoint(_elementwise([], buffer)):
        linalg.YieldOp([value])


def round_into(wide: Buffer, narrow: Buffer) -> None:
    """Round every element of a buffer of floats to the type of another of the same extents and order."""
    if ir.MemRefType(wide.memref.type).rank == 0:
        memref.StoreOp(arith.TruncFOp(narrow.element, memref.LoadOp(wide.memref, []).result).result, narrow.memref, [])
        return
    body = _elementwise([wide], narrow)
    with ir.InsertionPoint(body):
        linalg.YieldOp([arith.TruncFOp(narrow.element, body.arguments[0]).result])


def _elementwise(sources: Sequence[Buffer], target: Buffer) -> ir.Block:
    """The body, still to be built, of a nest over whole buffers of one shape."""
    operands = [b.memref for b in (*sources, target)]
    rank = ir.MemRefType(target.memref.type).rank
    identity = ir.AffineMapAttr.get(ir.AffineMap.get_identity(rank))
    parallel = ir.Attribute.parse("#linalg.iterator_type<parallel>")
    op = ir.Operation.create(
        "linalg.generic",
        results=[],
        operands=operands,
        attributes={
            "indexing_maps": ir.ArrayAttr.get([identity] * len(operands)),
            "iterator_types": ir.ArrayAttr.get([parallel] * rank),
            "operandSegmentSizes": ir.DenseI32ArrayAttr.get([len(sources), 1]),
        },
        regions=1,
    )
    return ir.Block.create_at_start(op.regions[0], [ir.MemRefType(m.type).element_type for m in operands])


def contract(a: Buffer, b: Buffer, c: Buffer) -> None:
    """`c += a @ b` on row-major scratch: a named contraction. Dimensions of extent 1 are put back for linalg."""
    full = [with_units(x) for x in (a, b, c)]
    name = "linalg.matmul" if len(c.extents) == 2 else "linalg.batch_matmul"
    builder = linalg.matmul if name == "linalg.matmul" else linalg.batch_matmul
    builder(full[0], full[1], outs=[full[2]])


def with_units(buffer: Buffer) -> ir.Value:
    """The memref of a row-major buffer with its dimensions of extent 1."""
    if 1 not in buffer.extents:
        return buffer.memref
    extents = list(buffer.extents)
    strides = list(row_major(extents))
    layout = ir.StridedLayoutAttr.get(0, strides)
    kind = ir.MemRefType.get(extents, ir.MemRefType(buffer.memref.type).element_type, layout=layout)
    return memref.ReinterpretCastOp(kind, buffer.memref, [], [], [], [0], extents, strides).result
