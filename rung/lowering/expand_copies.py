"""`expand-copies`: copies between strided views become loops; upstream would call a runtime function for each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith, llvm, memref, scf

from ..ir.pointers import element_address, index, to_i64
from ..ir.slicing import named
from ..passes.base import Pass

Value = ir.Value[Any]


@dataclass(frozen=True)
class ExpandCopies(Pass):
    """Turn copies between strided views into loops.

    before: memref.copy %a, %b : memref<?x8xf32, strided<[?, 1], offset: ?>> to memref<?x8xf32>
    after:  scf.for %i { llvm.intr.memcpy(&%b[%i, 0], &%a[%i, 0], 32) }
    or, where the last dimension is strided, a loop for each dimension around a load and a store.

    Leaves copies of one block alone: upstream makes `memcpy` of them.
    """

    name: ClassVar[str] = "expand-copies"

    def run(self, module: ir.Module) -> None:
        for copy in named(module, "memref.copy"):
            if all(_one_block(ir.MemRefType(view.type)) for view in copy.operands):
                continue
            with ir.InsertionPoint(copy), copy.location:
                _loops(copy.operands[0], copy.operands[1])
            copy.erase()


def _one_block(kind: ir.MemRefType) -> bool:
    """Whether upstream lowers a copy of this type to `llvm.memcpy`."""
    if isinstance(kind.layout, ir.AffineMapAttr):
        return True
    if not kind.has_static_shape:
        return False
    expected = 1
    for size, stride in zip(reversed(kind.shape), reversed(kind.get_strides_and_offset()[0]), strict=True):
        if stride != expected or size == 0:
            return False
        expected *= size
    return True


def _loops(source: Value, target: Value) -> None:
    kinds = ir.MemRefType(source.type), ir.MemRefType(target.type)
    zero, one = index(0), index(1)
    sizes: list[Value] = []
    for d in range(kinds[0].rank):
        known = next((kind.get_dim_size(d) for kind in kinds if kind.is_static_dim(d)), None)
        sizes.append(memref.DimOp(source, index(d)).result if known is None else index(known))
    width = _bytes(kinds[0].element_type)
    by_rows = width is not None and all(kind.get_strides_and_offset()[0][-1] == 1 for kind in kinds)
    position: list[Value] = []
    point = ir.InsertionPoint.current
    for size in sizes[:-1] if by_rows else sizes:
        with point:
            loop = scf.ForOp(zero, size, one)
            with ir.InsertionPoint(loop.body):
                scf.YieldOp([])
        position.append(loop.induction_variable)
        point = ir.InsertionPoint(loop.body.operations[0])
    with point:
        if by_rows and width is not None:
            to, origin = (element_address(view, [*position, zero]) for view in (target, source))
            count = arith.MulIOp(sizes[-1], index(width)).result
            llvm.MemcpyOp(to, origin, to_i64(count), False)
        else:
            memref.StoreOp(memref.LoadOp(source, position).result, target, position)


def _bytes(kind: ir.Type) -> int | None:
    """Bytes of an element that fills whole bytes."""
    if isinstance(kind, ir.IntegerType | ir.FloatType) and kind.width % 8 == 0:
        return kind.width // 8
    return None
