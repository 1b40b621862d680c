"""Whether what a kernel keeps in a context's memory fits: what has been placed, against what there is."""

from __future__ import annotations

from collections.abc import Iterator

from torch_mlir import ir

from ...errors import UsageError
from ...ir.attributes import SCRATCH_BYTES, SCRATCHPAD_BYTES
from ...ir.scratchpad_budget import Need
from ...machine import Machine

_REFERENCES = ("callee", "global_name")
"""Attributes that name a function: of a call, and of the address of a task that is forked."""


def check_capacity(module: ir.Module, machine: Machine) -> None:
    """Raises UsageError naming the function of the `llvm` stage whose buffers, with those of what it calls and forks
    meanwhile, are larger than a context's share."""
    share = machine.scratchpad_bytes_per_context
    for name, need in _needs(module):
        if need.total > share:
            raise UsageError(
                f"`{name}` keeps {need.total} bytes ({need.scratch} of scratch, {need.tiles} of tiles) in a context's "
                f"share of the scratchpad; `{machine.name}` has {share} per context: use {_remedy(need.scratch, share)}"
            )


def _remedy(scratch: int, share: int) -> str:
    """Scratch is what blocks need that are no tiles: smaller tiles do not make room for it."""
    if scratch < share:
        return "smaller blocks, tiles or depth"
    return "smaller blocks, or a device with more `scratchpad_bytes`" if share else "a device with `scratchpad_bytes`"


def _needs(module: ir.Module) -> Iterator[tuple[str, Need]]:
    """Every function by name, those that it calls or forks before it."""
    functions = {
        ir.StringAttr(op.operation.attributes["sym_name"]).value: op.operation
        for op in module.body.operations
        if "sym_name" in op.operation.attributes
    }
    found: dict[str, Need] = {}

    def visit(name: str) -> Iterator[tuple[str, Need]]:
        if name in found:
            return
        found[name] = own = _placed(functions[name])
        inner = sorted(_named_in(functions[name]) & functions.keys())
        for other in inner:
            yield from visit(other)
        # One after another: the context that forks takes part, and goes on when all are done.
        deepest = max((found[other] for other in inner), key=lambda need: need.total, default=Need())
        found[name] = Need(own.tiles + deepest.tiles, own.scratch + deepest.scratch)
        yield name, found[name]

    for name in functions:
        yield from visit(name)


def _placed(function: ir.Operation) -> Need:
    known = function.attributes
    tiles, scratch = (
        ir.IntegerAttr(known[name]).value if name in known else 0 for name in (SCRATCHPAD_BYTES, SCRATCH_BYTES)
    )
    return Need(tiles, scratch)


def _named_in(function: ir.Operation) -> set[str]:
    names: set[str] = set()

    def visit(op: ir.Operation) -> ir.WalkResult:
        for attribute in _REFERENCES:
            if attribute in op.attributes and isinstance(op.attributes[attribute], ir.FlatSymbolRefAttr):
                names.add(ir.FlatSymbolRefAttr(op.attributes[attribute]).value)
        return ir.WalkResult.ADVANCE

    function.walk(visit)
    return names
