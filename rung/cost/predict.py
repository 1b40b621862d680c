"""The time of a launch on a host, before it runs: work x price + launch + fork + transfers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..machine import Machine
from .launch import LaunchWork
from .memory import Residence
from .price import spent
from .work import Work


@dataclass(frozen=True)
class Prediction:
    """Nanoseconds. `compute` and `memory` are of the context with the largest share and overlap: `total` is at most the
    sum of all."""

    total: float
    launch: float
    fork: float
    compute: float
    memory: float
    transfers: float
    """What transfers add to the rest, after what they overlap."""


def predict(work: LaunchWork, machine: Machine, sizes: Mapping[int, float], engine: bool) -> Prediction:
    """sizes: bytes of each array that the launch is given, by argument. engine: a core is free for the copy engine;
    otherwise contexts that wait copy themselves."""
    touched = sum(sizes.values())
    parts = [(work.alone, 1), *((fork.longest, fork.contexts) for fork in work.forks)]
    cycles = computing = fetching = moving = forks = 0.0
    for part, contexts in parts:
        residence = Residence(machine, contexts, touched, sizes)
        total, compute, fetch = _context(part, machine, residence, engine and contexts < machine.contexts)
        cycles += total
        computing += compute
        fetching += fetch
        moving += total - max(compute, fetch) if part.transfers else 0.0
        forks += contexts > 1
    ns = 1 / machine.clock_ghz
    fork = forks * machine.fork_join_ns
    return Prediction(
        machine.launch_ns + fork + cycles * ns,
        machine.launch_ns,
        fork,
        computing * ns,
        fetching * ns,
        max(0.0, moving) * ns,
    )


def _context(work: Work, machine: Machine, residence: Residence, engine: bool) -> tuple[float, float, float]:
    """Cycles of one context: in all, computing, fetching."""
    core, dma = machine.rates, machine.dma
    if not work.transfers:
        found = spent(work, core, residence.fetch(work))
        return found.total, found.compute, found.fetch
    inside = spent(work, core).total
    issued = work.transfers * dma.issue_cycles + work.rows * dma.row_cycles
    fetched = sum(residence.fetch(work)(stretch.flows) for stretch in work.stretches)
    if not engine:
        # What a context waits for it copies itself, when it waits.
        return inside + issued + fetched, inside, fetched
    moved = work.transfers * dma.latency_cycles + work.rows * dma.row_cycles + fetched
    first = moved * work.moved_ahead / work.moved if work.moved else 0.0
    return first + max(inside + work.transfers * dma.issue_cycles, moved - first), inside, moved
