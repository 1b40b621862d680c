"""Traces of programs that were not compiled: a recorded one with one mechanism taken out."""

from __future__ import annotations

from dataclasses import replace

from .trace import Event, Repeat, Start, Stream, Trace, Wait


def await_stores(trace: Trace) -> Trace:
    """The same work with no write-back behind the computation: a context waits for each store as soon as it starts it.

    before: Start(t, write), Compute(w), Wait(t)
    after:  Start(t, write), Wait(t), Compute(w), Wait(t)

    The waits that were there stay; they find the transfer delivered and take no time.
    """
    return replace(
        trace,
        regions=tuple(
            replace(region, streams=tuple(_awaited(stream) for stream in region.streams)) for region in trace.regions
        ),
    )


def _awaited(stream: Stream) -> Stream:
    """Descriptors of one store stand together, and are started before the first of them is awaited."""
    found: list[Event] = []
    started: list[Event] = []

    def wait() -> None:
        found.extend(started)
        started.clear()

    for event in stream:
        match event:
            case Start(tag, _, _, True):
                found.append(event)
                started.append(Wait(tag))
                continue
            case Repeat(count, body):
                wait()
                found.append(Repeat(count, _awaited(body)))
            case _:
                wait()
                found.append(event)
    wait()
    return tuple(found)
