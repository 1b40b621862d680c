"""Branches that only compute a little become choices between values: both sides are computed where they are used.

A branch keeps the blocks that it gives in scratch, since either side may write them; a choice keeps nothing:

before: %r = scf.if %first -> (tensor<64xf32>) { yield %x } else { %s = arith.addf %state, %x; yield %s }
after:  %s = arith.addf %state, %x; %r = arith.select %first, %x, %s
"""

from __future__ import annotations

from torch_mlir import ir

from ...ir.slicing import collect
from . import elementwise
from .operation import is_elementwise, is_free
from .ttir import is_block, is_pointer

MOST_OPERATIONS = 12
"""On elements, of both sides together: below what writing a block and reading it again costs."""
_COSTLY = elementwise.EXPENSIVE - {"arith.divf"}


def branches_to_choices(function: ir.Operation) -> None:
    """Rewrite TTIR in place, inner branches first."""
    branches = [op for op in reversed(collect(function)) if op.name == "scf.if"]
    for branch in branches:
        if _is_choice(branch):
            _choose(branch)


def _is_choice(branch: ir.Operation) -> bool:
    blocks = [r.blocks[0] for r in branch.regions if len(r.blocks)]
    if len(blocks) != 2 or not any(is_block(r) for r in branch.results) or any(is_pointer(r) for r in branch.results):
        return False
    inside = [op.operation for block in blocks for op in list(block.operations)[:-1]]
    counted = [op for op in inside if not is_free(op)]
    return len(counted) <= MOST_OPERATIONS and all(_is_cheap(op) for op in counted)


def _is_cheap(op: ir.Operation) -> bool:
    return is_elementwise(op) and op.name not in _COSTLY and not len(op.regions)


def _choose(branch: ir.Operation) -> None:
    condition = branch.operands[0]
    sides: list[list[ir.Value]] = []
    for region in branch.regions:
        *inside, end = [op.operation for op in region.blocks[0].operations]
        sides.append(list(end.operands))
        for op in inside:
            op.move_before(branch)
    for result, yes, no in zip(list(branch.results), *sides, strict=True):
        with ir.InsertionPoint(branch), branch.location:
            chosen = ir.Operation.create("arith.select", results=[result.type], operands=[condition, yes, no])
        result.replace_all_uses_with(chosen.results[0])
    branch.erase()
