"""Evidence: what the passes did, read back from the attributes that they left in the IR."""

from __future__ import annotations

from collections import Counter
from typing import Any

from torch_mlir import ir


def decisions(module: ir.Module) -> dict[str, Any]:
    """Loops by what became of them, vector operations, contexts, promoted streams: JSON-serialisable.

    vector_ops: operations on vectors in the IR. vectorized: `lanes x unroll` of each vector loop. scalar: why
    nests stayed scalar. The rest: every other `rung.` attribute with its values.
    """
    vector_ops = 0
    notes: dict[str, list[str]] = {}
    transfers: Counter[str] = Counter()

    def visit(op: ir.Operation) -> ir.WalkResult:
        nonlocal vector_ops
        if any(isinstance(r.type, ir.VectorType) for r in op.results) and op.name != "arith.constant":
            vector_ops += 1
        if op.name in ("memref.dma_start", "memref.dma_wait"):
            transfers[op.name] += 1
        for name in op.attributes:
            if name.startswith("rung.") and name not in _STRUCTURE:
                notes.setdefault(name.removeprefix("rung."), []).append(str(op.attributes[name]))
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    found: dict[str, Any] = {k: sorted(set(v)) for k, v in notes.items()}
    found["vector_ops"] = vector_ops
    if transfers:
        found["transfers"] = dict(transfers)
    return found


_STRUCTURE = frozenset({"rung.bounds", "rung.kernel", "rung.grid", "rung.grid_loop", "rung.contexts", "rung.combiner"})
