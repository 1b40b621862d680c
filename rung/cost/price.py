"""Price: what work costs on a Machine, in cycles. Every number is the Machine's, or its ISA's.

A stretch of code takes as long as the busiest of what it needs:

    limits  = max(instructions / issue_per_cycle,
                  per kind of pipe: operations * width / pipes,
                  divisions * divide_cycles, in which a pipe that multiplies does nothing else,
                  latency(chain): what an iteration waits for of the one before,
                  latency(path) * operations / window: so many may wait for their operands at a time)
    cycles  = times * (max(limits) + atomics + calls)

and code takes the sum of its stretches. What a stretch is the first to touch comes from the memory behind the
first-level cache while it computes, and the longer of both counts. See docs/model.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..targets.isa.core import Core
from .work import Flow, Op, Path, Stretch, Work

Fetch = Callable[[Mapping[int, Flow]], float]
"""Cycles that the flows of a stretch take."""
_WAITING = ("multiply", "add", "logic", "divide", "root")


def nothing(flows: Mapping[int, Flow]) -> float:
    return 0.0


@dataclass(frozen=True)
class Spent:
    """Cycles of one context. `total` is less than the sum: what computes and what fetches overlap."""

    total: float
    compute: float
    fetch: float


def spent(work: Work, core: Core, fetch: Fetch = nothing) -> Spent:
    total = computing = fetching = 0.0
    for stretch in work.stretches:
        limit, rest = _stretch(stretch, core)
        compute = stretch.times * (limit + rest) + stretch.enters * core.loop_cycles
        fetched = fetch(stretch.flows)
        total += max(compute, fetched)
        computing += compute
        fetching += fetched
    return Spent(total, computing, fetching)


def compute(work: Work, core: Core) -> float:
    """Cycles of one context, data in the nearest memory."""
    return spent(work, core).total


def _stretch(stretch: Stretch, core: Core) -> tuple[float, float]:
    """Of one run: the limit that binds, and what nothing overlaps."""
    issued = waiting = 0.0
    pipes: dict[str, float] = dict.fromkeys(
        ("multiply", "add", "vector", "load", "store", "divider", "integer", "other"), 0.0
    )
    for op, count in stretch.counts.items():
        wide = max(1.0, op.bytes / core.pipe_bytes)
        issued += count
        waiting += count if op.kind in _WAITING else 0.0
        _charge(pipes, op, count * wide, count, core)
    limits = (
        issued / core.issue_per_cycle,
        pipes["multiply"] / core.multiply_pipes,
        pipes["add"] / core.add_pipes,
        pipes["vector"] / core.vector_pipes,
        pipes["load"] / core.load_pipes,
        pipes["store"] / core.store_pipes,
        pipes["divider"],
        pipes["integer"],
        latency(stretch.chain, core),
        latency(stretch.path, core) * waiting / core.window,
    )
    return max(limits), pipes["other"]


def _charge(pipes: dict[str, float], op: Op, taken: float, count: float, core: Core) -> None:
    kind = op.kind
    if kind in ("multiply", "add", "load", "store"):
        pipes[kind] += taken
    if kind in ("multiply", "add", "logic"):
        pipes["vector"] += taken
    elif kind in ("divide", "root"):
        held = taken * (core.divide_cycles if kind == "divide" else core.root_cycles)
        pipes["divider"] += held
        pipes["multiply"] += held  # it stands behind one of these pipes
    elif kind == "integer_divide":
        pipes["integer"] += count * core.integer_divide_cycles
    elif kind == "atomic":
        pipes["other"] += count * core.atomic_cycles
    elif kind == "call":
        pipes["other"] += count * core.call_cycles


def latency(path: Path, core: Core) -> float:
    """Cycles that a chain of operations takes."""
    taken = (
        core.load_latency_cycles,
        core.multiply_latency_cycles,
        core.add_latency_cycles,
        core.divide_latency_cycles,
        core.logic_latency_cycles,
    )
    return sum(count * each for count, each in zip(path, taken, strict=True))
