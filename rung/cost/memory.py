"""From which level of memory an array comes, and what its bytes cost there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..machine import Level, Machine
from .work import Flow, Work


@dataclass(frozen=True)
class Residence:
    """Where a launch's arrays are, if it has run before: the nearest level that holds all that a context touches.

    touched: bytes of all arrays; sizes: of each, by argument; contexts: that share the work."""

    machine: Machine
    contexts: int
    touched: float
    sizes: Mapping[int, float]

    def fetch(self, work: Work) -> _Fetch:
        """What the flows of this work cost: of an array that comes again and again, every time but the first from a
        level that holds the array alone. What is written past the caches takes no room in them."""
        streams = {argument: stream.reads + stream.writes for argument, stream in work.streams.items()}
        first = {
            argument: min(1.0, self.sizes.get(argument, total) / total) for argument, total in streams.items() if total
        }
        past = {argument for s in work.stretches for argument, flow in s.flows.items() if flow.streamed}
        beyond = sum(self.sizes.get(argument, 0.0) for argument in past)
        home = self.level((self.touched - beyond) / self.contexts)
        again = {argument: self.level(self.sizes.get(argument, 0.0)) for argument in streams}
        return _Fetch(self, first, home, again)

    def level(self, touched: float) -> Level | None:
        """Of so many bytes of a context; None: the first-level cache."""
        if touched <= self.machine.l1_bytes or not self.machine.memory:
            return None
        for level in self.machine.memory:
            if not level.bytes or touched <= level.bytes / (self.contexts if level.shared else 1):
                return level
        return self.machine.memory[-1]

    def cycles(self, flow: Flow, level: Level | None) -> float:
        """Of one context, while the others do the same."""
        if level is None:
            return 0.0
        read, write, stream = rates(level, self.contexts)
        return flow.reads / read + (flow.writes - flow.streamed) / write + flow.streamed / stream


def rates(level: Level, contexts: int) -> tuple[float, float, float]:
    """Bytes per cycle of one of so many contexts: read, written, written past the caches."""

    def share(alone: float, together: float | None) -> float:
        return alone if contexts == 1 or together is None else min(alone, together / contexts)

    read = share(level.read_bytes_per_cycle, level.all_read_bytes_per_cycle)
    write = share(level.write_bytes_per_cycle, level.all_write_bytes_per_cycle)
    if level.stream_bytes_per_cycle is None:
        return read, write, write
    return read, write, share(level.stream_bytes_per_cycle, level.all_stream_bytes_per_cycle)


@dataclass(frozen=True)
class _Fetch:
    residence: Residence
    first: Mapping[int, float]
    home: Level | None
    again: Mapping[int, Level | None]

    def __call__(self, flows: Mapping[int, Flow]) -> float:
        found = 0.0
        for argument, flow in flows.items():
            share = self.first.get(argument, 1.0)
            found += share * self.residence.cycles(flow, self.home)
            found += (1 - share) * self.residence.cycles(flow, self.again.get(argument))
        return found
