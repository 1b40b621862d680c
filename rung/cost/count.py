"""From IR to work: every stretch of code times how often it runs, and what it takes from each array.

Code is followed as it would run: index arithmetic is computed where the launch's sizes are known, so that trip counts
and branches are those of the launch. Of a loop's iterations the first, the last and one in between are followed, where
they branch; otherwise the one in the middle stands for all. Where a size is not known, a loop runs as often as its
bound says (`rung.bounds`), or `ASSUMED_TRIPS` times, and of two branches the longer one is taken.

Nests (`linalg.generic`) are counted as what `vectorize` makes of them: one operation of the body for `lanes` elements,
a load and a store for each operand.
"""

from __future__ import annotations

from collections import ChainMap
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

from torch_mlir import ir

from ..ir.attributes import BOUNDS, CONTEXTS
from .known import evaluate
from .nests import count_nest
from .operations import (
    ACCESSES,
    EXPANSIONS,
    FUSED,
    bytes_of,
    is_folded,
    is_load,
    kind_of,
    lanes_of,
    size,
    takes_a_product,
    width,
)
from .paths import carried, longest_path
from .tally import LOOP_OPERATIONS, Tally
from .work import Flow, Op, Path, Stream, Stretch, Work

Value = ir.Value[Any]
ASSUMED_TRIPS = 8
_LARGE = 1 << 20
"""What an integer argument of a kernel is taken to be where it only says how much of a block a mask keeps."""
_MOST_SAMPLED = 2
"""Loops within one another whose iterations are told apart."""


@dataclass(frozen=True)
class Lanes:
    """lanes: elements per operation in nests; 1: scalar code. fma: products and sums fuse."""

    lanes: int = 1
    fma: bool = True


@dataclass
class _View:
    """A footprint of an argument, of `bytes`, made `times` times."""

    argument: int
    bytes: float
    times: float
    seen: set[str] = field(default_factory=set[str])


@dataclass
class Counting:
    """Follows blocks and adds up. `known`: integers of the launch by value; `arguments`: the number of the kernel's
    argument that a memref or pointer is."""

    how: Lanes = Lanes()
    known: dict[Value, int] = field(default_factory=dict[Value, int])
    likely: dict[Value, int] = field(default_factory=dict[Value, int])
    """The same as far as sizes are taken to be large: what views are then like, which masks cut."""
    unknown: list[tuple[ir.Operation, Work]] = field(default_factory=list[tuple[ir.Operation, Work]])
    """Loops of unknown trips, the outermost of each nest, and what `ASSUMED_TRIPS` of them do."""
    _within: int = 0
    arguments: dict[Value, int] = field(default_factory=dict[Value, int])
    stretches: list[Stretch] = field(default_factory=list[Stretch])
    streams: dict[int, Stream] = field(default_factory=dict[int, Stream])
    transfers: float = 0.0
    moved: float = 0.0
    rows: float = 0.0
    ahead: float = 0.0
    moved_ahead: float = 0.0
    _started: set[int] = field(default_factory=set[int])
    """Arguments of which transfers have begun."""
    _views: dict[Value, _View] = field(default_factory=dict[Value, _View])
    _memory: dict[tuple[Value, tuple[int, ...]], int] = field(default_factory=dict[Any, int])
    _sampled: int = 0
    flows: dict[int, Flow] = field(default_factory=dict[int, Flow])
    """Of the stretch that is being counted."""

    @property
    def work(self) -> Work:
        parts = (self.transfers, self.moved, self.rows, self.ahead, self.moved_ahead)
        return Work(tuple(self.stretches), dict(self.streams), *parts)

    def number_arguments(self, op: ir.Operation) -> None:
        """The arguments of the function around `op` that are memory, by number."""
        around: list[ir.Operation] = []
        while op.name != "func.func":
            around = [*(view.operation for view in op.block.operations), *around]
            op = op.parent.operation
        for view in op.regions[0].blocks:
            for number, value in enumerate(view.arguments):
                if isinstance(value.type, ir.MemRefType):
                    self.arguments[value] = number
                elif isinstance(value.type, ir.IntegerType):
                    self.likely[value] = _LARGE
        for view in around:
            if len(view.results) == 1 and not len(view.regions):
                guess = evaluate(view, ChainMap(self.known, self.likely))
                if guess is not None:
                    self.likely[view.results[0]] = guess

    # ---- blocks

    def block(self, block: ir.Block, times: float = 1.0, overhead: int = 0, enters: float = 0.0) -> None:
        """One block, run `times` times."""
        counts = Tally()
        if overhead:
            counts[Op("scalar", 8)] += overhead
        outer, self.flows = self.flows, {}
        for view in block.operations:
            op = view.operation
            if len(op.regions):
                self._region(op, times)
            else:
                self._simple(op, times, counts)
        if counts or self.flows:
            chain = carried(block) if block.arguments else Path()
            self.stretches.append(Stretch(times, counts, chain, longest_path(block), enters, self.flows))
        self.flows = outer

    def _region(self, op: ir.Operation, times: float) -> None:
        name = op.name
        if name == "scf.for":
            self._loop(op, times)
        elif name == "scf.if":
            self._branch(op, times)
        elif name.startswith("linalg."):
            count_nest(self, op, times)
        elif name == "scf.forall":
            self._parallel(op, times)
        elif name == "scf.while":
            for region in op.regions:
                self.block(region.blocks[0], times * ASSUMED_TRIPS)
        else:
            kind = kind_of(op)
            if kind is not None:
                self.stretches.append(Stretch(times, {Op(kind, bytes_of(op)): 1}))
            for region in op.regions:
                for each in region.blocks:
                    self.block(each, times)

    def _loop(self, op: ir.Operation, times: float) -> None:
        lower, upper, step = (self.number(op.operands[i]) for i in range(3))
        trips = self._trips(op, lower, upper, step)
        if trips is None:
            self._unknown(op, lower, step, times)
        elif trips > 0:
            self._iterate(op, trips, lower, step, times)

    def _unknown(self, op: ir.Operation, lower: int | None, step: int | None, times: float) -> None:
        first, streams = len(self.stretches), dict(self.streams)
        self._within += 1
        self._iterate(op, ASSUMED_TRIPS, lower, step, times)
        self._within -= 1
        if self._within == 0:
            own = {a: s + streams[a] * -1.0 if a in streams else s for a, s in self.streams.items()}
            self.unknown.append((op, Work(tuple(self.stretches[first:]), own)))

    def _iterate(self, op: ir.Operation, trips: int, lower: int | None, step: int | None, times: float) -> None:
        body = op.regions[0].blocks[0]

        def visit(iteration: float, share: float, enters: float) -> None:
            if lower is not None and step is not None:
                self.known[body.arguments[0]] = lower + int(iteration) * step
            self.block(body, times * share, LOOP_OPERATIONS, enters)

        if trips > 1 and self._sampled < _MOST_SAMPLED and lower is not None and _branches(body):
            self._sampled += 1
            visit(0, 1, times)
            if trips > 2:
                visit((trips - 1) / 2, trips - 2, 0.0)
            visit(trips - 1, 1, 0.0)
            self._sampled -= 1
        else:
            visit(trips // 2, trips, times)

    def _trips(self, op: ir.Operation, lower: int | None, upper: int | None, step: int | None) -> int | None:
        if lower is not None and upper is not None and step:
            return max(0, -(-(upper - lower) // step))
        if BOUNDS in op.attributes:
            return ir.DenseI64ArrayAttr(op.attributes[BOUNDS])[0]
        return None

    def _branch(self, op: ir.Operation, times: float) -> None:
        blocks = [region.blocks[0] for region in op.regions if len(region.blocks)]
        condition = self.number(op.operands[0])
        if condition is not None:
            if condition or len(blocks) > 1:
                self.block(blocks[0 if condition else 1], times)
            return
        longest: tuple[float, Counting] | None = None
        for block in blocks:
            alone = replace(self, known=dict(self.known), stretches=[], streams={}, _memory=dict(self._memory))
            alone.transfers = alone.moved = alone.rows = alone.ahead = alone.moved_ahead = 0.0
            alone.block(block, times)
            count = alone.work.count()
            if longest is None or count > longest[0]:
                longest = count, alone
        if longest is not None:
            self.add(longest[1].work)

    def add(self, work: Work) -> None:
        """What was counted elsewhere."""
        self.stretches += work.stretches
        for argument, stream in work.streams.items():
            self._flow(argument, stream)
        self.transfers += work.transfers
        self.moved += work.moved
        self.rows += work.rows
        self.ahead += work.ahead
        self.moved_ahead += work.moved_ahead

    def _parallel(self, op: ir.Operation, times: float) -> None:
        loop: Any = op.opview
        dynamic = iter(loop.dynamicUpperBound)
        sizes = [
            s if s >= 0 else self.number(next(dynamic)) or ASSUMED_TRIPS
            for s in ir.DenseI64ArrayAttr(op.attributes["staticUpperBound"])
        ]
        if CONTEXTS in op.attributes:
            sizes = [1]
        body = op.regions[0].blocks[0]
        for argument in body.arguments:
            self.likely.setdefault(argument, 0)
        self.block(body, times * prod(sizes))

    # ---- operations

    def _simple(self, op: ir.Operation, times: float, counts: Tally) -> None:
        name = op.name
        if name.startswith("linalg."):
            count_nest(self, op, times)
            return
        if name in ACCESSES:
            self._access(op, times, counts)
            return
        if name == "memref.reinterpret_cast":
            self._view(op, times)
            return
        if name.startswith("memref.dma_"):
            self._transfer(op, times)
            return
        if name == "memref.copy":
            self._copy(op, times)
            return
        if len(op.results) == 1:
            number = evaluate(op, self.known)
            if number is None:
                self.known.pop(op.results[0], None)
            else:
                self.known[op.results[0]] = number
            if number is None and self.likely:
                guess = evaluate(op, ChainMap(self.known, self.likely))
                if guess is not None:
                    self.likely[op.results[0]] = guess
            self._follow(op)
        self.count(op, counts)

    def count(self, op: ir.Operation, counts: Tally, lanes: int = 1, share: float = 1.0) -> None:
        """An operation that is neither loop nor access, on `lanes` elements at a time."""
        kind = kind_of(op)
        if kind is None or (self.how.fma and is_folded(op)) or (not self.how.fma and _is_address(op)):
            return
        expansion = EXPANSIONS.get(op.name)
        if expansion is not None:
            registers = size(op.results[0].type) * lanes
            for part, number in expansion.items():
                counts[Op(part, registers)] += number * share
            if not self.how.fma:
                counts[Op("add", registers)] += FUSED.get(op.name, 0) * share
            return
        if kind == "add" and self.how.fma and takes_a_product(op):
            kind = "multiply"
        counts[Op(kind, bytes_of(op) * lanes)] += share

    def _follow(self, op: ir.Operation) -> None:
        """A cast is the argument that its operand is."""
        if op.name.startswith(("memref.", "builtin.unrealized")) or op.name == "arith.select":
            found = next((self.arguments[o] for o in op.operands if o in self.arguments), None)
            view = next((self._views[o] for o in op.operands if o in self._views), None)
            if found is not None:
                self.arguments[op.results[0]] = found
            if view is not None:
                self._views[op.results[0]] = view

    def _access(self, op: ir.Operation, times: float, counts: Tally) -> None:
        load = is_load(op)
        address = self._address(op)
        if address is not None:
            if load and address in self._memory:
                self.known[op.results[0]] = self._memory[address]
            elif load:
                self.known.pop(op.results[0], None)
            else:
                number = self.number(op.operands[0])
                if number is None:
                    self._memory.pop(address, None)
                else:
                    self._memory[address] = number
        memref = next((o for o in op.operands if isinstance(o.type, ir.MemRefType)), None)
        if memref is None:
            return  # what a task is handed
        lanes = lanes_of(op)
        value = op.results[0] if load else op.operands[_stored(op)]
        bytes_ = size(value.type)
        counts[Op("load" if load else "store", bytes_ // lanes)] += lanes
        past = "nontemporal" in op.attributes
        self.touch(memref, "reads" if load else "writes", times, bytes_ // lanes, times * lanes, past)

    def touch(
        self, memref: Value, way: str, times: float, bytes_: float, accesses: float, streamed: bool = False
    ) -> None:
        argument = self.arguments.get(memref)
        if argument is None:
            return
        view = self._views.get(memref)
        element = width(ir.MemRefType(memref.type).element_type) / 8
        wide = bytes_ > element
        moved = bytes_ * accesses
        footprint = 0.0
        if view is None:
            footprint = moved
        elif way not in view.seen:
            view.seen.add(way)
            footprint = view.bytes * view.times
        reads, writes = (footprint, 0.0) if way == "reads" else (0.0, footprint)
        stream = Stream(reads, writes, *((0.0, accesses, moved) if wide else (accesses, 0.0, 0.0)))
        if footprint:
            self._first(argument, stream, streamed)
        self._flow(argument, stream)

    def _first(self, argument: int, stream: Stream, streamed: bool = False) -> None:
        before = self.flows.get(argument, Flow())
        past = stream.writes if streamed else 0.0
        self.flows[argument] = Flow(before.reads + stream.reads, before.writes + stream.writes, before.streamed + past)

    def _flow(self, argument: int, stream: Stream) -> None:
        self.streams[argument] = self.streams.get(argument, Stream()) + stream

    def _view(self, op: ir.Operation, times: float) -> None:
        result = op.results[0]
        argument = self.arguments.get(op.operands[0])
        if argument is None:
            return
        self.arguments[result] = argument
        element = width(ir.MemRefType(result.type).element_type) / 8
        self._views[result] = _View(argument, prod(self._sizes(op)) * element, times)

    def _sizes(self, op: ir.Operation) -> list[int]:
        """Of a view: known, or bounded."""
        dynamic = ir.ShapedType.get_dynamic_size()
        bounds = list(ir.DenseI64ArrayAttr(op.attributes[BOUNDS])) if BOUNDS in op.attributes else []
        segments = list(ir.DenseI32ArrayAttr(op.attributes["operandSegmentSizes"]))
        given = iter(list(op.operands)[sum(segments[:2]) : sum(segments[:3])])
        found: list[int] = []
        for position, static in enumerate(ir.DenseI64ArrayAttr(op.attributes["static_sizes"])):
            if static != dynamic:
                found.append(static)
                continue
            value = next(given)
            number = self.number(value)
            bound = bounds[position] if position < len(bounds) else None
            if number is None and bound is not None:
                number = min(self.likely.get(value, bound), bound)
            found.append(max(0, number) if number is not None else ASSUMED_TRIPS)
        return found

    def _transfer(self, op: ir.Operation, times: float) -> None:
        if op.name != "memref.dma_start":
            return
        source, *rest = op.operands
        skip = ir.MemRefType(source.type).rank
        target = rest[skip]
        after = skip + 1 + ir.MemRefType(target.type).rank
        elements = self.number(rest[after])
        tag = ir.MemRefType(rest[after + 1].type).rank
        if len(rest) > after + 2 + tag:  # a stride, and the elements of a row
            row = self.number(rest[after + 3 + tag])
            self.rows += times * (elements / row if elements and row else ASSUMED_TRIPS)
        bytes_ = (ASSUMED_TRIPS if elements is None else elements) * width(ir.MemRefType(source.type).element_type) / 8
        self.transfers += times
        self.moved += bytes_ * times
        if source in self.arguments and self.arguments[source] not in self._started:
            self._started.add(self.arguments[source])
            self.ahead += times
            self.moved_ahead += bytes_ * times
        for memref, way in ((source, "reads"), (target, "writes")):
            argument = self.arguments.get(memref)
            if argument is not None:
                stream = Stream(**{way: bytes_ * times})
                self._flow(argument, stream)
                self._first(argument, stream)

    def _copy(self, op: ir.Operation, times: float) -> None:
        source, target = op.operands
        elements = prod(self.shape(source))
        bytes_ = width(ir.MemRefType(source.type).element_type) // 8
        lanes = self.how.lanes
        accesses = times * elements / lanes
        outer, self.flows = self.flows, {}
        self.touch(source, "reads", times, bytes_ * lanes, accesses)
        self.touch(target, "writes", times, bytes_ * lanes, accesses)
        counts = {Op("load", bytes_ * lanes): 1.0, Op("store", bytes_ * lanes): 1.0}
        self.stretches.append(Stretch(accesses, counts, Path(), Path(), times, self.flows))
        self.flows = outer

    # ---- numbers

    def shape(self, value: Value) -> list[int]:
        shaped = ir.ShapedType(value.type)
        owner = value.owner
        if not isinstance(owner, ir.Block) and owner.name == "memref.reinterpret_cast":
            return self._sizes(owner.operation)
        return [ASSUMED_TRIPS if shaped.is_dynamic_dim(i) else shaped.get_dim_size(i) for i in range(shaped.rank)]

    def number(self, value: Value) -> int | None:
        found = self.known.get(value)
        if found is not None:
            return found
        owner = value.owner
        if isinstance(owner, ir.Block) or owner.name != "arith.constant":
            return None
        return evaluate(owner.operation, self.known)

    def _address(self, op: ir.Operation) -> tuple[Value, tuple[int, ...]] | None:
        """Of one integer in memory of the kernel's own, or in what a task is handed."""
        if op.name in ("memref.load", "memref.store"):
            memref, *indices = list(op.operands)[0 if op.name == "memref.load" else 1 :]
            if not isinstance(ir.MemRefType(memref.type).element_type, ir.IndexType):
                return None
            numbers = [self.number(i) for i in indices]
            return None if None in numbers else (memref, tuple(n for n in numbers if n is not None))
        return None


def _stored(op: ir.Operation) -> int:
    """The number of the operand that a store writes."""
    if op.name in ("vector.maskedstore", "vector.scatter", "vector.compressstore"):
        return len(op.operands) - 1
    return 0


def _is_address(op: ir.Operation) -> bool:
    return op.name.startswith("arith.") and isinstance(op.results[0].type, ir.IndexType) and is_folded(op)


def _branches(block: ir.Block) -> bool:
    """Whether iterations of a loop may differ."""
    return any(len(op.operation.regions) for op in block.operations)
