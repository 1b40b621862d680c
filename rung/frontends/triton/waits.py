"""Loops that wait for what another program does: those whose condition depends on memory that others change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from torch_mlir import ir

from .ttir import defined_in, find_function, is_volatile_load, owner


def waits(loop: ir.Operation, cooperative: bool = False) -> bool:
    """Whether the condition of an `scf.while` depends on an atomic, a volatile load, or a load that is always the same.

    It may do so directly, or through values that loops carry, branches and calls.

    cooperative: any load counts, as the programs of a cooperative grid expect one another.

    A loop that only looks like it (one that takes the numbers of tiles from a counter) gains nothing, and stays right.
    """
    condition = _last(loop.regions[0].blocks[0])
    return any(_may_change(op, loop, cooperative) for op in _slice(list(condition.operands)[:1], loop)[0])


def _may_change(op: ir.Operation, loop: ir.Operation, cooperative: bool) -> bool:
    """Whether `op` may give another result in the next turn of `loop` by what other programs do."""
    if op.name == "tt.call":
        return any(_is_shared(each) or (cooperative and each.name == "tt.load") for each in _called(op))
    return _is_shared(op) or (op.name == "tt.load" and (cooperative or _is_one_place(op, loop)))


def _is_shared(op: ir.Operation) -> bool:
    """Whether `op` is there to be seen by others, or to see them."""
    return op.name.startswith("tt.atomic_") or is_volatile_load(op)


def _is_one_place(load: ir.Operation, loop: ir.Operation) -> bool:
    """Whether pointer and mask of a load are the same in every turn of `loop`."""
    ops, arguments = _slice(load.operands, loop)
    return not arguments and not any(op.name in ("tt.load", "tt.call") or _is_shared(op) for op in ops)


def _called(call: ir.Operation) -> Iterator[ir.Operation]:
    """All operations of the function that is called, and of those that it calls."""
    found: list[ir.Operation] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        found.append(op)
        return ir.WalkResult.ADVANCE

    find_function(call).walk(visit)
    for op in found:
        yield op
        if op.name == "tt.call":
            yield from _called(op)


def _slice(values: Iterable[ir.Value], loop: ir.Operation) -> tuple[list[ir.Operation], list[ir.BlockArgument]]:
    """The operations in `loop` that `values` depend on, and the block arguments."""
    pending, seen = list(values), set[ir.Value]()
    ops: list[ir.Operation] = []
    arguments: list[ir.BlockArgument] = []
    while pending:
        value = pending.pop()
        if value in seen or not defined_in(value, loop):
            continue
        seen.add(value)
        op = owner(value)
        if op is None:
            arguments.append(ir.BlockArgument(value))
            pending += sources_of_argument(arguments[-1])
        else:
            ops.append(op)
            pending += sources_of_result(op, ir.OpResult(value).result_number)
    return ops, arguments


def sources_of_result(op: ir.Operation, number: int) -> list[ir.Value]:
    """What one result of `op` is computed from or chosen by."""
    if op.name == "scf.if":
        return [op.operands[0], *(_last(region.blocks[0]).operands[number] for region in op.regions)]
    if op.name == "scf.for":
        return [*list(op.operands)[:3], op.operands[3 + number], _last(op.regions[0].blocks[0]).operands[number]]
    if op.name == "scf.while":
        condition = _last(op.regions[0].blocks[0])
        return [condition.operands[0], condition.operands[1 + number]]
    return list(op.operands)


def sources_of_argument(argument: ir.BlockArgument) -> list[ir.Value]:
    """What may be passed to a block argument of a loop."""
    loop, number = argument.owner.owner.operation, argument.arg_number
    if loop.name == "scf.for":
        if number == 0:
            return list(loop.operands)[:3]
        return [loop.operands[2 + number], _last(argument.owner).operands[number - 1]]
    if loop.name == "scf.while":
        before, after = (region.blocks[0] for region in loop.regions)
        if argument.owner == before:
            return [loop.operands[number], _last(after).operands[number]]
        return [_last(before).operands[1 + number]]
    return []


def _last(block: ir.Block) -> ir.Operation:
    return block.operations[len(block.operations) - 1].operation
