"""The same model as `timeline.py`, written a second time as simpy processes: slow, and easy to check by reading."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

import simpy

from rung.machine import Machine
from rung.targets.npu.timeline import cost
from rung.targets.npu.trace import Compute, Event, Repeat, Start, Trace, Wait

Process = Generator[simpy.Event, Any, None]


def cycles(trace: Trace, machine: Machine) -> float:
    """What `replay(trace, machine).cycles` should be; regions may not have more streams than the machine contexts."""
    now = machine.npu.launch_cycles
    for region in trace.regions:
        now += machine.fork_join_cycles if region.forked else 0
        now = _Region(trace, machine, now).run(region.streams)
    return now


@dataclass
class _Descriptor:
    start: Start
    enqueued: float
    delivered: simpy.Event
    chained: bool


@dataclass
class _Queue:
    waiting: deque[_Descriptor] = field(default_factory=deque)
    opened: float = 0
    popped: simpy.Event | None = None


class _Region:
    def __init__(self, trace: Trace, machine: Machine, begin: float) -> None:
        self.environment = simpy.Environment(begin)
        self.machine, self.dma, self.npu = machine, machine.dma, machine.npu
        costs = (cost(work, machine.npu) for work in trace.works)
        self.works = [(each.cycles, each.vector, each.bus) for each in costs]
        self.demands: dict[int, tuple[float, float]] = {}
        self.changed = self.environment.event()
        self.announced = False
        self.arrival = self.environment.event()

    def run(self, streams: tuple[tuple[Event, ...], ...]) -> float:
        self.queues = [_Queue() for _ in streams]
        self.environment.process(self.engine())
        self.last = self.environment.now
        for number, stream in enumerate(streams):
            self.environment.process(self.context(number, stream))
        self.environment.run()
        return self.last

    def settled(self) -> simpy.Event:
        """An event after all others at this point in time."""
        event = self.environment.event()
        event._ok, event._value = True, None
        self.environment.schedule(event, priority=2)
        return event

    def context(self, number: int, stream: tuple[Event, ...]) -> Process:
        queue = self.queues[number]
        tags: dict[int, simpy.Event] = {}
        for event in _unrolled(stream):
            if isinstance(event, Compute):
                yield from self.compute(number, event.work)
            elif isinstance(event, Start):
                if self.dma.issue_cycles:
                    yield self.environment.timeout(self.dma.issue_cycles)
                while len(queue.waiting) == self.dma.queue_depth:
                    queue.popped = self.environment.event()
                    yield queue.popped
                tags[event.tag] = self.environment.event()
                queue.waiting.append(_Descriptor(event, self.environment.now, tags[event.tag], bool(queue.waiting)))
                if not self.arrival.triggered:
                    self.arrival.succeed()
            elif isinstance(event, Wait) and event.tag in tags:
                yield tags[event.tag]
        self.last = max(self.last, self.environment.now)

    def compute(self, number: int, work: int) -> Process:
        left, vector, bus = self.works[work]
        if not left:
            return
        self.demands[number] = (vector / left, bus / left)
        self.announce()
        while left > 1e-9:
            since, rate = self.environment.now, self.rate(number)
            yield self.environment.timeout(left / rate) | self.changed
            left -= (self.environment.now - since) * rate
        del self.demands[number]
        self.announce()

    def announce(self) -> None:
        """Tells all computing contexts, once all changes at this point in time are made."""
        if self.announced:
            return
        self.announced = True

        def tell(_: simpy.Event) -> None:
            self.announced = False
            before, self.changed = self.changed, self.environment.event()
            before.succeed()

        self.settled().callbacks.append(tell)

    def rate(self, number: int) -> float:
        capacities = (self.npu.vector_units or self.machine.contexts, 1.0)
        found = 1.0
        for resource, capacity in enumerate(capacities):
            wanted = sorted(demand[resource] for demand in self.demands.values())
            if sum(wanted) <= capacity:
                continue
            rest = float(capacity)
            for position, demand in enumerate(wanted):
                share = rest / (len(wanted) - position)
                if demand > share:
                    break
                rest -= demand
            own = self.demands[number][resource]
            found = min(found, share / own if own > share else 1.0)
        return found

    def engine(self) -> Process:
        served, direction = len(self.queues) - 1, None
        while True:
            if not any(queue.waiting for queue in self.queues):
                self.arrival = self.environment.event()
                yield self.arrival
            yield self.settled()
            served = self.choose(served)
            queue = self.queues[served]
            descriptor = queue.waiting[0]
            start = descriptor.start
            fetch = self.dma.fetch_cycles
            if descriptor.chained:
                fetched = max(queue.opened, descriptor.enqueued) + fetch
                fetch = max(0, fetched - self.environment.now)
            overhead = self.dma.gap_cycles + fetch
            if direction is not None and direction != start.write:
                overhead += self.dma.turnaround_cycles
            direction = start.write
            yield self.environment.timeout(overhead)
            if not descriptor.chained:
                queue.opened = self.environment.now
            rows = self.dma.row_cycles * start.rows if start.rows > 1 else 0
            yield self.environment.timeout(start.rows * start.row_bytes / self.dma.bytes_per_cycle + rows)
            queue.waiting.popleft()
            if queue.popped and not queue.popped.triggered:
                queue.popped.succeed()
            self.environment.process(self.deliver(descriptor))

    def deliver(self, descriptor: _Descriptor) -> Process:
        yield self.environment.timeout(self.dma.latency_cycles)
        self.last = max(self.last, self.environment.now)
        descriptor.delivered.succeed()

    def choose(self, served: int) -> int:
        count = len(self.queues)
        order = [(served + step) % count for step in range(1, count + 1)]
        ready = [number for number in order if self.queues[number].waiting]
        if self.dma.arbitration == "round-robin":
            return ready[0]
        return min(ready, key=lambda number: self.queues[number].waiting[0].enqueued)


def _unrolled(stream: tuple[Event, ...]) -> Iterator[Event]:
    for event in stream:
        if isinstance(event, Repeat):
            for _ in range(event.count):
                yield from _unrolled(event.body)
        else:
            yield event
