"""The stage `llvm`: its contract, nothing but the `llvm` dialect, and functions that return early."""

from __future__ import annotations

from torch_mlir import ir

from ..errors import ContractError

LEAVE = "rung_leave"
"""The call of the runtime behind which a function returns."""


def return_early(module: ir.Module) -> None:
    """before: ^fail: llvm.call @rung_leave(%arena); llvm.br ^next
    after:  ^fail: llvm.call @rung_leave(%arena); llvm.return

    Until here control flow was structured, and had no way out of the middle.
    """
    calls: list[ir.Operation] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        if op.name == "llvm.call" and "callee" in op.attributes and op.attributes["callee"] == leave:
            calls.append(op)
        return ir.WalkResult.ADVANCE

    with module.context:
        leave = ir.FlatSymbolRefAttr.get(LEAVE)
        module.operation.walk(visit)
        for call in calls:
            operations = [op.operation for op in call.block.operations]
            for op in reversed(operations[operations.index(call) + 1 :]):
                op.erase()
            ir.Operation.create("llvm.return", loc=call.location, ip=ir.InsertionPoint(call.block))


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
