"""Elements of blocks: computing one element of a virtual block value inside a nest's body."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from torch_mlir import ir
from torch_mlir.dialects import arith, linalg, memref, scf

from ...errors import UnsupportedError
from . import elementwise
from .addresses import Addresses
from .boxes import Box
from .indices import Index, same
from .locations import source_line
from .masks import Term
from .pointers import Affine, Base
from .positions import Axis, Position, fixed, flat_axis, operand_positions, split_position
from .program import Program
from .scratch import Buffer, flattened, from_memory
from .ttir import (
    element,
    int_attr,
    is_block,
    owner,
    pointee,
    splat_constant,
)
from .views import View, make_view

Leaf = tuple[ir.Value, Position]
Guard = tuple[Axis, Index]


@dataclass
class LoadPlan:
    """How a load is done in a box: nowhere (`other`), through a view, or under `guards` and the `residual` masks."""

    kind: str
    guards: list[Guard] = field(default_factory=list[Guard])
    residual: tuple[Term, ...] = ()


class Expressions:
    """Evaluation of block values over one box with `loops` loops, first as a plan of views, then as a body."""

    def __init__(
        self,
        program: Program,
        box: Box,
        loops: int,
        sizes: Sequence[Index],
        bounds: Sequence[int],
        whole: Sequence[int],
    ) -> None:
        """bounds: of `sizes`; whole: extents of the block that the box is a part of."""
        self.program, self.ix, self.box, self.loops = program, program.ix, box, loops
        self.sizes, self.bounds, self._whole = sizes, bounds, whole
        self.views: dict[Leaf, View] = {}
        self.arguments: dict[Leaf, ir.Value] = {}
        """Block arguments of the nest's body, by the leaf that they read."""
        self.addresses = Addresses(self)
        self._values: dict[Leaf, ir.Value] = {}
        self._loops: list[ir.Value] = []
        self._seen: set[Leaf] = set()

    # ---- planning: which views does the nest read?

    def plan(self, value: ir.Value, position: Position) -> None:
        """Find (and build, here, before the nest) the views that evaluating `value` at `position` reads."""
        pending = [(value, position)]
        while pending:
            leaf = pending.pop()
            if leaf in self._seen or not is_block(leaf[0]):
                continue
            self._seen.add(leaf)
            pending += self._plan_one(*leaf)

    def _plan_one(self, value: ir.Value, position: Position) -> list[Leaf]:
        if value in self.program.stored:
            self.views[(value, position)] = self.buffer_view(self.program.stored[value], position)
            return []
        if value in self.program.origins and self._known(value) is None:
            return [(self.program.origins[value].value, position)]
        op = owner(value)
        if op is None or value in self.program.pointers.known:
            return []
        if op.name == "tt.load":
            return self._plan_load(op, value, position)
        if op.name == "tt.addptr" or value in self.program.offsets:
            return self.addresses.leaves(value, position)
        return self._dependencies(op, value, position)

    def _dependencies(self, op: ir.Operation, value: ir.Value, position: Position) -> list[Leaf]:
        if op.name == "tt.split":
            half = ir.OpResult(value).result_number
            return [(op.operands[0], split_position(position, half, self.loops))]
        if op.name == "tt.gather":
            return [(op.operands[1], position)]
        chosen = self._folded_select(op, position)
        if chosen is not None:
            return [(chosen, position)]
        found = operand_positions(op, position, self.loops)
        if found is None:
            raise UnsupportedError(f"`{op.name}` in this place", source_line(op), "see docs/triton.md")
        return found

    def _plan_load(self, op: ir.Operation, value: ir.Value, position: Position) -> list[Leaf]:
        pointer = op.operands[0]
        plan = self.load_plan(op, position)
        other = _other(op)
        fallback: list[Leaf] = [] if other is None else [(other, position)]
        if plan.kind == "other":
            return fallback
        affine = self.resolved(pointer, position)
        if plan.kind == "view" and affine is not None and affine.base is not None:
            self.views[(value, position)] = make_view(
                affine.base.memref, affine.offset, affine.strides, self.sizes, self.bounds
            )
            return []
        needed = self.addresses.leaves(pointer, position)
        masks: list[Leaf] = [self.term(t, position) for t in plan.residual]
        return needed + masks + (fallback if plan.guards or plan.residual else [])

    def buffer_view(self, buffer: Buffer, position: Position) -> View:
        """The elements of a buffer at `position`, over the box."""
        flat = flat_axis(self.ix, position, buffer.strides, self.loops)
        return make_view(buffer.memref, flat.constant, flat.coefficients, self.sizes, self.bounds)

    # ---- what the box knows

    def load_plan(self, op: ir.Operation, position: Position) -> LoadPlan:
        mask = _mask(op)
        guards, residual = ([], ()) if mask is None else self.conditions(mask, position)
        if guards is None:
            return LoadPlan("other")
        if guards or residual or self.resolved(op.operands[0], position) is None:
            return LoadPlan("guard", guards, residual)
        return LoadPlan("view")

    def conditions(self, mask: ir.Value, position: Position) -> tuple[list[Guard] | None, tuple[Term, ...]]:
        """What must still be asked about `mask` at `position` in this box; (None, ...) when it holds nowhere."""
        decomposed = self.program.masks.decompose(mask)
        guards: list[Guard] = []
        for axis, bound in zip(position, decomposed.bounds, strict=True):
            if bound is None:
                continue
            known = self._holds(axis, bound)
            if known is False:
                return None, ()
            if known is None:
                guards.append((axis, bound))
        sure = {term for dim, bound, term in decomposed.assured if self._holds(position[dim], bound)}
        return guards, tuple(term for term in decomposed.residual if term not in sure)

    def _holds(self, axis: Axis, bound: Index) -> bool | None:
        if axis.loop is not None and same(axis.constant, self.box.low[axis.loop]):
            if isinstance(bound, int) and self._whole[axis.loop] <= bound:
                return True  # nothing in the block is beyond
            return self.box.holds(axis.loop, bound)
        if axis.fixed and isinstance(axis.constant, int) and isinstance(bound, int):
            return axis.constant < bound
        return None

    def _folded_select(self, op: ir.Operation, position: Position) -> ir.Value | None:
        """The branch of `arith.select` that is known to be taken throughout the box."""
        if op.name != "arith.select" or not is_block(op.operands[0]):
            return None
        guards, residual = self.conditions(op.operands[0], position)
        if guards is None:
            return op.operands[2]
        return op.operands[1] if not guards and not residual else None

    def resolved(self, pointer: ir.Value, position: Position) -> Affine | None:
        """The access over this box's loops, with what the box knows of wraps; None if it is not affine here."""
        affine = self.program.pointers.affine(pointer)
        if affine is None or affine.base is None:
            return None
        offset, strides = affine.offset, [0] * self.loops
        steps: list[Index] = list(strides)
        for axis, stride in zip(position, affine.strides, strict=True):
            offset = self.ix.add(offset, self.ix.mul(axis.constant, stride))
            for d, c in enumerate(axis.coefficients):
                steps[d] = self.ix.add(steps[d], self.ix.mul(stride, c))
        for wrap in affine.wraps:
            axis = position[wrap.dim]
            if wrap not in self.box.laps or axis.loop is None:
                return None
            lap = self.ix.mul(wrap.modulus, self.box.laps[wrap])
            start = self.ix.add(self.ix.sub(wrap.start, lap), axis.constant)
            offset = self.ix.add(offset, self.ix.mul(start, wrap.scale))
            steps[axis.loop] = self.ix.add(steps[axis.loop], wrap.scale)
        return Affine(affine.base, offset, tuple(steps))

    # ---- evaluation inside the body

    def enter_loops(self) -> None:
        """At the start of the body. `linalg.index` must stand there, not in a nested region."""
        self._loops = [linalg.IndexOp(d).result for d in range(self.loops)]

    @contextmanager
    def scope(self) -> Generator[None]:
        """Enter with every region inside the body: elements computed in it are not there behind it."""
        saved = dict(self._values)
        with self.ix.scope():
            yield
        self._values = saved

    def coordinate(self, axis: Axis) -> Index:
        """The coordinate as an index, inside the body."""
        result = axis.constant
        for d, c in enumerate(axis.coefficients):
            if c:
                result = self.ix.add(result, self.ix.mul(self._loops[d], c))
        return result

    def place(self, buffer: Buffer, position: Position) -> list[ir.Value]:
        """The indices into a row-major buffer's memref, which leaves dimensions of extent 1 out, inside the body."""
        kept = (axis for axis, n in zip(position, buffer.extents, strict=True) if n != 1)
        return [self.ix.value(self.coordinate(axis)) for axis in kept]

    def at(self, value: ir.Value, position: Position) -> ir.Value:
        """The scalar element of `value` at `position`."""
        if not is_block(value):
            return self.program.scalar(value)
        leaf = (value, position)
        if leaf not in self._values:
            self._values[leaf] = self._compute(value, position)
        return self._values[leaf]

    def _compute(self, value: ir.Value, position: Position) -> ir.Value:
        if (value, position) in self.arguments:
            return from_memory(self.arguments[(value, position)], element(value))
        if value in self.program.stored:
            view = self.views[(value, position)]
            return from_memory(memref.LoadOp(view.memref, []).result, element(value))
        known = self._known(value)
        if known is not None:
            return self.ix.to_integer(self.addresses.index(known, position), element(value))
        if value in self.program.origins:
            origin = self.program.origins[value]
            by = self.ix.to_integer(self.ix.sub(origin.now, origin.start), element(value))
            return arith.AddIOp(self.at(origin.value, position), by).result
        op = owner(value)
        if op is None:
            raise UnsupportedError("a block that is carried in this way", supported="loop-carried blocks and pointers")
        constant = splat_constant(value)
        if constant is not None:
            return self.ix.literal(constant, element(value))
        if op.name == "tt.make_range":
            start = self.ix.add(self.coordinate(position[0]), int_attr(op, "start"))
            return self.ix.to_integer(start, element(value))
        if op.name == "tt.load":
            return self._load(op, value, position)
        if op.name == "tt.gather":
            return self._gather(op, position)
        return self._combine(op, value, position)

    def _known(self, value: ir.Value) -> Affine | None:
        """The form of a block of integers that a loop carries, or that is divided in runs."""
        if value not in self.program.pointers.known:
            return None
        affine = self.program.pointers.affine(value)
        return None if affine is None or affine.wraps else affine

    def _combine(self, op: ir.Operation, value: ir.Value, position: Position) -> ir.Value:
        leaves = self._dependencies(op, value, position)
        if op.name == "tt.join":
            first = arith.CmpIOp(
                arith.CmpIPredicate.eq, self.ix.value(self.coordinate(position[-1])), self.ix.value(0)
            ).result
            return arith.SelectOp(first, self.at(*leaves[0]), self.at(*leaves[1])).result
        if len(leaves) == 1 and not elementwise.is_elementwise(op):
            return self.at(*leaves[0])
        if op.name == "arith.select" and len(leaves) == 1:
            return self.at(*leaves[0])
        if not elementwise.is_elementwise(op):
            raise UnsupportedError(f"the operation `{op.name}`", source_line(op), "see docs/triton.md")
        operands = [self.at(v, p) for v, p in leaves]
        return elementwise.build(op, operands, element(value), self.program.fuse)

    def _load(self, op: ir.Operation, value: ir.Value, position: Position) -> ir.Value:
        plan = self.load_plan(op, position)
        kind = element(value)
        if plan.kind == "other":
            return self._other_value(op, position)
        if plan.kind == "view":  # a nest without loops has no arguments
            return from_memory(memref.LoadOp(self.views[(value, position)].memref, []).result, kind)
        condition = self.condition(plan.guards, plan.residual, position)
        if condition is None:
            return self._read(op.operands[0], position, kind)
        fallback = self._other_value(op, position)
        branch = scf.IfOp(condition, [kind], has_else=True)
        with ir.InsertionPoint(branch.then_block), self.scope():
            scf.YieldOp([self._read(op.operands[0], position, kind)])
        with ir.InsertionPoint(branch.else_block):
            scf.YieldOp([fallback])
        return branch.results[0]

    def term(self, term: Term, position: Position) -> Leaf:
        """Where a mask's term is looked up for the mask's element at `position`."""
        return term.value, tuple(fixed(self.loops, 0) if d is None else position[d] for d in term.dims)

    def condition(self, guards: list[Guard], residual: tuple[Term, ...], position: Position) -> ir.Value | None:
        """The conjunction, or None when nothing needs to be asked."""
        terms = [self.ix.less(self.coordinate(axis), bound) for axis, bound in guards]
        terms += [self.at(*self.term(t, position)) for t in residual]
        result: ir.Value | None = None
        for term in terms:
            result = term if result is None else arith.AndIOp(result, term).result
        return result

    def _read(self, pointer: ir.Value, position: Position, kind: ir.Type) -> ir.Value:
        def read(base: Base, index: ir.Value) -> list[ir.Value]:
            return [memref.LoadOp(base.memref, [index]).result]

        [found] = self.addresses.access(pointer, position, [pointee(pointer)], read)
        return from_memory(found, kind)

    def _other_value(self, op: ir.Operation, position: Position) -> ir.Value:
        """What a masked-off load gives: `other`, or zero where Triton leaves it undefined."""
        other = _other(op)
        if other is not None:
            return self.at(other, position)
        return self.ix.zero(element(op.results[0]))

    def _gather(self, op: ir.Operation, position: Position) -> ir.Value:
        """`tt.gather`: the source lies in scratch, one coordinate comes from the index block."""
        buffer = self.program.stored[op.operands[0]]
        chosen = self.ix.cast_unsigned(self.at(op.operands[1], position))  # it is not negative
        dim = int_attr(op, "axis")
        index = self.ix.mul(chosen, buffer.strides[dim])
        for d, axis in enumerate(position):
            if d != dim:
                index = self.ix.add(index, self.ix.mul(self.coordinate(axis), buffer.strides[d]))
        flat = flattened(buffer.memref)
        return from_memory(memref.LoadOp(flat, [self.ix.value(index)]).result, buffer.element)


def _mask(op: ir.Operation) -> ir.Value | None:
    return op.operands[1] if len(op.operands) > 1 else None


def _other(op: ir.Operation) -> ir.Value | None:
    return op.operands[2] if len(op.operands) > 2 else None
