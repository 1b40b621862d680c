"""One kernel on a grid of machines: recorded once per machine that the code depends on, replayed on all."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from .. import machine as machines
from ..errors import UsageError
from ..machine import Machine
from ..processor import cores
from ..schedule import Schedule
from ..targets.npu.timeline import Replayer, Timeline
from .sweep_result import Point

if TYPE_CHECKING:
    from ..targets.npu.trace import Trace

LIMIT = 100_000
"""Points of one sweep."""
_COMMA = re.compile(r",(?![^\[]*\])")
"""Between values; not one inside a list."""


_SCHEDULE = "schedule."
"""Begins the names of a schedule's fields; all others are a machine's."""


@dataclass(frozen=True)
class Variant:
    values: dict[str, Any]
    machine: Machine
    schedule: Schedule


def parse_axes(texts: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """`dma.bytes_per_cycle=2,4,8` -> values by field, each once; a value may be a list. Raises UsageError."""
    axes: dict[str, tuple[str, ...]] = {}
    for text in texts:
        field, equals, values = text.partition("=")
        items = tuple(dict.fromkeys(value.strip() for value in _COMMA.split(values)))
        if not equals or not field.strip() or not all(items):
            raise UsageError(f"--vary is `{text}`; give FIELD=VALUE,VALUE,..., such as dma.bytes_per_cycle=2,4,8")
        if field.strip() in axes:
            raise UsageError(f"--vary names `{field.strip()}` twice; put all values into one list")
        axes[field.strip()] = items
    return axes


def variants(base: Machine, schedule: Schedule, axes: dict[str, tuple[str, ...]]) -> list[Variant]:
    """All combinations, the last axis varying fastest. Raises UsageError naming the field that is wrong."""
    count = 1
    for values in axes.values():
        count *= len(values)
    if count > LIMIT:
        raise UsageError(f"--vary asks for {count:,} points; {LIMIT:,} are the most")
    found: list[Variant] = []
    for chosen in itertools.product(*axes.values()):
        texts = [f"{name}={value}" for name, value in zip(axes, chosen, strict=True)]
        of_schedule = [text.removeprefix(_SCHEDULE) for text in texts if text.startswith(_SCHEDULE)]
        machine = machines.override(base, [text for text in texts if not text.startswith(_SCHEDULE)])
        changed = Schedule.parse(" ".join(of_schedule), schedule)
        found.append(Variant({name: _value(name, machine, changed) for name in axes}, machine, changed))
    return found


def _value(name: str, machine: Machine, schedule: Schedule) -> Any:
    if name.startswith(_SCHEDULE):
        return getattr(schedule, name.removeprefix(_SCHEDULE))
    return _plain(machines.field(machine, name))


def _plain(value: Any) -> Any:
    """A list as one text, which tables and axes can show."""
    return " ".join(cast(list[str], value)) if isinstance(value, list) else value


def compilations(wanted: Sequence[Variant]) -> list[list[int]]:
    """Positions in `wanted`, those together that run the same code; by the first of each."""
    found: dict[tuple[str, str], list[int]] = {}
    for position, variant in enumerate(wanted):
        found.setdefault((variant.machine.compiled_for, str(variant.schedule)), []).append(position)
    return list(found.values())


def replay(trace: Trace, wanted: Sequence[Variant], compilation: int) -> list[Point]:
    """One recorded launch on machines that it was compiled for. `compilation`: its number.

    Replays run on all cores: the event loop holds no lock."""
    replayer = Replayer(trace)

    def on(variant: Variant) -> Point:
        return _point(variant, compilation, replayer.on(variant.machine), trace.scratchpad_bytes)

    with ThreadPoolExecutor(cores()) as pool:
        return list(pool.map(on, wanted))


def _point(variant: Variant, compilation: int, timeline: Timeline, scratchpad_bytes: int) -> Point:
    return Point(
        values=variant.values,
        machine_hash=variant.machine.hash,
        compilation=compilation,
        cycles=timeline.cycles,
        us=timeline.cycles / variant.machine.clock_ghz / 1000,
        compute_utilisation=timeline.compute_utilisation,
        dma_utilisation=timeline.dma_utilisation,
        stall_cycles=timeline.stall_cycles,
        dma_bytes=timeline.dma_bytes,
        contexts=timeline.contexts,
        scratchpad_bytes=scratchpad_bytes * timeline.contexts,
    )
