"""Why the compiler did what it did, per rung: its decisions with their numbers, as it wrote them into the IR."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from rich.console import Console

from ..bench.result import Result
from . import text

Decision = Mapping[str, Any]


def show(console: Console, results: Sequence[Result], machine: Mapping[str, Any]) -> None:
    """One paragraph per rung of one kernel. `machine`: the fields of the Machine that it was compiled for."""
    console.print(f"decisions: {text.title(results[0])}", style="bold", highlight=False)
    for result in results:
        console.print(f"  {result.rung}", style="bold", highlight=False)
        for line in lines(result, machine):
            console.print(f"    {line}", highlight=False, soft_wrap=True)
    console.print()


def lines(result: Result, machine: Mapping[str, Any]) -> list[str]:
    """The decisions on vectors, contexts, tiles and the scratchpad, one sentence each; on a modelled device, what calls
    of library functions are charged."""
    decided: list[Decision] = result.evidence.get("decided", [])
    return [
        *_vectors(result, decided),
        *(f"Vec: {text.taken_apart_warning(op, machine['arch'])}." for op in text.taken_apart(result.evidence)),
        *_prefetches(result, machine),
        *_tiles(result, decided),
        *_contexts(result, decided, machine),
        *_scratchpad(result, decided, machine),
        *_library(result, machine),
    ]


def _vectors(result: Result, decided: Sequence[Decision]) -> list[str]:
    if not result.schedule["vectorize"]:
        return ["Vec is off: every nest is a loop over scalars."]
    shapes = Counter((d["vectorized"]["lanes"], d["vectorized"]["unroll"]) for d in decided if "vectorized" in d)
    loops = ", ".join(
        f"{count} of {lanes} lanes x {unroll} in flight"
        for (lanes, unroll), count in sorted(shapes.items(), reverse=True)
    )
    found = [f"Vec: vector loops: {loops}."] if loops else ["Vec: no loop became a vector loop."]
    for panel in (d["contraction"] for d in decided if "contraction" in d):
        tile = f"{panel['mr']} rows x {panel['nr']} vectors"
        terms = f", {panel['products']} products of bytes per lane at a time" if "products" in panel else ""
        found.append(f"Vec: a contraction keeps a register tile of {tile} of {panel['lanes']} lanes{terms}.")
    reasons = Counter(str(d["scalar"]) for d in decided if "scalar" in d)
    found += [f"Vec: {count} nests stay scalar: {reason}." for reason, count in reasons.items()]
    return found


def _prefetches(result: Result, machine: Mapping[str, Any]) -> list[str]:
    if not result.schedule["vectorize"] or not machine.get("prefetch_bytes"):
        return []
    if not result.prefetches:
        return ["PF is off: what the next program reads is not fetched into the cache."]
    ops, size = text.fetched_ahead(result.evidence)
    if not ops:
        return ["PF: no loop reads again what its program has read, or a program is too large: nothing is fetched."]
    what = f"the {size:,} bytes that the next program reads several times"
    return [f"PF: {text.counted(ops, 'prefetch op')} in the loops, for {what}."]


def _tiles(result: Result, decided: Sequence[Decision]) -> list[str]:
    tiles = sum(bool(d.get("tile_loop")) for d in decided)
    size = result.schedule["tile_elements"]
    return [f"Tiles: blocks of more than {size:,} elements are cut; {tiles} loops over tiles remain."] if tiles else []


def _contexts(result: Result, decided: Sequence[Decision], machine: Mapping[str, Any]) -> list[str]:
    if result.schedule["threads"] == 1:
        in_turns = any("contexts_at_most" in d for d in decided)
        return [f"MT is off: one context runs all programs {'in turns: they wait' if in_turns else 'in order'}."]
    # The function of a task repeats what its call says.
    forks = [d for d in decided if "break_even_programs" in d and not d.get("task")]
    if not forks:
        return ["MT: there is no parallel loop that could be shared."]
    *inner, grid = forks
    found = [f"MT: {_fork(result, grid, machine)}"]
    for decision in inner:
        body, even = decision["body_cost_ns"], decision["break_even_programs"]
        found.append(
            f"MT: a loop over tiles, {_ns(body)} per tile, is shared from {even:,} tiles on, where the grid is not."
        )
    return found


def _fork(result: Result, decision: Decision, machine: Mapping[str, Any]) -> str:
    contexts = result.schedule["threads"] or machine["contexts"]
    body, even, programs = decision["body_cost_ns"], decision["break_even_programs"], prod(result.grid)
    estimate = (
        f"a program is estimated at {_ns(body)} and a fork and join of {contexts} contexts at "
        f"{_ns(machine['fork_join_ns'])}, so sharing pays from {even:,} programs on"
    )
    turns = "contexts_at_most" in decision  # programs wait for one another
    how = "on which those that wait take turns" if turns else f"{decision['distribution']} distribution"
    shared = f"over {min(programs, int(contexts))} contexts, {how}"
    if not result.schedule.get("profitability", True):
        return f"{estimate}; forking is forced: {programs:,} programs {shared if programs > 1 else 'do not fork'}."
    if programs < even:
        return f"{estimate}; the grid has {programs:,}: it does not fork."
    return f"{estimate}; the grid has {programs:,}: it forks {shared}."


def _scratchpad(result: Result, decided: Sequence[Decision], machine: Mapping[str, Any]) -> list[str]:
    depth = result.schedule["depth"] if result.schedule["double_buffer"] else 1
    wanted = machine.get("vectors_from_scratchpad") and result.schedule["vectorize"]
    if depth == 1 and not (
        result.schedule["scratchpad"] == "on" or (result.schedule["scratchpad"] == "auto" and wanted)
    ):
        return ["DB is off: no scratchpad, memory is accessed directly."]
    name = "DB" if result.schedule["double_buffer"] else "Scratchpad"
    budget = machine["scratchpad_bytes"] // machine["contexts"]
    found: list[str] = []
    for decision in decided:
        if "scratchpad_bytes" in decision:
            used, streams = decision["scratchpad_bytes"], decision["streams"]
            found.append(
                f"{name}: of one loop, {_arrays(decision['promoted'])} through the scratchpad, {streams} tile by tile "
                f"with {depth} buffers each: {used:,} bytes per context, of {budget:,}; "
                f"{decision.get('pipelined', 0)} pipelined."
            )
        found += [f"{name}: {reason}; it is accessed directly." for reason in decision.get("direct", [])]
        found += [f"{name}: not pipelined: {reason}." for reason in decision.get("not_pipelined", [])]
    return found or [f"{name}: no loop has a footprint to promote."]


def _library(result: Result, machine: Mapping[str, Any]) -> list[str]:
    """A name in the machine's table that nothing calls, or that is misspelt, is found by its absence here."""
    called = result.evidence.get("object", {}).get("helpers", [])
    if not called:
        return []
    prices, usual = machine["npu"]["helper_cycles"], machine["npu"]["default_helper_cycles"]
    listed = [f"{name} at {prices[name]:g}" for name in called if name in prices]
    others = [name for name in called if name not in prices]
    if others:
        listed.append(f"{', '.join(others)} at {usual:g} (npu.default_helper_cycles)")
    return [f"Library: cycles per call: {'; '.join(listed)}."]


def _arrays(count: int) -> str:
    return "1 array goes" if count == 1 else f"{count} arrays go"


def _ns(value: float) -> str:
    return f"{value:,.0f} ns" if value >= 100 else f"{value:.3g} ns"
