"""What a run on the modelled device recorded: exact counts of work and transfers, free of any machine's timing.

A trace is replayed on any machine whose compiler-relevant fields are the same (`timeline.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Work:
    """A stretch of computation of one context. All counts are of executed instances."""

    packets: int = 0
    """VLIW packets, as LLVM's Hexagon back end has scheduled them."""
    vector_packets: int = 0
    """Those of them that hold a vector instruction."""
    dram_scalar: int = 0
    """Loads and stores of single elements outside scratch and scratchpad."""
    dram_vector: int = 0
    """The same, of whole vectors."""
    dram_vector_bytes: int = 0
    """Bytes that the vector accesses moved."""
    calls: tuple[tuple[str, int], ...] = ()
    """Library helpers by name, sorted, with the number of calls; their own packets are not in `packets`."""
    macs: tuple[tuple[str, int], ...] = ()
    """Multiply-adds of a matrix unit, by element type."""
    steps: int = 0
    """Of a pipeline that was not compiled (`plans.py`), whose control is not in `packets`."""


@dataclass(frozen=True)
class Compute:
    """The context computes; `work` is a position in `Trace.works`."""

    work: int


@dataclass(frozen=True)
class Start:
    """The context enqueues one descriptor: `rows` rows of `row_bytes` bytes. `write`: towards DRAM."""

    tag: int
    rows: int
    row_bytes: int
    write: bool


@dataclass(frozen=True)
class Wait:
    """The context waits for the transfer that was started last under `tag`."""

    tag: int


@dataclass(frozen=True)
class Repeat:
    """`body`, `count` times over."""

    count: int
    body: tuple[Event, ...]


Event = Compute | Start | Wait | Repeat
Stream = tuple[Event, ...]
"""What one context does, in order."""


@dataclass(frozen=True)
class Region:
    """Streams that run at the same time, one per context. `forked`: between a fork and its join; otherwise there
    is one stream, of the context that launched the kernel."""

    streams: tuple[Stream, ...]
    forked: bool


@dataclass(frozen=True)
class Trace:
    """One launch: regions in order. Tags are small numbers, private to a context."""

    works: tuple[Work, ...]
    regions: tuple[Region, ...]
    scratchpad_bytes: int = field(default=0)
    """Of one context: the most that was in use at once, scratch included."""
    memory_bytes: int = field(default=0)
    """Of the arguments, each once: what a cache has to hold to hold all."""
