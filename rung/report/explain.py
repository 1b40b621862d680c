"""Why the compiler did what it did, per rung: its decisions with their numbers, as it wrote them into the IR."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import prod
from typing import Any

from rich.console import Console

from ..bench.fields import MachineFields
from ..bench.result import Measurements, Result
from ..cost.forking import NEVER
from ..evidence import Decision, DeviceCode, Fork
from . import text


def show(console: Console, results: Sequence[Result], machine: MachineFields) -> None:
    """One paragraph per rung of one kernel. `machine`: the fields of the Machine that it was compiled for."""
    console.print(f"decisions: {text.title(results[0])}", style="bold", highlight=False)
    for result in results:
        console.print(f"  {result.rung}", style="bold", highlight=False)
        for line in lines(result, machine):
            console.print(f"    {line}", highlight=False, soft_wrap=True)
    console.print()


def show_record(console: Console, record: Measurements[Any]) -> None:
    """The same of all kernels of a record."""
    for group in record.groups():
        show(console, group, record.environment.machine)


def lines(result: Result, machine: MachineFields) -> list[str]:
    """The decisions on vectors, contexts, tiles and the scratchpad, one sentence each; on a modelled device, what calls
    of library functions are charged.

    Nothing is worked out again: a number that the compiler went by stands in the IR, and is read from there."""
    decided = result.evidence.decided
    arch = machine.get("arch", "")
    return [
        *_vectors(result, decided),
        *(f"Vec: {text.taken_apart_warning(op, arch)}." for op in result.evidence.taken_apart),
        *_prefetches(result, machine),
        *_tiles(decided),
        *_order(decided),
        *_contexts(result, decided),
        *_scratchpad(result, decided),
        *_library(result, machine),
        *_ledger(result),
    ]


def _vectors(result: Result, decided: Sequence[Decision]) -> list[str]:
    if not result.schedule["vectorize"]:
        return ["Vec is off: every nest is a loop over scalars."]
    shapes = Counter((d.vectorized.lanes, d.vectorized.unroll) for d in decided if d.vectorized)
    loops = ", ".join(
        f"{count} of {lanes} lanes x {unroll} in flight"
        for (lanes, unroll), count in sorted(shapes.items(), reverse=True)
    )
    found = [f"Vec: vector loops: {loops}."] if loops else ["Vec: no loop became a vector loop."]
    turned = Counter(d.vectorized.tile for d in decided if d.vectorized and d.vectorized.tile)
    found += [f"Vec: {count} loops transpose tiles of {edge} x {edge} in registers." for edge, count in turned.items()]
    for panel in (d.contraction for d in decided if d.contraction):
        tile = f"{panel.mr} rows x {panel.nr} vectors"
        terms = f", {panel.products} products per lane at a time" if panel.products else ""
        terms += f", {panel.steps} steps of its loop in one sum" if panel.steps else ""
        terms += ", A read where it is if a block is whole" if panel.in_place else ""
        kept = panel.kept_a or panel.kept_b
        terms += f", packed {'A' if panel.kept_a else 'B'} of {kept} steps kept for the next program" if kept else ""
        found.append(f"Vec: a contraction keeps a register tile of {tile} of {panel.lanes} lanes{terms}.")
    reasons = Counter(result.evidence.left_scalar)
    found += [f"Vec: {count} nests stay scalar: {reason}." for reason, count in reasons.items()]
    return found


def _prefetches(result: Result, machine: MachineFields) -> list[str]:
    if not result.schedule["vectorize"] or not machine.get("prefetch_bytes"):
        return []
    if not result.prefetches:
        return ["PF is off: what the next program reads is not fetched into the cache."]
    ops, size = result.evidence.fetched_ahead
    nothing = "PF: no loop reads again what its program has read, nor short rows, or a program is too large."
    what = f"the {size:,} bytes of the next program's that no prefetcher of the hardware's has ready"
    found = [f"PF: {text.counted(ops, 'prefetch op')} in the loops, for {what}." if ops else nothing]
    if stores := result.evidence.streamed:
        found.append(f"PF: {text.counted(stores, 'store')} past the caches in launches that write more than they hold.")
    return found


def _tiles(decided: Sequence[Decision]) -> list[str]:
    sizes = Counter(text.shape(d.tile) for d in decided if d.tile)
    loops = ", ".join(f"{text.counted(count, 'loop')} over tiles of {size}" for size, count in sizes.items())
    return [f"Tiles: blocks are cut: {loops} elements."] if sizes else []


def _order(decided: Sequence[Decision]) -> list[str]:
    bands = [d.band for d in decided if d.band]
    return [f"Grid: programs run in bands of {band} along its second dimension: they share rows." for band in bands[:1]]


def _contexts(result: Result, decided: Sequence[Decision]) -> list[str]:
    alone = [d for d in decided if d.serial is not None]
    grids, tiles = result.evidence.forks("grid"), result.evidence.forks("tiles")
    if not grids and not tiles and all(d.serial == "one context" for d in alone):
        off = bool(alone) or result.schedule["threads"] == 1
        return [f"MT {'is off: one context runs all programs in order' if off else _NOTHING_PARALLEL}."]
    if any(d.programs and fork.contexts == 1 for d, fork in grids):
        return ["MT is off: one context runs all programs in turns: they wait."]
    found = [f"MT: {_fork(result, decision, fork)}" for decision, fork in grids]
    for decision, fork in tiles:
        body, least = decision.body_cost_ns or 0.0, fork.least
        where = ", where the grid is not" if grids else ""
        shared = f"is shared from {least:,} tiles on{where}" if least < NEVER else "is not worth sharing"
        found.append(f"MT: a loop over tiles, {_ns(body)} per tile, {shared}.")
    for decision in alone:
        what = "a loop over tiles" if decision.tile_loop else "the grid"
        found.append(f"MT: {what} is not shared: {decision.serial}.")
    return found


_NOTHING_PARALLEL = "finds no parallel loop that could be shared"


def _fork(result: Result, decision: Decision, fork: Fork) -> str:
    programs = prod(result.grid)
    even = decision.break_even_programs or fork.least
    estimate = (
        f"a program is estimated at {_ns(decision.body_cost_ns or 0.0)} and a fork and join of "
        f"{text.counted(fork.contexts, 'context')} at {_ns(fork.fork_join_ns)}, so sharing {_pays(even)}"
    )
    how = "on which those that wait take turns" if decision.programs else f"{decision.distribution} distribution"
    shared = f"over {min(programs, fork.contexts)} contexts, {how}"
    if fork.assumed_trips:
        ran = (result.launch.contexts_ran or 1) > 1
        assumed = f"{estimate}, where its loop has {fork.assumed_trips} steps; a launch counts with its own number: "
        return f"{assumed}{programs:,} programs {shared if ran else 'do not fork'}."
    if fork.least < even:
        return f"{estimate}; forking is forced: {programs:,} programs {shared if programs > 1 else 'do not fork'}."
    if programs < fork.least:
        return f"{estimate}; the grid has {programs:,}: it does not fork."
    return f"{estimate}; the grid has {programs:,}: it forks {shared}."


def _pays(least: int) -> str:
    return "never pays: one context keeps the memory busy" if least >= NEVER else f"pays from {least:,} programs on"


def _scratchpad(result: Result, decided: Sequence[Decision]) -> list[str]:
    given = next((d.scratchpad for d in decided if d.scratchpad), None)
    if given is None:
        missing = "there is no scratchpad to be had" if result.schedule["double_buffer"] else "no scratchpad"
        return [f"DB is off: {missing}, memory is accessed directly."]
    name = "DB" if result.schedule["double_buffer"] else "Scratchpad"
    found: list[str] = []
    for decision in decided:
        # Of a loop; a function says at a later stage how much it keeps in all.
        if decision.promoted is not None:
            used, streams = decision.scratchpad_bytes or 0, decision.streams or 0
            found.append(
                f"{name}: of one loop, {_arrays(decision.promoted)} through the scratchpad, {streams} tile by tile "
                f"with {text.counted(given.buffers, 'buffer')} each: {used:,} bytes per context, of "
                f"{given.budget_bytes:,}; {decision.pipelined or 0} pipelined."
            )
        found += [f"{name}: {reason}; it is accessed directly." for reason in decision.direct]
        found += [f"{name}: not pipelined: {reason}." for reason in decision.not_pipelined]
    return found or [f"{name}: no loop has a footprint to promote."]


def _library(result: Result, machine: MachineFields) -> list[str]:
    """A name in the machine's table that nothing calls, or that is misspelt, is found by its absence here."""
    code = result.evidence.object
    called = code.helpers if isinstance(code, DeviceCode) else []
    charged = machine.get("npu")
    if not called or not charged:
        return []
    prices, usual = charged["helper_cycles"], charged["default_helper_cycles"]
    listed = [f"{name} at {prices[name]:g}" for name in called if name in prices]
    others = [name for name in called if name not in prices]
    if others:
        listed.append(f"{', '.join(others)} at {usual:g} (npu.default_helper_cycles)")
    return [f"Library: cycles per call: {'; '.join(listed)}."]


def _ledger(result: Result) -> list[str]:
    """On a modelled device: where all cycles of all contexts went."""
    spent = result.launch.ledger
    total = sum(spent.values()) if spent else 0.0
    if not spent or not total:
        return []
    shares = sorted(((cycles / total, cause) for cause, cycles in spent.items()), reverse=True)
    parts = ", ".join(f"{cause} {share:.1%}" for share, cause in shares if share >= _SHOWN)
    return [f"Time: {result.launch.verdict}: {parts}."]


_SHOWN = 0.0005
"""Of all cycles: what prints as 0.0% is left out."""


def _arrays(count: int) -> str:
    return "1 array goes" if count == 1 else f"{count} arrays go"


def _ns(value: float) -> str:
    return f"{value:,.0f} ns" if value >= 100 else f"{value:.3g} ns"
