"""The loops of a nest: parallel dimensions outside, reductions inside, lanes x copies in the chosen
dimension."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from torch_mlir import ir

from ...ir.accumulators import Group
from ...ir.attributes import SCALAR, VECTORIZED
from ...ir.emit import Emitter, Index, vector_of
from ...ir.lanes import VARYING
from ...ir.nest import Nest, Operand
from .access import Access, load, locate_operand, store
from .accumulate import Row, accumulate, across_lanes, combine, has_identity, identities
from .body import BodyEmitter
from .plan import NestPlan
from .scan import ScanEmitter
from .state import Scope, State, Variant, flatten, fresh, unflatten
from .tiles import TileLoops
from .values import Masks, Val


class NestLowering:
    """Emits the loops of one nest in front of it."""

    def __init__(self, nest: Nest, plan: NestPlan, masked_memory: bool) -> None:
        self.nest = nest
        self.plan = plan
        self.masked = masked_memory and plan.lanes > 1
        self.e = Emitter(nest.op)
        self.at_dim = plan.order.index(plan.dim) if plan.order else -1
        self.combined = {op for group in nest.groups for op in group.combined}
        self.start = {id(g): self._suffix(g) for g in nest.groups}
        self.inputs = [o for o in nest.operands if o.reads and not _is_accumulator(nest, o)]
        self.level_of = {id(o): self._last_level(o) for o in self.inputs}
        self.untold: dict[str, ir.Attribute] = {}
        """Evidence of what runs once, without a loop of its own: the loop around it tells it."""

    def run(self) -> None:
        self._level(0, Scope(), {})
        self.e.finish()

    def _suffix(self, group: Group) -> int:
        """The outermost loop of the innermost loops that all leave the accumulators where they are."""
        level = self.nest.rank
        while level > 0 and self.plan.order[level - 1] not in group.dims:
            level -= 1
        return level

    def _last_level(self, operand: Operand) -> int:
        return max((self.plan.order.index(d) for d in operand.dims), default=-1)

    # One level: accumulators that start here, the loop, accumulators that end here.

    def _level(self, level: int, scope: Scope, state: State) -> State:
        if level == 0:
            self._load_operands(-1, scope)
        starting = [g for g in self.nest.groups if self.start[id(g)] == level]
        for group in starting:
            self._open(group, level, scope, state)
        if level == self.nest.rank:
            state = self._innermost(scope, state)
        elif level == self.at_dim:
            state = self._lane_loops(level, scope, state)
        elif self.plan.order[level] == self.plan.across:
            TileLoops(self, level, scope).run()
        else:
            state = self.plain_loop(level, scope, state, 0, self.nest.sizes[self.plan.order[level]])
        for group in starting:
            self._close(group, level, scope, state)
        return state

    def plain_loop(self, level: int, scope: Scope, state: State, lower: Index, upper: Index) -> State:
        dim = self.plan.order[level]
        keys = self._carried(scope.variant, state)
        innermost = level == self.nest.rank - 1

        def body(iv: Index, rows: list[ir.Value]) -> list[ir.Value]:
            inside = replace(scope, position={**scope.position, dim: iv}, loaded=dict(scope.loaded))
            self._load_operands(level, inside)
            return flatten(keys, self._level(level + 1, inside, unflatten(keys, rows)))

        return self.loop(lower, upper, 1, keys, state, body, self.evidence(scope.variant) if innermost else None)

    def loop(
        self,
        lower: Index,
        upper: Index,
        step: int,
        keys: list[tuple[Group, int]],
        state: State,
        body: Callable[[Index, list[ir.Value]], list[ir.Value]],
        attributes: dict[str, ir.Attribute] | None,
    ) -> State:
        """An `scf.for`, or its body alone when it runs exactly once, or nothing when it never runs."""
        if isinstance(lower, int) and isinstance(upper, int):
            if lower >= upper:
                return state
            if lower + step >= upper:
                state = {**state, **unflatten(keys, body(lower, flatten(keys, state)))}
                self.untold |= attributes or {}
                return state

        def inside(iv: ir.Value, rows: list[ir.Value]) -> list[ir.Value]:
            before, self.untold = self.untold, {}
            rows = body(iv, rows)
            if attributes is None:
                loop = ir.BlockArgument(iv).owner.owner
                for name, value in self.untold.items():
                    loop.attributes[name] = value
            self.untold = before
            return rows

        results = self.e.loop(lower, upper, step, flatten(keys, state), inside, attributes)
        return {**state, **unflatten(keys, results)}

    def evidence(self, variant: Variant | None) -> dict[str, ir.Attribute] | None:
        """What was done, for the innermost loop."""
        if self.plan.scalar_reason:
            return {SCALAR: ir.StringAttr.get(self.plan.scalar_reason, self.e.context)}
        if variant is None or variant.lanes == 1:
            return None
        i64 = ir.IntegerType.get_signless(64, self.e.context)
        numbers = {"lanes": variant.lanes, "unroll": variant.copies}
        if variant.tile:
            numbers["tile"] = variant.tile
        attributes = {name: ir.IntegerAttr.get(i64, number) for name, number in numbers.items()}
        return {VECTORIZED: ir.DictAttr.get(attributes, self.e.context)}

    # The chosen dimension.

    def _lane_loops(self, level: int, scope: Scope, state: State) -> State:
        for lower, upper, variant in self._segments(self.nest.sizes[self.plan.dim]):
            if scope.remainder and not variant.masked and variant.lanes > 1:
                continue
            state = self._lane_loop(level, scope, state, lower, upper, variant)
        return state

    def _segments(self, size: Index) -> list[tuple[Index, Index, Variant]]:
        """Ranges of the dimension, each with the variant that covers it.

        masks:      [0, n / UW * UW) by U vectors; the rest by one masked vector at a time
        no masks:   [0, n / UW * UW) by U vectors; up to n / W * W by one vector; the rest by scalars
        """
        lanes, unroll = self.plan.lanes, self.plan.unroll
        main = self.e.floor_to(size, lanes * unroll)
        segments: list[tuple[Index, Index, Variant]] = [(0, main, Variant(lanes, unroll, list(range(unroll))))]
        covered = main
        if unroll > 1 and (not self.masked or isinstance(size, int)):
            whole = self.e.floor_to(size, lanes)
            segments.append((covered, whole, Variant(lanes, 1, [0])))
            covered = whole
        if lanes > 1:
            last = Variant(lanes, 1, [0], masked=True) if self.masked else Variant(1, 1, [unroll])
            segments.append((covered, size, last))
        return [s for s in segments if not (isinstance(s[0], int) and s[0] == s[1])]

    def _lane_loop(self, level: int, scope: Scope, state: State, lower: Index, upper: Index, variant: Variant) -> State:
        dim = self.plan.dim
        # Between the loops the carry of a scan is a scalar, in a loop it is in all lanes.
        scans = [group for group, _ in state if self._scanned(group)]
        state = {**state, **{(g, 0): [self.e.broadcast(v, variant.lanes) for v in state[g, 0]] for g in scans}}
        keys = self._carried(variant, state)

        def body(iv: Index, rows: list[ir.Value]) -> list[ir.Value]:
            inside = Scope({**scope.position, dim: iv}, fresh(scope.loaded, variant), variant)
            inside.starts = [self.e.add(iv, copy * variant.lanes) for copy in range(variant.copies)]
            if variant.masked:
                inside.rest = self.e.index(self.e.sub(upper, iv))
                inside.mask = self.e.value("vector.create_mask", vector_of(self.e.i1, variant.lanes), [inside.rest])
            self._load_operands(level, inside)
            return flatten(keys, self._level(level + 1, inside, unflatten(keys, rows)))

        step = variant.lanes * variant.copies
        innermost = level == self.nest.rank - 1
        state = self.loop(lower, upper, step, keys, state, body, self.evidence(variant) if innermost else None)
        if variant.lanes > 1:
            state = {**state, **{(g, 0): [self.e.extract(v, 0) for v in state[g, 0]] for g in scans}}
        return state

    def _scanned(self, group: Group) -> bool:
        """Whether the lanes are a scan's own dimension: one carry passes through all copies."""
        return group.scan and self.plan.dim not in group.dims

    def _carried(self, variant: Variant | None, state: State) -> list[tuple[Group, int]]:
        """The rows that a loop changes: outside the chosen dimension all, inside those of the variant."""
        if variant is None:
            return list(state)
        return [(g, s) for g, s in state if s in self._slots(g, variant)]

    def _slots(self, group: Group, variant: Variant) -> list[int]:
        if self._scanned(group):
            return [0]
        outside = self.start[id(group)] <= self.at_dim
        return variant.slots if outside else list(range(variant.copies))

    # Operands.

    def _load_operands(self, level: int, scope: Scope) -> None:
        """Load what needs no loop further in than `level`."""
        for operand in self.inputs:
            if self.level_of[id(operand)] != level:
                continue
            self.e.loc = operand.arg.location
            if scope.variant is None or (operand.stride_along(self.plan.dim) == 0 and not operand.is_output):
                value = self._load(operand, scope, 0, 1)
                scope.loaded[operand.arg] = [Val(0, scalar=value)] * self._copies(scope)
                continue
            scope.loaded[operand.arg] = [
                Val(VARYING, vector=self._load(operand, scope, copy, scope.variant.lanes))
                for copy in range(scope.variant.copies)
            ]
        self.e.loc = self.nest.op.location

    def _copies(self, scope: Scope) -> int:
        return scope.variant.copies if scope.variant else 1

    def place(self, operand: Operand, scope: Scope, copy: int, lanes: int) -> Access:
        position = scope.position
        dim = self.plan.dim
        if dim in operand.dims:
            position = {**position, dim: scope.starts[copy]}
        return locate_operand(self.e, operand, position, dim, lanes)

    def _load(self, operand: Operand, scope: Scope, copy: int, lanes: int) -> ir.Value:
        place = self.place(operand, scope, copy, lanes)
        return load(self.e, place, lanes, scope.mask if lanes > 1 else None, None)

    def _store(self, operand: Operand, scope: Scope, copy: int, lanes: int, value: ir.Value) -> None:
        place = self.place(operand, scope, copy, lanes)
        store(self.e, place, lanes, scope.mask if lanes > 1 else None, value)

    # The innermost iteration: loads of all copies (done on the way), the body, then stores.

    def _innermost(self, scope: Scope, state: State) -> State:
        variant = scope.variant or Variant(1, 1, [0])
        body = self.body_at(scope, variant)
        for group in self.nest.groups:
            if self._scanned(group):
                continue
            for slot, copy in zip(self._slots(group, variant), range(variant.copies), strict=True):
                for member, value in zip(group.members, state[group, slot], strict=True):
                    body.define([member.arg], copy, [value])
        body.run(self.nest.body, Masks([scope.mask] * variant.copies), self.combined)
        self.e.loc = self.nest.op.location
        new = dict(state)
        for group in self.nest.groups:
            if self._scanned(group):
                new[group, 0] = self._scan(group, body, state[group, 0], scope, variant)
                continue
            for slot, copy in zip(self._slots(group, variant), range(variant.copies), strict=True):
                row = new[group, slot] = self._step(group, body, copy, state[group, slot], scope, variant)
                if group.scan:
                    self._define_running(group, body, copy, row)
        for output in self.nest.elementwise_outputs:
            assert output.yielded is not None
            for copy in range(variant.copies):
                value = body.vector(body.get(output.yielded, copy))
                self._store(output, scope, copy, variant.lanes, value)
        return new

    def body_at(self, scope: Scope, variant: Variant) -> BodyEmitter:
        """The emitter of the nest's body that knows the indices and the loaded operands."""
        body = BodyEmitter(self.e, self.plan.analysis, variant.lanes, variant.copies)
        for dim, index in scope.position.items():
            if dim == self.plan.dim:
                body.position[dim] = [Val(1, scalar=self.e.index(i)) for i in scope.starts]
            else:
                body.position[dim] = [Val(0, scalar=self.e.index(index))] * variant.copies
        body.env.update(scope.loaded)
        return body

    def _step(self, group: Group, body: BodyEmitter, copy: int, old: Row, scope: Scope, variant: Variant) -> Row:
        if group.instr is None:
            return [body.vector(body.get(m.yielded, copy)) for m in group.members if m.yielded is not None]
        element = self._element(group, body, copy, variant)
        return accumulate(self.e, self.plan.analysis, group, old, element, variant.lanes, scope.mask)

    def _element(self, group: Group, body: BodyEmitter, copy: int, variant: Variant) -> Row:
        element = [body.vector(body.get(v, copy)) for v in group.elements]
        if not group.casts:
            return element
        return [self.e.value("arith.extui", vector_of(group.members[0].element, variant.lanes), element)]

    def _scan(self, group: Group, body: BodyEmitter, carry: Row, scope: Scope, variant: Variant) -> Row:
        elements = [self._element(group, body, copy, variant) for copy in range(variant.copies)]
        scan = ScanEmitter(self.e, self.plan.analysis, group, variant.lanes)
        rows, carry = scan.run(elements, carry, scope.rest)
        for copy, row in enumerate(rows):
            self._define_running(group, body, copy, row)
        return carry

    def _define_running(self, group: Group, body: BodyEmitter, copy: int, row: Row) -> None:
        """What a scan yields for elements is what its accumulators have become."""
        body.define([m.yielded for m in group.members if m.yielded is not None], copy, row)

    # Accumulators between memory and registers.

    def _open(self, group: Group, level: int, scope: Scope, state: State) -> None:
        carried = level < self.nest.rank and has_identity(group)
        if self._scanned(group):
            state[group, 0] = [self._load(m, scope, 0, 1) for m in group.members]
            return
        if level <= self.at_dim:
            if carried:
                scalars, spread = identities(self.e, group), self.e.head_broadcast
            else:
                scalars, spread = [self._load(m, scope, 0, 1) for m in group.members], self.e.broadcast
            for slot in range(self.plan.unroll):
                state[group, slot] = [spread(v, self.plan.lanes) for v in scalars]
            if self.plan.lanes > 1 and not self.masked:
                state[group, self.plan.unroll] = scalars
            return
        lanes, copies = (scope.variant.lanes, scope.variant.copies) if scope.variant else (1, 1)
        for copy in range(copies):
            if carried:
                state[group, copy] = [self.e.head_broadcast(v, lanes) for v in identities(self.e, group)]
            else:
                state[group, copy] = [self._load(m, scope, copy, lanes) for m in group.members]

    def _close(self, group: Group, level: int, scope: Scope, state: State) -> None:
        carried = level < self.nest.rank and has_identity(group)
        if self._scanned(group):
            self._finish(group, state.pop((group, 0)), scope, 0, 1, carried=False)
            return
        if level <= self.at_dim:
            lanes = self.plan.lanes
            rows = [state.pop((group, slot)) for slot in range(self.plan.unroll)]
            row = (
                across_lanes(self.e, self.plan.analysis, group, rows, lanes, self.plan.whole_bits)
                if lanes > 1 or len(rows) > 1
                else rows[0]
            )
            remainder = state.pop((group, self.plan.unroll), None)
            if remainder is not None:
                row = combine(self.e, self.plan.analysis, group, row, remainder, 1)
            self._finish(group, row, scope, 0, 1, carried)
            return
        lanes, copies = (scope.variant.lanes, scope.variant.copies) if scope.variant else (1, 1)
        for copy in range(copies):
            self._finish(group, state.pop((group, copy)), scope, copy, lanes, carried)

    def _finish(self, group: Group, row: Row, scope: Scope, copy: int, lanes: int, carried: bool) -> None:
        if carried:
            before = [self._load(member, scope, copy, lanes) for member in group.members]
            row = combine(self.e, self.plan.analysis, group, before, row, lanes)
        for member, value in zip(group.members, row, strict=True):
            self._store(member, scope, copy, lanes, value)


def _is_accumulator(nest: Nest, operand: Operand) -> bool:
    return operand.is_output and len(operand.dims) < nest.rank and operand.yielded is not None
