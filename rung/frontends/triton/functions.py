"""Calls of `noinline` functions, and functions with early returns."""

from __future__ import annotations

from dataclasses import replace

from torch_mlir import ir

from .blocks import BlockConverter
from .branches import convert_body
from .carried import copy_of, counted_from, keep_addresses, pointer_meaning
from .meanings import Addresses, Formed, Meaning, Scalar, Stored
from .ttir import find_function, is_block, is_pointer, pointee


def convert_call(blocks: BlockConverter, op: ir.Operation) -> None:
    """A `noinline` function: converted in place."""
    entry = find_function(op).regions[0].blocks[0]
    program = blocks.program
    results: dict[ir.Value, Meaning] = {}
    with blocks.region():
        for argument, value in zip(entry.arguments, op.operands, strict=True):
            if is_pointer(argument):
                program.meanings[argument] = pointer_meaning(blocks, value)
            elif is_block(argument):
                program.meanings[argument] = Stored(blocks.keep(value))
            else:
                program.set_scalar(argument, program.scalar(value))
        for result, value in zip(op.results, convert_body(blocks, entry), strict=True):
            if is_pointer(result):
                results[result] = _pointer(blocks, value)
            else:
                results[result] = Stored(copy_of(blocks, value)) if is_block(result) else Scalar(program.scalar(value))
    program.meanings.update(results)


def _pointer(blocks: BlockConverter, value: ir.Value) -> Meaning:
    """Of a pointer that a function gives, without the function's values: they mean something else in another call."""
    known = pointer_meaning(blocks, value)
    if isinstance(known, Formed) and not known.form.conditions:
        return replace(known, origin=None)
    base = blocks.program.base(value) or blocks.program.anywhere(pointee(value))
    if not is_block(value):
        return Formed(counted_from(blocks, value, base))
    return Addresses(base, keep_addresses(blocks, value, base))
