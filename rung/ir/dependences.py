"""What a transfer may overtake: whether loads may run ahead of a loop's iterations, and stores behind them.

Assumed of the kernel: two different arguments either do not overlap, or are the same memory with every
element read and written at the same place (a kernel called in place); `promote` names the pairs for which more is
assumed, and takes all arguments for one array in a kernel that is marked `rung.may_alias`. Assumed of a parallel loop
(`rung.grid_loop`, `rung.tile_loop`) without atomics: no iteration reads what another one writes. Assumed of
the engine: a context's transfers take effect in the order in which they are started. So stores never
overtake each other; what is decided here is whether a load that is started early may miss a store, and
whether a store that is not awaited may be missed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch_mlir import ir
from torch_mlir.dialects import scf

from .accesses import Access, is_atomic, is_fence
from .assertions import is_assertion
from .attributes import GRID_LOOP, TILE_LOOP
from .footprints import View
from .slicing import advance, collect, enclosing
from .waits import first_wait

PARALLEL = (GRID_LOOP, TILE_LOOP)
_FENCED = "an atomic, a volatile load or a call may order it"


@dataclass(frozen=True)
class Freedom:
    """Why loads, and stores, of one argument must stay in program order inside a loop; empty: they need
    not.
    """

    loads: str = ""
    stores: str = ""


def encloses(op: ir.Operation, inner: ir.Operation) -> bool:
    """Whether `inner` is in a region of `op`."""
    return any(parent == op for parent in enclosing(inner.block))


def is_parallel(loop: scf.ForOp) -> bool:
    return any(mark in loop.operation.attributes for mark in PARALLEL)


@dataclass(frozen=True)
class Events:
    """What happens in a loop, whichever argument is asked about."""

    fences: bool
    waiting: bool
    """At a fence, what others did may be seen."""
    turns: bool
    """Programs wait for one another."""
    assertions: bool


def events(loop: scf.ForOp) -> Events:
    inside = collect(loop.operation)
    fences = [op for op in inside if is_fence(op)]
    waiting, turns = any(map(_may_wait, fences)), first_wait(loop.operation) is not None
    return Events(bool(fences), waiting, turns, any(map(is_assertion, inside)))


def freedom(loop: scf.ForOp, found: Events, accesses: Sequence[Access], written_elsewhere: bool) -> Freedom:
    """What is allowed for one argument in `loop`. `found`: its `events`. `accesses`: those to the argument inside the
    loop, in order.
    """
    reads = [a for a in accesses if a.reads]
    writes = [a for a in accesses if a.writes]
    asserted = "an assertion may keep it from being read" if found.assertions else ""
    if not writes:
        if found.turns:
            return Freedom("programs wait for one another in the loop")
        fenced = found.waiting or (found.fences and written_elsewhere)
        return Freedom(_FENCED if fenced else asserted)
    if found.fences:
        return Freedom(_FENCED, _FENCED)
    if any(a.view is None for a in accesses):
        reason = "the same array is accessed element by element in the loop"
        return Freedom(reason, reason)
    if not reads:
        return Freedom()
    reason = _load_order(loop, reads, writes)
    return Freedom(reason or asserted, reason)


def _may_wait(fence: ir.Operation) -> bool:
    """Whether what others do is seen at a fence, so that behind it even memory that the kernel never writes may be new.

    An atomic whose old value nobody looks at tells nothing of others.
    """
    return not is_atomic(fence) or any(True for _ in fence.results[0].uses)


def _load_order(loop: scf.ForOp, reads: Sequence[Access], writes: Sequence[Access]) -> str:
    written = _distinct(writes)
    if len(_distinct([*writes, *reads])) > len(written):
        return "the array is stored to at other places in the loop"
    if _anchor_order(loop, reads)[-1] > _anchor_order(loop, writes)[0]:
        return "it is read after a store in the same iteration"
    if not is_parallel(loop) and (len(written) > 1 or not moves_on(loop, written[0])):
        return "an earlier iteration may have written it"
    return ""


def _distinct(accesses: Sequence[Access]) -> list[View]:
    views: dict[tuple[object, ...], View] = {}
    for access in accesses:
        if access.view is not None:
            views.setdefault(access.view.place, access.view)
    return list(views.values())


def _anchor_order(loop: scf.ForOp, accesses: Sequence[Access]) -> list[int]:
    """Sorted positions, in the loop's body, of the operations that hold the accesses."""
    position = {op.operation: k for k, op in enumerate(loop.body.operations)}
    return sorted(position[anchor_in(loop, access.op)] for access in accesses)


def anchor_in(loop: scf.ForOp, op: ir.Operation) -> ir.Operation:
    """The operation directly in the loop's body that is or holds `op`."""
    anchor = op
    while anchor.parent is not None and anchor.parent.operation != loop.operation:
        anchor = anchor.parent.operation
    return anchor


def moves_on(loop: scf.ForOp, view: View) -> bool:
    """Whether each iteration's view is proven to lie apart from all other iterations'."""
    distance = advance(loop, view.offset)
    return distance is not None and view.extent is not None and abs(distance) >= view.extent
