"""What loops and branches hand on, as origins beside the numbers themselves (`undefined.py`).

before: %s = scf.for ... iter_args(%a = %i) { ...; yield %b } : tensor<64xf32>
after:  %s, %t = scf.for ... iter_args(%a = %i, %u = 0) { ...; yield %b, 0 } : tensor<64xf32>, tensor<64xi32>

Where the 0 stand, the origins of `%i` and `%b` are put when they are known. Only what may be tainted is handed on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from torch_mlir import ir

from ...sanitizer import Follow
from .taints import constant, i32, shaped
from .waits import sources_of_argument, sources_of_result

Kinds = frozenset[Follow]
May = Callable[[ir.Operation, Sequence[Kinds]], Kinds]
"""(operation, what may be in taints of its operands) -> what may be in those of its results."""
_HANDING = ("scf.if", "scf.for", "scf.while")


@dataclass(frozen=True)
class Patch:
    """An operand that is to be the origins of `value`."""

    op: ir.Operation
    operand: int
    value: ir.Value
    follow: Follow


@dataclass
class Handed:
    """shadows: of what is handed on, its origins."""

    shadows: dict[ir.Value, dict[Follow, ir.Value]] = field(default_factory=dict[ir.Value, dict[Follow, ir.Value]])
    patches: list[Patch] = field(default_factory=list[Patch])


def inside(function: ir.Operation) -> Iterator[ir.Operation]:
    """All operations, in their order, but for what folds combine with. What is built meanwhile is left out."""
    for region in function.regions:
        for block in region.blocks:
            for op in [each.operation for each in block.operations]:
                yield op
                if op.name in _HANDING:
                    yield from inside(op)


def hand_on(function: ir.Operation, may: May) -> Handed:
    """Widens loops and branches, in place."""
    kinds = _tainted(function, may)
    plans = [_plan(op, kinds) for op in inside(function) if op.name in _HANDING]
    handed = Handed()
    for plan in reversed(plans):  # inner ones first
        if any(plan.sides.values()):
            _widen(plan, handed)
    return handed


def _tainted(function: ir.Operation, may: May) -> dict[ir.Value, Kinds]:
    """What may be in the taint of each value."""
    ops = list(inside(function))
    found: dict[ir.Value, Kinds] = {}

    def add(value: ir.Value, kinds: Kinds) -> bool:
        known = found.get(value, frozenset())
        found[value] = known | kinds
        return not kinds <= known

    changed = True
    while changed:
        changed = False
        for op in ops:
            if op.name in _HANDING:
                for number, result in enumerate(op.results):
                    sources = sources_of_result(op, number)[{"scf.for": 3}.get(op.name, 1) :]
                    changed |= add(result, frozenset[Follow]().union(*(found.get(v, frozenset()) for v in sources)))
                for argument in _arguments(op):
                    sources = sources_of_argument(argument)
                    changed |= add(argument, frozenset[Follow]().union(*(found.get(v, frozenset()) for v in sources)))
                continue
            kinds = may(op, [found.get(v, frozenset()) for v in op.operands])
            for result in op.results:
                changed |= add(result, kinds)
    return found


def _arguments(loop: ir.Operation) -> list[ir.BlockArgument]:
    """Of the bodies, that are handed on."""
    skipped = 1 if loop.name == "scf.for" else 0
    found = [list(region.blocks[0].arguments)[skipped:] for region in loop.regions if len(region.blocks)]
    return [ir.BlockArgument(argument) for arguments in found for argument in arguments]


Side = list[tuple[int, Follow]]
"""The numbers of what is handed on and may be tainted."""


@dataclass(frozen=True)
class _Plan:
    """`in`: what comes into a loop's (first) body; `out`: what comes out of it, or of a branch."""

    op: ir.Operation
    sides: dict[str, Side]


def _plan(op: ir.Operation, kinds: dict[ir.Value, Kinds]) -> _Plan:
    def side(values: Sequence[ir.Value]) -> Side:
        return [(n, follow) for n, value in enumerate(values) for follow in sorted(kinds.get(value, ()))]

    out = side(list(op.results))
    if op.name == "scf.if":
        return _Plan(op, {"in": [], "out": out})
    first = op.regions[0].blocks[0].arguments
    return _Plan(op, {"in": out if op.name == "scf.for" else side(list(first)), "out": out})


def _widen(plan: _Plan, handed: Handed) -> None:
    old, into, out = plan.op, plan.sides["in"], plan.sides["out"]
    operands, first = list(old.operands), {"scf.if": 1, "scf.for": 3, "scf.while": 0}[old.name]
    with ir.InsertionPoint(old), old.location:
        new = ir.Operation.create(
            old.name,
            results=[*(r.type for r in old.results), *(shaped(old.results[n], i32()) for n, _ in out)],
            operands=[*operands, *(_nothing(operands[first + n]) for n, _ in into)],
            attributes={name: old.attributes[name] for name in old.attributes},
            regions=len(old.regions),
        )
    handed.patches += [Patch(new, len(operands) + k, operands[first + n], f) for k, (n, f) in enumerate(into)]
    for number, result in enumerate(old.results):
        result.replace_all_uses_with(new.results[number])
    for k, (n, follow) in enumerate(out):
        handed.shadows.setdefault(new.results[n], {})[follow] = new.results[len(old.results) + k]
    for number, region in enumerate(old.regions):
        if not len(region.blocks):
            continue
        block = region.blocks[0]
        block.append_to(new.regions[number])
        if old.name != "scf.if":
            _take(block, int(old.name == "scf.for"), into if number == 0 else out, handed)
        leaves = out if old.name != "scf.while" or number == 0 else into
        _end(block, int(old.name == "scf.while" and number == 0), leaves, handed)
    old.erase()


def _take(block: ir.Block, first: int, side: Side, handed: Handed) -> None:
    """More arguments."""
    for n, follow in side:
        argument = block.arguments[first + n]
        more = block.add_argument(shaped(argument, i32()), block.owner.operation.location)
        handed.shadows.setdefault(argument, {})[follow] = more


def _end(block: ir.Block, first: int, side: Side, handed: Handed) -> None:
    """More operands of the terminator."""
    old = block.operations[len(block.operations) - 1].operation
    operands = list(old.operands)
    with ir.InsertionPoint(old), old.location:
        new = ir.Operation.create(
            old.name,
            operands=[*operands, *(_nothing(operands[first + n]) for n, _ in side)],
            attributes={name: old.attributes[name] for name in old.attributes},
        )
    handed.patches += [Patch(new, len(operands) + k, operands[first + n], f) for k, (n, f) in enumerate(side)]
    old.erase()


def _nothing(value: ir.Value) -> ir.Value:
    return constant(value, i32(), 0)
