"""Programs that wait for one another: the call by which a waiting loop lets others run (runtime.h)."""

from __future__ import annotations

from torch_mlir import ir

from .attributes import PROGRAMS, TASK
from .slicing import collect

YIELD = "rung_yield"


def is_yield(op: ir.Operation) -> bool:
    """Whether `op` lets other programs run."""
    return op.name == "func.call" and ir.FlatSymbolRefAttr(op.attributes["callee"]).value == YIELD


def is_program(function: ir.Operation) -> bool:
    """Whether a function is the task of one program, which runs on a stack of its own."""
    return TASK in function.attributes and PROGRAMS in function.attributes


def first_wait(op: ir.Operation) -> ir.Operation | None:
    """The first call in `op` that lets other programs run, if there is one."""
    return next((inner for inner in collect(op) if is_yield(inner)), None)
