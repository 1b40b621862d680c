"""`lower-transport`: `memref.dma_start` / `memref.dma_wait` become calls of the runtime's copy engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith, func

from ..ir.footprints import element_bytes
from ..ir.pointers import constant, declare, element_address, i64, index, pointer_type, to_i64
from ..ir.slicing import named
from ..ir.transfers import DMA, DMA_START, take_place
from ..passes import Pass

Value = ir.Value[Any]
START, WAIT = "rung_dma_start", "rung_dma_wait"
CHECKED = {START: "rung_checked_dma_start", WAIT: "rung_checked_dma_wait"}


@dataclass(frozen=True)
class LowerTransport(Pass):
    """Turn transfers into calls of the runtime's copy engine.

    before:
        memref.dma_start %x[%o], %b[%slot, %c0], %n, %tag[%slot], %ld, %k
            : memref<?xf32>, memref<2x4096xf32, 1>, memref<2xi32>
        memref.dma_wait %tag[%slot], %n : memref<2xi32>
    after (dst, src, rows, row_bytes, dst_stride_bytes, src_stride_bytes, tag):
        call @rung_dma_start(%dst, %src, %n / %k, %k * 4, %k * 4, %ld * 4, %tag_pointer)
        call @rung_dma_wait(%tag_pointer)

    Without stride operands it is one row. The stride belongs to the side in the lower memory space, the
    other one is dense. An empty transfer is a call with no rows or no bytes, which the runtime completes at
    once. `checked` calls the engine that checks the contract of transfers (`check-transfers`).
    """

    name: ClassVar[str] = "lower-transport"
    checked: bool = False
    """By the engine that watches the contract of transfers."""

    def run(self, module: ir.Module) -> None:
        found = named(module, *DMA)
        if not found:
            return
        pointer = pointer_type()
        begin, end = (CHECKED[name] if self.checked else name for name in (START, WAIT))
        declare(module, begin, [pointer, pointer, i64(), i64(), i64(), i64(), pointer])
        declare(module, end, [pointer])
        for op in found:
            with ir.InsertionPoint(op), op.location:
                if op.name == DMA_START:
                    _lower_start(op, begin)
                else:
                    _lower_wait(op, end)
            op.erase()


def _lower_start(op: ir.Operation, callee: str) -> None:
    operands = list(op.operands)
    source, source_at = take_place(operands)
    target, target_at = take_place(operands)
    elements = operands.pop(0)
    tag, tag_at = take_place(operands)
    size = element_bytes(ir.MemRefType(source.type).element_type)
    if operands:
        far_stride, row = operands
        rows = arith.DivUIOp(elements, arith.MaxUIOp(row, index(1)).result).result
    else:
        far_stride, row, rows = elements, elements, index(1)
    row_bytes, stride_bytes = _bytes(row, size), _bytes(far_stride, size)
    source_is_far = _space(source) <= _space(target)
    strides = (row_bytes, stride_bytes) if source_is_far else (stride_bytes, row_bytes)
    target_pointer, source_pointer = element_address(target, target_at), element_address(source, source_at)
    func.CallOp(
        [], callee, [target_pointer, source_pointer, to_i64(rows), row_bytes, *strides, element_address(tag, tag_at)]
    )


def _lower_wait(op: ir.Operation, callee: str) -> None:
    tag, at = take_place(list(op.operands))
    func.CallOp([], callee, [element_address(tag, at)])


def _bytes(elements: Value, size: int) -> Value:
    return arith.MulIOp(to_i64(elements), constant(i64(), size)).result


def _space(memory: Value) -> int:
    space = ir.MemRefType(memory.type).memory_space
    return ir.IntegerAttr(space).value if isinstance(space, ir.IntegerAttr) else 0
