"""All launches of a program in the trace-event format of Perfetto (trace_events.py), in order.

Of each process: a row of its launches, and on a modelled device a row for each context and each queue. The modelled
device's clock stands still between launches; this machine's goes on.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..machine import Machine
from ..targets.npu.timeline import Interval, Kind
from ..triton_backend.profile.log import Launch, Told
from . import trace_events

MOST_EVENTS = 200_000
"""Of what contexts and queues do: some 30 MB, which Perfetto opens in seconds. Launches beyond are shown as a whole."""
_ROWS = 10
"""Process ids for one process of the program."""


@dataclass(frozen=True)
class Events:
    text: str
    """Of the file."""
    whole: int
    """Launches of which no more is shown than how long they took, as there are too many events."""


def events(told: Sequence[Told], machine: Machine, program: Sequence[str]) -> Events:
    """Of all processes; of a modelled machine, with what contexts and queues did."""
    modelled = machine.kind == "npu"
    found: list[dict[str, Any]] = []
    whole = details = 0
    for number, each in enumerate(process for process in told if process.launches):
        first = _ROWS * number
        what = f"launches (modelled, {machine.name})" if modelled else "launches"
        found += trace_events.group(first, what if len(told) == 1 else f"{what}, process {number}")
        contexts = [launch.facts.numbers["contexts"] for launch in each.launches if launch.facts]
        if contexts:
            found += trace_events.tracks(max(contexts), "contexts (modelled)", first)
        for launch in each.launches:
            if modelled and launch.facts is None:
                continue  # on the host, whose clock is another one
            found.append(_launch(launch, machine, first))
            if launch.facts is None:
                continue
            details += len(launch.facts.intervals)
            if details > MOST_EVENTS or not launch.facts.intervals:
                whole += 1
                continue
            found += (
                trace_events.event(_interval(numbers), machine, launch.begin_s * 1e9, first)
                for numbers in launch.facts.intervals
            )
    other = {"program": " ".join(program), "machine": machine.name, "machine_hash": machine.hash}
    document = {"traceEvents": found, "displayTimeUnit": "ns", "otherData": other}
    return Events(json.dumps(document) + "\n", whole)


def _launch(launch: Launch, machine: Machine, process: int) -> dict[str, Any]:
    args: dict[str, Any] = {"where": launch.kernel.where, "schedule": launch.kernel.schedule}
    seconds = launch.amount
    if launch.facts is not None:
        seconds = launch.amount / machine.clock_ghz / 1e9
        args |= {name: value for name, value in launch.facts.numbers.items() if name != "contexts"}
    return {
        "name": launch.kernel.name,
        "cat": "tuning" if launch.tuning else "launch",
        "ph": "X",
        "ts": launch.begin_s * 1e6,
        "dur": seconds * 1e6,
        "pid": process,
        "tid": 10_000 * process,
        "args": args,
    }


def _interval(numbers: Sequence[Any]) -> Interval:
    context, kind, begin, end, *more = numbers
    return Interval(context, Kind(kind), begin, end, *more)
