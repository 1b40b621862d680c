"""What must hold at each stage (docs/ir.md), as code. Runs in tests, and for users under `RUNG_VERIFY=1`."""

from __future__ import annotations

from collections.abc import Callable

from torch_mlir import ir

from ..errors import ContractError
from .accesses import structured_effect
from .allocations import allocation_of
from .attributes import CONTEXTS, GRID, PROGRAMS
from .body import constant_int
from .dma_contract import check_transfers
from .footprints import Index, slab_of
from .lanes import INTEGER_DIVISIONS

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
    return None if GRID in op.attributes else "a parallel loop that is not the grid"


def _parallel_loops_are_dealt_out(stage: str, op: ir.Operation) -> str | None:
    if op.name != "scf.forall":
        return None
    dealt_out = CONTEXTS in op.attributes or PROGRAMS in op.attributes
    return None if dealt_out else "a parallel loop that has not been dealt out to contexts"


def _tasks_are_formed(stage: str, op: ir.Operation) -> str | None:
    return "a parallel loop is left" if op.name == "scf.forall" else None


def _scratch_is_static(stage: str, op: ir.Operation) -> str | None:
    if op.name != "memref.alloca":
        return None
    kind = ir.MemRefType(op.results[0].type)
    return None if kind.has_static_shape else "scratch of dynamic shape"


def _written_memory_is_read_in_place(stage: str, op: ir.Operation) -> str | None:
    """What a nest writes it may read, too, but only each element where it writes it; a contraction may not at all."""
    if not op.name.startswith("linalg.") or op.name in ("linalg.index", "linalg.yield"):
        return None
    effects = [structured_effect(op, number) or (True, True) for number in range(len(op.operands))]
    for number, written in enumerate(op.operands):
        if not effects[number][1]:
            continue
        for other, memory in enumerate(op.operands):
            if other == number or not any(effects[other]) or allocation_of(memory) != allocation_of(written):
                continue
            place = _place(op, other)
            if op.name != "linalg.generic" or place is None or place != _place(op, number):
                return f"operand {number} is written where operand {other} is read or written"
    return None


def _place(nest: ir.Operation, number: int) -> tuple[Index, dict[int, Index]] | None:
    """Where an operand of a nest begins, and what a step of each loop adds; None if that is not known."""
    slab = slab_of(nest.operands[number])
    results = ir.AffineMapAttr(ir.ArrayAttr(nest.attributes["indexing_maps"])[number]).value.results
    if slab is None or not all(isinstance(result, ir.AffineDimExpr) for result in results):
        return None
    dims = (ir.AffineDimExpr(result).position for result in results)
    return slab.offset, {d: s for d, s, n in zip(dims, slab.strides, slab.sizes, strict=True) if n != 1}


def _divisions_have_results(stage: str, op: ir.Operation) -> str | None:
    """Whatever the operands: a division by 0, or of the smallest number by -1, would end the process."""
    if op.name not in INTEGER_DIVISIONS:
        return None
    known, owner = constant_int(op.operands[1]), op.operands[1].owner
    if known is None:
        safe = not isinstance(owner, ir.Block) and owner.name in ("arith.select", "arith.maxsi")
    else:
        safe = known != 0 and (known != -1 or op.name.endswith("ui"))
    return None if safe else "nothing keeps this division from having no result"


_RULES: dict[str, tuple[Rule, ...]] = {
    "linalg": (
        _grid_loops_are_marked,
        _scratch_is_static,
        _written_memory_is_read_in_place,
        _divisions_have_results,
    ),
    "scheduled": (_parallel_loops_are_dealt_out, _scratch_is_static),
    "vector": (_tasks_are_formed, _scratch_is_static),
}
