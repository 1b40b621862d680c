"""Nests: several block results of one shape, computed together by one `linalg.generic` per box."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch_mlir import ir
from torch_mlir.dialects import arith, linalg, memref, scf

from .affine import Wrap
from .bases import Base
from .boxes import Box, cut
from .conditions import union
from .expression import Expressions, Guard
from .indices import is_zero
from .masks import Span, Term
from .nest_sinks import Accumulate, Effect, Keep, Sink, Store, pointers_of, roots_of
from .positions import Position, fixed, follow
from .program import Program
from .runs import Runs, Window, collapses, conditions_of, each_run, find_runs
from .scratch import Buffer, from_memory, to_memory
from .traversal import Cone, cone
from .ttir import Shape, is_block, is_pointer, owner, pointee
from .views import View, create_nest, make_view, shape_view


def _yield_nothing(_: Sequence[ir.Value]) -> list[ir.Value]:
    return []


@dataclass
class _Output:
    view: View
    compute: Callable[[Sequence[ir.Value]], list[ir.Value]]
    kept: Buffer | None = None
    """The buffer that is written, element for element."""


def _is_done_at_once(sink: Sink) -> bool:
    return isinstance(sink, Effect) and sink.at_once is not None


def _all(conditions: Sequence[ir.Value]) -> ir.Value:
    result, *others = conditions
    for condition in others:
        result = arith.AndIOp(result, condition).result
    return result


class NestBuilder:
    def __init__(self, program: Program) -> None:
        self.program, self.ix = program, program.ix

    def emit(self, extents: Shape, sinks: Sequence[Sink]) -> None:
        """Build the nest that computes `sinks`, all of them over blocks of shape `extents`."""
        cones, window = cone(self.program, roots_of(sinks)), Window.whole(extents)
        stores = [cone(self.program, [s.pointer]) for s in sinks if isinstance(s, Store)]
        runs = [r for r in find_runs(self.program, extents, cones) if not any(collapses(r, s, extents) for s in stores)]
        conditions = conditions_of(self.program, runs)

        def build(run_by_run: bool) -> None:
            self._in_runs(extents, sinks, cones, runs if run_by_run else [], window)

        self._if(conditions, conditions, build)

    def _if(self, holds: Sequence[ir.Value], granted: Sequence[ir.Value], build: Callable[[bool], None]) -> None:
        """`build(True)` where all of `holds` do, `build(False)` elsewhere. The pointer analysis relies on `granted`."""
        if not holds:
            build(True)
            return
        branch = scf.IfOp(_all(holds), [], has_else=True)
        for block, true in ((branch.then_block, True), (branch.else_block, False)):
            with ir.InsertionPoint(block), self.ix.scope(hiding=("mask",)):
                with self.program.pointers.granting(granted if true else ()):
                    build(true)
                scf.YieldOp([])

    def _in_runs(
        self, extents: Shape, sinks: Sequence[Sink], cones: Cone, runs: Sequence[Runs], window: Window
    ) -> None:
        """`window`, run by run."""
        if not runs:
            self._window(extents, sinks, cones, window)
            return
        with each_run(self.program, extents, runs[0], window) as part:
            self._in_runs(extents, sinks, cones, runs[1:], part)

    def _window(self, extents: Shape, sinks: Sequence[Sink], cones: Cone, window: Window) -> None:
        wraps = self._wraps(extents, cones, sinks, window)
        # A block wraps at most once if it is no longer than the modulus; else every element is looked up.
        short = tuple(self.ix.less(self.ix.sub(extents[w.dim], 1), w.modulus) for w in wraps)
        conditions = self._conditions(sinks, cones)
        # Masks have more ranges where conditions hold.
        cuts = None if conditions else self._cuts(extents, sinks, cones, window)

        def build(fits: bool) -> None:
            limits, spans = cuts or self._cuts(extents, sinks, cones, window)
            resting = self._resting(cones)
            for box in cut(self.ix, extents, window, limits, spans, wraps if fits else []):
                self._box(extents, sinks, box, window, resting)

        self._if(union(short, conditions), conditions, build)

    def _conditions(self, sinks: Sequence[Sink], cones: Cone) -> tuple[ir.Value, ...]:
        """What the forms of the nest's pointers and masks hold under."""
        pointers = [op.operands[0] for op, _ in cones.loads] + [v for s in sinks for v in pointers_of(s)]
        masks = [op.operands[1] for op, _ in cones.loads if len(op.operands) > 1]
        masks += [s.mask for s in sinks if isinstance(s, Store | Effect) and s.mask is not None]
        forms = [self.program.pointers.form(p) for p in pointers]
        found = union(*(f.conditions for f in forms if f is not None))
        found = union(found, *(self.program.masks.conditions(m) for m in masks))
        return tuple(c for c in found if not self.program.pointers.grants(c))

    def _box(self, extents: Shape, sinks: Sequence[Sink], box: Box, window: Window, resting: Sequence[int]) -> None:
        """One nest; none where it is empty along one of `resting`, where it would read all the same."""
        sides = [(box.sides[d].low, box.sides[d].high) for d in resting]
        some = [self.ix.less(a, b) for a, b in sides if not (isinstance(a, int) and isinstance(b, int))]
        if not some:
            _Nest(self.program, extents, sinks, box, window.longest).emit()
            return
        branch = scf.IfOp(_all(some), [])
        with ir.InsertionPoint(branch.then_block), self.ix.scope():
            _Nest(self.program, extents, sinks, box, window.longest).emit()
            scf.YieldOp([])

    def _resting(self, cones: Cone) -> list[int]:
        """Dimensions that a load's own mask bounds and its pointer does not move along.

        What it reads is read before the loops over them, of which there may be no iteration.
        """
        found: dict[int, None] = {}
        for op, dims in cones.loads:
            affine = self.program.pointers.affine(op.operands[0])
            if len(op.operands) == 1 or affine is None:
                continue
            moved = {w.dim for w in affine.wraps}
            spans = self.program.masks.decompose(op.operands[1]).spans
            for d, (dim, span, stride) in enumerate(zip(dims, spans, affine.strides, strict=True)):
                if dim is not None and span.bounded and is_zero(stride) and d not in moved:
                    found.setdefault(dim)
        return list(found)

    # ---- where to cut

    def _cuts(
        self, extents: Shape, sinks: Sequence[Sink], cones: Cone, window: Window
    ) -> tuple[list[Span], list[list[Span]]]:
        return self._limits(extents, sinks), self._spans(extents, sinks, cones, window)

    def _limits(self, extents: Shape, sinks: Sequence[Sink]) -> list[Span]:
        """Nothing outside the mask of a store needs to be computed, if all sinks are stores under the same ranges."""
        masks = [s.mask for s in sinks if isinstance(s, Store) and s.mask is not None]
        first, *others = [self.program.masks.decompose(m).spans for m in masks] or [()]
        differ = any(not a.is_same(b) for spans in others for a, b in zip(spans, first, strict=True))
        return [Span() for _ in extents] if differ or len(masks) != len(sinks) else list(first)

    def _spans(self, extents: Shape, sinks: Sequence[Sink], cones: Cone, window: Window) -> list[list[Span]]:
        """Per dimension, the ranges of masks, which are worth a cut: those of stores, and of loads but in short runs:
        there, three loops for each cost more than asking in one."""
        found: list[list[Span]] = [[] for _ in extents]
        masks = [(s.mask, tuple(range(len(extents)))) for s in sinks if isinstance(s, Store | Effect) and s.mask]
        stored = len(masks)
        masks += [(op.operands[1], dims) for op, dims in cones.loads if len(op.operands) > 1]
        for k, (mask, dims) in enumerate(masks):
            for dim, span in zip(dims, self.program.masks.decompose(mask).spans, strict=True):
                if dim is None or extents[dim] == 1 or not span.bounded or (k >= stored and dim in window.short):
                    continue
                if not any(span.is_same(s) for s in found[dim]):
                    found[dim].append(span)
        return found

    def _wraps(self, extents: Shape, cones: Cone, sinks: Sequence[Sink], window: Window) -> list[Wrap]:
        """Wrap-arounds of the nest's accesses, if each dimension has one seam only, and none besides its runs."""
        pointers = [(op.operands[0], dims) for op, dims in cones.loads]
        direct = [p for s in sinks if isinstance(s, Store) or _is_done_at_once(s) for p in pointers_of(s)]
        pointers += [(pointer, tuple(range(len(extents)))) for pointer in direct]
        found: list[Wrap] = []
        for pointer, dims in pointers:
            affine = self.program.pointers.form(pointer)
            for wrap in affine.wraps if affine is not None and affine.base is not None else ():
                if dims[wrap.dim] != wrap.dim or wrap.dim in window.runs:
                    return []  # seen through a transposition, or cut elsewhere: look every element up
                if wrap not in found:
                    found.append(wrap)
        dims_used = [w.dim for w in found]
        seams = {(w.dim, str(w.start), str(w.modulus)) for w in found}
        return found if len(set(dims_used)) == len(seams) == len(found) else []


class _Nest:
    """One `linalg.generic` (or, without loops, straight-line code) over one box."""

    def __init__(self, program: Program, extents: Shape, sinks: Sequence[Sink], box: Box, longest: Shape) -> None:
        self.program, self.ix, self.sinks, self.box, self.extents = program, program.ix, sinks, box, extents
        self.dims = [d for d, n in enumerate(extents) if n != 1]
        loops = len(self.dims)
        inner = Box(tuple(box.sides[d] for d in self.dims), box.laps)
        self.sizes = [self.ix.sub(side.high, side.low) for side in inner.sides]
        self.bounds = [longest[d] for d in self.dims]
        self.loops = loops
        self.position: Position = tuple(
            follow(loops, self.dims.index(d), box.sides[d].low) if n != 1 else fixed(loops, 0)
            for d, n in enumerate(extents)
        )
        self.expressions = Expressions(program, inner, loops, self.sizes, self.bounds)
        self.outputs: list[_Output] = []
        self.effects: list[Callable[[], None]] = []
        self.reduced: set[int] = set()
        self.done = False
        """Something was done for the whole box, before the nest."""

    def emit(self) -> None:
        for sink in self.sinks:
            self._prepare(sink)
        if self.done and not self.outputs and not self.effects:
            return
        if self.loops:
            self._generic()
        else:
            self._straight()

    # ---- one sink at a time: plan what it reads, decide how it is written

    def _prepare(self, sink: Sink) -> None:
        if isinstance(sink, Keep):
            self._prepare_keep(sink)
        elif isinstance(sink, Store):
            self._prepare_store(sink)
        elif isinstance(sink, Accumulate):
            self._prepare_accumulate(sink)
        else:
            self._prepare_effect(sink)

    def _prepare_keep(self, sink: Keep) -> None:
        self.expressions.plan(sink.value, self.position)
        view = self.expressions.buffer_view(sink.buffer, self.position)
        self.outputs.append(_Output(view, lambda _: [self.expressions.at(sink.value, self.position)], sink.buffer))

    def _prepare_store(self, sink: Store) -> None:
        guards, residual = self._guards(sink.mask)
        if guards is None:
            return
        self._plan_value(sink.value)
        affine = self.expressions.resolved(sink.pointer, self.position)
        # A view only where every loop moves it: else several elements write one place, and the last must win.
        if not guards and not residual and affine is not None and affine.base is not None:
            view = make_view(affine.base.memref, affine.offset, affine.strides, self.sizes, self.bounds)
            if len(view.loops) == self.loops:
                self.outputs.append(_Output(view, lambda _: [self._value(sink.value)]))
                return
        self._plan_address(sink.pointer, residual)

        def write() -> None:
            stored = to_memory(self._value(sink.value), pointee(sink.pointer))

            def store(base: Base, index: ir.Value) -> list[ir.Value]:
                memref.StoreOp(stored, base.memref, [index])
                return []

            self.expressions.addresses.access(sink.pointer, self.position, [], store)

        self.effects.append(lambda: self._guarded(guards, residual, write))

    def _prepare_effect(self, sink: Effect) -> None:
        guards, residual = self._guards(sink.mask)
        if guards is None:
            self.done = self.done or sink.at_once is not None
            return
        if sink.at_once is not None and not guards and not residual:
            access = self.expressions.resolved(sink.reads[0], self.position)
            if access is not None:
                sink.at_once(self.expressions, self.position, access)
                self.done = True
                return
        for value in sink.reads:
            if is_pointer(value):
                self._plan_address(value, residual)
            else:
                self._plan_value(value)
        self._plan_terms(residual)
        self.effects.append(lambda: self._guarded(guards, residual, lambda: sink.emit(self.expressions, self.position)))

    def _prepare_accumulate(self, sink: Accumulate) -> None:
        for value in sink.values:
            self.expressions.plan(value, self.position)
        self.reduced.add(self.dims.index(sink.axis))
        kept = self.position[: sink.axis] + self.position[sink.axis + 1 :]
        for k, buffer in enumerate(sink.buffers):
            view = self.expressions.buffer_view(buffer, kept)
            compute = self._combiner(sink) if k == 0 else _yield_nothing
            self.outputs.append(_Output(view, compute))

    def _combiner(self, sink: Accumulate) -> Callable[[Sequence[ir.Value]], list[ir.Value]]:
        def compute(accumulators: Sequence[ir.Value]) -> list[ir.Value]:
            elements = [self.expressions.at(v, self.position) for v in sink.values]
            return sink.combine(accumulators[: len(sink.buffers)], elements)

        return compute

    def _guards(self, mask: ir.Value | None) -> tuple[list[Guard] | None, tuple[Term, ...]]:
        return ([], ()) if mask is None else self.expressions.conditions(mask, self.position)

    def _plan_value(self, value: ir.Value) -> None:
        if is_block(value):
            self.expressions.plan(value, self.position)

    def _value(self, value: ir.Value) -> ir.Value:
        return self.expressions.at(value, self.position if is_block(value) else ())

    def _plan_address(self, pointer: ir.Value, residual: tuple[Term, ...]) -> None:
        for value, position in self.expressions.addresses.leaves(pointer, self.position):
            self.expressions.plan(value, position)
        self._plan_terms(residual)

    def _plan_terms(self, residual: tuple[Term, ...]) -> None:
        for term in residual:
            self.expressions.plan(*self.expressions.term(term, self.position))

    def _guarded(self, guards: list[Guard], residual: tuple[Term, ...], emit: Callable[[], None]) -> None:
        condition = self.expressions.condition(guards, residual, self.position)
        if condition is None:
            emit()
            return
        branch = scf.IfOp(condition, [])
        with ir.InsertionPoint(branch.then_block), self.expressions.scope():
            emit()
            scf.YieldOp([])

    # ---- the operation

    def _straight(self) -> None:
        """No dimension is longer than 1: plain loads, arithmetic and stores."""
        with self.ix.scope():
            current = [from_memory(memref.LoadOp(o.view.memref, []).result, o.view.element) for o in self.outputs]
            for effect in self.effects:
                effect()
            self._each_output(current, lambda o, v: memref.StoreOp(to_memory(v, o.view.element), o.view.memref, []))

    def _each_output(self, current: Sequence[ir.Value], write: Callable[[_Output, ir.Value], object]) -> None:
        results: list[ir.Value] = []
        for k, output in enumerate(self.outputs):
            results += output.compute(current[k:])
        for output, value in zip(self.outputs, results, strict=True):
            write(output, value)

    def _generic(self) -> None:
        reads = list(self.expressions.views.items())
        inputs = [view for _, view in reads]
        outputs = [output.view for output in self.outputs]
        covered = {loop for view in (*inputs, *outputs) for loop in view.loops}
        missing = [d for d in range(self.loops) if d not in covered]
        if missing or not outputs:
            anchor = self.program.scratch.anchor()
            loops = missing or list(range(self.loops))
            carrier = shape_view(anchor, loops, self.sizes, self.bounds)
            (inputs if outputs else outputs).append(carrier)
        operation = create_nest(self.loops, inputs, outputs, self.reduced)
        views = (*inputs, *outputs)
        # An element is read at its load's line, for debuggers.
        makers = [owner(value) for (value, _), _ in reads]
        places = [operation.location if maker is None else maker.location for maker in makers]
        places += [operation.location] * (len(views) - len(places))
        body = ir.Block.create_at_start(operation.regions[0], [v.element for v in views], places)
        arguments: list[ir.Value] = list(body.arguments)
        for (leaf, _), argument in zip(reads, arguments, strict=False):
            self.expressions.arguments[leaf] = argument
        with ir.InsertionPoint(body), self.ix.scope():
            self.expressions.enter_loops()
            current = arguments[len(inputs) :]
            results: list[ir.Value] = []
            for effect in self.effects:
                effect()
            self._each_output(current, lambda o, v: results.append(to_memory(v, o.view.element)))
            linalg.YieldOp(results if self.outputs else current)
        if self._stays(results, dict(zip(arguments, (leaf for leaf, _ in reads), strict=False))):
            operation.erase()

    def _stays(self, results: Sequence[ir.Value], leaves: dict[ir.Value, tuple[ir.Value, Position]]) -> bool:
        """Whether what is written is what stands there already, as where a loop's `tl.where` keeps the old value."""
        if self.effects or not self.outputs:
            return False
        return all(
            output.kept is not None
            and result in leaves
            and leaves[result][1] is self.position
            and output.kept.is_at(self.program.meanings.buffer(leaves[result][0]))
            for result, output in zip(results, self.outputs, strict=True)
        )
