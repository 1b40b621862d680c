"""Evidence: what the passes did, read back from the attributes that they left in the IR."""

from __future__ import annotations

from collections import Counter
from typing import Any

from torch_mlir import ir

from .transfers import DMA


def decisions(module: ir.Module) -> dict[str, Any]:
    """Loops by what became of them, vector operations, contexts, promoted streams: JSON-serialisable.

    vector_ops: operations on vectors in the IR. vectorized: `lanes x unroll` of each vector loop. scalar: why
    nests stayed scalar. decided: every operation that carries a decision, in the order of the program, with its
    `rung.` attributes as JSON. The rest: every other `rung.` attribute with its values.
    """
    vector_ops = 0
    notes: dict[str, list[str]] = {}
    transfers: Counter[str] = Counter()
    decided: list[dict[str, Any]] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        nonlocal vector_ops
        if any(isinstance(r.type, ir.VectorType) for r in op.results) and op.name != "arith.constant":
            vector_ops += 1
        if op.name in DMA:
            transfers[op.name] += 1
        own = {
            name: op.attributes[name] for name in op.attributes if name.startswith("rung.") and name not in _STRUCTURE
        }
        for name, attribute in own.items():
            notes.setdefault(name.removeprefix("rung."), []).append(str(attribute))
        if own:
            decided.append({"op": op.name, **{n.removeprefix("rung."): _plain(a) for n, a in own.items()}})
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    found: dict[str, Any] = {k: sorted(set(v)) for k, v in notes.items()}
    found["vector_ops"] = vector_ops
    found["decided"] = decided
    if transfers:
        found["transfers"] = dict(transfers)
    return found


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


_STRUCTURE = frozenset(
    f"rung.{name}" for name in ("bounds", "kernel", "grid", "grid_loop", "contexts", "combiner", "assumed", "may_alias")
)
