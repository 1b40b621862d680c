"""`check-transfers`: tell the checking engine where transfers are, and what the computation touches meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith, func, llvm, memref, scf, vector

from ..ir.accesses import effect
from ..ir.allocations import VIEWS
from ..ir.attributes import AT_MOST, GRID_LOOP, PROMOTED, TILE_LOOP
from ..ir.footprints import element_bytes
from ..ir.locations import line_of
from ..ir.pointers import constant, declare, element_address, functions, i64, index, pointer_type, to_i64, to_index
from ..ir.slicing import collect, enclosing
from ..ir.transfers import DMA, DMA_START, in_scratchpad, transfer_name
from ..passes import Pass

Value = ir.Value[Any]
AT, TOUCH, ENTER, LEAVE = "rung_dma_at", "rung_dma_touch", "rung_dma_enter", "rung_dma_leave"
_IGNORED = (*DMA, *VIEWS, "memref.dim", "memref.extract_strided_metadata", "memref.extract_aligned_pointer_as_index")
_ELEMENTS = ("memref.load", "memref.store", "memref.atomic_rmw", "memref.generic_atomic_rmw")
_ROWS = ("vector.load", "vector.store", "vector.maskedload", "vector.maskedstore")
_LANES = ("vector.gather", "vector.scatter")
_PROMOTED = (PROMOTED, GRID_LOOP, TILE_LOOP)
_LOOPS = {GRID_LOOP: "grid loop", TILE_LOOP: "tile loop"}


@dataclass(frozen=True)
class CheckTransfers(Pass):
    """Insert the calls that the checking engine of the runtime (`dma_check.c`) wants around transfers.

    before:
        func.func @f() {
          scf.for %i = ... {
            memref.dma_wait %tag[%slot], %n
            %v = vector.load %buffer[%slot, %k] : memref<2x4096xf32, 1>, vector<16xf32>
          }
        }
    after:
        llvm.mlir.global internal constant @rung_site_0("load of argument 0, grid loop at gelu.py:12\\00")
        func.func @f() {
          %mark = call @rung_dma_enter()
          scf.for %i = ... {
            call @rung_dma_at(@rung_site_0, %iteration, 0)
            memref.dma_wait %tag[%slot], %n
            call @rung_dma_touch(&%buffer[%slot, %k], 64, 0, @rung_site_1, %iteration)
            %v = vector.load %buffer[%slot, %k]
          }
          call @rung_dma_leave(%mark)
        }
    Lanes that are masked off are not touched. `lower-transport{checked=on}` then calls that engine.

    Leaves alone: modules without transfers; accesses to anything but the scratchpad: the engine sees what they wrote
    when it delivers.
    """

    name: ClassVar[str] = "check-transfers"

    def run(self, module: ir.Module) -> None:
        found = [op for op in collect(module.operation) if op.name in DMA]
        if not found:
            return
        calls = _Calls(module)
        touching = [op for op in collect(module.operation) if op.name not in _IGNORED and _buffers(op)]
        for function in functions(module):
            if any(op.name in DMA for op in collect(function.operation)):
                calls.frame(function)
        for op in found:
            with ir.InsertionPoint(op), op.location:
                calls.at(op)
        for op in touching:
            with ir.InsertionPoint(op), op.location:
                for number in _buffers(op):
                    calls.touch(op, number)


def _buffers(op: ir.Operation) -> list[int]:
    """The operands that are buffers in the scratchpad."""
    return [number for number, operand in enumerate(op.operands) if in_scratchpad(operand)]


@dataclass
class _Calls:
    """Emits the calls of one module; a text is kept once."""

    module: ir.Module
    sites: dict[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        pointer = pointer_type()
        declare(self.module, AT, [pointer, i64(), i64()])
        declare(self.module, TOUCH, [pointer, i64(), i64(), pointer, i64()])
        declare(self.module, ENTER, [], [i64()])
        declare(self.module, LEAVE, [i64()])

    def frame(self, function: func.FuncOp) -> None:
        with ir.InsertionPoint.at_block_begin(function.entry_block), function.operation.location:
            mark = func.CallOp([i64()], ENTER, []).results[0]
        for block in function.operation.regions[0].blocks:
            end = block.operations[len(block.operations) - 1]
            if isinstance(end, func.ReturnOp):
                with ir.InsertionPoint(end), end.operation.location:
                    func.CallOp([], LEAVE, [mark])

    def at(self, op: ir.Operation) -> None:
        to_memory = op.name == DMA_START and in_scratchpad(op.operands[0])
        func.CallOp([], AT, [*self._site(transfer_name(op), op), constant(i64(), int(to_memory))])

    def touch(self, op: ir.Operation, number: int) -> None:
        buffer = op.operands[number]
        line = line_of(op)
        where = self._site(f"{op.name}{f' at {line}' if line else ''}", op)
        writes = constant(i64(), int(effect(op, number)[1]))
        if op.name in _LANES:
            self._touch_lanes(op, buffer, writes, where)
            return
        address, size = _range(op, number, buffer)
        func.CallOp([], TOUCH, [address, size, writes, *where])

    def _touch_lanes(self, op: ir.Operation, buffer: Value, writes: Value, where: Sequence[Value]) -> None:
        """Lane by lane, where the mask is set."""
        rank = ir.MemRefType(buffer.type).rank
        at, indices, mask = list(op.operands[1 : 1 + rank]), op.operands[1 + rank], op.operands[2 + rank]
        size = constant(i64(), element_bytes(ir.MemRefType(buffer.type).element_type))
        for lane in range(ir.VectorType(mask.type).shape[0]):
            branch = scf.IfOp(vector.ExtractOp(mask, [], [lane]).result)
            with ir.InsertionPoint(branch.then_block):
                distance = vector.ExtractOp(indices, [], [lane]).result
                if not isinstance(distance.type, ir.IndexType):
                    distance = to_index(distance)
                place = [*at[:-1], arith.AddIOp(at[-1], distance).result]
                func.CallOp([], TOUCH, [element_address(buffer, place), size, writes, *where])
                scf.YieldOp([])

    def _site(self, what: str, op: ir.Operation) -> tuple[Value, Value]:
        """(the text, the iteration) of the loop around `op`; loops over descriptors do not count."""
        loop = _loop_around(op)
        if loop is None:
            return self._text(what), constant(i64(), -1)
        name = next((name for mark, name in _LOOPS.items() if mark in loop.operation.attributes), "loop")
        line = line_of(loop.operation)
        lower, _, step = list(loop.operation.operands)[:3]
        number = arith.DivSIOp(arith.SubIOp(loop.induction_variable, lower).result, step).result
        iteration = to_i64(number) if isinstance(number.type, ir.IndexType) else _widen(number)
        return self._text(f"{what}, {name}{f' at {line}' if line else ''}"), iteration

    def _text(self, text: str) -> Value:
        if text not in self.sites:
            symbol = self.sites[text] = f"rung_site_{len(self.sites)}"
            content = text.replace("\\", "/").replace('"', "'") + "\\00"
            constant_text = ir.Operation.parse(f'llvm.mlir.global internal constant @{symbol}("{content}")')
            ir.InsertionPoint.at_block_begin(self.module.body).insert(constant_text)
        return llvm.AddressOfOp(pointer_type(), self.sites[text]).result


def _widen(number: Value) -> Value:
    width = ir.IntegerType(number.type).width
    return number if width == 64 else arith.ExtSIOp(i64(), number).result


def _loop_around(op: ir.Operation) -> scf.ForOp | None:
    """The loop that the buffers are filled in, or else the innermost one; no loop over the rows of a transfer."""
    loops = [parent.opview for parent in enclosing(op.block) if isinstance(parent.opview, scf.ForOp)]
    loops = [loop for loop in loops if AT_MOST not in loop.operation.attributes]
    marked = [loop for loop in loops if any(mark in loop.operation.attributes for mark in _PROMOTED)]
    return next(iter(marked or loops), None)


def _range(op: ir.Operation, number: int, buffer: Value) -> tuple[Value, Value]:
    """(address, bytes) that `op` touches of the buffer."""
    kind = ir.MemRefType(buffer.type)
    size = element_bytes(kind.element_type)
    place = list(op.operands)[number + 1 : number + 1 + kind.rank]
    if op.name in _ELEMENTS:
        return element_address(buffer, place), constant(i64(), size)
    if op.name in _ROWS:
        row = next(v.type for v in (*op.results, *op.operands) if isinstance(v.type, ir.VectorType))
        if ir.VectorType(row).rank == 1:
            lanes = _lanes(op, number + 1 + kind.rank, ir.VectorType(row).shape[0])
            return element_address(buffer, place), arith.MulIOp(lanes, constant(i64(), size)).result
    return _whole(buffer, size)


def _lanes(op: ir.Operation, mask: int, lanes: int) -> Value:
    """Lanes up to the last one that the mask lets through."""
    if "masked" not in op.name:
        return constant(i64(), lanes)
    kind = ir.VectorType.get([lanes], i64())
    numbers = ir.DenseElementsAttr.get([ir.IntegerAttr.get(i64(), n + 1) for n in range(lanes)], kind)
    none = ir.DenseElementsAttr.get_splat(kind, ir.IntegerAttr.get(i64(), 0))
    count, zero = (arith.ConstantOp(kind, attribute).result for attribute in (numbers, none))
    reached = arith.SelectOp(op.operands[mask], count, zero).result
    return vector.ReductionOp(i64(), vector.CombiningKind.MAXSI, reached).result


def _whole(buffer: Value, size: int) -> tuple[Value, Value]:
    """A whole view, from its first element to its last."""
    rank = ir.MemRefType(buffer.type).rank
    parts = list(memref.ExtractStridedMetadataOp(buffer).results)
    sizes, strides = parts[2 : 2 + rank], parts[2 + rank :]
    extent: Value = index(1)
    points: Value = index(1)
    for extent_of, stride in zip(sizes, strides, strict=True):
        reach = arith.MulIOp(arith.SubIOp(extent_of, index(1)).result, stride).result
        extent, points = arith.AddIOp(extent, reach).result, arith.MulIOp(points, extent_of).result
    empty = arith.CmpIOp(arith.CmpIPredicate.eq, points, index(0)).result
    elements = arith.SelectOp(empty, index(0), extent).result
    return element_address(buffer, [index(0)] * rank), arith.MulIOp(to_i64(elements), constant(i64(), size)).result
