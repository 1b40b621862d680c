"""Walking block values backwards to what they are computed from, and forwards to where they are needed."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import inf

from torch_mlir import ir

from .operation import find, is_virtual
from .program import Program
from .ttir import is_block, owner, shape

Dims = tuple[int | None, ...]
"""Which dimension of the nest each dimension of a value follows; None where it follows none."""


@dataclass
class Cone:
    """The virtual values below some roots. `loads` has each load with the nest's dimensions that it follows."""

    values: dict[ir.Value, None] = field(default_factory=dict[ir.Value, None])
    """In the order in which they were found: a set would make the result depend on addresses."""
    loads: list[tuple[ir.Operation, Dims]] = field(default_factory=list[tuple[ir.Operation, Dims]])
    divisions: list[tuple[ir.Operation, Dims]] = field(default_factory=list[tuple[ir.Operation, Dims]])
    """Quotients and remainders, likewise."""
    buffers: list[tuple[ir.Value, Dims]] = field(default_factory=list[tuple[ir.Value, Dims]])
    """Stored values that are read."""


_DIVISIONS = frozenset({"arith.divsi", "arith.divui", "arith.remsi", "arith.remui"})


def cone(program: Program, roots: Iterable[ir.Value]) -> Cone:
    """Everything that evaluating `roots` (all of the nest's shape) touches, scalars left out."""
    result = Cone()
    for value, dims in walk(program, roots):
        result.values.setdefault(value)
        op = owner(value)
        if program.is_stored(value):
            result.buffers.append((value, dims))
        elif op is None:
            continue
        elif op.name == "tt.load":
            result.loads.append((op, dims))
        elif op.name in _DIVISIONS:
            result.divisions.append((op, dims))
    return result


def walk(
    program: Program, roots: Iterable[ir.Value], kept: Container[ir.Value] = ()
) -> Iterator[tuple[ir.Value, Dims]]:
    """The values of `cone`, one by one, each with the nest's dimensions that it follows: whoever has seen enough may
    stop. kept: values that will be stored."""
    seen: set[tuple[ir.Value, Dims]] = set()
    pending: list[tuple[ir.Value, Dims]] = [(r, tuple(range(len(shape(r) or ())))) for r in roots]
    while pending:
        value, dims = pending.pop()
        if (value, dims) in seen or not is_block(value):
            continue
        seen.add((value, dims))
        yield value, dims
        op = None if program.is_stored(value) or value in kept else owner(value)
        meaning = None if op is None else find(op)
        if op is None or meaning is None:
            continue
        for source, at in meaning.sources(value, op, dims, _nowhere) or ():
            pending.append((source, (None,) * len(shape(source) or ()) if at is None else at))


def _nowhere(position: int) -> int | None:
    """A dimension in which one position is seen only."""
    return None


def top_level(op: ir.Operation, block: ir.Block) -> ir.Operation | None:
    """The operation directly in `block` that is or contains `op`."""
    while op.block != block:
        parent = op.block.owner.operation
        if parent.name in ("tt.func", "builtin.module"):
            return None
        op = parent
    return op


@dataclass
class Contents:
    """What lies in the regions of an operation."""

    used: list[ir.Value]
    """Block values from outside, each once, in order of use."""
    accesses: list[ir.Operation]
    """What may read or write memory."""


def contents(op: ir.Operation, known: dict[ir.Operation, Contents]) -> Contents:
    """known: answers so far: of a nest of regions each is walked once, however many there are around it."""
    if op in known:
        return known[op]
    blocks = [block for region in op.regions for block in region.blocks]
    used: dict[ir.Value, None] = {}
    accesses: list[ir.Operation] = []
    for each in (each.operation for block in blocks for each in block.operations):
        values = list(each.operands)
        if len(each.regions):
            deeper = contents(each, known)
            values = [*deeper.used, *values]
            accesses += deeper.accesses
        if each.name == "tt.load" or not (is_virtual(each) or each.name.startswith("scf.")):
            accesses.append(each)
        used.update((v, None) for v in values if v not in used and is_block(v))
    known[op] = Contents([v for v in used if _block_of(v) not in blocks], accesses)
    return known[op]


def _block_of(value: ir.Value) -> ir.Block:
    definer = value.owner
    return definer if isinstance(definer, ir.Block) else definer.operation.block


class Order(dict[ir.Operation, int]):
    """The number of every operation directly in a block, and what is found out about values there.

    TTIR stays as it is while it is converted: each is found out once.
    """

    def __init__(self, block: ir.Block | None = None) -> None:
        super().__init__((each.operation, k) for k, each in enumerate(block.operations if block else ()))
        self.last: dict[ir.Value, float] = {}
        """Where the last sink is that evaluates a value; infinity where it is outside of the block."""


def needed_after(value: ir.Value, order: Order, index: int, block: ir.Block) -> bool:
    """Whether `value` is evaluated by a sink of `block` behind position `index`, directly or through virtual values."""
    return _last_need(value, order, block) > index


def needed_besides(
    value: ir.Value,
    kept: Container[ir.Value],
    known: Mapping[ir.Value, bool],
    order: Order,
    index: int,
    block: ir.Block,
) -> bool:
    """`needed_after`, for another thing than `kept`, which will be stored. known: answers for what is made of it."""

    def needed(user: ir.Operation) -> bool:
        if not _is_evaluated_later(user, block):
            return _need(user, order, block) > index
        return any(r not in kept and known.get(r, needed_after(r, order, index, block)) for r in user.results)

    return needed_after(value, order, index, block) and any(needed(u.owner.operation) for u in value.uses)


def _last_need(value: ir.Value, order: Order, block: ir.Block) -> float:
    known = order.last.get(value)
    if known is None:
        known = order.last[value] = max((_need(u.owner.operation, order, block) for u in value.uses), default=-1)
    return known


def _need(user: ir.Operation, order: Order, block: ir.Block) -> float:
    top = top_level(user, block)
    if top is None:  # outside of this block: behind it, or in a branch that follows
        return inf
    if _is_evaluated_later(user, block):
        return max(_last_need(result, order, block) for result in user.results)
    return order[top]


def _is_evaluated_later(op: ir.Operation, block: ir.Block) -> bool:
    """Whether an operation of `block` gives virtual values."""
    return op.block == block and is_virtual(op) and is_block_result(op)


def is_block_result(op: ir.Operation) -> bool:
    return any(is_block(r) for r in op.results)
