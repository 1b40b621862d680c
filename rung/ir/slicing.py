"""Backward slices of index arithmetic: what an address is computed from, and how it moves from iteration to
iteration.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from typing import Any

from torch_mlir import ir, rewrite
from torch_mlir.dialects import scf

from .constants import constant_value

Value = ir.Value[Any]

_PURE_PREFIXES = (
    *("arith.", "affine.apply", "affine.min", "affine.max", "index."),
    *("memref.reinterpret_cast", "memref.extract_strided_metadata"),
)
_CASTS = ("arith.index_cast", "arith.index_castui", "arith.extsi", "arith.extui", "arith.trunci")
_DIVISIONS = ("div", "rem")


def is_pure(op: ir.Operation) -> bool:
    """Whether `op` is arithmetic that may be repeated or moved: no memory, no region, no side effect."""
    return op.name.startswith(_PURE_PREFIXES) and not len(op.regions)


def may_trap(op: ir.Operation) -> bool:
    """Whether `op` is a division by something that may be 0: that is no constant, nor at least one."""
    if not any(word in op.name for word in _DIVISIONS) or op.name == "arith.divf":
        return False
    divisor = op.operands[1]
    largest = None if isinstance(divisor.owner, ir.Block) or divisor.owner.name != "arith.maxui" else divisor.owner
    return not any(map(constant_value, [divisor] if largest is None else largest.operands))


def is_inside(value: Value, op: ir.Operation) -> bool:
    """Whether `value` is defined in a region of `op`."""
    owner = value.owner
    block = owner if isinstance(owner, ir.Block) else owner.operation.block
    return any(parent == op for parent in enclosing(block))


def enclosing(block: ir.Block) -> Iterator[ir.Operation]:
    """The operations around `block`, innermost first, up to and with the function."""
    op: ir.Operation | None = block.owner.operation
    while op is not None and op.name != "builtin.module":
        yield op
        op = op.parent.operation if op.parent is not None else None


def hoist_invariants(loop: scf.ForOp) -> None:
    """Move the index arithmetic of the body that does not depend on the iteration to before the loop."""
    for op in list(loop.body.operations):
        if not is_pure(op.operation) or may_trap(op.operation):
            continue
        if not any(is_inside(operand, loop.operation) for operand in op.operands):
            op.operation.move_before(loop.operation)


def slice_of(
    values: Iterable[Value], loop: ir.Operation, known: Container[Value] = ()
) -> tuple[list[ir.Operation], list[Value]]:
    """The operations inside `loop` that compute `values`, in order, and the block arguments that they start
    from. What is `known` is not computed again.
    """
    ops: dict[ir.Operation, None] = {}
    roots: dict[Value, None] = {}

    def visit(value: Value) -> None:
        if value in known or not is_inside(value, loop):
            return
        owner = value.owner
        if isinstance(owner, ir.Block):
            roots.setdefault(value)
            return
        op = owner.operation
        if op in ops:
            return
        for operand in op.operands:
            visit(operand)
        ops[op] = None

    for value in values:
        visit(value)
    return list(ops), list(roots)


def clone(ops: Iterable[ir.Operation], mapping: dict[Value, Value]) -> None:
    """Clone `ops` at the insertion point; `mapping` replaces operands, and receives the results."""
    for op in ops:
        if len(op.results) and op.results[0] in mapping:
            continue
        copy = op.clone()
        for number, operand in enumerate(op.operands):
            if operand in mapping:
                copy.operands[number] = mapping[operand]
        for old, new in zip(op.results, copy.results, strict=True):
            mapping[old] = new


def increment(loop: scf.ForOp, argument: Value) -> Value | None:
    """By what `argument` (an iter_arg of index or integer type) grows per iteration, if that is
    loop-invariant.

    `%p1 = arith.addi %p, %c` with `scf.yield %p1` gives `%c`.
    """
    if argument.owner != loop.body or argument == loop.induction_variable:
        return None
    carried = loop.body.operations[-1].operands[ir.BlockArgument(argument).arg_number - 1]
    owner = carried.owner
    if isinstance(owner, ir.Block) or owner.name != "arith.addi":
        return None
    left, right = owner.operands
    step = right if left == argument else left if right == argument else None
    if step is None or is_inside(step, loop.operation):
        return None
    return step


class Linear:
    """A linear form: `constant + sum(coefficient * value)` over SSA values that are taken as they are."""

    def __init__(self, constant: int = 0, terms: dict[Value, int] | None = None) -> None:
        self.constant = constant
        self.terms = {value: c for value, c in (terms or {}).items() if c}

    def plus(self, other: Linear, sign: int = 1) -> Linear:
        terms = dict(self.terms)
        for value, coefficient in other.terms.items():
            terms[value] = terms.get(value, 0) + sign * coefficient
        return Linear(self.constant + sign * other.constant, terms)

    def times(self, factor: int) -> Linear:
        return Linear(self.constant * factor, {value: c * factor for value, c in self.terms.items()})


def linear(value: Value | int) -> Linear:
    """`value` as a linear form. Casts between integer widths are taken not to overflow (addresses do not
    wrap).
    """
    return Linear(value) if isinstance(value, int) else _linear(value, {})


def _linear(value: Value, known: dict[Value, Linear]) -> Linear:
    """known: forms of values that were met before."""
    if value not in known:
        known[value] = _form(value, known)
    return known[value]


def _form(value: Value, known: dict[Value, Linear]) -> Linear:
    number = constant_value(value)
    if number is not None:
        return Linear(number)
    owner = value.owner
    if isinstance(owner, ir.Block):
        return Linear(0, {value: 1})
    op = owner.operation
    if op.name in _CASTS:
        return _linear(op.operands[0], known)
    if op.name in ("arith.addi", "arith.subi", "arith.muli"):
        left, right = _linear(op.operands[0], known), _linear(op.operands[1], known)
        if op.name != "arith.muli":
            return left.plus(right, 1 if op.name == "arith.addi" else -1)
        if not right.terms:
            return left.times(right.constant)
        if not left.terms:
            return right.times(left.constant)
    return Linear(0, {value: 1})


def stride_along(value: Value | int, variable: Value, loop: scf.ForallOp) -> int | None:
    """By how much `value` grows with `variable`, one of `loop`'s; None if it is not a number."""
    stride = 0
    for term, coefficient in linear(value).terms.items():
        if term == variable:
            stride += coefficient
        elif is_inside(term, loop.operation) and variable in slice_of([term], loop.operation)[1]:
            return None
    return stride


def advance(loop: scf.ForOp, value: Value | int) -> int | None:
    """By how much `value` changes from one iteration of `loop` to the next, when that is a known number."""
    total = 0
    for term, coefficient in linear(value).terms.items():
        if not is_inside(term, loop.operation):
            continue
        step: Value | None
        if term == loop.induction_variable:
            step = loop.operation.operands[2]
        else:
            step = increment(loop, term)
        known = constant_value(step) if step is not None else None
        if known is None:
            return None
        total += coefficient * known
    return total


def collect(op: ir.Operation) -> list[ir.Operation]:
    """`op` and all operations in it, outer ones first."""
    found: list[ir.Operation] = []

    def visit(inner: ir.Operation) -> ir.WalkResult:
        found.append(inner)
        return ir.WalkResult.ADVANCE

    op.walk(visit, ir.WalkOrder.PRE_ORDER)
    return found


def named(module: ir.Module, *names: str) -> list[ir.Operation]:
    """The operations of these names, in order. MLIR's own walk tells them apart, which takes a fortieth of the time
    that asking every operation for its name does."""
    found: list[ir.Operation] = []

    def keep(op: ir.OpView, _: rewrite.PatternRewriter) -> bool:
        found.append(op.operation)
        return True  # not rewritten

    with module.context:
        patterns = rewrite.RewritePatternSet()
        for name in names:
            patterns.add(name, keep)
        rewrite.walk_and_apply_patterns(module.operation, patterns.freeze())
    return found


def loops_in(op: ir.Operation) -> list[scf.ForOp]:
    """The `scf.for`s in `op`, outer ones first."""
    return [inner.opview for inner in collect(op) if isinstance(inner.opview, scf.ForOp)]
