"""The contract of transfers: whatever is in flight is left alone until it is awaited.

The module is run, for a few trip counts, on index arithmetic alone: which slot and which tag a transfer has,
and whether a guard holds, follows from induction variables; all other values are unknown. So every path of a
software pipeline is seen: prologue, steady state, remainder and epilogue. Conditions that are unknown are tried out:
always true, never, and every other time; within an iteration, one value is one decision.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import lcm
from typing import Any

from torch_mlir import ir
from torch_mlir.dialects import scf

from ..errors import ContractError
from .accesses import effect
from .allocations import VIEWS
from .arithmetic import evaluate
from .attributes import AT_MOST
from .footprints import offset_of
from .locations import line_of
from .pointers import functions
from .slicing import collect
from .transfers import DMA, DMA_START, DMA_WAIT, in_scratchpad, take_place, transfer_name
from .violations import Violation

Value = ir.Value[Any]
TRIP_COUNTS = (0, 1, 2, 3, 6)
"""Assumed of loops whose trip count is unknown."""
_LONGEST = 256
_CHOICES = ((True,), (False,), (True, False), (False, True))
"""Assumed of unknown conditions around transfers, in turn."""

Place = tuple[Value, int | None]
"""A buffer in the scratchpad and a slot of it; None: any slot."""
Tag = tuple[Value, tuple[int | None, ...]]
"""A tag by its memory and its position."""


def check_transfers(module: ir.Module) -> None:
    """Raise ContractError for the first `Violation` of any function, at any trip count tried.

    Seen is what happens to the scratchpad and to tags. Transfers of one direction may share a slot, each with a part
    of it, as long as no two load the very same place.
    """
    for function in functions(module):
        for trips in TRIP_COUNTS if any(op.name in DMA for op in collect(function.operation)) else ():
            for choices in _CHOICES:
                run = _Run(trips, choices)
                run.function(function.operation)
                if not run.decisions:
                    break


@dataclass(frozen=True)
class _Flight:
    place: Place
    begin: tuple[int | None, ...]
    """Where in the buffer it begins."""
    load: bool
    tag: Tag
    op: ir.Operation


class _Run:
    """One abstract execution."""

    def __init__(self, trips: int, choices: Sequence[bool]) -> None:
        self.trips, self.choices = trips, choices
        self.decisions: Counter[Value] = Counter()
        """How often an unknown condition was decided."""
        self.known: dict[Value, int | None] = {}
        self.flights: dict[Tag, _Flight] = {}
        self.started: set[Tag] = set()
        self.cleared: set[Value] = set()
        """Memory of tags, some of which have been set to 0."""
        self.bounds: dict[Value, tuple[Value, Value, int | None]] = {}
        self.at_most: dict[Value, int] = {}
        self.holds_dma: dict[ir.Operation, bool] = {}

    def function(self, op: ir.Operation) -> None:
        """Bounds that nothing is known of are assumed where they are defined: guards before the loop look at
        them too.
        """
        for inner in collect(op):
            self._collect_bounds(inner)
        entry = op.regions[0].blocks[0]
        for argument in entry.arguments:
            self._assume(argument)
        self._block(entry)
        for flight in self.flights.values():
            self._fail(Violation.NEVER_AWAITED, flight.op)

    def _collect_bounds(self, op: ir.Operation) -> None:
        if isinstance(op.opview, scf.ForOp) and self._has_dma(op):
            lower, upper, step = list(op.operands)[:3]
            self.bounds.setdefault(lower, (lower, step, 0))
            self.bounds.setdefault(step, (lower, step, 1))
            self.bounds.setdefault(upper, (lower, step, None))
            if AT_MOST in op.attributes:
                self.at_most[upper] = ir.IntegerAttr(op.attributes[AT_MOST]).value

    def _assume(self, value: Value) -> None:
        """Give a loop bound of unknown value a number: 0 to `trips`, by 1."""
        if value not in self.bounds or self.known.get(value) is not None:
            return
        lower, step, assumed = self.bounds[value]
        if assumed is None:
            trips = min(self.trips, self.at_most.get(value, self.trips))
            assumed = (self.known.get(lower) or 0) + trips * (self.known.get(step) or 1)
        self.known[value] = assumed

    def _block(self, block: ir.Block) -> None:
        for op in block.operations:
            self._op(op.operation)

    def _op(self, op: ir.Operation) -> None:
        if op.name == DMA_START:
            self._start(op)
        elif op.name == DMA_WAIT:
            self._wait(op)
        elif isinstance(op.opview, scf.ForOp) and self._has_dma(op):
            self._loop(op.opview)
        elif isinstance(op.opview, scf.IfOp) and self._has_dma(op):
            self._branch(op.opview)
        elif len(op.regions) and self._has_dma(op):
            for region in op.regions:
                for block in region.blocks:
                    for argument in block.arguments:
                        self._assume(argument)
                    self._block(block)
        else:
            for inner in collect(op):
                self._compute(inner)

    def _loop(self, loop: scf.ForOp) -> None:
        bounds = list(loop.operation.operands)[:3]
        for bound in bounds:
            self._assume(bound)
        lower, upper, step = (self.known[bound] or 0 for bound in bounds)
        carried = [self.known.get(v) for v in list(loop.operation.operands)[3:]]
        for number in self._iterations(loop, max(0, -(-(upper - lower) // step))):
            self.known[loop.induction_variable] = lower + number * step
            for argument, value in zip(loop.inner_iter_args, carried, strict=True):
                self.known[argument] = value
            self._block(loop.body)
            terminator = loop.body.operations[len(loop.body.operations) - 1]
            carried = [self.known.get(v) for v in terminator.operands]
        for result, value in zip(loop.operation.results, carried, strict=True):
            self.known[result] = value

    def _iterations(self, loop: scf.ForOp, trips: int) -> Sequence[int]:
        """All iterations; of a long loop, the first and the last ones, at the same phase of the slots."""
        if trips <= _LONGEST:
            return range(trips)
        period = 1
        for op in collect(loop.operation):
            if op.name == DMA_START:
                tags = next(o for o in reversed(list(op.operands)) if isinstance(o.type, ir.MemRefType))
                period = lcm(period, ir.MemRefType(tags.type).shape[0])
        head = 2 * period
        skipped = (trips - 2 * head) // period * period
        return [*range(head), *range(head + skipped, trips)]

    def _branch(self, branch: scf.IfOp) -> None:
        condition = branch.operation.operands[0]
        taken = self.known.get(condition)
        if taken is None:
            taken = self.known[condition] = int(self.choices[self.decisions[condition] % len(self.choices)])
            self.decisions[condition] += 1
        regions = branch.operation.regions
        if taken:
            self._block(regions[0].blocks[0])
        elif len(regions[1].blocks):
            self._block(regions[1].blocks[0])

    def _start(self, op: ir.Operation) -> None:
        operands = list(op.operands)
        source, source_at = take_place(operands)
        target, target_at = take_place(operands)
        operands.pop(0)
        tag = self._tag(operands)
        load = in_scratchpad(target)
        buffer, at = (target, target_at) if load else (source, source_at)
        begin = tuple(self.known.get(position) for position in at)
        new = _Flight((buffer, begin[0] if len(at) > 1 else None), begin, load, tag, op)
        if tag in self.flights:
            self._fail(Violation.TAG_IN_USE, op, self.flights[tag].op)
        for flight in self.flights.values():
            if flight.load != load and _meet(flight.place, new.place):
                self._fail(Violation.INTO_SOURCE if load else Violation.FROM_DESTINATION, op, flight.op)
            if flight.load and load and flight.place == new.place and flight.begin == begin and None not in begin:
                self._fail(Violation.INTO_DESTINATION, op, flight.op)
        self.flights[tag] = new
        self.started.add(tag)

    def _wait(self, op: ir.Operation) -> None:
        tag = self._tag(list(op.operands))
        if tag not in self.started and tag[0] not in self.cleared and not isinstance(tag[0].owner, ir.Block):
            self._fail(Violation.NEVER_STARTED, op)
        self.flights.pop(tag, None)

    def _tag(self, operands: list[Value]) -> Tag:
        memory, at = take_place(operands)
        return memory, tuple(self.known.get(position) for position in at)

    def _compute(self, op: ir.Operation) -> None:
        """An operation without transfers: follow index arithmetic, and check what it touches."""
        if len(op.results) == 1:
            self.known[op.results[0]] = evaluate(op, self.known)
            self._assume(op.results[0])
        if op.name == "memref.store" and not in_scratchpad(op.operands[1]):
            self._set_tag(op)
        if op.name in VIEWS or not self.flights:
            return
        for number, operand in enumerate(op.operands):
            place = self._place(operand)
            if place is None:
                continue
            writes = effect(op, number)[1]
            for flight in self.flights.values():
                if not _meet(flight.place, place):
                    continue
                if flight.load:
                    self._fail(Violation.DESTINATION_WRITTEN if writes else Violation.DESTINATION_READ, flight.op, op)
                if writes:
                    self._fail(Violation.SOURCE_WRITTEN, flight.op, op)

    def _set_tag(self, store: ir.Operation) -> None:
        """A store to memory of tags, or to any other."""
        value, *operands = store.operands
        memory, at = self._tag(operands)
        for flight in self.flights.values():
            if flight.tag[0] == memory and all(
                None in (a, b) or a == b for a, b in zip(flight.tag[1], at, strict=True)
            ):
                self._fail(Violation.TAG_WRITTEN, flight.op, store)
        if self.known.get(value) == 0:
            self.cleared.add(memory)

    def _place(self, value: Value) -> Place | None:
        """The buffer and slot that `value` is a view of, if it is in the scratchpad."""
        if not in_scratchpad(value):
            return None
        slot: int | None = None
        owner = value.owner
        while not isinstance(owner, ir.Block) and owner.name in VIEWS:
            source = owner.operands[0]
            shape = ir.MemRefType(source.type).shape
            if owner.name == "memref.reinterpret_cast" and len(shape) == 2:
                offset = offset_of(owner.operation)
                offset = offset if isinstance(offset, int) else self.known.get(offset)
                slot = None if offset is None else offset // shape[1]
            value, owner = source, source.owner
        return value, slot

    def _has_dma(self, op: ir.Operation) -> bool:
        if op not in self.holds_dma:
            self.holds_dma[op] = any(inner.name in DMA for inner in collect(op))
        return self.holds_dma[op]

    def _fail(self, violation: Violation, transfer: ir.Operation, by: ir.Operation | None = None) -> None:
        other = "" if by is None else f": {transfer_name(by) if by.name in DMA else f'`{by.name}` at {line_of(by)}'}"
        at = by or transfer
        raise ContractError(
            f"transfers: {transfer_name(transfer)}: {violation.value}{other} (trip count {self.trips}), "
            f"at {at.location}: {at}"
        )


def _meet(one: Place, other: Place) -> bool:
    return one[0] == other[0] and (one[1] is None or other[1] is None or one[1] == other[1])
