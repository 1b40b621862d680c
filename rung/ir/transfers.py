"""Transfers between a view of global memory and its scratchpad buffer.

A transfer is written in two forms:

- `memref.copy` with `rung.transfer = "load" | "store"`, one side a view, the other its footprint in a
  buffer: what `promote` makes;
- `memref.dma_start` and `memref.dma_wait`: what `double-buffer` and `transport` make of it.

One descriptor moves rows: the global side is strided, the scratchpad side is dense (that is how the op
defines its stride operands). A view of more dimensions takes a loop of descriptors, each with a tag of its
own, as a tag cannot count.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Literal

from torch_mlir import ir
from torch_mlir.dialects import arith, memref, scf

from .attributes import AT_MOST, IN_ORDER, TRANSFER
from .footprints import Index, Layout, View, add, layout_of, materialize, times, view_of
from .locations import line_of, name_of, named
from .pointers import constant, index

Value = ir.Value[Any]
Direction = Literal["load", "store"]

SCRATCHPAD = 1
"""The memory space of the scratchpad."""
DMA_START, DMA_WAIT = DMA = ("memref.dma_start", "memref.dma_wait")
_UNROLLED_TAGS = 8


@dataclass(frozen=True)
class Transfer:
    """One promoted copy."""

    copy: ir.Operation
    view: View
    layout: Layout
    footprint: Value
    """The buffer's side of the copy."""
    direction: Direction

    @property
    def buffer(self) -> Value:
        """The allocation behind the footprint."""
        return ir.OpResult(self.footprint).owner.operands[0]

    @property
    def name(self) -> str:
        """What moves: `load of argument 0`."""
        return f"{self.direction} of argument {ir.BlockArgument(self.view.base).arg_number}"

    @property
    def in_order(self) -> bool:
        """Whether the copy must stay where it is, and be complete before anything else runs."""
        return IN_ORDER in self.copy.attributes


def transfer_of(op: ir.Operation) -> Transfer | None:
    """The transfer that `op` is in its first form."""
    if op.name != "memref.copy" or TRANSFER not in op.attributes:
        return None
    direction: Direction = "load" if ir.StringAttr(op.attributes[TRANSFER]).value == "load" else "store"
    source, target = op.operands
    view = view_of(source if direction == "load" else target)
    layout = layout_of(view) if view is not None else ""
    if view is None or isinstance(layout, str):
        return None
    return Transfer(op, view, layout, target if direction == "load" else source, direction)


@dataclass(frozen=True)
class Level:
    """One level of a transfer's nest: its size as a product, the size's bound, and the stride in global
    memory.
    """

    factors: tuple[Index, ...]
    bound: int
    stride: Index

    def size(self) -> Index:
        total: Index = 1
        for factor in self.factors:
            total = times(total, factor)
        return total

    def follows(self, inner: Level) -> bool:
        """Whether each of our elements begins where `inner` ends: the two are one longer level."""
        numbers = [part for part in (*inner.factors, inner.stride) if isinstance(part, int)]
        return len(numbers) == len(inner.factors) + 1 and isinstance(self.stride, int) and self.stride == prod(numbers)


@dataclass(frozen=True)
class Descriptors:
    """A transfer cut into descriptors: a loop nest `outer`, each point of which moves `rows` of `row`
    elements.
    """

    outer: tuple[Level, ...]
    rows: Level | None
    row: Level
    repeats: tuple[Value, ...]
    """Sizes of dimensions of stride 0: nothing may be touched when one of them is 0."""

    @property
    def count(self) -> int:
        """Descriptors of one transfer, at most: so many tags it needs."""
        return prod(level.bound for level in self.outer)


def descriptors(view: View, layout: Layout, max_rank: int = 2) -> Descriptors:
    """How `view` is cut. Dimensions that lie one behind the other in global memory become one."""
    bounds = view.bounds or ()
    levels: list[Level] = []
    for d in reversed(layout.order):
        level = Level((view.sizes[d],), bounds[d], view.strides[d])
        if levels and level.follows(levels[-1]):
            inner = levels.pop()
            level = Level((*level.factors, *inner.factors), level.bound * inner.bound, inner.stride)
        levels.append(level)
    rows = levels[1] if len(levels) > 1 and max_rank > 1 else None
    outer = tuple(reversed(levels[2 if rows else 1 :]))
    repeated = (view.sizes[d] for d in range(len(bounds)) if d not in layout.order)
    return Descriptors(outer, rows, levels[0], tuple(size for size in repeated if not isinstance(size, int)))


def in_scratchpad(value: Value) -> bool:
    space = value.type.memory_space if isinstance(value.type, ir.MemRefType) else None
    return isinstance(space, ir.IntegerAttr) and space.value == SCRATCHPAD


def take_place(operands: list[Value]) -> tuple[Value, list[Value]]:
    """The next memref of a `DMA` operation with its indices; they are taken from the list."""
    memory = operands.pop(0)
    rank = ir.MemRefType(memory.type).rank
    indices = operands[:rank]
    del operands[:rank]
    return memory, indices


def transfer_name(op: ir.Operation) -> str:
    """What a `DMA` operation moves or waits for, in words."""
    return name_of(op) or f"a transfer at {line_of(op) or 'an unknown line'}"


def tags_type(slots: int | None, count: int) -> ir.MemRefType:
    """Of the tags of `count` descriptors, for each of `slots` buffers. Shape: [slots] [x count], at least one."""
    shape = [*([] if slots is None else [slots]), *([count] if count > 1 else [])]
    return ir.MemRefType.get(shape or [1], _i32())


def make_tags(slots: int | None, count: int) -> Value:
    """Tags, one i32 each: 1 while the transfer is in flight, 0 otherwise."""
    return memref.AllocaOp(tags_type(slots, count), [], []).result


def clear_tags(tags: Value) -> None:
    """Clear all tags, so that a wait for a transfer that was never started returns at once."""
    zero = constant(_i32(), 0)
    bounds = tuple(ir.MemRefType(tags.type).shape)
    if prod(bounds) > _UNROLLED_TAGS:
        _nest(bounds, lambda at: memref.StoreOp(zero, tags, [materialize(i) for i in at]))
        return
    for flat in range(prod(bounds)):
        position = [flat // prod(bounds[d + 1 :]) % bounds[d] for d in range(len(bounds))]
        memref.StoreOp(zero, tags, [index(i) for i in position])


def start(transfer: Transfer, view: View, buffer: Value, slot: Index | None, tags: Value, max_rank: int = 2) -> None:
    """Start moving `view` (the transfer's, or its clone for another iteration) to or from slot `slot` of
    `buffer`.
    """
    cut = descriptors(view, transfer.layout, max_rank)
    row = cut.row.size()
    for repeat in cut.repeats:
        row = times(row, arith.MinUIOp(repeat, index(1)).result)
    rows = cut.rows.size() if cut.rows else 1
    total = times(rows, row)

    def one(at: Sequence[Index]) -> None:
        far: Index = view.offset
        near: Index = 0
        flat: Index = 0
        for level, position in zip(cut.outer, at, strict=True):
            far = add(far, times(position, level.stride))
            near = add(times(near, level.size()), position)
            flat = add(times(flat, level.bound), position)
        near = times(near, total)
        slots = [] if slot is None else [materialize(slot)]
        remote = [view.base, materialize(far)]
        local = [buffer, *slots, materialize(near)]
        ends = [*remote, *local] if transfer.direction == "load" else [*local, *remote]
        strided = [materialize(cut.rows.stride), materialize(row)] if cut.rows else []
        tag = [tags, *slots, *([materialize(flat)] if cut.count > 1 else [])]
        if len(tag) == 1:
            tag.append(index(0))
        memref.DmaStartOp([*ends, materialize(total), *tag, *strided], loc=named(transfer.name))

    _nest([level.size() for level in cut.outer], one, bounds=[level.bound for level in cut.outer])


def wait(transfer: Transfer, slot: Index | None, tags: Value, max_rank: int = 2) -> None:
    """Wait until the transfer of slot `slot` is complete. Its size is given as the bound: the actual one may
    be unknown.
    """
    cut = descriptors(transfer.view, transfer.layout, max_rank)
    elements = index(transfer.layout.elements // cut.count)

    def one(at: Sequence[Index]) -> None:
        position = [*([] if slot is None else [slot]), *at]
        memref.DmaWaitOp(tags, [materialize(i) for i in position or [0]], elements, loc=named(transfer.name))

    _nest((cut.count,) if cut.count > 1 else (), one)


def _nest(
    sizes: Sequence[Index],
    body: Callable[[Sequence[Index]], object],
    at: tuple[Index, ...] = (),
    bounds: Sequence[int] = (),
) -> None:
    """`body` at every point of a nest of loops, whose trip counts are at most `bounds`."""
    if not sizes:
        body(at)
        return
    loop = scf.ForOp(index(0), materialize(sizes[0]), index(1))
    if bounds:
        loop.operation.attributes[AT_MOST] = ir.IntegerAttr.get(ir.IntegerType.get_signless(64), bounds[0])
    with ir.InsertionPoint(loop.body):
        _nest(sizes[1:], body, (*at, loop.induction_variable), bounds[1:])
        scf.YieldOp([])


def _i32() -> ir.Type:
    return ir.IntegerType.get_signless(32)
