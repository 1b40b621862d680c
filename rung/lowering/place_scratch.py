"""`place-scratch`: give the buffers of a function their places in one arena, and forget memory spaces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from torch_mlir import ir
from torch_mlir.dialects import func, memref

from ..errors import ContractError
from ..ir.attributes import SCRATCH_BYTES, SCRATCHPAD_BYTES
from ..ir.pointers import constant, declare, functions, i64, index, memref_at, pointer_type
from ..ir.scratchpad_budget import placed_bytes
from ..machine import MOST_ALIGNMENT
from ..passes import Pass
from ..passes.options import Limits


@dataclass(frozen=True)
class PlaceScratch(Pass):
    """Replace every `memref.alloca` of a function by a view of one arena, taken at entry, back at return.

    before:
        func.func @f() {
          scf.for ... {
            %a = memref.alloca() : memref<4096xf32>
            %t = memref.alloca() : memref<2x4096xf32, 1>
          }
        }
    after:
        func.func @f() attributes {rung.scratch_bytes = 16384, rung.scratchpad_bytes = 32768} {
          %base = call @rung_arena_enter(%c49152)
          %arena = builtin.unrealized_conversion_cast %base : !llvm.ptr to memref<49152xi8>
          %a = memref.view %arena[0][] : ... memref<4096xf32>
          %t = memref.view %arena[16384][] : ... memref<2x4096xf32>
          scf.for ... { }
          call @rung_arena_exit(%base)
        }
    Offsets are multiples of `alignment` bytes. Up to `stack_bytes` in total stay on the stack, hoisted to the entry
    block. Space 0 is scratch and space 1 the scratchpad: their totals are written on the function, and then
    every memref type of space 1 in the module becomes one of space 0.

    Refuses: an alloca of dynamic shape or with a layout; `memref.alloc`.
    """

    name: ClassVar[str] = "place-scratch"
    stack_bytes: Annotated[int, Limits(0, 1 << 20)] = 4096
    """Up to which all buffers stay on the stack."""
    alignment: Annotated[int, Limits(1, MOST_ALIGNMENT, powers_of_two=True)] = 64
    """Bytes that every buffer begins at a multiple of, whatever is written on its alloca. The runtime's arenas do."""

    def run(self, module: ir.Module) -> None:
        spaces = False
        for function in functions(module):
            allocas = _allocas(function)
            if not allocas:
                continue
            sizes = [_bytes(alloca, self.alignment) for alloca in allocas]
            in_pad = [_space(alloca.result.type) == 1 for alloca in allocas]
            spaces = spaces or any(in_pad)
            for attribute, pad in ((SCRATCH_BYTES, False), (SCRATCHPAD_BYTES, True)):
                total = sum(size for size, flag in zip(sizes, in_pad, strict=True) if flag is pad)
                function.operation.attributes[attribute] = ir.IntegerAttr.get(i64(), total)
            with function.operation.location:
                if sum(sizes) <= self.stack_bytes:
                    _hoist(function, allocas, self.alignment)
                else:
                    _to_arena(module, function, allocas, sizes, self.alignment)
        if spaces:
            _forget_spaces(module)


def _allocas(function: func.FuncOp) -> list[memref.AllocaOp]:
    found: list[memref.AllocaOp] = []
    allocs: list[ir.Operation] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        if op.name == "memref.alloc":
            allocs.append(op)
        if op.name == "memref.alloca":
            alloca = op.opview
            assert isinstance(alloca, memref.AllocaOp)
            found.append(alloca)
        return ir.WalkResult.ADVANCE

    function.operation.walk(visit, ir.WalkOrder.PRE_ORDER)
    if allocs:
        raise ContractError(f"place-scratch: `memref.alloc` at {allocs[0].location}; buffers are `memref.alloca`")
    return found


def _bytes(alloca: memref.AllocaOp, alignment: int) -> int:
    """What a buffer takes."""
    kind = alloca.result.type
    assert isinstance(kind, ir.MemRefType)
    if not kind.has_static_shape or not isinstance(kind.layout, ir.AffineMapAttr):
        raise ContractError(f"place-scratch: `{alloca.operation}`: a buffer has a static shape and no layout")
    return placed_bytes(kind.shape, kind.element_type, alignment)


def _space(kind: ir.Type) -> int:
    if not isinstance(kind, ir.MemRefType) or kind.memory_space is None:
        return 0
    return ir.IntegerAttr(kind.memory_space).value


def _in_default_space(kind: ir.MemRefType) -> ir.MemRefType:
    return ir.MemRefType.get(kind.shape, kind.element_type, kind.layout, None)


def _hoist(function: func.FuncOp, allocas: list[memref.AllocaOp], alignment: int) -> None:
    first = function.entry_block.operations[0]
    for alloca in allocas:
        alloca.operation.attributes["alignment"] = ir.IntegerAttr.get(i64(), alignment)
        if alloca != first:
            alloca.operation.move_before(first.operation)


def _to_arena(
    module: ir.Module, function: func.FuncOp, allocas: list[memref.AllocaOp], sizes: list[int], alignment: int
) -> None:
    enter = declare(module, "rung_arena_enter", [i64()], [pointer_type()])
    enter.operation.attributes["res_attrs"] = ir.ArrayAttr.get(
        [ir.DictAttr.get({"llvm.noalias": ir.UnitAttr.get(), "llvm.align": ir.IntegerAttr.get(i64(), alignment)})]
    )
    leave = declare(module, "rung_arena_exit", [pointer_type()])
    byte = ir.IntegerType.get_signless(8)
    with ir.InsertionPoint.at_block_begin(function.entry_block):
        base = func.CallOp(enter, [constant(i64(), sum(sizes))]).results[0]
        arena = memref_at(base, ir.MemRefType.get([sum(sizes)], byte))
        offset = 0
        for alloca, size in zip(allocas, sizes, strict=True):
            kind: Any = alloca.result.type
            # The view's own space must be the arena's; uses follow when the spaces are forgotten.
            view = memref.ViewOp(_in_default_space(kind), arena, index(offset), []).result
            alloca.result.replace_all_uses_with(view)
            offset += size
    for alloca in allocas:
        alloca.operation.erase()

    for block in function.operation.regions[0].blocks:
        end = block.operations[len(block.operations) - 1]
        if isinstance(end, func.ReturnOp):
            with ir.InsertionPoint(end):
                func.CallOp(leave, [base])


def _forget_spaces(module: ir.Module) -> None:
    casts: list[ir.Operation] = []

    def retype(value: ir.Value[Any]) -> None:
        if _space(value.type) == 1:
            value.set_type(_in_default_space(ir.MemRefType(value.type)))

    def visit(op: ir.Operation) -> ir.WalkResult:
        for result in op.results:
            retype(result)
        for region in op.regions:
            for block in region.blocks:
                for argument in block.arguments:
                    retype(argument)
        if op.name == "memref.memory_space_cast":
            casts.append(op)
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit, ir.WalkOrder.PRE_ORDER)
    for cast in casts:
        cast.results[0].replace_all_uses_with(cast.operands[0])
        cast.erase()
