"""`stream-stores`: what a launch writes goes past the caches, where they could not hold it anyway."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Annotated, Any, ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith, builtin, scf

from ..ir.accesses import is_fence
from ..ir.allocations import VIEWS, allocation_of, is_recast
from ..ir.attributes import STREAMED, VECTORIZED
from ..ir.constants import constant_value
from ..ir.divisibility import Divisibility
from ..ir.footprints import Index, View, add, element_bytes, materialize, strides_below, times, view_below
from ..ir.pointers import i64, index, is_memref_at, is_pointer_of, pointer_of, to_index
from ..ir.slicing import clone, collect, enclosing, is_pure, may_trap, named, slice_of
from ..passes import Pass
from ..passes.options import Limits, OneOf
from ..targets.isa import STORE_FENCES

Value = ir.Value[Any]

_LARGEST_COPY = 24
"""Operations in the body of a loop that is written twice; in larger ones the choice is made around their stores, a
branch per iteration that costs less than compiling the body again."""
_MOST_PER_STORE = 8
"""Operations, on vectors, of a body for each of its stores: one that computes more has the time to read a line."""
_MATH = 12
"""What a function of `math` counts for."""
_DESTINATION = {"vector.store": 1, "vector.maskedstore": 0, "vector.scatter": 0, "memref.store": 1}
"""Operations that write, and which operand is the memory."""
_NAMES = (*VIEWS, "memref.extract_strided_metadata")
"""Operations that read no element."""


@dataclass(frozen=True)
class Store:
    """A `vector.store` of whole lines, or of pieces of a line that follow one another."""

    op: ir.Operation
    view: View

    @property
    def bytes(self) -> int:
        return element_bytes(self.op.operands[0].type)

    @property
    def row(self) -> list[Value]:
        """The same for stores to one row, of which nothing else is known where the memref has one dimension."""
        whole = self.op.operands[1] == self.view.value
        return list(self.op.operands)[2 : -1 if whole else None]


@dataclass(frozen=True)
class StreamStores(Pass):
    """Store vectors of an argument that is only written with a hint that keeps them out of the caches, in launches that
    write more than the caches hold.

    before:
        scf.for %program = %begin to %end step %c1 {
          %row = memref.reinterpret_cast %y to offset: [%o], sizes: [%n], strides: [1]    // of at most 1024 x f32
          scf.for %i = ... { ... vector.store %v, %row[%i] }
        }
    after, with cache_bytes = 2^24 and line_bytes = 64:
        %large = (%end - %begin) * 4096 > 2^24
        scf.for %program = %begin to %end step %c1 {
          %row = ...
          %aligned = (address of %row[0]) % 64 == 0
          scf.if %large and %aligned {
            scf.for %i = ... { ... vector.store %v, %row[%i] {nontemporal = true, alignment = 32} }
          } else {
            scf.for %i = ... { ... vector.store %v, %row[%i] }
          }
        }
        scf.if %large { llvm.call_intrinsic "llvm.x86.sse.sfence" }

    An ordinary store first reads its line from memory; this one does not, which is a quarter of what an addition moves.
    Large bodies (tiles of a transpose) are not written twice: there the choice stands around their stores.

    Such stores are in no order with others, so the fence stands before the task ends.

    Left alone: loops that compute much for each store, which the memory does not hold up; arguments that the function
    also reads; stores of part of a line beside stores to other lines, since the lines of a processor's buffers would
    leave half full; masked stores; views whose size, or distance of rows, may not be whole lines; functions with
    atomics or calls, whose effects other contexts could see before what was stored.
    """

    name: ClassVar[str] = "stream-stores"
    fence: Annotated[str, OneOf(STORE_FENCES)] = STORE_FENCES[0]
    """LLVM's intrinsic that orders such stores before what follows."""
    cache_bytes: Annotated[int, Limits(0, 1 << 40)] = 1 << 25
    """What a context has of the last cache."""
    line_bytes: Annotated[int, Limits(1, 4096, powers_of_two=True)] = 64

    def run(self, module: ir.Module) -> None:
        groups: dict[ir.Block, list[Store]] = {}
        for op in named(module, "vector.store"):
            view = view_below(op.operands[1])
            if view is not None:
                groups.setdefault(op.block, []).append(Store(op, view))
        functions: dict[ir.Operation, list[list[Store]]] = {}
        for block, group in groups.items():
            if self._is_bound(block, group) and (found := [store for store in group if self._fits(store)]):
                functions.setdefault(list(enclosing(block))[-1], []).append(found)
        for function, candidates in functions.items():
            self._run(function, candidates)

    def _run(self, function: ir.Operation, groups: Sequence[list[Store]]) -> None:
        ops = collect(function)
        if any(is_fence(op) for op in ops):
            return
        read = _read(ops)
        loops: dict[scf.ForOp, list[list[Store]]] = {}
        for group in groups:
            written = [store for store in group if allocation_of(store.view.base) not in read]
            outermost = _outermost(written[0].view) if written else None
            if outermost is not None and self._fills_lines(written):
                loops.setdefault(outermost, []).append(written)
        for loop, written in loops.items():
            self._stream(loop, written)

    def _fits(self, store: Store) -> bool:
        """Whether a view whose rows begin at lines is stored in whole vectors of whole lines."""
        view, size = store.view, store.bytes
        if view.bounds is None or size & (size - 1) or size < 16:
            return False
        width = element_bytes(view.element)
        inner = [bound for stride, bound in zip(view.strides, view.bounds, strict=True) if stride == 1]
        if len(inner) != 1 or inner[0] * width % self.line_bytes:
            return False
        if any(isinstance(stride, int) and stride * width % self.line_bytes for stride in view.strides if stride != 1):
            return False
        known = Divisibility(dict.fromkeys(strides_below(store.op.operands[1]), self.line_bytes))
        return known.divisor(store.op.operands[-1]) * width % size == 0

    def _stream(self, loop: scf.ForOp, groups: Sequence[Sequence[Store]]) -> None:
        views = {store.view.value: store.view for group in groups for store in group}
        large = self._exceeds(loop, list(views.values()))
        if large is None:
            return
        for group in groups:
            self._choose(large, group)
        with ir.InsertionPoint.after(loop.operation), loop.operation.location:
            chosen = scf.IfOp(large)
            with ir.InsertionPoint(chosen.then_block):
                attributes = {
                    "intrin": ir.StringAttr.get(self.fence),
                    "op_bundle_sizes": ir.DenseI32ArrayAttr.get([]),
                    "operandSegmentSizes": ir.DenseI32ArrayAttr.get([0, 0]),
                }
                ir.Operation.create("llvm.call_intrinsic", attributes=attributes)
                scf.YieldOp([])

    def _is_bound(self, block: ir.Block, group: Sequence[Store]) -> bool:
        """Whether a block does little besides its stores."""
        rest = _MOST_PER_STORE * len(group)
        for op in block.operations:
            if any(isinstance(result.type, ir.VectorType) for result in op.results):
                rest -= _MATH if op.name.startswith("math.") else 1
                if rest < 0:
                    return False
        return True

    def _fills_lines(self, group: Sequence[Store]) -> bool:
        """Whether pieces of a line are stored one after another."""
        if all(store.bytes % self.line_bytes == 0 for store in group):
            return True
        rows = {store.view.value: store.row for store in group}
        return all(rows[store.view.value] == store.row for store in group)

    def _exceeds(self, loop: scf.ForOp, views: Sequence[View]) -> Value | None:
        """Whether what all iterations of `loop` write is more than the cache holds; None: it never is."""
        with ir.InsertionPoint(loop.operation), loop.operation.location:
            total: Index = 0
            for view in views:
                assert view.bounds is not None
                written: Index = prod(view.bounds) * element_bytes(view.element)
                for inner in _moving_loops(view):
                    written = times(written, _iterations(inner, loop))
                total = add(total, written)
            if isinstance(total, int):
                return None
            return arith.CmpIOp(arith.CmpIPredicate.ugt, total, index(self.cache_bytes)).result

    def _choose(self, large: Value, group: Sequence[Store]) -> None:
        block = group[0].op.block
        loop = block.owner.operation
        is_loop = isinstance(loop.opview, scf.ForOp) and VECTORIZED in loop.attributes
        with ir.InsertionPoint(loop if is_loop else group[0].op), group[0].op.location:
            chosen = arith.AndIOp(large, self._aligned(group)).result
        if is_loop and not len(loop.results) and len(collect(loop)) <= _LARGEST_COPY:
            _branch(chosen, [loop], [store.op for store in group])
            return
        for run in _runs(group):
            _branch(chosen, [store.op for store in run], [store.op for store in run])

    def _aligned(self, group: Sequence[Store]) -> Value:
        """Whether all rows of the group's views begin at lines."""
        low: Value | None = None
        views = {store.view.value: store.view for store in group}
        for view in views.values():
            width = element_bytes(view.element)
            address = to_index(ir.Operation.create("llvm.ptrtoint", [i64()], [pointer_of(view.base)]).result)
            places = [add(address, times(view.offset, width))]
            places += [times(stride, width) for stride in view.strides if not isinstance(stride, int)]
            for place in places:
                low = materialize(place) if low is None else arith.OrIOp(low, materialize(place)).result
        assert low is not None
        beyond = arith.AndIOp(low, index(self.line_bytes - 1)).result
        return arith.CmpIOp(arith.CmpIPredicate.eq, beyond, index(0)).result


def _read(ops: Sequence[ir.Operation]) -> set[Value]:
    """The memory that is not only written."""
    found: set[Value] = set()
    for op in ops:
        if op.name in _NAMES or is_recast(op) or is_memref_at(op) or is_pointer_of(op):
            continue
        destination = _DESTINATION.get(op.name)
        found |= {
            allocation_of(memory)
            for number, memory in enumerate(op.operands)
            if number != destination and isinstance(memory.type, ir.MemRefType)
        }
    return found


def _outermost(view: View) -> scf.ForOp | None:
    """The outermost loop that moves the view."""
    loops = _moving_loops(view)
    return loops[-1] if loops else None


def _moving_loops(view: View) -> list[scf.ForOp]:
    """The loops whose variables a view's position depends on, innermost first."""
    loops: list[scf.ForOp] = []
    for op in enclosing(view.cast.block):
        loop = op.opview
        if isinstance(loop, scf.ForOp):
            loops.append(loop)
    roots = slice_of([view.value], loops[-1].operation)[1] if loops else []
    moving = [root.owner for root in roots]
    return [loop for loop in loops if loop.body in moving]


def _iterations(loop: scf.ForOp, outermost: scf.ForOp) -> Index:
    """Of `loop`, counted in front of `outermost`; 1, which is the least, where that is not known there."""
    lower, upper, step = list(loop.operation.operands)[:3]
    ops, roots = slice_of([lower, upper, step], outermost.operation)
    if roots or not all(is_pure(op) and not may_trap(op) for op in ops):
        return 1
    mapping: dict[Value, Value] = {}
    clone(ops, mapping)
    lower, upper, step = (mapping.get(value, value) for value in (lower, upper, step))
    span = arith.SubIOp(arith.MaxSIOp(lower, upper).result, lower).result
    return span if constant_value(step) == 1 else arith.CeilDivUIOp(span, step).result


def _runs(group: Sequence[Store]) -> list[list[Store]]:
    """The stores of a block, in groups between which there is more than arithmetic: the last store of each is where
    the others move to."""
    runs: list[list[Store]] = [[]]
    pending = {store.op: store for store in group}
    started = False
    for op in group[0].op.block.operations:
        if op.operation in pending:
            runs[-1].append(pending[op.operation])
            started = True
        elif started and not is_pure(op.operation) and not op.operation.name.startswith(("vector.shuffle", "math.")):
            runs.append([])
            started = False
    return [run for run in runs if run]


def _branch(chosen: Value, ops: Sequence[ir.Operation], stores: Sequence[ir.Operation]) -> None:
    """`ops` twice, where the last of them stands: if `chosen`, `stores` in them go past the caches."""
    last = ops[-1]
    with ir.InsertionPoint.after(last), last.location:
        branch = scf.IfOp(chosen, has_else=True)
        branch.operation.attributes[STREAMED] = ir.IntegerAttr.get(i64(), len(stores))
        with ir.InsertionPoint(branch.then_block):
            end = scf.YieldOp([])
        with ir.InsertionPoint(branch.else_block):
            otherwise = scf.YieldOp([])
    for op in stores:
        op.attributes["nontemporal"] = ir.BoolAttr.get(True)
        op.attributes["alignment"] = ir.IntegerAttr.get(i64(), element_bytes(op.operands[0].type))
    for op in ops:
        with ir.InsertionPoint(end):
            copy = op.clone()
        for inner in collect(copy):
            _without_bf16(inner)
        if VECTORIZED in copy.attributes:
            # One decision, of one loop.
            del copy.attributes[VECTORIZED]
        op.move_before(otherwise.operation)
    for op in stores:
        del op.attributes["nontemporal"]
        del op.attributes["alignment"]


def _without_bf16(op: ir.Operation) -> None:
    """LLVM has no instruction that stores bf16 past the caches, but one for integers."""
    if "nontemporal" not in op.attributes:
        return
    vector, memory = ir.VectorType(op.operands[0].type), ir.MemRefType(op.operands[1].type)
    if not isinstance(memory.element_type, ir.BF16Type):
        return
    i16 = ir.IntegerType.get_signless(16)
    with ir.InsertionPoint(op), op.location:
        op.operands[0] = arith.BitcastOp(ir.VectorType.get(vector.shape, i16), op.operands[0]).result
        kind = ir.MemRefType.get(memory.shape, i16, memory.layout, memory.memory_space)
        op.operands[1] = builtin.UnrealizedConversionCastOp([kind], [op.operands[1]]).results[0]
