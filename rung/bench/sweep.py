"""One kernel on a grid of machines: recorded once per machine that the code depends on, replayed on all."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, cast

from .. import machine as machines
from ..errors import UsageError
from ..machine import Machine
from ..processor import cores
from ..targets.npu.timeline import Replayer, Timeline
from .recording import Recording
from .sweep_result import Point

LIMIT = 100_000
"""Machines in one sweep."""
_COMMA = re.compile(r",(?![^\[]*\])")
"""Between values; not one inside a list."""


@dataclass(frozen=True)
class Variant:
    values: dict[str, Any]
    machine: Machine


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


def variants(base: Machine, axes: dict[str, tuple[str, ...]]) -> list[Variant]:
    """All combinations, the last axis varying fastest. Raises UsageError naming the field that is wrong."""
    count = 1
    for values in axes.values():
        count *= len(values)
    if count > LIMIT:
        raise UsageError(f"--vary asks for {count:,} machines; {LIMIT:,} are the most")
    found: list[Variant] = []
    for chosen in itertools.product(*axes.values()):
        machine = machines.override(base, [f"{field}={value}" for field, value in zip(axes, chosen, strict=True)])
        found.append(Variant({field: _plain(machines.field(machine, field)) for field in axes}, machine))
    return found


def _plain(value: Any) -> Any:
    """A list as one text, which tables and axes can show."""
    return " ".join(cast(list[str], value)) if isinstance(value, list) else value


def run(wanted: Sequence[Variant], record: Callable[[Machine], Recording]) -> list[tuple[int, Timeline]]:
    """(number of the compilation, timeline) per variant. `record` is called once per compilation, in order; its
    recordings have been checked by the caller's function. Replays run on all cores: the event loop holds no lock."""
    numbers: dict[str, int] = {}
    replayers: list[Replayer] = []
    for variant in wanted:
        key = variant.machine.compiled_for
        if key not in numbers:
            numbers[key] = len(replayers)
            replayers.append(Replayer(record(variant.machine).trace))
    chosen = [numbers[variant.machine.compiled_for] for variant in wanted]

    def replay(index: int) -> Timeline:
        return replayers[chosen[index]].on(wanted[index].machine)

    with ThreadPoolExecutor(cores()) as pool:
        timelines = list(pool.map(replay, range(len(wanted))))
    return list(zip(chosen, timelines, strict=True))


def point(variant: Variant, compilation: int, timeline: Timeline) -> Point:
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
    )
