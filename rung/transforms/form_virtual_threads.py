"""`form-virtual-threads`: distribute parallel loops over hardware contexts (MT, first half)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Annotated, Any, ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith, scf

from ..cost.count import ASSUMED_TRIPS, Lanes
from ..cost.forking import NEVER, Price
from ..errors import ContractError, UnsupportedError
from ..ir.attributes import (
    BAND,
    BODY_COST_NS,
    BREAK_EVEN_PROGRAMS,
    CONTEXTS,
    DISTRIBUTION,
    FORK,
    GRID,
    GRID_LOOP,
    ITERATIONS_PER_LINE,
    PROGRAMS,
    SERIAL,
    TILE,
    TILE_LOOP,
    TILES,
)
from ..ir.constants import constant_value
from ..ir.false_sharing import iterations_per_line
from ..ir.locations import line_of
from ..ir.pointers import i64, index
from ..ir.waits import first_wait
from ..knobs import MOST_CONTEXTS
from ..passes import Pass
from ..passes.options import Joined, Limits
from ..schedule import Distribution
from .fork_at_launch import LoopCost

Value = ir.Value[Any]
_MANY = 1 << 30
_GROUPS_PER_CONTEXT = 8
"""With so many groups of iterations for each context, a share is at most an eighth larger than another one."""
LOOP_ATTRIBUTES = {GRID: GRID_LOOP, TILES: TILE_LOOP}


@dataclass(frozen=True)
class FormVirtualThreads(Pass):
    """Give each context a share of the iterations of the loops marked `rung.grid` or `rung.tiles`.

    before:
        scf.forall (%px, %py, %pz) in (%gx, %gy, %gz) { body } {rung.grid}
    after (block distribution; T = gx * gy * gz):
        %used = select(%T >= break_even, min(%T, contexts), 1)
        scf.forall (%c) in (%used) {
          scf.for %pid = %c * %T / %used to (%c + 1) * %T / %used step 1 {
            %px = %pid mod %gx ...
            body
          } {rung.grid_loop}
        } {rung.contexts, rung.body_cost_ns = 310.0 : f64, rung.break_even_programs = 13 : i64,
           rung.fork = {contexts = 2 : i64, fork_join_ns = 2000.0 : f64, least = 13 : i64, loop = "grid"}}
    With distribution=block-cyclic the inner loop is `%pid = %c to %T step %used`, or two loops, over groups of
    iterations that fill a cache line and within one. With one context, or when a known T is below the
    break-even, there is only the loop over all iterations, with the reason in `rung.serial`.

    Contexts do not write to one cache line: where an iteration stores less than `line-bytes` (one float per program),
    shares begin at multiples of the iterations that fill a line (`rung.iterations_per_line = 16`), if there are at
    least 8 such groups for each context.

    Profitability: one context takes T*c, n of them ceil(T/n)*c, or T*s where they have to share the memory, and one
    fork and join, F (`rung.cost.forking`); c and s are the body's counts (`rung.cost.count`) times `prices`. Where a
    loop in the body runs as often as the launch says, the break-even is computed at launch (`fork_at_launch.py`). With
    profitability=off two iterations are enough to fork (`least = 2`); the break-even is still written down. The first
    dimension of a grid varies fastest, as in Triton; the last dimension of tiles does, as in memory. A loop inside
    another one forks only where the outer one does not.

    `rung.band = 4` on a grid (`band-grid`) asks for bands of four programs along the second dimension; within a band,
    that one varies fastest:
        %band = %pid / (%gx * 4); %rest = %pid mod (%gx * 4); %wide = min(4, %gy - %band * 4)
        %px = %rest / %wide; %py = %band * 4 + %rest mod %wide

    Programs that wait for one another (a `rung_yield` somewhere in the grid's body) must all get on, wherever they
    run: each is an iteration of its own, which the runtime runs on a stack of its own.
        scf.forall (%pid) in (%T) { body } {rung.programs, rung.fork = {contexts = 2, least = 13, ...}}
    Loops inside are not dealt out.

    Refuses: a parallel loop with results (shared outputs); with turns=off, programs that wait for one another.
    """

    name: ClassVar[str] = "form-virtual-threads"
    contexts: Annotated[int, Limits(1, MOST_CONTEXTS)] = 2
    distribution: Distribution = "block"
    fork_join_ns: Annotated[float, Limits(0, 1e12)] = 2000.0
    """What one fork and join costs."""
    clock_ghz: Annotated[float, Limits(1e-6, 1e12)] = 3.0
    lanes: Annotated[int, Limits(1, 1024)] = 1
    """Of the vectors that the body will be made of, for the estimate of its cost."""
    fma: bool = True
    """Products and sums fuse, for the same estimate."""
    prices: Annotated[str, Joined(r"[a-z_]+:[-\d.e]+", "multiply_pipes:2.0+read:0.03")] = ""
    """What the machine charges for it: `rung.cost.forking.Price`, as text."""
    profitability: bool = True
    """Fork only where it pays; off: wherever there are two iterations."""
    line_bytes: Annotated[int, Limits(1, 4096, powers_of_two=True)] = 64
    """Of a cache line, which contexts do not share."""
    turns: bool = True
    """The runtime lets programs that wait for one another take turns."""

    def run(self, module: ir.Module) -> None:
        loops: list[scf.ForallOp] = []

        def visit(op: ir.Operation) -> ir.WalkResult:
            if op.name == "scf.forall" and any(mark in op.attributes for mark in LOOP_ATTRIBUTES):
                loop = op.opview
                assert isinstance(loop, scf.ForallOp)
                loops.append(loop)
            return ir.WalkResult.ADVANCE

        module.operation.walk(visit, ir.WalkOrder.PRE_ORDER)
        for loop in loops:
            self._distribute(loop)

    def _distribute(self, loop: scf.ForallOp) -> None:
        if len(loop.operation.results):
            raise ContractError(f"form-virtual-threads: a parallel loop has results, at {loop.operation.location}")
        mark = next(mark for mark in LOOP_ATTRIBUTES if mark in loop.operation.attributes)
        cost = self._cost(loop)
        body_ns, break_even = cost.body_ns, cost.least(self.fork_join_ns, self.contexts)
        with ir.InsertionPoint(loop), loop.operation.location:
            space = _Space(loop, first_fastest=mark == GRID)
            attribute = LOOP_ATTRIBUTES[mark]
            known = space.static_total
            outer = _outer_contexts(loop)
            threshold = break_even if self.profitability else 2
            least = (
                cost.at_launch(loop, self.fork_join_ns, self.contexts)
                if self.profitability and self.contexts > 1
                else None
            )
            wait = first_wait(loop.operation) if mark == GRID else None
            if wait is not None:
                decision = self._let_take_turns(loop, space, wait)
                decision[BODY_COST_NS] = ir.FloatAttr.get_f64(round(body_ns, 3))
                decision[BREAK_EVEN_PROGRAMS] = ir.IntegerAttr.get(i64(), break_even)
                decision[FORK] = self._fork(mark, threshold)
                return
            reason = self._why_serial(known if least is None else None, threshold, outer)
            if reason:
                serial = _for(index(0), space.total, index(1), attribute)
                _fill(serial.body, loop, space)
                decision = serial.operation.attributes
                _keep_attributes(loop, serial)
                decision[SERIAL] = ir.StringAttr.get(reason)
                decision[BODY_COST_NS] = ir.FloatAttr.get_f64(round(body_ns, 3))
                loop.operation.erase()
                return
            # In a band, neighbours along the first dimension are not next to each other.
            group = 1 if space.band > 1 else iterations_per_line(loop, space.order[0], self.line_bytes)
            used = self._contexts_used(space.total, known, index(threshold) if least is None else least, outer)
            contexts = scf.ForallOp([0], [_fold(used)], [1])
            decision = contexts.operation.attributes
            decision[CONTEXTS] = ir.UnitAttr.get()
            decision[BODY_COST_NS] = ir.FloatAttr.get_f64(round(body_ns, 3))
            decision[BREAK_EVEN_PROGRAMS] = ir.IntegerAttr.get(i64(), break_even)
            decision[DISTRIBUTION] = ir.StringAttr.get(self.distribution)
            decision[FORK] = self._fork(mark, threshold, least is not None)
            if group > 1:
                decision[ITERATIONS_PER_LINE] = ir.IntegerAttr.get(i64(), group)
        with ir.InsertionPoint(contexts.body), loop.operation.location:
            end = scf.InParallelOp()
        with ir.InsertionPoint(end), loop.operation.location:
            grouped = self._group(space.total, known, group)
            share = self._share(contexts.body.arguments[0], used, space.total, grouped, attribute)
            _fill(share.body, loop, space)
            _keep_attributes(loop, share)
        loop.operation.erase()

    def _let_take_turns(self, loop: scf.ForallOp, space: _Space, wait: ir.Operation) -> ir.OpAttributeMap:
        """Keep the grid as one parallel loop, whose attributes are returned: the runtime deals its programs out."""
        if not self.turns:
            raise UnsupportedError(
                "a loop that waits for what other programs do",
                line_of(wait),
                "such loops on the host; a modelled device runs the programs of a context one after another",
            )
        programs = scf.ForallOp([0], [_fold(space.total)], [1])
        with ir.InsertionPoint(programs.body):
            scf.InParallelOp()
        _fill(programs.body, loop, space)
        loop.operation.erase()
        decision = programs.operation.attributes
        decision[PROGRAMS] = ir.UnitAttr.get()
        return decision

    def _fork(self, mark: str, threshold: int, varies: bool = False) -> ir.DictAttr:
        """What decides at launch: of which loop, on how many contexts at most, from how many iterations on, and
        whether that depends on the launch's sizes."""
        return ir.DictAttr.get(
            {
                **({"assumed_trips": ir.IntegerAttr.get(i64(), ASSUMED_TRIPS)} if varies else {}),
                "loop": ir.StringAttr.get(mark.removeprefix("rung.")),
                "contexts": ir.IntegerAttr.get(i64(), self.contexts),
                "least": ir.IntegerAttr.get(i64(), threshold),
                "fork_join_ns": ir.FloatAttr.get_f64(self.fork_join_ns),
            }
        )

    def _why_serial(self, known: int | None, threshold: int, outer: Value | int | None) -> str:
        """Why the loop is not dealt out; empty if it is, or if that is decided at launch."""
        if self.contexts == 1:
            return "one context"
        if isinstance(outer, int) and outer > 1:
            return "the loop around it is dealt out"
        if known is not None and known < threshold:
            return f"{known} iterations; a fork {_from(threshold)}"
        return ""

    def _group(self, total: Value, known: int | None, group: int) -> Value | int:
        """Iterations that stay on one context: `group`, or 1 where groups would leave the shares too uneven."""
        enough = _GROUPS_PER_CONTEXT * group * self.contexts
        if group == 1 or known is not None:
            return group if known is None or known >= enough else 1
        many = arith.CmpIOp(arith.CmpIPredicate.sge, total, index(enough)).result
        return arith.SelectOp(many, index(group), index(1)).result

    def _cost(self, loop: scf.ForallOp) -> LoopCost:
        price = Price.parse(self.prices)
        return LoopCost.of(loop, Lanes(self.lanes, self.fma), price, self.clock_ghz)

    def _contexts_used(self, total: Value, known: int | None, least: Value, outer: Value | int | None) -> Value:
        if known is not None and constant_value(least) is not None:
            used = index(min(known, self.contexts))
        else:
            pays = arith.CmpIOp(arith.CmpIPredicate.sge, total, least).result
            most = arith.MinSIOp(total, index(self.contexts)).result
            used = arith.SelectOp(pays, most, index(1)).result
        if not isinstance(outer, ir.Value):
            return used
        alone = arith.CmpIOp(arith.CmpIPredicate.eq, outer, index(1)).result
        return arith.SelectOp(alone, used, index(1)).result

    def _share(self, context: Value, used: Value, total: Value, group: Value | int, attribute: str) -> scf.ForOp:
        """The loop over the iterations of one context; insertion stands where its contents go."""
        one = index(1)
        if self.distribution == "block":
            begin = _boundary(context, used, total, group)
            end = _boundary(arith.AddIOp(context, one).result, used, total, group)
            return _for(begin, end, one, attribute)
        if group == 1:
            return _for(context, total, used, attribute)
        lines = _value(group)
        groups = _for(arith.MulIOp(context, lines).result, total, arith.MulIOp(used, lines).result, None)
        with ir.InsertionPoint(groups.body.operations[0]):
            first = groups.induction_variable
            last = arith.MinUIOp(arith.AddIOp(first, lines).result, total).result
            return _for(first, last, one, attribute)


def _from(threshold: int) -> str:
    return f"pays from {threshold} on" if threshold < NEVER else "never pays: one context keeps the memory busy"


def _keep_attributes(loop: scf.ForallOp, share: scf.ForOp) -> None:
    """The size of the tiles that `loop` was over; the bands of a grid."""
    for name in (TILE, BAND):
        if name in loop.operation.attributes:
            share.operation.attributes[name] = loop.operation.attributes[name]


def _boundary(context: Value, used: Value, total: Value, group: Value | int) -> Value:
    """The first iteration of `context` in a block distribution of groups; `total` for the one past the last."""
    if group == 1:
        return arith.DivUIOp(arith.MulIOp(context, total).result, used).result
    size = _value(group)
    groups = arith.CeilDivUIOp(total, size).result
    first = arith.DivUIOp(arith.MulIOp(context, groups).result, used).result
    return arith.MinUIOp(arith.MulIOp(first, size).result, total).result


def _outer_contexts(loop: scf.ForallOp) -> Value | int | None:
    """How many contexts the loop around `loop` uses, if there is one; many if its iterations take turns."""
    parent = loop.operation.parent
    while parent is not None and parent.operation.name != "func.func":
        op = parent.operation
        if op.name == "scf.forall" and PROGRAMS in op.attributes:
            return _MANY
        if op.name == "scf.forall" and CONTEXTS in op.attributes:
            around: Any = op.opview
            dynamic = list(around.dynamicUpperBound)
            return dynamic[0] if dynamic else around.staticUpperBound[0]
        parent = op.parent
    return None


class _Space:
    """The iteration space of a parallel loop: trips per dimension, their product, and the way back."""

    def __init__(self, loop: scf.ForallOp, first_fastest: bool) -> None:
        dynamic = ir.ShapedType.get_dynamic_size()

        def mixed(static: ir.DenseI64ArrayAttr, values: Sequence[Value]) -> list[Value | int]:
            rest = iter(values)
            return [_fold(next(rest)) if s == dynamic else s for s in static]

        self.lower = mixed(loop.staticLowerBound, loop.dynamicLowerBound)
        self.step = mixed(loop.staticStep, loop.dynamicStep)
        upper = mixed(loop.staticUpperBound, loop.dynamicUpperBound)
        self.trips = [_trips(*bounds) for bounds in zip(self.lower, upper, self.step, strict=True)]
        self.order = list(range(len(upper))) if first_fastest else list(range(len(upper)))[::-1]
        static = [trips for trips in self.trips if isinstance(trips, int)]
        self.static_total = prod(static) if len(static) == len(self.trips) else None
        total: Value | None = None
        for trips in self.trips:
            total = _value(trips) if total is None else arith.MulIOp(total, _value(trips)).result
        assert total is not None
        self.total: Value = total if self.static_total is None else index(self.static_total)
        attributes = loop.operation.attributes
        self.band = ir.IntegerAttr(attributes[BAND]).value if BAND in attributes else 1

    def delinearize(self, linear: Value, needed: Sequence[bool]) -> list[Value]:
        """The induction variables of iteration `linear`; one that is not needed is any value."""
        result: list[Value] = [linear] * len(self.trips)
        rest, order = linear, self.order
        last = max((at for at, d in enumerate(order) if needed[d]), default=-1)
        if self.band > 1:
            rest, positions = self._in_bands(linear, deeper=last > 1)
            for d, position in zip(order[:2], positions, strict=True):
                result[d] = self._variable(d, position)
            order, last = order[2:], last - 2
        for at, d in enumerate(order[: last + 1]):
            trips = self.trips[d]
            if needed[d]:
                outermost = at == len(order) - 1
                result[d] = self._variable(d, rest if outermost else arith.RemUIOp(rest, _value(trips)).result)
            if at < last:
                rest = arith.DivUIOp(rest, _value(trips)).result
        return result

    def _in_bands(self, linear: Value, deeper: bool) -> tuple[Value, tuple[Value, Value]]:
        """(the number of the plane, the positions in it): of iteration `linear` in the first two dimensions, counted
        in bands along the second. deeper: there are other dimensions that somebody needs."""
        first, second = (_value(self.trips[d]) for d in self.order[:2])
        plane, place = linear, linear
        if len(self.order) > 2:
            size = arith.MulIOp(first, second).result
            place = arith.RemUIOp(linear, size).result
            plane = arith.DivUIOp(linear, size).result if deeper else linear
        size = arith.MulIOp(first, index(self.band)).result
        begin = arith.MulIOp(arith.DivUIOp(place, size).result, index(self.band)).result
        left = arith.MinUIOp(index(self.band), arith.SubIOp(second, begin).result).result
        wide = arith.MaxUIOp(left, index(1)).result  # it is: said for those who ask whether the division may trap
        rest = arith.RemUIOp(place, size).result
        along = arith.AddIOp(begin, arith.RemUIOp(rest, wide).result).result
        return plane, (arith.DivUIOp(rest, wide).result, along)

    def _variable(self, dimension: int, position: Value) -> Value:
        """The induction variable at a position."""
        step, lower = self.step[dimension], self.lower[dimension]
        scaled = position if step == 1 else arith.MulIOp(position, _value(step)).result
        return scaled if lower == 0 else arith.AddIOp(scaled, _value(lower)).result


def _fold(value: Value) -> Value | int:
    known = constant_value(value)
    return value if known is None else known


def _value(value: Value | int) -> Value:
    return index(value) if isinstance(value, int) else value


def _trips(lower: Value | int, upper: Value | int, step: Value | int) -> Value | int:
    if isinstance(lower, int) and isinstance(upper, int) and isinstance(step, int):
        return max(0, -(-(upper - lower) // step))
    if lower == 0 and step == 1:
        return upper
    span = arith.SubIOp(_value(upper), _value(lower)).result
    return span if step == 1 else arith.CeilDivSIOp(span, _value(step)).result


def _for(lower: Value, upper: Value, step: Value, attribute: str | None) -> scf.ForOp:
    loop = scf.ForOp(lower, upper, step)
    if attribute is not None:
        loop.operation.attributes[attribute] = ir.UnitAttr.get()
    with ir.InsertionPoint(loop.body):
        scf.YieldOp([])
    return loop


def _fill(target: ir.Block, source: scf.ForallOp, space: _Space) -> None:
    """Move the body of `source` into that of a loop, with its induction variables computed from the linear id."""
    end = target.operations[0]
    arguments = list(source.body.arguments)
    needed = [any(True for _ in argument.uses) for argument in arguments]
    with ir.InsertionPoint(end):
        variables = space.delinearize(target.arguments[0], needed)
    for argument, variable in zip(arguments, variables, strict=True):
        argument.replace_all_uses_with(variable)
    for op in list(source.body.operations)[:-1]:
        op.operation.move_before(end.operation)
