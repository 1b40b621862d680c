"""Prints, from stage `linalg` on: a call that says what it prints, which the compiler takes for a call of anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch_mlir import ir
from torch_mlir.dialects import builtin, func

from .attributes import PRINT
from .pointers import declare, i64, pointer_type

CALL = "rung_print"


def print_block(
    module: ir.Module | builtin.ModuleOp, text: str, values: ir.Value[Any], program: Sequence[ir.Value[Any]]
) -> None:
    """values: a pointer to a dense block. text: how, as runtime/src/print.c reads it. program: its id, as three i64."""
    declare(module, CALL, [pointer_type(), i64(), i64(), i64()])
    made = func.CallOp([], CALL, [values, *program])
    made.operation.attributes[PRINT] = ir.StringAttr.get(text)


def is_print(op: ir.Operation) -> bool:
    return PRINT in op.attributes
