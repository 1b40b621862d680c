"""`lower-abi`: the kernel's C interface, and a packed one for launchers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith, func, llvm, scf

from ..abi import packed_symbol
from ..errors import ContractError
from ..ir.attributes import ENTRY, KERNEL
from ..ir.fits import fits_function
from ..ir.pointers import constant, functions, i64, memref_at, pointer_type, slot, to_index
from ..ir.symbols import claim_symbol
from ..passes import Pass

Value = ir.Value[Any]
_SCALARS = (1, 8, 16, 32, 64)


@dataclass(frozen=True)
class LowerAbi(Pass):
    """Give the kernel bare pointers and 64-bit grid sizes, and add an entry point that takes slots.

    before:
        func.func @kernel(%x: memref<?xf32>, %n: i32, %b: i1, %gx: index, %gy: index, %gz: index) { ... }
    after:
        func.func @kernel(%x: !llvm.ptr, %n: i32, %b: i8, %gx: i64, %gy: i64, %gz: i64) {
          %m = builtin.unrealized_conversion_cast %x : !llvm.ptr to memref<?xf32>
          ...
        }
        func.func @kernel_packed(%slots: !llvm.ptr) attributes {rung.entry} {
          ... loads, of 8 bytes per argument, the value in the low bytes; call @kernel(...)
        }
    Where the kernel is right for some launches only (`rung.fits`), that is asked before it is called; if it is not, the
    grid's first size becomes -1 and nothing else happens.

    Another function of the entry point's name, which is the user's, gets another one.

    An `i1` is passed as `i8`; any byte but 0 is true. Tasks and combiners keep their signatures.

    Refuses: results; arguments that are not rank-1 memrefs, integers of 1, 8, 16, 32 or 64 bits, index, or
    floats.
    """

    name: ClassVar[str] = "lower-abi"

    def run(self, module: ir.Module) -> None:
        for function in [f for f in functions(module) if KERNEL in f.operation.attributes]:
            if list(function.type.results):
                raise ContractError(f"lower-abi: the kernel `{function.name.value}` has results")
            with function.operation.location:
                kinds = list(function.type.inputs)
                _lower_arguments(function)
                _add_packed(module, function, fits_function(module), kinds)


def _abi_type(kind: ir.Type) -> ir.Type:
    if isinstance(kind, ir.MemRefType) and kind.rank <= 1 and isinstance(kind.layout, ir.AffineMapAttr):
        return pointer_type()
    if isinstance(kind, ir.IndexType):
        return i64()
    if isinstance(kind, ir.IntegerType) and kind.width in _SCALARS:
        return ir.IntegerType.get_signless(max(8, kind.width))
    if isinstance(kind, ir.FloatType) and kind.width in (16, 32, 64):
        return kind
    raise ContractError(f"lower-abi: a kernel cannot take an argument of type {kind}")


def _lower_arguments(function: func.FuncOp) -> None:
    block = function.entry_block
    kinds = [argument.type for argument in block.arguments]
    lowered = [_abi_type(kind) for kind in kinds]
    with ir.InsertionPoint.at_block_begin(block):
        for argument, kind, abi in zip(list(block.arguments), kinds, lowered, strict=True):
            if kind == abi:
                continue
            fresh = block.add_argument(abi, argument.location)
            argument.replace_all_uses_with(_from_abi(fresh, kind))
            argument.set_type(abi)
            fresh.replace_all_uses_with(argument)
            block.erase_argument(len(kinds))
    function.operation.attributes["function_type"] = ir.TypeAttr.get(ir.FunctionType.get(lowered, []))


def _from_abi(value: Value, kind: ir.Type) -> Value:
    if isinstance(kind, ir.MemRefType):
        return memref_at(value, kind)
    if isinstance(kind, ir.IndexType):
        return to_index(value)
    return arith.CmpIOp(arith.CmpIPredicate.ne, value, constant(value.type, 0)).result


def _add_packed(module: ir.Module, function: func.FuncOp, fits: func.FuncOp | None, kinds: Sequence[ir.Type]) -> None:
    """kinds: of the kernel's arguments before they were lowered, which are those of `fits`."""
    name = packed_symbol(function.name.value)
    claim_symbol(module, name)
    with ir.InsertionPoint.after(function):
        packed = func.FuncOp(name, ir.FunctionType.get([pointer_type()], []))
    packed.operation.attributes[ENTRY] = ir.UnitAttr.get()
    with ir.InsertionPoint(packed.add_entry_block()):
        slots = packed.entry_block.arguments[0]
        values = [llvm.LoadOp(kind, slot(slots, position)).result for position, kind in enumerate(function.type.inputs)]
        if fits is None:
            func.CallOp(function, values)
            func.ReturnOp([])
            return
        end = func.ReturnOp([])
    with ir.InsertionPoint(end):
        branch = scf.IfOp(_inline(fits, values, kinds, end), [], has_else=True)
        with ir.InsertionPoint(branch.then_block):
            func.CallOp(function, values)
            scf.YieldOp([])
        with ir.InsertionPoint(branch.else_block):
            llvm.StoreOp(constant(i64(), -1), slot(slots, len(kinds) - 3))
            scf.YieldOp([])


def _inline(fits: func.FuncOp, values: Sequence[Value], kinds: Sequence[ir.Type], before: func.ReturnOp) -> Value:
    """What `fits`, which is used up, gives for arguments of the kernel."""
    block = fits.entry_block
    for argument, value, kind in zip(block.arguments, values, kinds, strict=True):
        if any(True for _ in argument.uses):
            argument.replace_all_uses_with(value if value.type == kind else _from_abi(value, kind))
    *inside, end = [op.operation for op in block.operations]
    result = end.operands[0]
    for op in inside:
        op.move_before(before.operation)
    fits.operation.erase()
    return result
