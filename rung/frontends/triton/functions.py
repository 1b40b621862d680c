"""Calls of `noinline` functions, and functions with early returns."""

from __future__ import annotations

from torch_mlir import ir

from ...errors import UnsupportedError
from .blocks import BlockConverter
from .carried import copy_of
from .locations import source_line
from .meanings import Formed, Meaning, Origin, Scalar, Stored
from .operation import SUPPORTED
from .ttir import is_block, is_pointer


def convert_call(blocks: BlockConverter, op: ir.Operation) -> None:
    """A `noinline` function: converted in place."""
    callee = find_function(op)
    if len(callee.regions[0].blocks) != 1:
        raise UnsupportedError("a noinline function with early returns", source_line(op), SUPPORTED)
    entry = callee.regions[0].blocks[0]
    program = blocks.program
    results: dict[ir.Value, Meaning] = {}
    with blocks.region():
        for argument, value in zip(entry.arguments, op.operands, strict=True):
            if is_pointer(argument):
                affine = program.pointers.form(value)
                if affine is None:
                    what = "unstructured pointers passed to a noinline function"
                    raise UnsupportedError(what, source_line(op), SUPPORTED)
                program.meanings[argument] = Formed(affine, Origin(value, 0, 0))
            elif is_block(argument):
                program.meanings[argument] = Stored(blocks.keep(value))
            else:
                program.set_scalar(argument, program.scalar(value))
        final = blocks.convert(entry).operands
        for result, value in zip(op.results, final, strict=True):
            if is_pointer(result):
                raise UnsupportedError("a pointer from a noinline function", source_line(op), SUPPORTED)
            results[result] = Stored(copy_of(blocks, value)) if is_block(result) else Scalar(program.scalar(value))
    program.meanings.update(results)


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
