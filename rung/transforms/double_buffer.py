"""`double-buffer`: overlap the transfers of a loop's iterations with their computation (DB)."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import reduce
from typing import Annotated, Any, ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith, memref, scf

from ..ir.attributes import BOUNDS, DEPTH, IN_ORDER, NOT_PIPELINED, PIPELINED
from ..ir.constants import constant_value
from ..ir.dependences import anchor_in
from ..ir.footprints import Index, View, materialize, reinterpret, times
from ..ir.pointers import constant, functions, index
from ..ir.slicing import clone, increment, is_inside, is_pure, loops_in, slice_of
from ..ir.transfers import Transfer, clear_tags, descriptors, make_tags, start, transfer_of, wait
from ..passes import Pass
from ..passes.options import Limits
from ..schedule import MOST_BUFFERS

Value = ir.Value[Any]


@dataclass(frozen=True)
class DoubleBuffer(Pass):
    """Software-pipeline every loop that holds promoted copies: loads run ahead of the computation, stores
    drain behind it.

    before:
        scf.for %i = %lb to %ub step %s {
          memref.copy %v(%i), %f {rung.transfer = "load"}
          linalg.generic ins(%f) outs(%g)
          memref.copy %g, %w(%i) {rung.transfer = "store"}
        }
    after (depth 2):
        if %lb < %ub: dma_start %v(%lb) -> %f[0]                             // prologue: depth - 1 loads
        scf.for %i = %lb to %ub step %s {
          %slot = (%i - %lb) / %s mod 2
          if %i + %s < %ub: dma_start %v(%i + %s) -> %f[(%slot + 1) mod 2]   // depth - 1 iterations ahead
          dma_wait %f[%slot]
          dma_wait %g[%slot]                                                 // the store of i - depth
          linalg.generic ins(%f[%slot]) outs(%g[%slot])
          dma_start %g[%slot] -> %w(%i)
        } {rung.depth = 2, rung.pipelined = 2}
        dma_wait %g[0]; dma_wait %g[1]                                       // epilogue: outstanding stores

    Tags are clear before the loop, and a wait for a clear tag returns at once; so any trip count is right, 0
    and those below the depth included. An address is computed for a later iteration by cloning the
    arithmetic that leads to it, with the induction variable, and loop-carried values that grow by a
    loop-invariant amount, moved on.

    Leaves in place, with the reason in `rung.not_pipelined`: copies marked `rung.in_order`, and loads whose
    address is read from memory or carried through the loop in another way. Nested loops are pipelined each
    on its own.
    """

    name: ClassVar[str] = "double-buffer"
    depth: Annotated[int, Limits(2, MOST_BUFFERS)] = 2
    """Buffers per stream."""
    max_rank: Annotated[int, Limits(1, 3)] = 2
    """Highest rank of one descriptor of the engine."""

    def run(self, module: ir.Module) -> None:
        for function in functions(module):
            for loop in reversed(loops_in(function.operation)):
                self._pipeline(loop)

    def _pipeline(self, loop: scf.ForOp) -> None:
        transfers = [t for t in map(transfer_of, [op.operation for op in loop.body.operations]) if t is not None]
        addresses = _Addresses(loop)
        reasons = [_why_not(addresses, transfer) for transfer in transfers]
        streams = [t for t, reason in zip(transfers, reasons, strict=True) if not reason]
        attributes = loop.operation.attributes
        refused = [ir.StringAttr.get(f"{t.name}: {why}") for t, why in zip(transfers, reasons, strict=True) if why]
        if refused:
            attributes[NOT_PIPELINED] = ir.ArrayAttr.get(refused)
        if not streams:
            return
        with loop.operation.location:
            _Pipeline(loop, streams, self.depth, self.max_rank).build()
        i64 = ir.IntegerType.get_signless(64)
        attributes[DEPTH] = ir.IntegerAttr.get(i64, self.depth)
        attributes[PIPELINED] = ir.IntegerAttr.get(i64, len(streams))


def _addresses(view: View) -> list[Value]:
    return [part for part in (view.offset, *view.sizes, *view.strides) if not isinstance(part, int)]


def _why_not(addresses: _Addresses, transfer: Transfer) -> str:
    """Why the transfer cannot be moved to another iteration; empty if it can."""
    if transfer.in_order:
        return ir.StringAttr(transfer.copy.attributes[IN_ORDER]).value
    if transfer.direction == "store":
        return ""
    obstacles = {obstacle for value in _addresses(transfer.view) for obstacle in addresses.obstacles(value)}
    return next((reason for reason in _OBSTACLES if reason in obstacles), "")


_OBSTACLES = (
    "its address is read from memory or depends on control flow",
    "its address is carried through the loop and does not grow by a constant",
)


class _Addresses:
    """What keeps addresses from being computed for another iteration of a loop: of each value it is found out once."""

    def __init__(self, loop: scf.ForOp) -> None:
        self._loop = loop
        self._known: dict[Value, frozenset[str]] = {}

    def obstacles(self, value: Value) -> frozenset[str]:
        if value not in self._known:
            self._known[value] = self._find(value)
        return self._known[value]

    def _find(self, value: Value) -> frozenset[str]:
        if not is_inside(value, self._loop.operation):
            return frozenset()
        owner = value.owner
        if isinstance(owner, ir.Block):
            moves = value == self._loop.induction_variable or increment(self._loop, value) is not None
            return frozenset(() if moves else _OBSTACLES[1:])
        below = frozenset[str]().union(*(self.obstacles(operand) for operand in owner.operands))
        return below if is_pure(owner.operation) else below | {_OBSTACLES[0]}


@dataclass
class _Stream:
    transfer: Transfer
    buffer: Value
    tags: Value


class _Pipeline:
    """Rewrites one loop."""

    def __init__(self, loop: scf.ForOp, transfers: Sequence[Transfer], depth: int, max_rank: int) -> None:
        self.loop, self.depth, self.max_rank = loop, depth, max_rank
        self.lower, self.upper, self.step = list(loop.operation.operands)[:3]
        self.variable = loop.induction_variable
        self.streams = [self._make(transfer) for transfer in transfers]
        self.loads = [s for s in self.streams if s.transfer.direction == "load"]
        self.stores = [s for s in self.streams if s.transfer.direction == "store"]

    def _make(self, transfer: Transfer) -> _Stream:
        """A buffer with `depth` slots instead of one, and its tags."""
        old = ir.MemRefType(transfer.buffer.type)
        kind = ir.MemRefType.get([self.depth, *old.shape], old.element_type, None, old.memory_space)
        with ir.InsertionPoint(transfer.buffer.owner):
            buffer = memref.AllocaOp(kind, [], []).result
            tags = make_tags(self.depth, descriptors(transfer.view, transfer.layout, self.max_rank).count)
            clear_tags(tags)
        return _Stream(transfer, buffer, tags)

    def build(self) -> None:
        before, after = ir.InsertionPoint(self.loop.operation), ir.InsertionPoint.after(self.loop.operation)
        with before:
            for k in range(self.depth - 1 if self.loads else 0):
                self._start_loads(lambda start, by, k=k: _plus(start, by, k), self.lower, k)
        with after:
            for stream in self.stores:
                for k in range(self.depth):
                    wait(stream.transfer, k, stream.tags, self.max_rank)
        first = self.loop.body.operations[0]
        with ir.InsertionPoint(first):
            slot = self._slot()
            self._prefetch(slot)
        for stream in self.streams:
            self._use_slot(stream, slot, first)

    def _slot(self) -> Value:
        """The slot of the running iteration: its number modulo the depth."""
        number = arith.SubIOp(self.variable, self.lower).result
        if constant_value(self.step) != 1:
            number = arith.DivUIOp(number, self.step).result
        if not isinstance(number.type, ir.IndexType):
            number = arith.IndexCastOp(ir.IndexType.get(), number).result
        return arith.RemUIOp(number, index(self.depth)).result

    def _prefetch(self, slot: Value) -> None:
        if not self.loads:
            return
        ahead = arith.RemUIOp(arith.AddIOp(slot, index(self.depth - 1)).result, index(self.depth)).result
        self._start_loads(lambda now, by: _plus(now, by, self.depth - 1), self.variable, ahead)

    def _start_loads(self, moved: Callable[[Value, Value], Value], now: Value, slot: Index) -> None:
        """Start the loads of the iteration that `moved` leads to, if there is one.

        `moved(value, step)` gives what a value that is now `value` and grows by `step` will be.
        """
        target = moved(now, self.step)
        inside = now == self.variable
        with self._if_in_range(target):
            mapping: dict[Value, Value] = {self.variable: target}
            initial = list(self.loop.operation.operands)[3:]
            for argument, start_value in zip(self.loop.inner_iter_args, initial, strict=True):
                grows = increment(self.loop, argument)
                if grows is not None:
                    mapping[argument] = moved(argument if inside else start_value, grows)
            for stream in self.loads:
                view = self._clone_view(stream.transfer.view, mapping)
                start(stream.transfer, view, stream.buffer, slot, stream.tags, self.max_rank)

    @contextmanager
    def _if_in_range(self, target: Value) -> Generator[None]:
        exists = arith.CmpIOp(arith.CmpIPredicate.slt, target, self.upper).result
        guard = scf.IfOp(exists)
        with ir.InsertionPoint(guard.then_block):
            yield
            scf.YieldOp([])

    def _clone_view(self, view: View, mapping: dict[Value, Value]) -> View:
        clone(slice_of(_addresses(view), self.loop.operation, known=mapping)[0], mapping)

        def mapped(part: Index) -> Index:
            return part if isinstance(part, int) else mapping.get(part, part)

        return replace(
            view,
            offset=mapped(view.offset),
            sizes=tuple(map(mapped, view.sizes)),
            strides=tuple(map(mapped, view.strides)),
        )

    def _use_slot(self, stream: _Stream, slot: Value, first: ir.OpView) -> None:
        """Point the computation at the running slot; replace the copy by a wait (load) or a start (store)."""
        transfer = stream.transfer
        old, single = ir.OpResult(transfer.footprint).owner.operation, ir.OpResult(transfer.buffer)
        place = ir.InsertionPoint(old if old.block == self.loop.body else first)
        with place:
            offset = times(slot, transfer.layout.elements)
            footprint = _move(old, stream.buffer, offset)
        users = [anchor_in(self.loop, use.owner.operation) for use in transfer.footprint.uses]
        transfer.footprint.replace_all_uses_with(footprint)
        if transfer.direction == "load":
            with ir.InsertionPoint(transfer.copy):
                wait(transfer, slot, stream.tags, self.max_rank)
        else:
            writers = [op for op in users if op != transfer.copy]
            earliest = reduce(lambda a, b: b if b.is_before_in_block(a) else a, writers)
            with ir.InsertionPoint(earliest):
                wait(transfer, slot, stream.tags, self.max_rank)
            with ir.InsertionPoint(transfer.copy):
                start(transfer, transfer.view, stream.buffer, slot, stream.tags, self.max_rank)
        transfer.copy.erase()
        old.erase()
        if not list(transfer.view.value.uses):
            transfer.view.cast.erase()
        if not list(single.uses):
            single.owner.erase()


def _plus(value: Value, step: Value, count: int) -> Value:
    """`value + count * step`."""
    if count == 0:
        return value
    distance = step if count == 1 else arith.MulIOp(step, constant(step.type, count)).result
    return arith.AddIOp(value, distance).result


def _move(old: ir.Operation, buffer: Value, offset: Index) -> Value:
    """The footprint `old` at `offset` elements into another buffer."""
    operands = iter(list(old.operands)[1:])
    dynamic = ir.ShapedType.get_dynamic_size()

    def parts(attribute: str) -> tuple[Index, ...]:
        return tuple(next(operands) if n == dynamic else n for n in ir.DenseI64ArrayAttr(old.attributes[attribute]))

    parts("static_offsets")
    sizes, strides = parts("static_sizes"), parts("static_strides")
    bounds = tuple(ir.DenseI64ArrayAttr(old.attributes[BOUNDS]))
    return reinterpret(buffer, materialize(offset), sizes, strides, bounds)
