"""The contract of the stage `llvm`: nothing but the `llvm` dialect."""

from __future__ import annotations

from torch_mlir import ir

from ..errors import ContractError


def check_llvm(module: ir.Module) -> None:
    """Raise ContractError if an op outside the `llvm` dialect is left: a cast crashes the translation."""
    left: list[ir.Operation] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        if op.name.startswith("llvm.") or op.name == "builtin.module":
            return ir.WalkResult.ADVANCE
        left.append(op)
        return ir.WalkResult.INTERRUPT

    module.operation.walk(visit)
    if left:
        raise ContractError(f"stage `llvm`: `{left[0].name}` is left, at {left[0].location}: {left[0]}")
