"""Assertions in combine functions come behind the reduction or scan, which carries whether they have held so far:

before: %s = tt.reduce %x { ^(%a, %b): %c = arith.addi %a, %b; tt.assert %holds, "small"; return %c }
after:  %true = arith.constant dense<true> : tensor<64xi1>
        %s, %fine = tt.reduce %x, %true { ^(%a, %f, %b, %g): %c = arith.addi %a, %b
                                          return %c, (%f & %g & %holds) }
        tt.assert %fine, "small"

So a combine function has nothing but numbers, in any order and in vectors. Nothing is stored in between, so that it is
as if the program had ended inside. An assertion in a branch holds where the branch is not taken:

before: %c = scf.if %p { tt.assert %holds, "small"; yield %a } else { yield %b }
after:  %c, %fine = scf.if %p { yield %a, %holds } else { yield %b, %true };  tt.assert %fine, "small"

Those in loops of combine functions, and in functions with early returns, are refused where they are converted.
"""

from __future__ import annotations

from torch_mlir import ir

from .ttir import combine_block, shape

MARK = "tt.assert"
"""What stands in the text of a module that has assertions."""
_FOLDS = frozenset({"tt.reduce", "tt.scan"})


def assertions_behind_folds(module: ir.Module) -> None:
    """Rewrite TTIR in place."""
    found: list[ir.Operation] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        if op.name in _FOLDS:
            found.append(op)
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit, ir.WalkOrder.PRE_ORDER)
    with module.context:
        for fold in found:
            with fold.location:
                if assertions := _assertions(combine_block(fold)):
                    _put_behind(fold, assertions)


def _assertions(block: ir.Block) -> list[ir.Operation]:
    """Those of a block, behind its branches where they were in these."""
    found: list[ir.Operation] = []
    for op in [each.operation for each in block.operations]:
        if op.name == MARK:
            found.append(op)
        elif op.name == "scf.if":
            found += _behind_branches(op)
    return found


def _behind_branches(op: ir.Operation) -> list[ir.Operation]:
    sides = [[_assertions(block) for block in region.blocks] for region in op.regions]
    assertions = [each for side in sides for block in side for each in block]
    if not assertions:
        return []
    flag = ir.IntegerType.get_signless(1)
    with ir.InsertionPoint(op), op.location:
        kinds = [*(r.type for r in op.results), *(flag for _ in assertions)]
        made = ir.Operation.create(op.name, results=kinds, operands=list(op.operands), regions=2)
    for old, new in zip(op.regions, made.regions, strict=True):
        if len(old.blocks):
            old.blocks[0].append_to(new)
        else:
            new.blocks.append()
        block = new.blocks[0]
        yielded: list[ir.Value] = []
        for last in [each.operation for each in block.operations][-1:]:
            yielded = list(last.operands)
            last.erase()
        with ir.InsertionPoint(block), op.location:
            mine = [each.operands[0] if each.block == block else _true(flag) for each in assertions]
            ir.Operation.create("scf.yield", operands=[*yielded, *mine])
    behind: list[ir.Operation] = []
    with ir.InsertionPoint(op):
        for assertion, fine in zip(assertions, list(made.results)[len(op.results) :], strict=True):
            behind.append(_like(assertion, fine))
            assertion.erase()
    for old, new in zip(op.results, made.results, strict=False):
        old.replace_all_uses_with(new)
    op.erase()
    return behind


def _put_behind(fold: ir.Operation, assertions: list[ir.Operation]) -> None:
    count, flag = len(fold.operands), ir.IntegerType.get_signless(1)
    kinds = [*(r.type for r in fold.results), *(_with_element(fold.results[0].type, flag) for _ in assertions)]
    _carry_flags(combine_block(fold), assertions)
    with ir.InsertionPoint(fold):
        true = _true(ir.RankedTensorType.get(shape(fold.operands[0]) or (), flag))
        operands = [*fold.operands, *(true for _ in assertions)]
        attributes = {name: fold.attributes[name] for name in fold.attributes}
        made = ir.Operation.create(fold.name, results=kinds, operands=operands, attributes=attributes, regions=1)
        combine_block(fold).append_to(made.regions[0])
        for assertion, fine in zip(assertions, list(made.results)[count:], strict=True):
            _like(assertion, fine)
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


def _true(kind: ir.Type) -> ir.Value:
    true: ir.Attribute = ir.BoolAttr.get(True)
    if isinstance(kind, ir.RankedTensorType):
        true = ir.DenseElementsAttr.get_splat(kind, true)
    return ir.Operation.create("arith.constant", results=[kind], attributes={"value": true}).results[0]


def _like(assertion: ir.Operation, holds: ir.Value) -> ir.Operation:
    """The same assertion of something else."""
    words = {name: assertion.attributes[name] for name in assertion.attributes}
    return ir.Operation.create(MARK, operands=[holds], attributes=words, loc=assertion.location)


def _with_element(kind: ir.Type, inner: ir.Type) -> ir.Type:
    return ir.RankedTensorType.get(kind.shape, inner) if isinstance(kind, ir.RankedTensorType) else inner
