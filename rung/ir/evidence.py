"""Evidence: what the passes did, read back from the attributes that they left in the IR."""

from __future__ import annotations

from collections import Counter
from typing import Any

from torch_mlir import ir

from .attributes import STRUCTURE
from .transfers import DMA


def decisions(module: ir.Module) -> dict[str, Any]:
    """Fields of `rung.evidence.Evidence`, as JSON has them, since they are stored with the kernel.

    vector_ops: operations on vectors. transfers: `memref.dma_start` and `memref.dma_wait`, counted. decided: every
    operation that carries a decision, in the order of the program, with its `rung.` attributes.
    """
    vector_ops = 0
    transfers: Counter[str] = Counter()
    decided: list[dict[str, Any]] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        nonlocal vector_ops
        if any(isinstance(r.type, ir.VectorType) for r in op.results) and op.name != "arith.constant":
            vector_ops += 1
        if op.name in DMA:
            transfers[op.name] += 1
        own = {
            name.removeprefix("rung."): _plain(op.attributes[name])
            for name in op.attributes
            if name.startswith("rung.") and name not in STRUCTURE
        }
        if own:
            decided.append({"op": op.name, **own})
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    return {"vector_ops": vector_ops, "transfers": dict(transfers), "decided": decided}


def _plain(attribute: ir.Attribute) -> Any:
    """As JSON has it; text for what it does not have."""
    if isinstance(attribute, ir.IntegerAttr | ir.FloatAttr | ir.StringAttr | ir.BoolAttr):
        return attribute.value
    if isinstance(attribute, ir.UnitAttr):
        return True
    if isinstance(attribute, ir.ArrayAttr):
        return [_plain(each) for each in attribute]
    if isinstance(attribute, ir.DictAttr):
        return {each.name: _plain(each.attr) for each in attribute}
    return str(attribute)
