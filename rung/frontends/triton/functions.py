"""Calls of `noinline` functions, and functions with early returns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch_mlir import ir
from torch_mlir.dialects import scf

from ...errors import UnsupportedError
from .carried import copy_of
from .locations import source_line
from .program import SUPPORTED, Origin
from .scratch import Buffer
from .ttir import is_block, is_pointer

if TYPE_CHECKING:
    from .blocks import BlockConverter


def convert_call(blocks: BlockConverter, op: ir.Operation) -> None:
    """A `noinline` function: converted in place."""
    callee = _find_function(op, ir.FlatSymbolRefAttr(op.attributes["callee"]).value)
    if len(callee.regions[0].blocks) != 1:
        raise UnsupportedError("a noinline function with early returns", source_line(op), SUPPORTED)
    entry = callee.regions[0].blocks[0]
    program = blocks.program
    scalars: dict[ir.Value, ir.Value] = {}
    buffers: dict[ir.Value, Buffer] = {}
    with blocks.region():
        for argument, value in zip(entry.arguments, op.operands, strict=True):
            if is_pointer(argument):
                affine = program.pointers.form(value)
                if affine is None:
                    raise UnsupportedError(
                        "unstructured pointers passed to a noinline function", source_line(op), SUPPORTED
                    )
                program.pointers.known[argument] = affine
                program.origins[argument] = Origin(value, 0, 0)
            elif is_block(argument):
                program.stored[argument] = blocks.keep(value)
            else:
                program.scalars[argument] = program.scalar(value)
        final = blocks.convert(entry).operands
        for result, value in zip(op.results, final, strict=True):
            if is_pointer(result):
                raise UnsupportedError("a pointer from a noinline function", source_line(op), SUPPORTED)
            if is_block(result):
                buffers[result] = copy_of(blocks, value)
            else:
                scalars[result] = program.scalar(value)
    program.stored.update(buffers)
    program.scalars.update(scalars)


def _find_function(op: ir.Operation, symbol: str) -> ir.Operation:
    module = op
    while module.name != "builtin.module":
        module = module.parent.operation
    for candidate in module.regions[0].blocks[0].operations:
        found = candidate.operation
        if found.name == "tt.func" and ir.StringAttr(found.attributes["sym_name"]).value == symbol:
            return found
    raise UnsupportedError(f"a call of `{symbol}`", source_line(op), "functions of the same file")


def convert_body(blocks: BlockConverter, block: ir.Block, path: tuple[ir.Block, ...] = ()) -> None:
    """A function's body. Early returns are branches: `cf.cond_br` becomes `scf.if`, and what follows goes inside."""
    if block in path:
        where = source_line(list(block.operations)[-1])
        raise UnsupportedError("a loop made of branches", where, "for and while loops")
    last = blocks.convert(block)
    path = (*path, block)
    if last.name == "tt.return":
        return
    if last.name == "cf.br":
        _pass_arguments(blocks, last.successors[0], list(last.operands))
        convert_body(blocks, last.successors[0], path)
        return
    if last.name != "cf.cond_br":
        raise UnsupportedError(f"the operation `{last.name}`", source_line(last), SUPPORTED)
    sizes = list(ir.DenseI32ArrayAttr(last.attributes["operandSegmentSizes"]))
    operands = list(last.operands)
    branch = scf.IfOp(blocks.program.scalar(operands[0]), [], has_else=True)
    passed = (operands[1 : 1 + sizes[1]], operands[1 + sizes[1] :])
    for successor, values, target in zip(last.successors, passed, (branch.then_block, branch.else_block), strict=True):
        with ir.InsertionPoint(target), blocks.region():
            _pass_arguments(blocks, successor, list(values))
            convert_body(blocks, successor, path)
            scf.YieldOp([])


def _pass_arguments(blocks: BlockConverter, block: ir.Block, values: list[ir.Value]) -> None:
    for argument, value in zip(block.arguments, values, strict=True):
        if is_pointer(argument):
            affine = blocks.program.pointers.form(value)
            if affine is not None:
                blocks.program.pointers.known[argument] = affine
                blocks.program.origins[argument] = Origin(value, 0, 0)
        elif is_block(argument):
            blocks.program.stored[argument] = copy_of(blocks, value)
        else:
            blocks.program.scalars[argument] = blocks.program.scalar(value)
