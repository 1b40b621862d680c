"""`tl.device_print`."""

from __future__ import annotations

from torch_mlir import ir
from torch_mlir.dialects import arith, builtin, llvm, memref

from ....ir.pointers import element_address, i64, index, pointer_type
from ....ir.prints import print_block
from ..blocks import BlockConverter
from ..operation import meaning, register
from ..scratch import to_memory
from ..ttir import element, is_block, is_bool, is_pointer, memory_type, shape
from .families import Whole


@register
class Print(Whole):
    """One call of the runtime for each operand, whose elements are in scratch by then.

    What was loaded before it has been read: whoever looks for a crash goes by the last print."""

    names = ("tt.print",)

    def convert(self, blocks: BlockConverter, op: ir.Operation) -> None:
        blocks.synchronize(op)
        operands = list(op.operands)
        signed = list(ir.DenseI32ArrayAttr(op.attributes["isSigned"])) if operands else []
        prefix = ir.StringAttr(op.attributes["prefix"]).value
        if not operands:
            _emit(blocks, f"n 0 -1 0|{prefix}", llvm.ZeroOp(pointer_type()).result)
        for number, value in enumerate(operands):
            kind = _kind(value, bool(signed[number]), ir.BoolAttr(op.attributes["hex"]).value)
            extents = shape(value) or ()
            operand = number if len(operands) > 1 else -1
            numbers = " ".join(map(str, (operand, len(extents), *extents)))
            _emit(blocks, f"{kind} {numbers}|{prefix}", _in_memory(blocks, op, value))


def _kind(value: ir.Value, signed: bool, as_bits: bool) -> str:
    """How an element is printed, and its bits."""
    if is_pointer(value):
        return "p 64"
    kind = memory_type(element(value))
    assert isinstance(kind, ir.IntegerType | ir.FloatType)
    if as_bits:
        letter = "x"
    elif isinstance(kind, ir.FloatType):
        letter = "b" if isinstance(kind, ir.BF16Type) else "f"
    else:
        letter = "i" if signed and not is_bool(element(value)) else "u"
    return f"{letter} {kind.width}"


def _in_memory(blocks: BlockConverter, op: ir.Operation, value: ir.Value) -> ir.Value:
    """A pointer to the elements, which lie there in row-major order."""
    if is_pointer(value):
        value = _addresses(blocks, op, value)
    if is_block(value):
        buffer = blocks.keep_row_major(value)
    else:
        buffer = blocks.program.scratch.allocate((), element(value))
        number = blocks.program.scalar(value)
        memref.StoreOp(to_memory(number, memory_type(number.type)), buffer.memref, [])
    return element_address(buffer.memref, [index(0)] * ir.MemRefType(buffer.memref.type).rank)


def _addresses(blocks: BlockConverter, op: ir.Operation, pointers: ir.Value) -> ir.Value:
    """As integers."""
    extents = shape(pointers)
    kind = i64() if extents is None else ir.RankedTensorType.get(list(extents), i64())
    with ir.InsertionPoint(op), op.location:
        made = ir.Operation.create("tt.ptr_to_int", results=[kind], operands=[pointers])
    meaning(made).convert(blocks, made)
    return made.results[0]


def _emit(blocks: BlockConverter, text: str, values: ir.Value) -> None:
    program = [arith.IndexCastOp(i64(), number).result for number in blocks.program.ids]
    module = blocks.module.owner
    assert isinstance(module, builtin.ModuleOp)
    print_block(module, text, values, program)
