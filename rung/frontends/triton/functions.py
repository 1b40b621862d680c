"""Calls of `noinline` functions, and functions with early returns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch_mlir import ir

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
    callee = find_function(op)
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


def find_function(op: ir.Operation) -> ir.Operation:
    """The function that a `tt.call` calls."""
    symbol = ir.FlatSymbolRefAttr(op.attributes["callee"]).value
    module = op
    while module.name != "builtin.module":
        module = module.parent.operation
    for candidate in module.regions[0].blocks[0].operations:
        found = candidate.operation
        if found.name == "tt.func" and ir.StringAttr(found.attributes["sym_name"]).value == symbol:
            return found
    raise UnsupportedError(f"a call of `{symbol}`", source_line(op), "functions of the same file")
