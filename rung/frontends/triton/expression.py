"""Elements of blocks: computing one element of a virtual block value inside a nest's body."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from torch_mlir import ir
from torch_mlir.dialects import arith, linalg, memref, scf

from ...errors import UnsupportedError
from . import elementwise
from .bases import base_of
from .boxes import Box
from .indices import Index, same
from .locations import source_line
from .masks import Term
from .pointers import Affine, Base, recast, recount, same_base
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
_Access = Callable[[Base, Index], list[ir.Value]]


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
        op = owner(value)
        if op is None or value in self.program.pointers.known:
            return []
        if op.name == "tt.load":
            return self._plan_load(op, value, position)
        if op.name == "tt.addptr" or value in self.program.offsets:
            return self.offset_leaves(value, position)
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
        needed = self.offset_leaves(pointer, position)
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
        known = self.program.pointers.known.get(value)
        if known is not None:
            return self.ix.to_integer(self._index(known, position), element(value))
        op = owner(value)
        if op is None:
            raise UnsupportedError("a block that is carried in this way", "", "loop-carried blocks and pointers")
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

        [found] = self.access(pointer, position, [pointee(pointer)], read)
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
        chosen = self.ix.cast(self.at(op.operands[1], position))
        dim = int_attr(op, "axis")
        index = self.ix.mul(chosen, buffer.strides[dim])
        for d, axis in enumerate(position):
            if d != dim:
                index = self.ix.add(index, self.ix.mul(self.coordinate(axis), buffer.strides[d]))
        flat = flattened(buffer.memref)
        return from_memory(memref.LoadOp(flat, [self.ix.value(index)]).result, buffer.element)

    # ---- addresses of unstructured accesses

    def offset_leaves(self, pointer: ir.Value, position: Position) -> list[Leaf]:
        """Blocks that computing the address needs."""
        if pointer in self.program.offsets:
            block = self.program.offsets[pointer][1]
            return [(block, position)]
        if self._direct(pointer, position) is not None or not is_block(pointer):
            return []
        op = owner(pointer)
        if op is None:
            return []
        if op.name == "tt.addptr":
            return [*self.offset_leaves(op.operands[0], position), (op.operands[1], position)]
        if op.name == "arith.select":
            inner = self.offset_leaves(op.operands[1], position) + self.offset_leaves(op.operands[2], position)
            return [(op.operands[0], position), *inner] if is_block(op.operands[0]) else inner
        return [leaf for v, p in operand_positions(op, position, self.loops) or [] for leaf in self.offset_leaves(v, p)]

    def address(self, pointer: ir.Value, position: Position) -> tuple[Base, ir.Value]:
        """(base, element index) of one element of a block of pointers, inside the body."""
        base, index = self._address(pointer, position)
        return base, self.ix.value(index)

    def _direct(self, pointer: ir.Value, position: Position) -> Affine | None:
        affine = self.program.pointers.affine(pointer)
        if affine is None or affine.base is None:
            return None
        # Wraps are left to the operation that makes them, except where a loop carries the pointer.
        return affine if not affine.wraps or pointer in self.program.pointers.known else None

    def _index(self, affine: Affine, position: Position) -> Index:
        index = affine.offset
        for axis, stride in zip(position, affine.strides, strict=True):
            index = self.ix.add(index, self.ix.mul(self.coordinate(axis), stride))
        for wrap in affine.wraps:
            lap = self.ix.rem(self.ix.add(wrap.first, self.coordinate(position[wrap.dim])), wrap.modulus)
            index = self.ix.add(index, self.ix.mul(lap, wrap.scale))
        return index

    def access(
        self,
        pointer: ir.Value,
        position: Position,
        kinds: Sequence[ir.Type],
        do: Callable[[Base, ir.Value], list[ir.Value]],
    ) -> list[ir.Value]:
        """What `do`, values of types `kinds`, gives for base and element index of one element of a block of pointers.

        Where that may belong to one of several arguments, it is done under a branch for each.
        """
        return self._access(pointer, position, kinds, lambda base, index: do(base, self.ix.value(index)))

    def _access(self, pointer: ir.Value, position: Position, kinds: Sequence[ir.Type], do: _Access) -> list[ir.Value]:
        op = owner(pointer)
        if op is None or base_of(self.program, pointer) is not None:
            return do(*self._address(pointer, position))
        if op.name == "arith.select":
            return self._either(op, position, kinds, do)
        if op.name == "tt.addptr":
            step = self.ix.cast(self.at(op.operands[1], position if is_block(op.operands[1]) else ()))
            return self._access(op.operands[0], position, kinds, lambda base, i: do(base, self.ix.add(i, step)))
        if op.name == "tt.bitcast":
            old, new = pointee(op.operands[0]), pointee(pointer)

            def recounted(base: Base, index: Index) -> list[ir.Value]:
                return do(recast(base, new), recount(self.ix, index, old, new))

            return self._access(op.operands[0], position, kinds, recounted)
        moved = operand_positions(op, position, self.loops) or []
        return self._access(*moved[0], kinds, do) if len(moved) == 1 else do(*self._address(pointer, position))

    def _either(self, op: ir.Operation, position: Position, kinds: Sequence[ir.Type], do: _Access) -> list[ir.Value]:
        condition = self.at(op.operands[0], position if is_block(op.operands[0]) else ())
        branch = scf.IfOp(condition, list(kinds), has_else=True)
        for block, pointer in zip((branch.then_block, branch.else_block), op.operands[1:], strict=True):
            with ir.InsertionPoint(block), self.scope():
                scf.YieldOp(self._access(pointer, position, kinds, do))
        return list(branch.results)

    def _address(self, pointer: ir.Value, position: Position) -> tuple[Base, Index]:
        if pointer in self.program.offsets:
            base, block = self.program.offsets[pointer]
            return base, self.ix.cast(self.at(block, position))
        affine = self._direct(pointer, position)
        if affine is not None and affine.base is not None:
            return affine.base, self._index(affine, position)
        op = owner(pointer)
        if op is not None and op.name == "tt.addptr":
            base, index = self._address(op.operands[0], position)
            step = self.ix.cast(self.at(op.operands[1], position if is_block(op.operands[1]) else ()))
            return base, self.ix.add(index, step)
        if op is not None and op.name == "arith.select":
            return self._selected_address(op, position)
        if op is not None and op.name == "tt.bitcast":
            base, index = self._address(op.operands[0], position)
            old, new = pointee(op.operands[0]), pointee(pointer)
            return recast(base, new), recount(self.ix, index, old, new)
        moved = [] if op is None else operand_positions(op, position, self.loops) or []
        if len(moved) == 1:
            return self._address(*moved[0])
        where = "" if op is None else source_line(op)
        what = "a pointer carried through a loop" if op is None else f"a pointer computed by `{op.name}`"
        raise UnsupportedError(what, where, "argument + offsets, select, broadcast, expand_dims, trans")

    def _selected_address(self, op: ir.Operation, position: Position) -> tuple[Base, Index]:
        (base, a), (other, b) = (self._address(v, position) for v in op.operands[1:])
        if not same_base(base, other):
            raise UnsupportedError("a choice between two kernel arguments", source_line(op), "one argument + offsets")
        condition = self.at(op.operands[0], position if is_block(op.operands[0]) else ())
        return base, self.ix.choose(condition, a, b)


def _mask(op: ir.Operation) -> ir.Value | None:
    return op.operands[1] if len(op.operands) > 1 else None


def _other(op: ir.Operation) -> ir.Value | None:
    return op.operands[2] if len(op.operands) > 2 else None
