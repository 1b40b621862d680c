"""Traces of pipelines that were not compiled here: what a published program does, step by step, as its source tells.

A device that no back end of LLVM's is known for, or whose kernel is given in words only, is replayed from a plan. Its
counts are what the source says; a machine prices them as it prices those of compiled code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import lcm

from .trace import Compute, Event, Region, Repeat, Start, Stream, Trace, Wait, Work


@dataclass(frozen=True)
class Transfer:
    """`rows` rows of `row_bytes` bytes, towards DRAM if `write`."""

    rows: int
    row_bytes: int
    write: bool = False


def direct(work: Work, count: int, contexts: int, memory_bytes: int) -> Trace:
    """`count` times `work`, in even shares, one for each context; no transfers."""
    shares = [count // contexts + (number < count % contexts) for number in range(contexts)]
    streams: tuple[Stream, ...] = tuple((Repeat(share, (Compute(0),)),) for share in shares if share)
    return Trace((work,), (Region(streams, contexts > 1),), memory_bytes=memory_bytes)


def single_buffered(work: Work, steps: int, transfers: Sequence[Transfer], scratchpad_bytes: int = 0) -> Trace:
    """One context: each step loads, waits, computes, stores, and waits."""
    loads = [t for t in transfers if not t.write]
    stores = [t for t in transfers if t.write]
    body: list[Event] = [_start(tag, load) for tag, load in enumerate(loads)]
    body += [Wait(tag) for tag in range(len(loads))]
    body.append(Compute(0))
    body += [_start(len(loads) + tag, store) for tag, store in enumerate(stores)]
    body += [Wait(len(loads) + tag) for tag in range(len(stores))]
    return Trace((work,), (Region(((Repeat(steps, tuple(body)),),), False),), scratchpad_bytes)


def double_buffered(
    work: Work, steps: int, transfers: Sequence[Transfer], store_every: int = 1, scratchpad_bytes: int = 0
) -> Trace:
    """One context, two buffers: the next step's loads run under a step, the stores of every `store_every`-th step under
    those after it."""
    loads = [t for t in transfers if not t.write]
    stores = [t for t in transfers if t.write]
    first_store = 2 * len(loads)

    def load(half: int) -> list[Event]:
        return [_start(half * len(loads) + tag, each) for tag, each in enumerate(loads)]

    def wait(half: int) -> list[Event]:
        return [Wait(half * len(loads) + tag) for tag in range(len(loads))]

    def awaited() -> list[Event]:
        return [Wait(first_store + tag) for tag in range(len(stores))]

    def run(first: int, end: int) -> list[Event]:
        events: list[Event] = []
        for step in range(first, end):
            if step + 1 < steps:
                events += load((step + 1) % 2)
            events += [*wait(step % 2), Compute(0)]
            if (step + 1) % store_every == 0:
                events += awaited() if step + 1 > store_every else []
                events += [_start(first_store + tag, store) for tag, store in enumerate(stores)]
        return events

    # Between the first and the last period, all are alike.
    period = lcm(2, store_every)
    alike = max(0, (steps - 1) // period - 1)
    behind = period * (1 + alike) if alike else 0
    middle = [Repeat(alike, tuple(run(period, 2 * period)))] if alike else []
    events = [*load(0), *run(0, period if alike else 0), *middle, *run(behind, steps)]
    events += awaited() if steps >= store_every else []
    return Trace((work,), (Region((tuple(events),), False),), scratchpad_bytes)


def _start(tag: int, transfer: Transfer) -> Start:
    return Start(tag, transfer.rows, transfer.row_bytes, transfer.write)
