"""Which views get a buffer, and where their copies stand: the decisions of `promote`, made without changing
the IR.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any, Literal

from torch_mlir import ir
from torch_mlir.dialects import func, scf

from .accesses import Access, accesses
from .attributes import ASSUMED, MAY_ALIAS
from .constants import constant_value
from .dependences import Events, Freedom, encloses, events, freedom, is_parallel
from .footprints import Layout, View, layout_of
from .slicing import enclosing, is_inside, is_pure

Value = ir.Value[Any]
Placement = Literal["stream", "resident", "held", "in_order"]
_QUOTIENTS = ("arith.divui", "arith.divsi", "arith.floordivsi")


@dataclass(frozen=True)
class Promotion:
    """One buffer: what it holds, who uses it, and when it is filled or drained.

    stream: loaded before its first use, stored after its last writer, once per iteration of `loop`; may be
    overlapped. resident: loaded once before the loop `before`. held: loaded in the loop, but only when one
    of `keys` is not what it was. in_order: loaded right before and stored right after each use.
    """

    view: View
    layout: Layout
    name: str
    placement: Placement
    uses: tuple[Access, ...]
    loads: bool
    stores: bool
    loop: scf.ForOp
    in_order: str = ""
    around: tuple[scf.ForOp, ...] = ()
    """The loops in which a resident view is used, innermost first."""
    keys: tuple[Value, ...] = ()
    """The values, changing less often than with every iteration, that the place of a held view depends on."""

    @property
    def number(self) -> int:
        """Of the argument."""
        return _number(self.view.base)

    @property
    def ops(self) -> list[ir.Operation]:
        """The operations that use the buffer, in program order."""
        return list(dict.fromkeys(use.op for use in self.uses))

    @property
    def copies(self) -> int:
        """Copies that fill and drain it; what stays in order is copied at each use."""
        return (self.loads + self.stores) * (len(self.ops) if self.placement == "in_order" else 1)

    @property
    def keys_type(self) -> ir.MemRefType:
        """Of the memory that holds what `keys` were."""
        return ir.MemRefType.get([len(self.keys)], ir.IndexType.get())

    @property
    def before(self) -> ir.Operation:
        return self.around[-1].operation

    @property
    def outermost(self) -> ir.Operation:
        """The outermost loop of the context: buffers live as long as it runs."""
        return loops_around(self.uses[0].op)[-1].operation


def loops_around(op: ir.Operation) -> list[scf.ForOp]:
    """The `scf.for`s around `op` within its hardware context, innermost first."""
    loops: list[scf.ForOp] = []
    for parent in enclosing(op.block):
        if parent.name == "scf.forall":
            break
        if isinstance(parent.opview, scf.ForOp):
            loops.append(parent.opview)
    return loops


@dataclass(frozen=True)
class PromotionPlan:
    """What `promote` is to do, in program order."""

    promotions: list[Promotion]
    refusals: list[tuple[scf.ForOp, str]]
    """Views that are left direct, with the reason."""
    assumed: set[tuple[int, int]]
    """Numbers of arguments that are taken to be different memory, or accessed element for element alike."""
    written: set[int]
    """Numbers of arguments that are written."""
    may_alias: bool


def plan(function: func.FuncOp) -> PromotionPlan:
    """What gets a buffer. In a kernel that is marked `rung.may_alias`, all arguments count as one array.

    What is reached through a pointer that was computed gets none, and counts as a part of every array.
    """
    refusals: list[tuple[scf.ForOp, str]] = []
    everything: list[Access] = []
    groups: dict[tuple[Value, ir.Operation], tuple[Layout, list[Access]]] = {}
    for access in accesses(function):
        if access.anywhere:
            everything.append(replace(access, view=None))
            continue
        layout = layout_of(access.view) if access.view is not None else ""
        if access.view is not None and isinstance(layout, Layout):
            everything.append(access)
            if loops_around(access.op):
                groups.setdefault((access.view.value, _context(access.op)), (layout, []))[1].append(access)
            continue
        everything.append(replace(access, view=None))
        if loops_around(access.op):
            loop = _home(access.view, [access]) if access.view is not None else loops_around(access.op)[0]
            refusals.append((loop, f"{_name(access)}: {layout or 'it is accessed element by element'}"))
    written = {_number(a.base) for a in everything if a.writes and not a.anywhere}
    found = PromotionPlan([], refusals, set(), written, MAY_ALIAS in function.operation.attributes)
    kernel = _Kernel(everything)
    for layout, group in groups.values():
        _plan_view(found, layout, group, kernel)
    return replace(found, refusals=list(dict.fromkeys(refusals)))


def note_assumed(function: func.FuncOp, pairs: set[tuple[int, int]]) -> None:
    """Write `rung.assumed` on the kernel."""
    numbers = [number for pair in sorted(pairs) for number in pair]
    function.operation.attributes[ASSUMED] = ir.DenseI64ArrayAttr.get(numbers)


def assumed(module: ir.Module) -> set[tuple[int, int]]:
    """The pairs of `rung.assumed`, of the one kernel of a module."""
    found: set[tuple[int, int]] = set()
    for op in module.body.operations:
        found |= assumed_of(op)
    return found


def assumed_of(function: ir.OpView) -> set[tuple[int, int]]:
    """The pairs of `rung.assumed` on a function."""
    if ASSUMED not in function.operation.attributes:
        return set()
    numbers = list(ir.DenseI64ArrayAttr(function.operation.attributes[ASSUMED]))
    return set(zip(numbers[::2], numbers[1::2], strict=True))


class _Related:
    """Accesses to what may be the same memory, in program order. What is asked of them is found out once."""

    def __init__(self, accesses: Sequence[Access], events: Callable[[scf.ForOp], Events]) -> None:
        self._events = events
        self.writes = any(a.writes for a in accesses)
        self.updated = {a.view.place for a in accesses if a.view is not None and a.reads and a.writes}
        """Places that some nest reads and writes."""
        self._inside: dict[ir.Operation, list[Access]] = {}
        self._direct: dict[ir.Operation, list[Access]] = {}
        self._free: dict[ir.Operation, Freedom] = {}
        for access in accesses:
            around = list(enclosing(access.op.block))
            for op in around:
                self._inside.setdefault(op, []).append(access)
            for op in (access.op, *around) if access.view is None else ():
                self._direct.setdefault(op, []).append(access)

    def free(self, loop: scf.ForOp) -> Freedom:
        op = loop.operation
        if op not in self._free:
            self._free[op] = freedom(loop, self._events(loop), self._inside.get(op, []), self.writes)
        return self._free[op]

    def mixed(self, group: Sequence[Access]) -> bool:
        """Whether a nest that writes a view accesses the same array in another way, too: it keeps its own order."""
        for access in group:
            direct = self._direct.get(access.op, [])
            if direct and any(a.writes for a in (access, *direct)):
                return True
        return False


class _Kernel:
    """All accesses of a kernel, and those to some of its arguments; `anywhere` is every argument's."""

    def __init__(self, everything: Sequence[Access]) -> None:
        self._events: dict[ir.Operation, Events] = {}
        self.everything = _Related(everything, self.events)
        self.numbers = dict.fromkeys(_number(a.base) for a in everything if not a.anywhere)
        self._by_number: dict[int | None, list[tuple[int, Access]]] = {}
        for position, access in enumerate(everything):
            number = None if access.anywhere else _number(access.base)
            self._by_number.setdefault(number, []).append((position, access))
        self._known: dict[frozenset[int], _Related] = {}

    def of(self, *numbers: int) -> _Related:
        key = frozenset(numbers)
        if key not in self._known:
            chosen = [entry for number in (None, *key) for entry in self._by_number.get(number, [])]
            chosen.sort(key=itemgetter(0))
            self._known[key] = _Related([access for _, access in chosen], self.events)
        return self._known[key]

    def events(self, loop: scf.ForOp) -> Events:
        op = loop.operation
        if op not in self._events:
            self._events[op] = events(loop)
        return self._events[op]


def _plan_view(found: PromotionPlan, layout: Layout, group: Sequence[Access], kernel: _Kernel) -> None:
    """Add the buffers of one view, and the pairs of arguments whose order the decision does not keep."""
    view = group[0].view
    assert view is not None
    loop, number = _home(view, group), _number(view.base)
    keys = slow_keys(loop, view)

    def decide(related: _Related) -> list[Promotion]:
        return [] if related.mixed(group) else _promotions(view, layout, group, related, loop, keys)

    def differs(related: _Related) -> bool:
        return [p.placement for p in decide(related)] != [p.placement for p in chosen]

    chosen = decide(kernel.everything if found.may_alias else kernel.of(number))
    if not chosen:
        found.refusals.append((loop, f"{_name(group[0])}: the same nest accesses the array element by element"))
        return
    found.promotions.extend(chosen)
    if found.may_alias or not differs(kernel.everything):
        return
    for other in kernel.numbers:
        if other != number and found.written & {number, other} and differs(kernel.of(number, other)):
            found.assumed.add((min(number, other), max(number, other)))


def _context(op: ir.Operation) -> ir.Operation:
    """The loop over hardware contexts around `op`, or the function: no buffer is shared between contexts."""
    return next(parent for parent in enclosing(op.block) if parent.name in ("scf.forall", "func.func"))


def _number(base: Value) -> int:
    return ir.BlockArgument(base).arg_number


def _name(access: Access) -> str:
    return f"argument {_number(access.base)}"


def _home(view: View, group: Sequence[Access]) -> scf.ForOp:
    """The innermost loop around the view; where there is none, the outermost loop around its first use."""
    around = [loop for loop in loops_around(group[0].op) if encloses(loop.operation, view.cast)]
    return around[0] if around else loops_around(group[0].op)[-1]


def _promotions(
    view: View,
    layout: Layout,
    group: Sequence[Access],
    related: _Related,
    loop: scf.ForOp,
    slow: tuple[Value, ...],
) -> list[Promotion]:
    """The buffers of one view: one for what is only read, one for what is written, or one for updates in
    place. `related`: all accesses to what may be the same memory. `slow`: what `slow_keys` gives.
    """
    here, name = related.free(loop), _name(group[0])
    found: list[Promotion] = []
    reads = tuple(a for a in group if a.reads and not a.writes)
    writes = tuple(a for a in group if a.writes and not a.reads)
    updates = tuple(a for a in group if a.writes and a.reads)
    if reads:
        placement, reason, around = _place_reads(view, reads, loop, related.free)
        keys = slow if placement == "stream" else ()
        if keys:
            placement, reason = "held", "it is loaded when its place changes, which is not in every iteration"
        found.append(Promotion(view, layout, name, placement, reads, True, False, loop, reason, around, keys))
    if writes:
        updated = view.place in related.updated
        reason = here.stores or _nested(view, writes, loop) or ("it is also updated in place" if updated else "")
        placement = "in_order" if reason else "stream"
        found.append(Promotion(view, layout, name, placement, writes, False, True, loop, reason))
    if updates:
        reason = "it is updated in place"
        found.append(Promotion(view, layout, name, "in_order", updates, True, True, loop, reason))
    return found


def _nested(view: View, uses: Sequence[Access], loop: scf.ForOp) -> str:
    """Why uses do not stand directly in the loop's body, next to their view; empty when they do."""
    if view.cast.block != loop.body:
        return "its address is computed under a condition or outside of the loop"
    for use in uses:
        for parent in enclosing(use.op.block):
            if parent == loop.operation:
                break
            if not (isinstance(parent.opview, scf.ForOp) and _always_runs(parent.opview)):
                return "it is used under a condition or in an inner loop"
    return ""


def _always_runs(loop: scf.ForOp) -> bool:
    lower, upper = (constant_value(bound) for bound in list(loop.operation.operands)[:2])
    return lower is not None and upper is not None and lower < upper


def _place_reads(
    view: View, reads: Sequence[Access], loop: scf.ForOp, free: Any
) -> tuple[Placement, str, tuple[scf.ForOp, ...]]:
    nested = _nested(view, reads, loop)
    if not nested:
        reason: str = free(loop).loads
        return ("in_order", reason, ()) if reason else ("stream", "", ())
    around = _unchanging(view, reads)
    if not around:
        return "in_order", nested, ()
    reason = free(around[-1]).loads
    if reason:
        return "in_order", reason, ()
    return "resident", "it does not change in the loop: loaded once before it", around


def slow_keys(loop: scf.ForOp, view: View) -> tuple[Value, ...]:
    """What a view's place in a parallel loop depends on, if that is quotients of the induction variable only.

    A grid of two dimensions is one loop: `%py = %p / %gx` stays the same for `%gx` programs, and so does the row of
    a bias that is found by it. Empty if the place may change with every iteration.
    """
    if not is_parallel(loop):
        return ()
    keys: list[Value] = []
    known: set[Value] = set()

    def slow(value: Value) -> bool:
        if value in known or not is_inside(value, loop.operation):
            return True
        owner = value.owner
        if isinstance(owner, ir.Block) or not is_pure(owner.operation):
            return False
        if owner.name in _QUOTIENTS and not is_inside(owner.operands[1], loop.operation):
            keys.append(value)
        elif not all(slow(operand) for operand in owner.operands):
            return False
        known.add(value)
        return True

    parts = (view.offset, *view.sizes, *view.strides)
    return tuple(keys) if all(isinstance(part, int) or slow(part) for part in parts) else ()


def _unchanging(view: View, reads: Sequence[Access]) -> tuple[scf.ForOp, ...]:
    """The loops, innermost first, between the uses and the view; empty if a condition stands between.

    The bounds of all of them must be known before the outermost one, to see whether the load is due at all.
    """
    chains = [_chain(view, read) for read in reads]
    first = chains[0]
    if any(len(c) != len(first) or any(a != b for a, b in zip(c, first, strict=True)) for c in chains):
        return ()
    while first:
        bounds = [bound for loop in first for bound in list(loop.operation.operands)[:2]]
        if not any(is_inside(bound, first[-1].operation) for bound in bounds):
            return tuple(first)
        first = first[:-1]
    return ()


def _chain(view: View, read: Access) -> list[scf.ForOp]:
    loops: list[scf.ForOp] = []
    for parent in enclosing(read.op.block):
        if parent.name in ("scf.forall", "func.func") or encloses(parent, view.cast):
            break
        if not isinstance(parent.opview, scf.ForOp):
            return []
        loops.append(parent.opview)
    return loops
