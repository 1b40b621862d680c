"""Elements of blocks: computing one element of a virtual block value inside a nest's body."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from torch_mlir import ir
from torch_mlir.dialects import arith, linalg, memref

from ...errors import UnsupportedError
from .addresses import ElementAddresses
from .affine import Affine
from .boxes import Box
from .indices import Index, is_zero, same
from .masks import Term
from .meanings import Formed, InScratch
from .operation import meaning
from .positions import Axis, Position, fixed, flat_axis
from .program import Program
from .scratch import Buffer, from_memory
from .ttir import element, is_block, owner
from .views import View, make_view

Leaf = tuple[ir.Value, Position]


@dataclass(frozen=True)
class Guard:
    """Where the coordinate on an axis is to be below `bound`, or else not below it."""

    axis: Axis
    bound: Index
    below: bool


class Expressions:
    """Evaluation of block values over one box with `loops` loops, first as a plan of views, then as a body."""

    def __init__(
        self,
        program: Program,
        box: Box,
        loops: int,
        sizes: Sequence[Index],
        bounds: Sequence[int],
    ) -> None:
        """box: its sides are the loops'. bounds: of `sizes`."""
        self.program, self.ix, self.box, self.loops = program, program.ix, box, loops
        self.sizes, self.bounds = sizes, bounds
        self.views: dict[Leaf, View] = {}
        self.arguments: dict[Leaf, ir.Value] = {}
        """Block arguments of the nest's body, by the leaf that they read."""
        self.addresses = ElementAddresses(self)
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
            pending += self._plan_one(leaf)

    def _plan_one(self, leaf: Leaf) -> list[Leaf]:
        value, position = leaf
        known = self.program.meanings.get(value)
        if isinstance(known, InScratch):
            self.views[leaf] = self.buffer_view(known.buffer, position)
            return []
        if isinstance(known, Formed):
            return [] if known.origin is None or self._form(value) is not None else [(known.origin.value, position)]
        op = owner(value)
        if op is None:
            return []
        with op.location:
            return meaning(op).plan(self, op, leaf)

    def buffer_view(self, buffer: Buffer, position: Position) -> View:
        """The elements of a buffer at `position`, over the box."""
        flat = flat_axis(self.ix, position, buffer.strides, self.loops)
        return make_view(buffer.memref, flat.constant, flat.coefficients, self.sizes, self.bounds)

    # ---- what the box knows

    def conditions(self, mask: ir.Value, position: Position) -> tuple[list[Guard] | None, tuple[Term, ...]]:
        """What must still be asked about `mask` at `position` in this box; (None, ...) when it holds nowhere."""
        decomposed = self.program.masks.decompose(mask)
        guards: list[Guard] = []
        for axis, span in zip(position, decomposed.spans, strict=True):
            low = [] if is_zero(span.low) else [Guard(axis, span.low, below=False)]
            high = [] if span.high is None else [Guard(axis, span.high, below=True)]
            for guard in (*low, *high):
                known = self._is_below(axis, guard.bound)
                if known is None:
                    guards.append(guard)
                elif known is not guard.below:
                    return None, ()
        return guards, decomposed.residual

    def _is_below(self, axis: Axis, bound: Index) -> bool | None:
        side = None if axis.loop is None else self.box.sides[axis.loop]
        if side is not None and same(axis.constant, side.low):
            return side.holds(bound)
        if axis.fixed and isinstance(axis.constant, int) and isinstance(bound, int):
            return axis.constant < bound
        return None

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
            self._values[leaf] = self._compute(leaf)
        return self._values[leaf]

    def also(self, value: ir.Value, position: Position, found: ir.Value) -> None:
        """An element that came with another one."""
        self._values.setdefault((value, position), found)

    def _compute(self, leaf: Leaf) -> ir.Value:
        value = leaf[0]
        if leaf in self.arguments:
            return from_memory(self.arguments[leaf], element(value))
        known = self.program.meanings.get(value)
        if isinstance(known, InScratch):
            return from_memory(memref.LoadOp(self.views[leaf].memref, []).result, element(value))
        formed = self._formed(known, leaf) if isinstance(known, Formed) else None
        if formed is not None:
            return formed
        op = owner(value)
        if op is None:
            raise UnsupportedError("a block that is carried in this way", supported="loop-carried blocks and pointers")
        with op.location:  # of its own line, not of the store that asks for it
            return meaning(op).element(self, op, leaf)

    def _formed(self, known: Formed, leaf: Leaf) -> ir.Value | None:
        """An element of a block of integers that a loop carries, or that is divided in runs."""
        value, position = leaf
        form = self._form(value)
        if form is not None:
            return self._number(form, position, element(value))
        if known.origin is None:
            return None
        by = self.ix.to_integer(self.ix.sub(known.origin.now, known.origin.start), element(value))
        return arith.AddIOp(self.at(known.origin.value, position), by).result

    def _number(self, form: Affine, position: Position, kind: ir.Type) -> ir.Value:
        """An element of an affine block of integers. It wraps as they do: only coordinates become indices before."""
        result = self.ix.to_integer(form.offset, kind)
        for axis, stride in zip(position, form.strides, strict=True):
            if isinstance(stride, int) and stride == 0:
                continue
            steps = self.ix.to_integer(self.coordinate(axis), kind), self.ix.to_integer(stride, kind)
            result = arith.AddIOp(result, arith.MulIOp(*steps).result).result
        return result

    def _form(self, value: ir.Value) -> Affine | None:
        """By which elements are computed."""
        affine = self.program.pointers.affine(value)
        return None if affine is None or affine.wraps else affine

    def constant(self, number: int) -> Axis:
        """The coordinate that is a number."""
        return fixed(self.loops, number)

    def term(self, term: Term, position: Position) -> Leaf:
        """Where a mask's term is looked up for the mask's element at `position`."""
        return term.value, tuple(self.constant(0) if d is None else position[d] for d in term.dims)

    def condition(self, guards: list[Guard], residual: tuple[Term, ...], position: Position) -> ir.Value | None:
        """The conjunction, or None when nothing needs to be asked."""
        terms = [self._guard(guard) for guard in guards]
        terms += [self._holds(term, position) for term in residual]
        result: ir.Value | None = None
        for term in terms:
            result = term if result is None else arith.AndIOp(result, term).result
        return result

    def _guard(self, guard: Guard) -> ir.Value:
        if guard.axis.loop is None:
            coordinate, bound = self.coordinate(guard.axis), guard.bound
        else:  # the loop's own number is known to be small
            coordinate, bound = self._loops[guard.axis.loop], self.ix.sub(guard.bound, guard.axis.constant)
        return self.ix.less(coordinate, bound) if guard.below else self.ix.at_most(bound, coordinate)

    def _holds(self, term: Term, position: Position) -> ir.Value:
        found = self.at(*self.term(term, position))
        if not term.negated:
            return found
        true = self.ix.literal(ir.IntegerAttr.get(found.type, 1), found.type)
        return arith.XOrIOp(found, true).result
