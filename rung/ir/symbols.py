"""Symbols of a module: what the compiler adds to it is named apart from what is there, and found by its role."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count

from torch_mlir import ir

from .attributes import ENTRY


def free_symbol(module: ir.Block, candidates: Iterable[str]) -> str:
    """The first of `candidates` that no operation of the module, whose body is `module`, has: a user's kernel may be
    called what one would call a function made for another."""
    taken = {symbol for op in module.operations if (symbol := _symbol(op.operation)) is not None}
    return next(name for name in candidates if name not in taken)


def claim_symbol(module: ir.Module, name: str) -> None:
    """Have `name` free: what has it, a function of the user's for instance, is called otherwise from now on."""
    for op in module.body.operations:
        if _symbol(op.operation) == name:
            other = free_symbol(module.body, (f"{name}{number}" for number in count(1)))
            ir.SymbolTable.replace_all_symbol_uses(name, other, module.operation)
            ir.SymbolTable.set_symbol_name(op.operation, other)
            return


def entry_point(module: ir.Module) -> str:
    """The symbol of the function that launchers call. A kernel's module has one from `lower-abi` on."""
    (found,) = (_symbol(op.operation) for op in module.body.operations if ENTRY in op.operation.attributes)
    assert found is not None
    return found


def _symbol(op: ir.Operation) -> str | None:
    return ir.StringAttr(op.attributes["sym_name"]).value if "sym_name" in op.attributes else None
