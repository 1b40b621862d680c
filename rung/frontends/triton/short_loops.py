"""Loops of a few known steps that only compute are written out: what they carry is then never kept in scratch.

before: %t, %s = scf.for %k = 1 to 4 iter_args(%t0 = %one, %s0 = %one) -> (tensor<64xf32>, tensor<64xf32>) {
          %f = tt.splat (arith.sitofp %k); %t = arith.divf (arith.mulf %t0, %x), %f; yield %t, (arith.addf %s0, %t) }
after:  %t1 = arith.divf (arith.mulf %one, %x), 1.0; %s1 = arith.addf %one, %t1;  the same of %t1 by 2.0, of %t2 by 3.0

The blocks are pulled through one nest, element by element, in registers. Left alone: loops that read or write memory,
reduce or branch, that carry pointers or no block, and those that would become long.
"""

from __future__ import annotations

from torch_mlir import ir
from torch_mlir.dialects import arith

from ...ir.constants import constant_value
from ...ir.slicing import collect
from . import elementwise
from .operation import is_elementwise, is_free
from .ttir import is_block, is_pointer

MOST_OPERATIONS = 128
"""On elements, in all steps together: what a nest of so many takes to compile is not noticed."""
_FUNCTION = 16
"""Operations that an elementary function becomes, about."""
_ONE_OPERATION = frozenset({"arith.divf", "math.sqrt", "tt.precise_divf", "tt.precise_sqrt"})


def write_out_short_loops(function: ir.Operation) -> None:
    """Rewrite TTIR in place, inner loops first."""
    loops = [op for op in reversed(collect(function)) if op.name == "scf.for"]
    for loop in loops:
        steps = _steps(loop)
        if steps is not None and _only_computes(loop) and len(steps) * _operations(loop) <= MOST_OPERATIONS:
            _write_out(loop, steps)


def _steps(loop: ir.Operation) -> range | None:
    """The numbers that a loop counts, if they are known and not many."""
    low, high, step = (constant_value(v) for v in list(loop.operands)[:3])
    if low is None or high is None or step is None or step <= 0 or "unsignedCmp" in loop.attributes:
        return None
    steps = range(low, high, step)
    return steps if len(steps) <= MOST_OPERATIONS else None


def _only_computes(loop: ir.Operation) -> bool:
    results = list(loop.results)
    if not any(is_block(r) for r in results) or any(is_pointer(r) for r in results):
        return False
    inside = list(loop.regions[0].blocks[0].operations)[:-1]
    return all((is_elementwise(op) or is_free(op)) and not len(op.regions) for op in (o.operation for o in inside))


def _operations(loop: ir.Operation) -> int:
    inside = [op.operation for op in list(loop.regions[0].blocks[0].operations)[:-1]]
    costly = elementwise.EXPENSIVE - _ONE_OPERATION
    return sum(_FUNCTION if op.name in costly else 1 for op in inside if not is_free(op))


def _write_out(loop: ir.Operation, steps: range) -> None:
    block = loop.regions[0].blocks[0]
    *inside, end = [op.operation for op in block.operations]
    number, *arguments = block.arguments
    carried: list[ir.Value] = list(loop.operands)[3:]
    for step in steps:
        means: dict[ir.Value, ir.Value] = dict(zip(arguments, carried, strict=True))
        with ir.InsertionPoint(loop), loop.location:
            means[number] = arith.ConstantOp(number.type, ir.IntegerAttr.get(number.type, step)).result
        for op in inside:
            copy = op.clone(ir.InsertionPoint(loop)).operation
            for position, value in enumerate(op.operands):
                if value in means:
                    copy.operands[position] = means[value]
            means.update(zip(op.results, copy.results, strict=True))
        carried = [means.get(value, value) for value in end.operands]
    for result, value in zip(list(loop.results), carried, strict=True):
        result.replace_all_uses_with(value)
    loop.erase()
