"""Assertions in combine functions come behind the reduction or scan, which carries whether they have held so far:

before: %s = tt.reduce %x { ^(%a, %b): %c = arith.addi %a, %b; tt.assert %holds, "small"; return %c }
after:  %true = arith.constant dense<true> : tensor<64xi1>
        %s, %fine = tt.reduce %x, %true { ^(%a, %f, %b, %g): %c = arith.addi %a, %b
                                          return %c, (%f & %g & %holds) }
        tt.assert %fine, "small"

So a combine function has nothing but numbers, in any order and in vectors. Nothing is stored in between, so that it is
as if the program had ended inside.
"""

from __future__ import annotations

from torch_mlir import ir

from .ttir import combine_block, shape

MARK = "tt.assert"
"""What stands in the text of a module that has assertions."""
_FOLDS = frozenset({"tt.reduce", "tt.scan"})


def assertions_behind_folds(module: ir.Module) -> None:
    """Rewrite TTIR in place."""
    found: list[tuple[ir.Operation, list[ir.Operation]]] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        if op.name not in _FOLDS:
            return ir.WalkResult.ADVANCE
        inside = [each.operation for each in combine_block(op).operations]
        if assertions := [each for each in inside if each.name == MARK]:
            found.append((op, assertions))
        return ir.WalkResult.SKIP

    module.operation.walk(visit, ir.WalkOrder.PRE_ORDER)
    with module.context:
        for fold, assertions in found:
            with fold.location:
                _put_behind(fold, assertions)


def _put_behind(fold: ir.Operation, assertions: list[ir.Operation]) -> None:
    count, flag = len(fold.operands), ir.IntegerType.get_signless(1)
    kinds = [*(r.type for r in fold.results), *(_with_element(fold.results[0].type, flag) for _ in assertions)]
    _carry_flags(combine_block(fold), assertions)
    with ir.InsertionPoint(fold):
        extents = ir.RankedTensorType.get(shape(fold.operands[0]) or (), flag)
        holds = ir.DenseElementsAttr.get_splat(extents, ir.BoolAttr.get(True))
        true = ir.Operation.create("arith.constant", results=[extents], attributes={"value": holds}).results[0]
        operands = [*fold.operands, *(true for _ in assertions)]
        attributes = {name: fold.attributes[name] for name in fold.attributes}
        made = ir.Operation.create(fold.name, results=kinds, operands=operands, attributes=attributes, regions=1)
        combine_block(fold).append_to(made.regions[0])
        for assertion, fine in zip(assertions, list(made.results)[count:], strict=True):
            words = {name: assertion.attributes[name] for name in assertion.attributes}
            ir.Operation.create(MARK, operands=[fine], attributes=words, loc=assertion.location)
    for old, new in zip(list(fold.results), list(made.results)[:count], strict=True):
        old.replace_all_uses_with(new)
    for assertion in assertions:
        assertion.erase()
    fold.erase()


def _carry_flags(combine: ir.Block, assertions: list[ir.Operation]) -> None:
    """A flag for each assertion behind the accumulators, and one behind the elements; all of them are returned."""
    flag, number = ir.IntegerType.get_signless(1), len(assertions)
    count = len(combine.arguments) // 2
    for _ in range(2 * number):
        combine.add_argument(flag, assertions[0].location)
    arguments = list(combine.arguments)
    for k in reversed(range(count)):  # the elements make room
        old, new = arguments[count + k], arguments[count + number + k]
        new.set_type(old.type)
        old.replace_all_uses_with(new)
    fine: list[ir.Value] = []
    for k, assertion in enumerate(assertions):
        left, right = arguments[count + k], arguments[2 * count + number + k]
        left.set_type(flag)
        with ir.InsertionPoint(assertion), assertion.location:
            before = _and(left, right)
            fine.append(_and(before, assertion.operands[0]))
    last = combine.operations[len(combine.operations) - 1].operation
    with ir.InsertionPoint(last), last.location:
        ir.Operation.create(last.name, operands=[*last.operands, *fine])
    last.erase()


def _and(a: ir.Value, b: ir.Value) -> ir.Value:
    return ir.Operation.create("arith.andi", results=[a.type], operands=[a, b]).results[0]


def _with_element(kind: ir.Type, inner: ir.Type) -> ir.Type:
    return ir.RankedTensorType.get(kind.shape, inner) if isinstance(kind, ir.RankedTensorType) else inner
