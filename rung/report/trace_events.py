"""A timeline in the trace-event format that Perfetto and chrome://tracing open.

The format: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU ("Trace Event Format"). Used
of it: complete events (`X`) and metadata (`M`). Times are microseconds of the modelled clock, rounded to nanoseconds,
so that neighbours touch and never overlap.
"""

from __future__ import annotations

import json
from typing import Any

from ..machine import Machine
from ..targets.npu.timeline import Interval, Kind, Timeline

CONTEXTS, QUEUES = 1, 2
"""Process ids."""
NAMES = {
    Kind.COMPUTE: "compute",
    Kind.ISSUE: "start transfer",
    Kind.BLOCKED: "queue full",
    Kind.WAIT: "wait for transfer",
    Kind.FORK: "fork and join",
    Kind.LAUNCH: "launch",
}


def to_json(timeline: Timeline, machine: Machine, title: str) -> str:
    """The file's text. `timeline` must have been recorded."""
    document: dict[str, Any] = {
        "traceEvents": [
            *tracks(timeline.contexts, f"contexts (modelled): {title}"),
            *(event(each, machine) for each in timeline.intervals),
        ],
        "displayTimeUnit": "ns",
        "otherData": {
            "title": title,
            "clock": f"modelled cycles at {machine.clock_ghz:g} GHz, shown as time",
            "machine": machine.name,
            "machine_hash": machine.hash,
            "cycles": timeline.cycles,
        },
    }
    return json.dumps(document) + "\n"


def tracks(contexts: int, title: str, first: int = 0) -> list[dict[str, Any]]:
    """The names of a row for each context, and for each queue; first: added to the process ids, which are 1 and 2."""
    events: list[dict[str, Any]] = []
    for kind, name in ((CONTEXTS, title), (QUEUES, "DMA queues (modelled)")):
        process = first + kind
        events += group(process, name)
        for context in range(contexts):
            label = f"context {context}" if kind == CONTEXTS else f"queue of context {context}"
            thread = _thread(process, context)
            events.append(_meta("thread_name", process, thread, {"name": label}))
            events.append(_meta("thread_sort_index", process, thread, {"sort_index": context}))
    return events


def group(process: int, name: str) -> list[dict[str, Any]]:
    """The name of a group of rows, which are shown by their process ids."""
    return [
        _meta("process_name", process, 0, {"name": name}),
        _meta("process_sort_index", process, 0, {"sort_index": process}),
    ]


def _meta(name: str, process: int, thread: int, args: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "ph": "M", "pid": process, "tid": thread, "args": args}


def _thread(process: int, context: int) -> int:
    """Unique in the file: Perfetto keeps threads apart by this number alone."""
    return 10_000 * process + context


def event(interval: Interval, machine: Machine, begin_ns: float = 0.0, first: int = 0) -> dict[str, Any]:
    """begin_ns: of the launch. first: as for `tracks`."""
    begin, end = (round(begin_ns + cycles / machine.clock_ghz) for cycles in (interval.begin, interval.end))
    process = first + (QUEUES if interval.kind == Kind.MOVE else CONTEXTS)
    args: dict[str, Any] = {"cycles": interval.end - interval.begin}
    name, category = NAMES.get(interval.kind, ""), "context"
    if interval.kind == Kind.MOVE:
        name, category = ("store" if interval.write else "load"), "dma"
        args |= {"bytes": interval.bytes, "rows": interval.rows}
    elif interval.kind not in (Kind.FORK, Kind.LAUNCH):
        args["stream"] = interval.stream
    return {
        "name": name,
        "cat": category,
        "ph": "X",
        "ts": begin / 1000,
        "dur": (end - begin) / 1000,
        "pid": process,
        "tid": _thread(process, interval.context),
        "args": args,
    }
