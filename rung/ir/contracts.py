"""What must hold at each stage (docs/ir.md), as code. Runs in tests, and for users under `RUNG_VERIFY=1`."""

from __future__ import annotations

from collections.abc import Callable

from torch_mlir import ir

from ..errors import ContractError
from .dma_contract import check_transfers
from .waits import PROGRAMS

_SCALAR = ("builtin", "func", "scf", "arith", "math", "memref", "cf", "llvm", "ub")
_DIALECTS = {
    "linalg": (*_SCALAR, "linalg"),
    "scheduled": (*_SCALAR, "linalg"),
    "vector": (*_SCALAR, "vector"),
    "llvm": ("builtin", "llvm"),
}

_WITH_TRANSFERS = ("scheduled", "vector")


def check_stage(stage: str, module: ir.Module) -> None:
    """Raise ContractError naming the stage, the operation and its place, if the contract of the stage is broken."""
    if stage not in _DIALECTS:
        return
    rules = (_known_dialect, _no_tensor, *_RULES.get(stage, ()))
    broken: list[str] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        for rule in rules:
            problem = rule(stage, op)
            if problem is not None:
                broken.append(f"{problem}, at {op.location}: {op.name}")
                return ir.WalkResult.INTERRUPT
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    if broken:
        raise ContractError(f"stage `{stage}`: {broken[0]}")
    if stage in _WITH_TRANSFERS:
        check_transfers(module)


Rule = Callable[[str, ir.Operation], "str | None"]


def _known_dialect(stage: str, op: ir.Operation) -> str | None:
    dialect = op.name.split(".")[0]
    return None if dialect in _DIALECTS[stage] else f"the dialect `{dialect}` has no place here"


def _no_tensor(stage: str, op: ir.Operation) -> str | None:
    values = (*op.operands, *op.results)
    return "a tensor is left" if any(isinstance(v.type, ir.RankedTensorType) for v in values) else None


def _grid_loops_are_marked(stage: str, op: ir.Operation) -> str | None:
    if op.name != "scf.forall":
        return None
    return None if "rung.grid" in op.attributes else "a parallel loop that is not the grid"


def _parallel_loops_are_dealt_out(stage: str, op: ir.Operation) -> str | None:
    if op.name != "scf.forall":
        return None
    dealt_out = "rung.contexts" in op.attributes or PROGRAMS in op.attributes
    return None if dealt_out else "a parallel loop that has not been dealt out to contexts"


def _tasks_are_formed(stage: str, op: ir.Operation) -> str | None:
    return "a parallel loop is left" if op.name == "scf.forall" else None


def _scratch_is_static(stage: str, op: ir.Operation) -> str | None:
    if op.name != "memref.alloca":
        return None
    kind = ir.MemRefType(op.results[0].type)
    return None if kind.has_static_shape else "scratch of dynamic shape"


_RULES: dict[str, tuple[Rule, ...]] = {
    "linalg": (_grid_loops_are_marked, _scratch_is_static),
    "scheduled": (_parallel_loops_are_dealt_out, _scratch_is_static),
    "vector": (_tasks_are_formed, _scratch_is_static),
}
