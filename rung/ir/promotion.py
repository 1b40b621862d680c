"""Which views get a buffer, and where their copies stand: the decisions of `promote`, made without changing
the IR.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from torch_mlir import ir
from torch_mlir.dialects import func, scf

from .accesses import Access, accesses
from .cost import constant_value
from .dependences import Freedom, encloses, freedom, is_parallel
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
    def ops(self) -> list[ir.Operation]:
        """The operations that use the buffer, in program order."""
        found: list[ir.Operation] = []
        for use in self.uses:
            if use.op not in found:
                found.append(use.op)
        return found

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


def plan(function: func.FuncOp) -> tuple[list[Promotion], list[tuple[scf.ForOp, str]]]:
    """(promotions, views left direct with the reason), in program order."""
    promotions: list[Promotion] = []
    refusals: list[tuple[scf.ForOp, str]] = []
    everything: list[Access] = []
    groups: dict[Value, tuple[Layout, list[Access]]] = {}
    for access in accesses(function):
        layout = layout_of(access.view) if access.view is not None else ""
        if access.view is not None and isinstance(layout, Layout):
            everything.append(access)
            if loops_around(access.op):
                groups.setdefault(access.view.value, (layout, []))[1].append(access)
            continue
        everything.append(replace(access, view=None))
        if loops_around(access.op):
            loop = _home(access.view, [access]) if access.view is not None else loops_around(access.op)[0]
            refusals.append((loop, f"{_name(access)}: {layout or 'it is accessed element by element'}"))
    for layout, group in groups.values():
        view = group[0].view
        assert view is not None
        of_base = [a for a in everything if a.base == view.base]
        loop = _home(view, group)
        if _mixed(group, of_base):
            reason = "the same nest accesses the array element by element"
            refusals.append((loop, f"{_name(group[0])}: {reason}"))
            continue
        promotions += _promotions(view, layout, group, of_base, loop)
    return promotions, list(dict.fromkeys(refusals))


def _name(access: Access) -> str:
    return f"argument {ir.BlockArgument(access.base).arg_number}"


def _home(view: View, group: Sequence[Access]) -> scf.ForOp:
    """The innermost loop around the view; where there is none, the outermost loop around its first use."""
    around = [loop for loop in loops_around(group[0].op) if encloses(loop.operation, view.cast)]
    return around[0] if around else loops_around(group[0].op)[-1]


def _mixed(group: Sequence[Access], of_base: Sequence[Access]) -> bool:
    """Whether a nest that writes the view accesses the same array in another way, too: it keeps its own
    order.
    """
    for access in group:
        direct = [a for a in of_base if a.view is None and (a.op == access.op or encloses(access.op, a.op))]
        if any(a.writes for a in (access, *direct)) and direct:
            return True
    return False


def _promotions(
    view: View, layout: Layout, group: Sequence[Access], of_base: Sequence[Access], loop: scf.ForOp
) -> list[Promotion]:
    """The buffers of one view: one for what is only read, one for what is written, or one for updates in
    place.
    """

    def free(inside: scf.ForOp) -> Freedom:
        return freedom(
            inside,
            [a for a in of_base if encloses(inside.operation, a.op)],
            any(a.writes for a in of_base),
        )

    here, name = free(loop), _name(group[0])
    found: list[Promotion] = []
    reads = tuple(a for a in group if a.reads and not a.writes)
    writes = tuple(a for a in group if a.writes and not a.reads)
    updates = tuple(a for a in group if a.writes and a.reads)
    if reads:
        placement, reason, around = _place_reads(view, reads, loop, free)
        keys = slow_keys(loop, view) if placement == "stream" else ()
        if keys:
            placement, reason = "held", "it is loaded when its place changes, which is not in every iteration"
        found.append(Promotion(view, layout, name, placement, reads, True, False, loop, reason, around, keys))
    if writes:
        reason = here.stores or _nested(view, writes, loop) or ("it is also updated in place" if updates else "")
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

    def slow(value: Value) -> bool:
        if not is_inside(value, loop.operation) or value in keys:
            return True
        owner = value.owner
        if isinstance(owner, ir.Block) or not is_pure(owner.operation):
            return False
        if owner.name in _QUOTIENTS and not is_inside(owner.operands[1], loop.operation):
            keys.append(value)
            return True
        return all(slow(operand) for operand in owner.operands)

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
